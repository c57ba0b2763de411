"""Whether the classifier still fits what citizens write, and what its labels are worth in this city."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.deps import Installation, Now, ReadSession, require
from api.pages import render
from classifiers.platt import DECISIONS
from classifiers.training.gate import DECISIONS as PROOFS
from classifiers.training.gate import PRECISION
from models.scope import Action, Viewer
from moderation.learning.drift import HEADS, WEEKS, Week, bounds_of, drift

router = APIRouter(include_in_schema=False)

WIDTH, HEIGHT = 110, 30
"""Of a curve, in its own units: the page stretches it."""


@dataclass(frozen=True)
class Curve:
    """The share of one thing, week by week. `shares` has None where there was nothing to count."""

    code: str
    shares: Sequence[float | None]

    @property
    def points(self) -> str:
        """For an SVG polyline; the highest week touches the top, and weeks without anything are passed over."""
        top = max((share for share in self.shares if share is not None), default=0.0) or 1.0
        step = WIDTH / max(len(self.shares) - 1, 1)
        known = [(number * step, share) for number, share in enumerate(self.shares) if share is not None]
        return " ".join(f"{x:.1f},{HEIGHT - share / top * HEIGHT:.1f}" for x, share in known)

    @property
    def last(self) -> float | None:
        """The newest week that has anything."""
        return next((share for share in reversed(self.shares) if share is not None), None)


@router.get("/analyse")
def show_analysis(
    request: Request,
    viewer: Annotated[Viewer, require(Action.SEE_ANALYSIS)],
    parvis: Installation,
    session: ReadSession,
    now: Now,
) -> Response:
    """Abstentions and corrections by week, calibration by label, versions of the model."""
    found = drift(session, viewer, bounds_of(now, parvis.settings.zone))
    return render(
        request,
        "analysis.html",
        drift=found,
        share=share,
        heads=HEADS,
        curves=_curves(found.weeks),
        wanted=DECISIONS,
        proofs=PROOFS,
        precision=PRECISION,
        count=WEEKS,
    )


def share(part: int, whole: int) -> float | None:
    """A share (0–1); None when there is nothing to share."""
    return part / whole if whole else None


def _curves(weeks: Sequence[Week]) -> list[Curve]:
    corrected = (Curve(head, [share(week.corrected[head], week.handled) for week in weeks]) for head in HEADS)
    return [Curve("abstained", [share(week.abstained, week.read) for week in weeks]), *corrected]
