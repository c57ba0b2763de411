from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from importlib import resources
from itertools import product
from pathlib import Path

from classifiers.engine import load
from classifiers.ngrams import HEADS
from classifiers.training.sources import corpus
from models.vocabulary import Breach, Group311, Intention

UNSEEN = [Path(__file__).parents[1] / name for name in ("heldout", "functional")]
"""What the model is judged on: no line of the corpus may be near a line of these folders."""


def grams(text: str) -> frozenset[str]:
    """The character 4-grams of a text, lower-cased and with its blanks collapsed; a shorter text is its own gram."""
    text = " ".join(text.lower().split())
    return frozenset(text[at : at + 4] for at in range(max(1, len(text) - 3)))


def near(lines: Sequence[frozenset[str]]) -> list[tuple[int, int]]:
    """Every pair of lines whose Jaccard exceeds 3/5: exact, and in seconds for ten thousand lines.

    Two sets that share so much share one of their rarest grams: with a common order, one of the first
    n - ceil(3n/5) + 1 of each. Only pairs that meet there, and whose sizes allow it, are compared.
    """
    frequency = Counter(gram for line in lines for gram in line)
    rank = {gram: at for at, (gram, _) in enumerate(reversed(frequency.most_common()))}
    met: defaultdict[int, list[int]] = defaultdict(list)
    pairs = []
    for here, line in enumerate(lines):
        rarest = sorted(rank[gram] for gram in line)[: len(line) - -(-3 * len(line) // 5) + 1]
        for there in sorted({there for at in rarest for there in met[at]}):
            other = lines[there]
            if 5 * min(len(line), len(other)) > 3 * max(len(line), len(other)):
                shared = len(line & other)
                if 5 * shared > 3 * (len(line) + len(other) - shared):
                    pairs.append((there, here))
        for at in rarest:
            met[at].append(here)
    return pairs


def written(folder: Path) -> list[tuple[str, str]]:
    """Where each line stands (file and row), and its text, for every CSV of a folder that has texts."""
    lines = []
    for file in sorted(folder.rglob("*.csv")):
        with file.open(encoding="utf-8", newline="") as handle:
            rows = enumerate(csv.DictReader(handle), start=1)
            lines += [(f"{file.name}:{number}", row["text"]) for number, row in rows if "text" in row]
    return lines


def test_near_is_what_comparing_every_pair_finds() -> None:
    texts = [
        "bravo",
        "BRAVO  ",
        "bravo!!",
        "ok",
        "Ok",
        "la rue est belle",
        "la rue est belle!",
        "la rue est laide",
        "la",
    ]
    lines = [grams(text) for text in texts]
    pairs = [(a, b) for b in range(len(lines)) for a in range(b)]
    slow = {(a, b) for a, b in pairs if len(lines[a] & lines[b]) / len(lines[a] | lines[b]) > 0.6}
    assert slow == set(near(lines)) == {(0, 1), (3, 4), (5, 6)}


def test_every_label_of_the_corpus_is_in_the_vocabulary_and_every_label_has_rows() -> None:
    rows = corpus()
    assert len(rows) >= 3_000
    assert {row.intention for row in rows} == set(Intention)
    assert {row.groupe for row in rows} == set(Group311)
    assert {row.urgence for row in rows} == {"0", "1", "2"}
    assert {breach for row in rows for breach, broken in row.netiquette.items() if broken} == set(Breach)


def test_what_asks_nothing_of_the_city_is_in_no_group() -> None:
    assert {row.groupe for row in corpus() if row.intention == Intention.OFF_TOPIC} == {Group311.OTHER}


def test_every_group_has_lines_of_every_intention_that_no_template_made() -> None:
    cells = Counter((row.groupe, row.intention) for row in corpus() if not row.group.startswith("t-"))
    # What is off topic is no matter for a 311 group: its group is `autre`.
    cells_that_make_sense = [cell for cell in product(Group311, Intention) if cell[1] != Intention.OFF_TOPIC]
    assert {cell: cells[cell] for cell in cells_that_make_sense if cells[cell] < 8} == {}


def test_no_line_of_the_corpus_is_near_another_or_near_a_line_that_the_model_is_judged_on() -> None:
    lines = written(Path(str(resources.files("classifiers.training"))) / "corpus")
    unseen = [line for folder in UNSEEN for line in written(folder)]
    pairs = near([grams(text) for _, text in [*lines, *unseen]])
    assert [(lines[a], lines[b]) for a, b in pairs if b < len(lines)] == []
    # Only the corpus's own line is shown: who writes the corpus must not read what it is judged on.
    assert [(lines[a], unseen[b - len(lines)][0]) for a, b in pairs if a < len(lines) <= b] == []


def test_the_card_speaks_of_the_weights_that_ship() -> None:
    package = Path(str(resources.files("classifiers")))
    card = json.loads((package / "weights" / "card.json").read_text("utf-8"))
    assert set(card["calibrating"]) == set(HEADS)
    assert card["sources"]["corpus"] == len(corpus())
    assert card["version"] == load().version
    assert (package / "training" / "MODEL_CARD.md").read_text("utf-8").startswith(f"# Model card: {card['version']}\n")
    assert sum(file.stat().st_size for file in (package / "weights").rglob("*") if file.is_file()) <= 30_000_000


def test_the_card_shows_no_head_worse_than_the_model_before() -> None:
    """On the blind comments, paired: half a point is what chance may take from an AUC or from right answers."""
    card = json.loads(resources.files("classifiers").joinpath("weights/card.json").read_text("utf-8"))
    figures = card["blind"]["figures"]
    judged = [name for name in figures if name.endswith(("AUC", "right over all", "macro-F1"))]
    assert len(judged) == 2 * 2 + len(Breach)
    assert {name: figures[name]["difference"] for name in judged if figures[name]["difference"]["value"] < -0.005} == {}


def test_labels_of_real_texts_stand_beside_digests_and_never_beside_texts() -> None:
    file = resources.files("classifiers.training").joinpath("real/intentions.csv")
    lines = list(csv.DictReader(file.read_text("utf-8").splitlines()))
    assert len(lines) >= 700
    assert {tuple(line) for line in lines} == {("digest", "first", "second")}
    assert all(len(line["digest"]) == 16 and set(line["digest"]) <= set("0123456789abcdef") for line in lines)
    assert {line["first"] for line in lines} | {line["second"] for line in lines} <= {*Intention, ""}
