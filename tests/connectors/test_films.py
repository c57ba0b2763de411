"""A film is written anew by another process: what it shows stays, what else was in the file goes, and a file that means
harm ends that process alone.
"""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO

import av
import pytest
from PIL import Image

from connectors import films
from models.errors import Refused
from tests.films import film, turned

TOLD = {"location": "+46.8033-071.1779/", "title": "Chez Nadia", "make": "Telephone", "comment": "secret"}


@pytest.fixture
def rewritten(tmp_path):
    def act(content: bytes) -> films.Rewritten:
        source, folder = tmp_path / "source", tmp_path / "made"
        source.write_bytes(content)
        folder.mkdir(exist_ok=True)
        return films.rewritten(source, folder)

    return act


def test_nothing_is_left_but_what_is_seen_and_heard(rewritten):
    came = film(form="mov", told=TOLD)
    assert b"+46.8033" in came
    made = rewritten(came)
    content = made.path.read_bytes()
    assert (made.width, made.height, made.milliseconds) == (64, 48, 4000)
    assert Image.open(BytesIO(made.poster)).size == (64, 48)
    assert not any(word.encode() in content for word in (*TOLD.values(), "Lavf"))
    assert content.index(b"moov") < content.index(b"mdat"), "it plays before all of it has come"
    with av.open(BytesIO(content)) as kept, av.open(BytesIO(came)) as source:
        assert [one.codec_context.name for one in kept.streams] == ["h264", "aac"]
        assert kept.metadata.get("title") is None
        packets = [[bytes(one) for one in file.demux(video=0) if one.size] for file in (kept, source)]
    assert packets[0] == packets[1], "nothing was encoded again"
    assert len(packets[0]) == 40
    assert rewritten(film(form="mov", told={"title": "Autre"})).path.read_bytes() == content, "it is the same film"


def test_a_film_that_was_taken_upright_is_shown_upright_and_one_without_sound_is_taken(rewritten):
    made = rewritten(turned(film(1, sound=False)))
    assert (made.width, made.height, made.milliseconds) == (48, 64, 1000)
    assert Image.open(BytesIO(made.poster)).size == (48, 64)
    with av.open(str(made.path)) as kept:
        assert abs(next(kept.decode(video=0)).rotation) == 90


def atom(kind: bytes, content: bytes, length: int | None = None) -> bytes:
    return (length or len(content) + 8).to_bytes(4, "big") + kind + content


def emptied(content: bytes) -> bytes:
    """The same, that says of all its tracks that there is nothing in them."""
    made = bytearray(content)
    for kind, place in ((b"stsz", 12), (b"stts", 8), (b"stsc", 8), (b"stco", 8), (b"stss", 8), (b"ctts", 8)):
        at = -1
        while (at := made.find(kind, at + 1)) >= 0:
            made[at + place : at + place + 4] = bytes(4)
    return bytes(made)


WHOLE = film(1)
BOMB = atom(b"moov", atom(b"cmov", atom(b"dcom", b"zlib") + atom(b"cmvd", (0x7FFFFFF0).to_bytes(4, "big") + b"x" * 64)))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "film_unreadable"),
        (b"%PDF-1.7 a poster that is called film.mp4", "film_unreadable"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "film_unreadable"),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "film_unreadable"),
        (WHOLE[: len(WHOLE) // 2], "film_cut"),
        (WHOLE[:-200], "film_cut"),
        (WHOLE[:40] + bytes(len(WHOLE) - 40), "film_unreadable"),
        (atom(b"ftyp", b"isom\0\0\0\0") + BOMB, "film_unreadable"),
        (film(1, codec="mpeg4"), "film_codec"),
        (film(1, points="yuv444p"), "film_codec"),
        (emptied(film(1)), "film_empty"),
    ],
    ids=["nothing", "pdf", "playlist", "list", "half", "end", "zeros", "bomb", "mpeg4", "colours", "no time"],
)
def test_what_is_no_film_is_refused_by_name(rewritten, content, code):
    with pytest.raises(Refused) as refused:
        rewritten(content)
    assert refused.value.code == code


@pytest.mark.parametrize("limit", [("MEMORY", 1024**2), ("POSTER", 100 - len(WHOLE))])
def test_the_other_process_ends_where_its_limits_are(rewritten, monkeypatch, limit):
    monkeypatch.setattr(films, *limit)
    with pytest.raises(Refused) as refused:
        rewritten(WHOLE)
    assert refused.value.code == "film_unreadable"


def test_what_takes_too_long_is_given_up(rewritten, monkeypatch):
    monkeypatch.setattr(films, "SECONDS", 0.01)
    with pytest.raises(Refused) as refused:
        rewritten(WHOLE)
    assert refused.value.code == "film_slow"


def test_nothing_that_serves_loads_the_library():
    said = "import sys, api.app, api.wiring, scheduler.jobs; print([one for one in sys.modules if one == 'av'])"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
