"""`parvis train --with-decisions`: what the city decided becomes rows to learn from, in memory and nowhere else."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from api.wiring import Parvis
from classifiers.sources import Row
from moderation.learning import rows_to_learn


def decided(parvis: Parvis, version: str) -> tuple[list[Row], str]:
    """The city's own rows, and the version of the model that learns from them: its calibration here starts anew."""
    with parvis.database.read() as session:
        return rows_to_learn(session), f"{version}+{parvis.clock():%Y%m%d.%H%M}"


def outside(folder: Path) -> bool:
    """Whether a folder is none of the package's: weights taught by citizens' words must not be published with it."""
    with resources.as_file(resources.files("classifiers")) as package:
        return not folder.resolve().is_relative_to(package.resolve())
