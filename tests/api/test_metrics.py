"""Figures for whoever watches: what waits, how long, and how the channels are; counts, and never a word."""

from __future__ import annotations

from datetime import timedelta

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete, update

from administration import keys
from models import work
from models.channels import Channel
from models.effects import Effect
from models.items import Item
from models.vocabulary import ItemState, OperationKind


def test_what_waits_is_counted_and_nobody_is_named(parvis, seed_city, visit, clock):
    city = seed_city(parvis)
    now = clock.now
    with parvis.database.write() as session:
        session.execute(delete(Item))
        session.execute(update(Effect).values(state="done"))
        where = {"account_id": city.accounts["north"], "state": ItemState.WAITING}
        for place, minutes, urgency in (("north", 50, 2), ("south", 20, 0)):
            item = Item(**where, comment_id=city.comments[place], urgency=urgency)
            item.queued_at = item.answer_by = now - timedelta(minutes=minutes)
            session.add(item)
        work.enqueue(
            session, key="one", operation=OperationKind.HIDE, channel_id=city.accounts["north"], target="1",
            payload={}, due_at=now - timedelta(seconds=90),
        )  # fmt: skip
        session.execute(update(Channel).where(Channel.id == city.accounts["north"]).values(usage_percent=42.5))
        session.execute(update(Channel).where(Channel.id == city.accounts["south"]).values(token_lost="190"))
        key = keys.add_key(session, "prometheus", ["figures:read"], now=now)
    answer = visit(parvis, authorization=f"Bearer {key}").get("/metrics")
    assert answer.status_code == 200
    told = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert told["parvis_items_waiting",] == 2
    assert told["parvis_item_oldest_seconds",] == 50 * 60
    assert (told["parvis_items_danger",], told["parvis_items_late",]) == (1, 2)
    assert told["parvis_effects", "hide", "ready"] == 1
    assert told["parvis_effect_late_seconds",] == 90
    north, south = (str(city.accounts[place]) for place in ("north", "south"))
    assert told["parvis_channel_budget_percent", north, "facebook"] == 42.5
    assert (told["parvis_channel_usable", north, "facebook"], told["parvis_channel_usable", south, "facebook"]) == (
        1,
        0,
    )
    assert not any(word in answer.text for word in ("Bonjour", "Page du nord", "ville.example"))
