"""The articles of the netiquette that are in force: by which ones what may be restricted, and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from models.errors import Refused
from models.netiquette import RuleVersion
from models.scope import Viewer
from models.vocabulary import DecisionKind


def in_force(session: Session, *, now: datetime) -> list[RuleVersion]:
    """The netiquette as it reads now, in the order of its codes: N2 before N10."""
    statement = (
        select(RuleVersion)
        .options(joinedload(RuleVersion.rule))
        .where(
            RuleVersion.in_force_from <= now,
            or_(RuleVersion.in_force_until.is_(None), RuleVersion.in_force_until > now),
        )
    )
    return sorted(session.scalars(statement), key=lambda version: (len(version.rule.code), version.rule.code))


def usable(rules: Sequence[RuleVersion], viewer: Viewer, kind: DecisionKind) -> list[RuleVersion]:
    """Of articles that are in force, those by which this viewer may restrict so."""
    return [rule for rule in rules if kind in rule.actions and viewer.roles & set(rule.deciders)]


def articles(rules: Sequence[RuleVersion]) -> dict[str, str]:
    """By breach: the code of the first article that is about it. A breach that no article is about is not there."""
    return {rule.breach: rule.rule.code for rule in reversed(rules) if rule.breach is not None}


def cited(session: Session, viewer: Viewer, kind: DecisionKind, rule_code: str | None, *, now: datetime) -> RuleVersion:
    """The article that a restriction cites.

    Refused: `rule_needed`, `rule_not_in_force` (nor if it does not allow the act), `rule_not_yours`.
    """
    if not rule_code:
        raise Refused("rule_needed", field="rule_code")
    rule = next((rule for rule in in_force(session, now=now) if rule.rule.code == rule_code), None)
    if rule is None or kind not in rule.actions:
        raise Refused("rule_not_in_force", field="rule_code")
    if not viewer.roles & set(rule.deciders):
        raise Refused("rule_not_yours", field="rule_code")
    return rule
