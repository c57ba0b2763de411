"""How often what fills a 311 request is right: the borough of a point and the service of a text; and how fast places
are read. The shared points are outside of the repository; without them their row is left out, and said.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.resources import files
from math import log, sqrt
from pathlib import Path

from figures import Figure, least

from administration.outlines import plain, shipped
from classifiers.base import Context
from classifiers.engine import load
from classifiers.gazetteer import Entry, Gazetteer
from classifiers.places import find
from models.requests311 import Service
from models.search import text_of
from models.vocabulary import Group311, PlaceKind
from moderation.requests.escalation import likeliest
from moderation.requests.mapping import holds

ROOT = Path(__file__).parents[2]
POINTS = ROOT.parent / "shared" / "data" / "montreal_places" / "lieux-interet.geojson"
TOLD = ROOT / "tests" / "classifiers"
OFFERED = 3
"""Services that a moderator is shown first."""


def quality(rounds: int) -> list[Figure]:
    """All three."""
    return [*boroughs(), *suggested(), *read_places(rounds)]


def boroughs() -> list[Figure]:
    """The borough that the shipped outlines give to each shared place, against the one that the city writes."""
    if not POINTS.exists():
        print(f"no {POINTS}: the agreement of boroughs is not measured", file=sys.stderr)
        return []
    right, told = 0, 0
    for feature in json.loads(POINTS.read_text("utf-8"))["features"]:
        name = plain(feature["properties"]["Arrondissement"] or "")
        if name not in shipped():
            continue  # A town of the island that is no borough.
        found = next((one for one, rings in shipped().items() if holds(rings, *feature["geometry"]["coordinates"])), "")
        told, right = told + 1, right + (found == name)
    return [least(f"borough of {told} shared places", "% right", [(99.0, 100 * right / told)], "% wanted", 1.0)]


def suggested() -> list[Figure]:
    """Of held-out comments, those whose service is among the first three, beside a linear ranking (the cosine of the
    words that a comment and a service share, weighted by how few services have them).
    """
    with (TOLD / "heldout" / "comments.csv").open(encoding="utf-8") as lines:
        texts = [row["text"] for row in csv.DictReader(lines)]
    with (TOLD / "heldout" / "services.csv").open(encoding="utf-8") as lines:
        wanted = [(texts[int(row["line"]) - 2], row["services"].split()) for row in csv.DictReader(lines)]
    with (files("administration.seeds") / "services.csv").open(encoding="utf-8") as lines:
        names = ("code", "name", "name_en", "keywords")
        services = [
            Service(**{name: row[name] for name in names}, group=Group311(row["group"]))
            for row in csv.DictReader(lines)
        ]
    verdicts = load(None).classify([text for text, _ in wanted], Context(reasons=False))
    linear, ours, first = _linear(services), 0, 0
    bare = sum(not set(codes).isdisjoint(linear(text)[:OFFERED]) for text, codes in wanted)
    for (text, codes), verdict in zip(wanted, verdicts, strict=True):
        group = verdict.group.label if verdict.group else None
        offered = [one.code for one in likeliest(services, group, text)[:OFFERED]]
        ours, first = ours + (not set(codes).isdisjoint(offered)), first + (offered[:1] != [] and offered[0] in codes)
    pairs = [(100 * bare / len(wanted), 100 * ours / len(wanted))]
    alone = [(sum(linear(text)[0] in codes for text, codes in wanted) / len(wanted) * 100, 100 * first / len(wanted))]
    return [
        least(f"service of {len(wanted)} comments among the first 3", "% right", pairs, "% linear", 1.0),
        least("and the first of all", "% right", alone, "% linear", 1.0),
    ]


def _linear(services: Sequence[Service]) -> Callable[[str], list[str]]:
    documents = {one.code: text_of(one.name, one.name_en, one.keywords).split() for one in services}
    found_in = Counter(word for words in documents.values() for word in words)
    weight = {word: log(len(documents) / count) for word, count in found_in.items()}
    length = {code: sqrt(sum(weight[word] ** 2 for word in words)) or 1 for code, words in documents.items()}

    def ranked(text: str) -> list[str]:
        said = set(text_of(text).split())
        score = {
            code: sum(weight[word] ** 2 for word in words if word in said) / length[code]
            for code, words in documents.items()
        }
        return sorted(score, key=lambda code: (-score[code], code))

    return ranked


def read_places(rounds: int) -> list[Figure]:
    """Comments in which the place is looked for, against those that the classifier reads."""
    with (TOLD / "places" / "gazetteer.csv").open(encoding="utf-8") as lines:
        entries = [Entry(PlaceKind[row["kind"].upper()], row["name"], row["borough"]) for row in csv.DictReader(lines)]
    gazetteer, classifier = Gazetteer(tuple(entries)), load(None)
    told = (TOLD / "places" / "comments.jsonl").read_text("utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in told]
    find(texts[0], gazetteer)
    classifier.classify(texts[:1], Context(reasons=False))
    pairs = []
    for _ in range(rounds):
        began = time.perf_counter()
        classifier.classify(texts, Context(reasons=False))
        between = time.perf_counter()
        for text in texts:
            find(text, gazetteer)
        ended = time.perf_counter()
        pairs.append((len(texts) / (between - began), len(texts) / (ended - between)))
    return [least("places looked for, beside the classifier", "comments/s", pairs, "read/s", 10.0)]
