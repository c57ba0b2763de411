"""What `api.watching` sees, for Prometheus: one process of several is enough to scrape."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.core import Metric

from api.watching import Watched, watch
from models.session import Database


class Gauges:
    """What a registry asks for figures."""

    def __init__(self, database: Database, now: datetime) -> None:
        self._database, self._now = database, now

    def collect(self) -> Iterator[Metric]:
        with self._database.read() as session:
            seen = watch(session, now=self._now)
        yield from gauges(seen)


def gauges(seen: Watched) -> Iterator[Metric]:
    """All of them; ages are seconds, 0 where nothing waits."""
    yield _one("parvis_items_unread", "Items that the model has not read yet", seen.unread_items)
    yield _one("parvis_item_unread_oldest_seconds", "Age of the oldest of them", seen.unread_oldest)
    yield _one("parvis_items_waiting", "Items that wait for a person now", seen.waiting)
    yield _one("parvis_item_oldest_seconds", "Age of the oldest of them", seen.oldest)
    yield _one("parvis_items_danger", "Immediate dangers that wait", seen.dangers)
    yield _one("parvis_danger_oldest_seconds", "Age of the oldest of them", seen.danger_oldest)
    yield _one("parvis_items_late", "Items past the time to answer", seen.late)
    yield _one("parvis_items_problem", "Items that came back because an act failed", seen.problems)
    yield _one("parvis_claims", "Items that somebody has open", seen.claims)
    effects = Gauge("parvis_effects", "Acts that are not over, by state and operation", labels=["state", "operation"])
    for (state, operation), number in seen.effects.items():
        effects.add_metric([state, operation], number)
    yield effects
    yield _one("parvis_effect_late_seconds", "How long the act that is due the longest has waited", seen.effect_late)
    yield _one("parvis_deliveries_unread", "Webhook bodies that wait to be read", seen.bodies)
    yield _one("parvis_delivery_oldest_seconds", "Age of the oldest of them", seen.body_oldest)
    yield _one("parvis_set_aside", "Changes that could not be read or belong to no account", seen.set_aside)
    yield _one(
        "parvis_journal_unsealed_seconds", "Age of the oldest entry of the journal without a seal", seen.unsealed
    )
    yield _one("parvis_verdicts_day", "Comments that the model read within a day", seen.verdicts)
    yield _one("parvis_verdicts_abstained_day", "Of them, those of which it does not say the intention", seen.abstained)
    labels = ["channel", "kind"]
    usable = Gauge("parvis_channel_usable", "1: it may be called now", labels=labels)
    spent = Gauge("parvis_channel_budget_percent", "Calls that are spent, of those allowed", labels=labels)
    failing = Gauge("parvis_channel_failing_seconds", "How long no reading has come through", labels=labels)
    for side in seen.far_sides:
        names = [str(side.id), side.kind]
        usable.add_metric(names, int(side.usable))
        failing.add_metric(names, _seconds(side.failing))
        if side.spent_percent is not None:
            spent.add_metric(names, side.spent_percent)
    yield from (usable, spent, failing)


def _one(name: str, said: str, value: float | timedelta | None) -> Metric:
    return Gauge(name, said, value=value if isinstance(value, int | float) else _seconds(value))


def _seconds(age: timedelta | None) -> float:
    return age.total_seconds() if age is not None else 0
