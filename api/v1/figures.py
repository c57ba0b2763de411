"""Figures for a dashboard elsewhere."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from api.deps import Installation, Now, ReadSession, require
from api.v1.contract import READS, Moment, Shown
from models.scope import Action, Viewer
from moderation.drift import bounds_of, drift

router = APIRouter(prefix="/figures", tags=["figures"])


class WeekShown(Shown):
    """Comments that the model read in the week that begins at `start` (Monday, midnight of the city)."""

    start: Moment
    read: int
    abstained: int
    """Of them, those whose intention it did not know."""
    handled: int
    """Of them, those that people have decided since."""
    corrected: dict[str, int]
    """Of the decided ones, how many were corrected, by output of the classifier."""


class GateShown(Shown):
    """What an automatic rule would rest on: decisions, right ones, and the least precision that they prove."""

    shown: int
    right: int
    bound: float
    opens: bool
    missing: int


class LabelShown(Shown):
    """What one label of the model in use is worth, over the whole city."""

    head: str
    label: str
    decided: int
    calibrated: bool
    missing: int
    """Decisions missing before its scores are calibrated."""
    gate: GateShown
    followed: int


class ModelShown(Shown):
    """One version of the model, and how many comments it has read in these weeks."""

    version: str
    read: int


class Analysis(Shown):
    """How well the classifier does."""

    weeks: list[WeekShown]
    labels: list[LabelShown]
    models: list[ModelShown]
    calibrated_at: Moment | None


@router.get("/analysis", operation_id="getAnalysis", responses=READS)
def analysis(
    session: ReadSession, parvis: Installation, viewer: Annotated[Viewer, require(Action.SEE_ANALYSIS)], now: Now
) -> Analysis:
    """Abstentions and corrections of the last twelve weeks, oldest first, and what each label is worth."""
    found = drift(session, viewer, bounds_of(now, parvis.settings.zone))
    return Analysis(
        weeks=[WeekShown.model_validate(week) for week in found.weeks],
        labels=[LabelShown.model_validate(label) for label in found.labels],
        models=[ModelShown(version=version, read=read) for version, read in found.models],
        calibrated_at=found.calibrated_at,
    )
