from __future__ import annotations

import json

from classifiers.base import Context
from classifiers.baseline import Baseline
from classifiers.stream import BATCH, classify_stream
from models.vocabulary import Breach


def test_one_object_a_line_in_order_and_bad_json_stops_nothing(engine: Baseline) -> None:
    lines = [
        "Bravo!\n",
        '{"id": "k7", "text": "Nid-de-poule énorme rue Bégin"}\n',
        "{bad\n",
        '{"id": 9}\n',
        "\n",
        "ok\n",
    ]
    found = list(classify_stream(lines, engine, Context()))
    assert [row["id"] for row in found] == [1, "k7", 3, 9, 6]
    assert found[2]["line"] == 3
    assert found[2]["error"].startswith("invalid_json")
    assert found[3]["error"] == "text_missing"


def test_the_form_is_the_one_that_is_documented(engine: Baseline) -> None:
    text = "Le maire est un imbécile, appelez-moi au 418-555-0123"
    row = json.loads(json.dumps(next(classify_stream([text], engine, Context()))))
    assert list(row) == [
        *("id", "text", "langue", "intention", "groupe", "netiquette", "urgence", "services", "place", "reasons")
    ]
    assert set(row["netiquette"]) == set(Breach)
    assert set(row["urgence"]) == {"level", "score"}
    assert all(set(reason) == {"code", "text", "start", "end"} for reason in row["reasons"])
    placed = [reason for reason in row["reasons"] if reason["start"] is not None]
    assert "418-555-0123" in [reason["text"] for reason in placed]
    assert all(text[reason["start"] : reason["end"]] == reason["text"] for reason in placed)


def test_it_reads_one_batch_ahead_and_no_more(engine: Baseline) -> None:
    read = 0

    def lines() -> object:
        nonlocal read
        for _ in range(10 * BATCH):
            read += 1
            yield "ok"

    next(classify_stream(lines(), engine, Context()))  # type: ignore[arg-type]
    assert read == BATCH
