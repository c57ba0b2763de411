"""What a stranger chose is fetched from where its network keeps pictures, and nothing hostile of it is kept."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image

from connectors import pictures
from connectors.pictures import drawn, fetch
from models.errors import Gone, Rejected

HOSTS = ("fbcdn.net",)


def file(form: str = "JPEG", size: tuple[int, int] = (40, 30), **more: object) -> bytes:
    made = BytesIO()
    Image.new("RGBA" if form == "PNG" else "RGB", size).save(made, form, **more)
    return made.getvalue()


def claimed(width: int, height: int) -> bytes:
    """A small PNG that says that it is large."""
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    ]
    chunks = (struct.pack(">I", len(of)) + kind + of + struct.pack(">I", zlib.crc32(kind + of)) for kind, of in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP"])
def test_each_known_form_becomes_a_small_jpeg(form):
    made = Image.open(BytesIO(drawn(file(form, (3000, 1500)))))
    assert (made.format, made.mode, made.size) == ("JPEG", "RGB", (1024, 512))


def test_it_stands_upright_and_does_not_say_where_it_was_taken():
    exif = Image.Exif()
    exif[0x0112], exif[0x8825] = 6, {2: (46.0, 48.0, 0.0)}
    made = Image.open(BytesIO(drawn(file(exif=exif))))
    assert made.size == (30, 40)
    assert not made.getexif()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not_a_picture"),
        (b"<html><script>alert(1)</script></html>", "not_a_picture"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "not_a_picture"),
        (b"%PDF-1.7", "not_a_picture"),
        (file()[:200], "not_a_picture"),
        (file("TIFF"), "not_a_picture"),
        (claimed(5_001, 5_000), "too_large"),
        (claimed(65_000, 65_000), "too_large"),
    ],
    ids=["nothing", "page", "drawing", "document", "cut", "unknown form", "large", "bomb"],
)
def test_what_is_no_picture_or_claims_too_much_is_refused(content, why):
    with pytest.raises(Rejected, match=why):
        drawn(content)


def test_what_follows_a_picture_is_not_kept():
    assert b"<script>" not in drawn(file() + b"<script>alert(1)</script>")


@pytest.mark.parametrize(
    "address",
    [
        "http://scontent.fbcdn.net/a.jpg",
        "https://scontent.fbcdn.net:8443/a.jpg",
        "https://scontent.fbcdn.net:x/a.jpg",
        "https://someone@scontent.fbcdn.net/a.jpg",
        "https://fbcdn.net.evil.example/a.jpg",
        "https://evilfbcdn.net/a.jpg",
        "https://127.0.0.1/a.jpg",
        "http://127.0.0.1:9/a.jpg",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "",
    ],
)
def test_nothing_is_asked_of_another_host(address):
    with pytest.raises(Rejected, match="address"):
        fetch(address, HOSTS, "https://graph.facebook.com")


def test_the_pretend_networks_are_asked_on_this_machine_alone(standin):
    shown = standin.state.show("photo")
    assert drawn(fetch(shown.address, HOSTS, standin.base_url))
    with pytest.raises(Rejected, match="address"):
        fetch(shown.address, HOSTS, "https://graph.facebook.com")
    del standin.state.files[shown.id]
    with pytest.raises(Gone):
        fetch(shown.address, HOSTS, standin.base_url)


def test_a_file_without_an_end_is_given_up(standin, monkeypatch):
    monkeypatch.setattr(pictures, "LARGEST", 1000)
    with pytest.raises(Rejected, match="too_large"):
        fetch(standin.state.show("photo", content=b"x" * 1001).address, HOSTS, standin.base_url)
