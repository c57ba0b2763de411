"""What came of a campaign: each post's figures as last counted, what citizens wanted, as far as one sees it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from models.comments import Comment, VerdictRow
from models.errors import NotFound
from models.figures import PostFigures
from models.items import Item
from models.posts import Variant
from models.vocabulary import Feeling, Intention, ItemState
from publishing import campaigns, report
from publishing.campaigns import Outline


def begin(city, who: str = "Claire", **place: int) -> int:
    with city.database.write() as session:
        outline = Outline("Piscines", date(2026, 11, 1), date(2026, 11, 30))
        return campaigns.create(session, city.people[who], outline, **place, now=city.now).id


def reported(city, campaign_id: int, who: str = "Claire") -> report.Report:
    with city.database.read() as session:
        return report.report(session, city.people[who], campaign_id)


@pytest.fixture
def summer(city) -> int:
    """A campaign with a post out on two accounts, counted twice on one, and comments under it; and a draft."""
    id_ = begin(city)
    city.schedule(city.approved("nord", "sud", campaign_id=id_))
    city.act("Claire", "create", city.draft("Un brouillon", "nord", campaign_id=id_))
    city.deliver(hours=1)
    with city.database.write() as session:
        out = {one.account_id: one for one in session.scalars(select(Variant).where(Variant.published_at.is_not(None)))}
        nord = out[city.accounts["nord"]]
        for days, reach in ((0, 10), (3, 90)):
            day = city.now.date() + timedelta(days=days)
            kept = PostFigures(
                source_post_id=nord.source_post_id, day=day, at=city.now, reach=reach, shares=reach // 10
            )
            session.add(kept)
        wanted = [Intention.QUESTION, Intention.QUESTION, Intention.PRAISE, None]
        for number, intention in enumerate(wanted):
            scope = {"account_id": nord.account_id, "borough_id": city.boroughs["nord"]}
            comment = Comment(**scope, external_id=f"c{number}", source_post_id=nord.source_post_id, text="Oui")
            comment.created_at = comment.received_at = city.now
            comment.by_city = False
            session.add(comment)
            session.flush()
            item = Item(**scope, comment_id=comment.id, state=ItemState.WAITING, queued_at=city.now)
            item.intention = intention
            feeling = [Feeling.POSITIVE, Feeling.NEGATIVE, Feeling.POSITIVE, None][number]
            read = {"version": 1, "model": "x", "language": "fr", "urgency": 0, "scores": {}, "reasons": []}
            session.add_all([item, VerdictRow(comment_id=comment.id, feeling=feeling, at=city.now, **read)])
    return id_


def test_post_by_post_and_in_all(city, summer):
    found = reported(city, summer)
    lines = {one.variant.account.name: one for one in found.lines}
    assert lines["nord"].figures.reach == 90
    assert (lines["nord"].comments, lines["nord"].questions) == (4, 2)
    assert (lines["sud"].figures, lines["sud"].comments) == (None, 0)
    assert found.totals["shares"] == 9
    assert found.totals["clicks"] is None, "what no network says is not zero"
    assert "reach" not in found.totals
    assert next(iter(found.intentions.items())) == (Intention.QUESTION, 2)
    assert found.intentions[None] == 1
    assert list(found.feelings.items()) == [(Feeling.NEGATIVE, 1), (Feeling.POSITIVE, 2), (None, 1)]
    assert found.awaited == 1
    assert [one.text for one in found.questions] == ["Oui", "Oui"]


def test_it_says_no_more_than_its_reader_sees(city, summer):
    assert reported(city, summer, "Gilles").intentions == {}, "who approves sees no comments"
    assert reported(city, summer, "Gilles").feelings == {}
    assert reported(city, summer, "Gilles").questions == []
    with pytest.raises(NotFound):
        reported(city, summer, "Ariane")
    with pytest.raises(NotFound):
        reported(city, summer, "Sylvie")
    ours = begin(city, "Sylvie", borough_id=city.boroughs["sud"])
    city.schedule(city.approved("nord", campaign_id=ours))
    city.deliver(hours=1)
    assert len(reported(city, ours).lines) == 1
    assert (reported(city, ours, "Sylvie").lines, reported(city, ours, "Sylvie").awaited) == ([], 0)
