"""The catalogues hold every sentence of the door, and no other, each one translated."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[2]
LOCALES = ROOT / "api" / "locales"
CATALOGUES = sorted(LOCALES.glob("*/LC_MESSAGES/messages.po"))


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def _sentences(catalogue: Catalog) -> set[tuple[str, str | tuple[str, ...]]]:
    return {(message.context or "", message.id) for message in catalogue if message.id}


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """What `make messages` would find now."""
    path = tmp_path_factory.mktemp("messages") / "messages.pot"
    options = ["--mapping-file", "babel.cfg", "--no-location", "--output-file", str(path), "api", "connectors"]
    subprocess.run([Path(sys.executable).with_name("pybabel"), "--quiet", "extract", *options], cwd=ROOT, check=True)
    return _read(path)


def test_french_is_there():
    assert LOCALES / "fr_CA" / "LC_MESSAGES" / "messages.po" in CATALOGUES


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_a_catalogue_is_fresh(path, extracted):
    ours = _sentences(_read(path))
    assert ours == _sentences(extracted), "run `make messages`, then translate"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_a_catalogue_is_whole_and_sound(path):
    """Nothing empty, nothing fuzzy, and every placeholder of the sentence in its translation."""
    catalogue = _read(path)
    assert [
        message.id for message in catalogue if message.id and (message.fuzzy or not all(_texts(message.string)))
    ] == []
    assert [(message.id, [str(fault) for fault in faults]) for message, faults in catalogue.check()] == []


def _texts(string: str | tuple[str, ...]) -> tuple[str, ...]:
    return (string,) if isinstance(string, str) else string
