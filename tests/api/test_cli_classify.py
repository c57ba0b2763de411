"""`parvis classify`: one object for each text, in order, whatever is in the file; and `parvis evaluate`."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from collections.abc import Iterator
from importlib.resources import files
from unittest.mock import Mock

import pytest
from rich.console import Console

from api.commands.classify import BATCH, classify, decoded, read_lines
from api.commands.progress import progress
from classifiers.base import Context
from classifiers.engine import Engine, load
from classifiers.training.evaluate import evaluate
from models.vocabulary import Breach

KEYS = [
    *("id", "text", "langue", "intention", "groupe", "netiquette", "urgence", "toxique", "sentiment"),
    *("services", "place", "proposition", "reasons", "model"),
]


@pytest.fixture(scope="session")
def engine() -> Engine:
    return load()


def rows(done) -> list[dict]:
    return [json.loads(line) for line in done.out.splitlines()]


def test_plain_lines_are_texts_each_with_its_number_empty_ones_too(bare_parvis):
    done = bare_parvis.run("classify", stdin='\ufeffBravo!\n\n{"id": 5}\nNid-de-poule énorme\r\n'.encode())
    assert done.code == 0
    assert [(row["id"], row["text"]) for row in rows(done)] == [
        (1, "Bravo!"),
        (2, ""),
        (3, '{"id": 5}'),
        (4, "Nid-de-poule énorme"),
    ]


def test_json_lines_keep_their_ids_and_a_bad_line_keeps_its_place(bare_parvis, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(
        b'{"id": "k7", "text": "Nid-de-poule"}\n{bad\n{"id": 9}\n\n[1]\n{"text": "ok"}\n' + b"[" * 100_000 + b"\n"
    )
    done = bare_parvis.run("classify", tmp_path / "in.jsonl", "--format", "jsonl")
    assert done.code == 1
    found = rows(done)
    assert [row["id"] for row in found] == ["k7", 2, 9, 5, 6, 7]
    bad = [row for row in found if "error" in row]
    assert bad == [
        {"id": 2, "line": 2, "error": "not_json"},
        {"id": 9, "line": 3, "error": "text_missing"},
        {"id": 5, "line": 5, "error": "not_json"},
        {"id": 7, "line": 7, "error": "not_json"},
    ]
    assert [line.split(" ")[1].strip("\N{NO-BREAK SPACE}:") for line in done.err.splitlines()] == ["2", "3", "5", "7"]


def test_a_broken_first_object_does_not_make_texts_of_the_others(bare_parvis):
    done = bare_parvis.run("classify", "--format", "jsonl", stdin=b'{"id": 1, "text": "a\n{"id": 2, "text": "b"}\n')
    assert done.code == 1
    assert [(row["id"], row.get("text")) for row in rows(done)] == [(1, None), (2, "b")]


def test_the_form_is_the_one_that_is_documented(bare_parvis):
    text = "Le maire est un imbécile, appelez-moi au 418-555-0123"
    done = bare_parvis.run("classify", stdin=text.encode())
    (row,) = rows(done)
    assert list(row) == KEYS
    assert set(row["netiquette"]) == set(Breach)
    assert set(row["urgence"]) == {"level", "score"}
    assert all(set(reason) == {"code", "text", "start", "end"} for reason in row["reasons"])
    # A reason is a sentence; what it points at is where it says.
    placed = {text[one["start"] : one["end"]]: one["text"] for one in row["reasons"] if one["start"] is not None}
    assert placed["418-555-0123"] == "Numéro de téléphone."


def test_hostile_texts_come_out_as_they_went_in(bare_parvis):
    texts = ["\0", "\U0001f469\u200d\U0001f467 \u202eabc", "é" * 63_206, "\ud83d", "a\u2028b\x85c\x0cd", "<script>"]
    given = "".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts))
    done = bare_parvis.run("classify", stdin=given.encode())
    assert done.code == 0
    assert [json.loads(line)["text"] for line in done.out.split("\n") if line] == texts


TEXT = "Ça va être déneigé quand, l’été?\nMerci à l’équipe!\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_an_encoding_is_read_right(bare_parvis, encoding):
    done = bare_parvis.run("classify", stdin=TEXT.replace("\n", "\r\n").encode(encoding))
    assert (done.code, [row["text"] for row in rows(done)]) == (0, TEXT.splitlines())


@pytest.mark.parametrize(
    "given",
    [
        TEXT.replace("’", "'").encode("mac_roman"),
        TEXT.replace("’", "'").encode("cp850"),
        TEXT.encode("utf-16")[:-1],
        "déjà\n".encode() + "déjà\n".encode("cp1252"),
        "déjà\n".encode("cp1252") + "déjà\n".encode(),
        bytes(range(256)),
    ],
    ids=["mac", "cp850", "half", "mixed", "mixed again", "no text"],
)
def test_another_encoding_is_refused_in_one_sentence_and_never_mangled(bare_parvis, given):
    done = bare_parvis.run("classify", stdin=given)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)


def test_a_live_pipe_is_answered_line_by_line(engine):
    """Whoever writes reads the answer before they write again."""
    read, write = os.pipe()
    answered = threading.Event()
    (verdict,) = engine.classify(["ok"], Context())

    def quick(texts, _context):
        return [verdict] * len(texts)

    class Told(io.BytesIO):
        def flush(self):
            answered.set()

    out = Told()
    with os.fdopen(read, "rb") as stream, os.fdopen(write, "wb", buffering=0) as pen:
        reader = threading.Thread(target=lambda: classify(Mock(classify=quick), read_lines(decoded(stream)), out))
        reader.start()
        for number in (1, 2, 3):
            answered.clear()
            pen.write(f"texte {number}\n".encode())
            assert answered.wait(20)
            assert len(out.getvalue().splitlines()) == number
        pen.close()
        reader.join(20)


def test_a_proposal_says_what_it_follows_from(bare_parvis):
    lines = "Sale nègre\nUn raton laveur mort au milieu de la rue\nLa maison est en feu!\nC'est quand, la collecte?\n"
    hate, raccoon, fire, question = rows(bare_parvis.run("classify", stdin=lines.encode()))
    assert hate["proposition"] == {
        "kind": "hide",
        "article": "N1",
        "why": ["haine", "model", "lexicon_hate"],
        "hideable": ["haine"],
    }
    assert (raccoon["proposition"]["kind"], raccoon["proposition"]["hideable"]) == ("request", [])
    assert fire["proposition"]["why"] == ["urgence", "lexicon_danger"]
    assert question["proposition"]["kind"] == "reply"


def test_toxicity_and_feeling_are_told_where_there_are_words(bare_parvis):
    lines = "Un grand merci à toute l'équipe, vous êtes formidables!\nFerme ta gueule, espèce de gros imbécile\n🎉🎉\n"
    thanks, insult, emoji = rows(bare_parvis.run("classify", stdin=lines.encode()))
    assert thanks["sentiment"]["label"] == "positif"
    assert (thanks["toxique"] < 0.2, insult["toxique"] > 0.5) == (True, True)
    assert (emoji["toxique"], emoji["sentiment"]["label"]) == (None, None)


def test_nothing_in_nothing_out(bare_parvis):
    done = bare_parvis.run("classify", stdin=b"")
    assert (done.code, done.out, done.err) == (0, "", "")


class Counted(io.RawIOBase):
    """What is written is counted, and not kept: a hundred thousand verdicts would be a hundred megabytes."""

    lines = 0

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self.lines += bytes(data).count(b"\n")
        return len(data)


def test_a_hundred_thousand_lines_are_read_one_batch_ahead_and_no_more(engine):
    """So a file of any length takes no more memory than a short one."""
    (verdict,) = engine.classify(["ok"], Context())
    quick = Mock(classify=lambda texts, _context: [verdict] * len(texts))
    out = Counted()
    ahead = 0

    def lines() -> Iterator[str]:
        nonlocal ahead
        for number in range(100_000):
            ahead = max(ahead, number - out.lines)
            yield "ok"

    assert classify(quick, read_lines(lines()), out)
    assert out.lines == 100_000
    assert ahead <= 2 * BATCH + 2


def test_a_hundred_thousand_labelled_lines_are_measured_batch_by_batch(engine, tmp_path, monkeypatch):
    monkeypatch.setattr("classifiers.training.evaluate.RESAMPLES", 3)
    file = tmp_path / "many.csv"
    file.write_text("text,label\n" + "ok,eloge\n" * 100_000, encoding="utf-8")
    (verdict,) = engine.classify(["Bravo, beau travail!"], Context())
    sizes: list[int] = []

    def quick(texts, _context):
        sizes.append(len(texts))
        return [verdict] * len(texts)

    told: list[int] = []
    figures = evaluate(file, "intention", Mock(classify=quick), say=told.append)
    assert figures["n"] == sum(sizes) == told[-1] == 100_000
    assert max(sizes) <= 256
    assert told == sorted(told)


def test_progress_is_for_a_person_who_waits(monkeypatch):
    monkeypatch.setattr("api.commands.progress.PATIENCE", 0)
    shown, unseen = io.StringIO(), io.StringIO()
    with progress(Console(file=unseen, force_terminal=False)) as say:
        say("64 textes")
    with progress(Console(file=shown, force_terminal=True)) as say:
        say("128 textes")
        while "128 textes" not in shown.getvalue():
            time.sleep(0.01)
    assert unseen.getvalue() == ""


def test_the_form_is_guessed_only_where_every_line_agrees(bare_parvis):
    assert [line.text for line in read_lines(['{"text": "a"}', "", '{"text": "b"}'])] == ["a", "b"]
    assert [line.text for line in read_lines(["{urgent} nid-de-poule", "b"])] == ["{urgent} nid-de-poule", "b"]
    for given in ('{"text": "a"}\nb\n', 'a\n{"text": "b"}\n'):
        done = bare_parvis.run("classify", stdin=given.encode())
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
        done = bare_parvis.run("classify", "--format", "text", stdin=given.encode())
        assert [row["text"] for row in rows(done)] == given.splitlines()


def test_evaluate_gives_each_figure_with_its_interval(bare_parvis, tmp_path):
    (tmp_path / "labelled.csv").write_text(
        "text,label\nBravo pour la patinoire!,eloge\nUn nid-de-poule rue Morin,demande_service\n", encoding="utf-8"
    )
    done = bare_parvis.run("evaluate", tmp_path / "labelled.csv", "--task", "intention")
    assert done.code == 0
    figures = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    assert figures["n"] == "2"
    value, low, high = (float(part.strip("[],")) for part in figures["macro_f1"].split())
    assert low <= value <= high


@pytest.mark.parametrize(
    ("content", "task", "said"),
    [
        (b"text,label\n", "intention", "labelled.csv"),
        (b"a,b\n1,2\n", "intention", "text,label"),
        (b"text,label\nx,1\n", "humeur", "netiquette"),
        (b"text,label\ncaf\xe9,eloge\n", "intention", "UTF-8"),
    ],
)
def test_evaluate_says_what_the_file_lacks(bare_parvis, tmp_path, content, task, said):
    (tmp_path / "labelled.csv").write_bytes(content)
    done = bare_parvis.run("evaluate", tmp_path / "labelled.csv", "--task", task)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert said in done.err


def test_two_models_are_measured_side_by_side_on_the_same_rows(bare_parvis, tmp_path):
    (tmp_path / "labelled.csv").write_text(
        "text,label\nBravo pour la patinoire!,eloge\nUn nid-de-poule rue Morin,demande_service\n", encoding="utf-8"
    )
    shipped = str(files("classifiers").joinpath("weights"))
    done = bare_parvis.run("evaluate", tmp_path / "labelled.csv", "--task", "intention", "--against", shipped)
    assert done.code == 0
    head, *lines = done.out.splitlines()
    assert head.split()[-1] == "écart"
    for line in lines:
        # A model beside itself: the same figure twice, and no difference.
        _, value, low, high, again, low_again, high_again, *difference = line.replace("[", "").replace("]", "").split()
        assert (value, low.strip(","), high) == (again, low_again.strip(","), high_again)
        assert {float(part.strip(",")) for part in difference} == {0.0}


def test_a_model_of_others_says_what_it_needs(bare_parvis, tmp_path):
    (tmp_path / "labelled.csv").write_text("text,label\nBravo,eloge\n", encoding="utf-8")
    done = bare_parvis.run(
        "evaluate", tmp_path / "labelled.csv", "--task", "intention", "--against", "quelqu-un/modele"
    )
    assert done.code == 2
    assert "parvis[torch]" in done.err
