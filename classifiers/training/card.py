"""Write the model card, figures and words: `python -m classifiers.training.card MODEL WEIGHTS DATA`."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from classifiers.engine import ours
from classifiers.training import blind
from classifiers.training.answers import Answers, ask
from classifiers.training.sources import intentions

_HERE = Path(__file__).parent
_CARD = _HERE / "MODEL_CARD.md"
_BEFORE = _HERE / "before.npz"
"""What the model before said of the same texts, by digest (`--keep` writes it for the next one)."""

_TESTS = Path("tests/classifiers")
_REAL = ("barometre_velo", "services_publics")

# Published outputs on 1,388 French forum comments and on other sets, scored again; not the same texts as here.
_ANCHORS = (
    ("Perspective (forum comments)", "AUC 87.4, accuracy 69.6"),
    ("ShieldGemma-7B", "AUC 86.1"),
    ("CamemBERT fine-tuned on that benchmark's own training data", "accuracy 80.6"),
    ("CamemBERT toxicity, off the shelf", "AUC 79.7, accuracy 73.3"),
    ("toxic-bert", "AUC 74.3"),
    ("OpenAI omni moderation", "accuracy 76.7"),
    ("GPT-4o", "accuracy 84.4"),
    ("Detoxify multilingual (Jigsaw, French)", "AUC 89.6"),
    ("XLM-T (French sentiment, 3 classes)", "macro-F1 68–72"),
)


def measure(model: Path, tests: Path, data: Path, keep: Path | None = None) -> dict[str, Any]:
    """All figures: those of training (`card.json`), and those on what neither weights nor thresholds have seen.

    `keep`: where the answers are written too, for the card of the next model.
    """
    card: dict[str, Any] = json.loads((model / "card.json").read_text("utf-8"))
    written, cases = blind.comments(tests / "heldout" / "comments.csv"), blind.cases(tests / "functional" / "cases.csv")
    before = Answers.load(_BEFORE)
    sources = blind.held_out(data, before)
    suite = [row["text"] for row in cases]
    now = ask(ours(model), [*written.texts, *suite, *(text for one in sources.values() for text in one.texts)])
    if keep:
        now.save(keep)
    shape = json.loads((model / "config.json").read_text("utf-8"))
    asked = ("num_hidden_layers", "hidden_size", "intermediate_size", "vocab_size")
    card["encoder"] = {name: shape[name] for name in asked}
    of = {name: now.of(one.texts) for name, one in sources.items()}
    old = {name: before.of(one.texts) for name, one in sources.items()}
    card["blind"] = {
        "comments": len(written.texts),
        "figures": blind.compared(
            blind.of_comments(written), before.of(written.texts), now.of(written.texts), written.groups
        ),
        "slices": blind.slices(written, now.of(written.texts)),
    }
    card["held_out"] = {
        "sources": {
            name: {"n": len(one.texts), **blind.compared(blind.of_real(one), old[name], of[name], one.groups)}
            for name, one in sources.items()
        },
        "feeling": blind.feeling(sources["services_publics"], of["services_publics"]),
        "bands": {
            when: blind.bands([sources[name] for name in _REAL], [answers[name] for name in _REAL])
            for when, answers in (("before", old), ("now", of))
        },
    }
    card["functional"] = {
        when: blind.functional(cases, answers.of(suite)) for when, answers in (("before", before), ("now", now))
    }
    twice = [pair for pair in intentions().values() if pair[1]]
    card["read"] = {
        "once": len(intentions()),
        "twice": len(twice),
        "agreed": round(sum(first == second for first, second in twice) / max(len(twice), 1), 3),
    }
    return card


# ------------------------------------------------------------------------------------------ words
def _figure(found: Mapping[str, float] | None, digits: int = 3) -> str:
    if found is None:
        return "–"
    return f"{found['value']:.{digits}f} [{found['low']:.{digits}f}, {found['high']:.{digits}f}]"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _compared(found: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    for name, one in found.items():
        if name != "n":
            yield [name, *(_figure(one[key]) for key in ("before", "now")), f"**{_figure(one['difference'])}**"]


def words(card: Mapping[str, Any], notes: str) -> str:
    """The card as a page."""
    settled, held, found = card["calibrating"], card["held_out"], card["blind"]
    sources = ", ".join(f"{name} {count}" for name, count in card["sources"].items())
    pairs = ["figure", "before", "now", "difference"]
    parts = [
        _OPENING.format(version=card["version"], sources=sources, seed=card["seed"], **card["encoder"], **card["read"]),
        notes,
        "## Held-out real text\n\n" + _REAL_TEXT,
        _table(["band of the intention", "before", "now"], _bands(held["bands"])),
        f"Praise against complaint by the head of feelings: AUC {_figure(held['feeling'])}.",
        *(
            part
            for name, one in held["sources"].items()
            for part in (f"### `{name}`: {one['n']} texts", _table(pairs, _compared(one)))
        ),
        "## Blind municipal comments\n\n" + _BLIND.format(comments=found["comments"]),
        _table(pairs, _compared(found["figures"])),
        "## Calibration, abstention, thresholds\n\n" + _CALIBRATION,
        _table(
            [
                "head",
                "rows (real)",
                "answers from",
                "bands begin at",
                "right, written",
                "right, real",
                "over n-grams alone",
            ],
            [
                [
                    name,
                    f"{settled[name]['rows']} ({settled[name]['real_rows']})",
                    f"{settled[name]['threshold']:.2f}",
                    " / ".join(f"{at:.2f}" for at in settled[name]["bands"]),
                    *(_figure(settled[name].get(part, {}).get("right")) for part in ("written", "real")),
                    _figure(settled[name]["less_linear"]["macro_f1"]),
                ]
                for name in ("intention", "groupe", "sentiment")
            ],
        ),
        _urgency(settled["urgence"]),
        _table(
            ["yes or no", "rows (yes)", "AUC", "ECE", "precision at .5", "recall at .5", "AUC over n-grams alone"],
            [_yes_no(name, one) for name, one in (settled["netiquette"] | settled["toxicite"]).items()],
        ),
        "## Slices of the blind comments\n\n" + _SLICED,
        _table(
            ["slice", "n", "intention right", "group right", "breach seen for nothing", "breaches found"],
            [
                [name, str(one["n"]), *(_figure(one.get(key)) for key in _SLICE_KEYS)]
                for name, one in found["slices"].items()
            ],
        ),
        "## Functional suite\n\n" + _FUNCTIONAL,
        _table(
            ["functionality", "sentences", "before", "now"],
            [
                [name, str(one["n"]), f"{card['functional']['before'][name]['passed']:.2f}", f"{one['passed']:.2f}"]
                for name, one in card["functional"]["now"].items()
            ],
        ),
        _overall(card["functional"]),
        "## Published references\n\n" + _PUBLISHED,
        _table(["model", "figure"], _ANCHORS),
        _LIMITS,
    ]
    return "\n\n".join(map(_wrapped, parts)) + "\n"


def _wrapped(part: str) -> str:
    """Paragraphs at the width of the repository; tables, lists and commands as they are."""
    paragraphs = part.split("\n\n")
    return "\n\n".join(
        one if one.startswith(("|", "#", "-", "    ")) else textwrap.fill(one, 118, break_on_hyphens=False)
        for one in paragraphs
    )


_SLICE_KEYS = ("intention", "groupe", "seen for nothing", "breaches found")


def _bands(found: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    both = [found[when] for when in ("before", "now")]
    for name in blind.BANDS:
        ones = [one["bands"].get(name) for one in both]
        yield [name, *(f"{one['right']:.0%} right ({one['share']:.0%} of all)" if one else "–" for one in ones)]
    for name, key in (("right when it answers", "right"), ("answers", "answers"), ("ECE of what it answers", "ece")):
        yield [name, *(_figure(one[key]) for one in both)]


def _urgency(one: Mapping[str, Any]) -> str:
    two, any_level = one["level_2"], one["level_1_or_2"]
    return (
        f"Urgency. Level 2 from {one['threshold']:.2f} by the model: AUC {_figure(two['model_alone']['auc'])}, recall "
        f"{_figure(two['model_alone']['recall'])}, precision {_figure(two['model_alone']['precision'])}; "
        f"rules alone: recall {_figure(two['rules_alone']['recall'])}; rules or model: recall "
        f"**{_figure(two['rules_or_model']['recall'])}**, false alarms "
        f"{_figure(two['rules_or_model']['false_alarms'])} of what is not level 2. Level 1 or 2 "
        f"from {one['same_day']:.2f}: recall {_figure(any_level['recall'])}, for "
        f"nothing {_figure(any_level['false_alarms'])}. Rules were extended in the past after reading some of these "
        "lines: their part of the recall is not held out; the blind file's is."
    )


def _yes_no(name: str, one: Mapping[str, Any]) -> Sequence[str]:
    figures = (_figure(one["model"][key]) for key in ("auc", "ece", "precision", "recall"))
    return [f"`{name}`", f"{one['rows']} ({one['positives']})", *figures, _figure(one["less_linear"]["auc"])]


def _overall(suite: Mapping[str, Any]) -> str:
    def share(found: Mapping[str, Any]) -> str:
        total = sum(one["n"] for one in found.values())
        return f"{sum(one['n'] * one['passed'] for one in found.values()) / total:.3f} of {total} sentences"

    return f"Together: before {share(suite['before'])}; now {share(suite['now'])}."


_OPENING = """# Model card: {version}

