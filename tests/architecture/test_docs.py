"""What the documents promise is what the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide" / "exploitation.md"
ADRS = sorted((ROOT / "docs" / "adr").glob("*.md"))
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def _settings() -> dict[str, str]:
    """Each setting's environment name and its default as the guide writes it; "" where words must say it."""
    from api.settings import model

    settings = model()
    prefix = str(settings.model_config["env_prefix"])
    return {
        (prefix + name).upper(): "" if not field.default else f"`{field.default}`"
        for name, field in settings.model_fields.items()
    }


def _documented() -> dict[str, str]:
    rows = re.findall(r"^\| `(PARVIS_[A-Z0-9_]+)` \| ([^|]+) \|", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(rows)


def test_every_setting_is_documented_and_nothing_else():
    assert set(_documented()) == set(_settings())


def test_the_documented_defaults_are_the_real_ones():
    documented = _documented()
    assert {name: documented.get(name) for name, default in _settings().items() if default} == {
        name: default for name, default in _settings().items() if default
    }


def test_no_setting_is_read_anywhere_but_in_the_settings():
    """A setting read elsewhere would be one that `parvis doctor` does not show."""
    reading = [
        str(path.relative_to(ROOT))
        for floor in ("api", "classifiers", "connectors", "models", "moderation", "publishing", "scheduler")
        for path in (ROOT / floor).rglob("*.py")
        if re.search(r"\bos\.(environ\b(?!\.setdefault\()|getenv\b)", path.read_text(encoding="utf-8"))
    ]
    assert [path for path in reading if path != "api/settings.py"] == []


def test_decision_records_are_numbered_without_a_gap():
    assert [path.name[:5] for path in ADRS] == [f"{number:04d}-" for number in range(1, len(ADRS) + 1)]


@pytest.mark.parametrize("path", ADRS, ids=lambda path: path.stem)
def test_a_decision_record_follows_the_template(path):
    text = path.read_text(encoding="utf-8")
    assert re.match(rf"# {path.name[:4]}\. .+\n\nDate: \d{{4}}-\d\d-\d\d\n", text)
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 60, "one page"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(path):
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text(encoding="utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *ROOT.glob("docs/adr/*.md")], ids=lambda path: path.name)
def test_files_that_documents_name_are_there(path):
    named = re.findall(r"`([\w./-]+\.(?:py|toml|css|js|html|csv|yaml))`", path.read_text(encoding="utf-8"))
    assert [name for name in named if "/" in name and not (ROOT / name).exists()] == []


def test_the_readme_says_the_same_in_both_languages():
    """The same commands and the same headings' depths; the words are for a person to compare."""
    english, french = (ROOT / name for name in ("README.md", "LISEZMOI.md"))

    def shape(path: Path) -> list[str]:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [line[:2] for line in lines if re.match(r"#|!\[|\| |- ", line)]

    commands = re.compile(r"^(?:make|parvis) [a-z]+(?: [a-z]+)?", flags=re.MULTILINE)
    assert shape(english) == shape(french)
    assert commands.findall(english.read_text(encoding="utf-8")) == commands.findall(french.read_text(encoding="utf-8"))
