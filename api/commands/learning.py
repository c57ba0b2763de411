"""`parvis evaluate` and `parvis train --with-decisions`: what a model is worth, and what a city taught it."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from api.commands.progress import progress, screen
from api.i18n import _, format_number
from classifiers.base import Classifier
from classifiers.training.evaluate import Figure, compare, evaluate
from classifiers.training.sources import Row
from models.errors import Refused

if TYPE_CHECKING:
    from models.session import Database


def measure(file: Path, task: str, ours: Classifier, theirs: Classifier | None) -> None:
    """Print the figures of one model on a labelled file, or of two side by side. Errors: see `training/evaluate`."""
    with progress(screen(stderr=True)) as show:

        def say(count: int) -> None:
            show(_("%(count)s texts", count=format_number(count)))

        rows: dict[str, tuple[Figure | int, ...]] = (
            dict(compare(file, task, ours, theirs, say=say))
            if theirs is not None
            else {name: (figure,) for name, figure in evaluate(file, task, ours, say=say).items()}
        )
    if theirs is not None:
        # The last column is what to read before a switch: an interval that holds zero says that nothing is shown.
        less = _("difference")
        print(f"{'':18} {ours.version:>26} {theirs.version:>26} {less:>26}")
    for name, figures in rows.items():
        # The interval says how much a file of this size can tell at all.
        print(f"{name:18} " + " ".join(f"{one if isinstance(one, int) else _interval(one):>26}" for one in figures))


def _interval(figure: Figure) -> str:
    return f"{figure.value:.4f} [{figure.low:.4f}, {figure.high:.4f}]"


def decided(database: Database, out: Path) -> list[Row]:
    """What the city's people decided, to learn from: read into memory, and written nowhere.

    Refused: `out_of_package` (weights that citizens' words taught are not to be published with the package),
    `nothing_decided`.
    """
    # A measure needs no database.
    from moderation.learning.labels import rows_to_learn

    with resources.as_file(resources.files("classifiers")) as package:
        if out.resolve().is_relative_to(package.resolve()):
            raise Refused("out_of_package")
    with database.read() as session:
        rows = rows_to_learn(session)
    if not rows:
        raise Refused("nothing_decided")
    return rows