**What it is.** Lexicons and patterns over a model of two branches: n-grams (characters 2–5 inside words, words
1–2, hashed; eight-bit weights) and a multilingual encoder (the first {num_hidden_layers} layers of
multilingual-e5-small, {hidden_size} wide, {intermediate_size} inside, its vocabulary cut to {vocab_size} pieces; it
multiplies in bytes), summed at the logits and calibrated head by head. It sorts citizens' comments in Québec French
for people who decide. It is an aid to triage: « entraîné sur des données publiques et des exemples rédigés ». It must
not hide anything by itself.

**Trained on.** Rows of the n-grams: {sources}. `corpus` was written for this project (its card: `corpus/README.md`).
The encoder has read these and, in English, Dynamically Generated Hate, Measuring Hate Speech, HatemojiBuild,
ConvAbuse and CrisisLexT26. Licences and attributions are in NOTICE; no text of any public source is in the package.
Services Publics+ tells praise from dissatisfaction by what its authors said they felt. Of the Baromètre vélo, {once}
comments were read for their intention, {twice} of them twice by the same reader in another order (agreement
{agreed:.3f}: it bounds carelessness, and is no agreement between people); `real/intentions.csv` holds digests and
labels alone.

**How.** Which rows teach, which settle slopes and thresholds and which only judge was chosen by a digest
(`parts.py`) before any training, seed {seed}. Intervals are 95 % percentile bootstraps of authors (500 resamples);
« before » is the model that shipped before, asked the same texts with the rules of its day, and differences are
paired. Every figure of this page is written by one command: `python -m classifiers.training.card MODEL WEIGHTS DATA`,
which `make model` runs."""

_REAL_TEXT = """Rules, lexicon and model together, on rows of the public sources that no weight and no threshold has
seen (at most 800 of each). The bands and the intention over all are those of `barometre_velo` and `services_publics`,
where people write to a public body: nearly all of it is criticism, suggestion or praise, so this says nothing of
requests and questions."""

_BLIND = """The {comments} blind comments (`tests/classifiers/heldout`) were freely written by somebody who had seen
neither code nor corpus; no threshold was chosen on them. Rules, lexicon and model together; an abstention counts as a
wrong answer in « over all » and macro-F1."""

_CALIBRATION = """Slopes, thresholds and bands come from rows kept from both branches: authors of the corpus (templates
left out), and real text, which weighs as much up to four times a row. An answer is given from the lowest probability
from which 85 answers in 100 are right (80 for the group); the medium and the high band begin where 88 and 95 in 100
are. « Right » is measured on these rows with slopes fitted on other folds of them. The last column is the paired gain
of both branches over the n-grams alone."""

_SLICED = """A breach is « seen » when any of the six reaches .5, rules included; an abstention is not right."""

_FUNCTIONAL = """`tests/classifiers/functional`: written blind, in the manner of HateCheck. Share that passes,
whole engine; an abstention fails."""

_PUBLISHED = """On other texts, for scale only (forum comments in French unless said otherwise)."""

_LIMITS = """**Known limits.** Irony, and praise that blames, are often read word by word. Hate without slurs and
threats said politely are often missed. A word of identity beside an insult to somebody else can raise `haine`. Real
text comes from France, and from two themes; one small group wrote the corpus and one person the blind files. Breaches
are many times more frequent here than in life: probabilities are « non calibré » until refitted on a city's own
decisions (about 200). English has been read; Spanish, Haitian Creole, Arabic, Portuguese and Mandarin are known to the
encoder from its makers and from a handful of lines. The encoder reads the first 128 pieces of a text or of each of its
windows, the n-grams the first 70,000 characters."""


def main() -> None:
    """Measure the model of a folder, and write `card.json` beside its weights and the card's page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="what `parvis train` wrote")
    parser.add_argument("weights", type=Path, help="where the weights that ship are; `notes.md` there goes in the card")
    parser.add_argument("data", type=Path, help="the folder of the public sources")
    parser.add_argument("--tests", type=Path, default=_TESTS)
    parser.add_argument("--keep", type=Path, help="write the answers there, for the card of the next model")
    given = parser.parse_args()
    card = measure(given.model, given.tests, given.data, given.keep)
    (given.model / "card.json").write_text(json.dumps(card, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    notes = given.weights / "notes.md"
    _CARD.write_text(words(card, notes.read_text("utf-8").strip() if notes.exists() else ""), encoding="utf-8")


if __name__ == "__main__":
    main()
