"""Files of a post that are sent ahead: used once, void when anything changes, and never needed."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import select, update

from connectors.base import Prepared
from models.accounts import Account
from models.errors import Ambiguous, Rejected, Throttled, Transient
from models.posts import Preparation
from models.vocabulary import EffectState, Outcome, PostState
from publishing import holding, library
from publishing.drafting import Pictured


@pytest.fixture
def post(city):
    """With a picture, approved, for in an hour on one account."""
    made = BytesIO()
    Image.new("RGB", (80, 60), "teal").save(made, "PNG")
    with city.database.write() as session:
        shown = library.add(session, city.people["Claire"], library.read("a.png", made.getvalue()), now=city.now).id
    return city.schedule(city.approved("nord", pictures=[Pictured(shown, "Un parc")], late_after_minutes=2000))


def nord(city):
    return city.networks[city.accounts["nord"]]


def row(city) -> Preparation:
    with city.database.read() as session:
        return session.scalars(select(Preparation).order_by(Preparation.effect_id.desc()).limit(1)).one()


def test_a_post_leaves_with_what_its_network_was_sent_a_quarter_of_an_hour_before(city, ahead, post):
    ahead(minutes=44)
    assert nord(city).sent_ahead == []
    ahead(minutes=1)
    ahead(minutes=1)
    assert nord(city).sent_ahead == [None]
    assert nord(city).published == []
    city.deliver(minutes=14)
    assert nord(city).used == [Prepared(("nord-1",))]
    assert city.post(post).state == PostState.PUBLISHED


def test_what_has_no_picture_no_time_or_no_such_network_sends_nothing_ahead(city, ahead, post):
    plain = city.schedule(city.approved("nord"))
    with city.database.read() as session:
        assert session.scalars(select(Preparation.effect_id)).all() == [city.effects()[0].id]
    shown = [Pictured(one.media_id, one.alt_text) for one in city.post(post).variants[0].pictures]
    at_once = city.schedule(city.approved("sud", pictures=shown), hours=0)
    city.deliver()
    assert city.networks[city.accounts["sud"]].used == [None]
    with city.database.read() as session:
        assert len(session.scalars(select(Preparation.effect_id)).all()) == 1
    assert {city.post(plain).state, city.post(at_once).state} == {PostState.SCHEDULED, PostState.PUBLISHED}


def test_what_is_not_ready_is_asked_about_until_it_is(city, ahead, post):
    nord(city).ahead += [Prepared(("one", "two"), ready=False), Prepared(("whole",), ready=False), Prepared(("whole",))]
    ahead(minutes=46)
    assert not row(city).ready
    ahead(seconds=5)
    ahead(seconds=10)
    ahead(seconds=15)
    assert [one and one.things for one in nord(city).sent_ahead] == [None, ("one", "two"), ("whole",)]
    city.deliver(minutes=14)
    assert nord(city).used == [Prepared(("whole",))]


@pytest.mark.parametrize(
    ("error", "outcome", "again"),
    [
        (Rejected("aspect_ratio"), Outcome.REJECTED, 2),
        (Transient(timedelta(minutes=5)), Outcome.UNREACHABLE, 5),
        (TypeError(), Outcome.UNKNOWN, 2),
    ],
)
def test_what_fails_is_said_and_tried_again(city, ahead, post, error, outcome, again):
    nord(city).ahead += [Prepared(("half",), ready=False), error]
    ahead(minutes=45)
    if isinstance(error, TypeError):
        with pytest.raises(TypeError):
            ahead(seconds=15)
    else:
        ahead(seconds=15)
    assert (row(city).outcome, row(city).detail, row(city).ready) == (outcome, getattr(error, "reason", None), False)
    ahead(minutes=again)
    assert nord(city).sent_ahead[-1] is None, "from the beginning"
    assert (row(city).outcome, row(city).ready) == (None, True)
    city.deliver(minutes=14)
    assert nord(city).used == [Prepared(("nord-3",))]


def test_what_never_comes_through_leaves_with_the_post(city, ahead, post):
    nord(city).ahead += [Transient(timedelta(0))] * 20
    for _ in range(15):
        ahead(minutes=4)
    city.deliver()
    assert nord(city).used == [None]
    assert 3 <= len(nord(city).sent_ahead) <= 5
    assert city.post(post).state == PostState.PUBLISHED


def test_nothing_is_sent_ahead_while_the_network_asks_to_wait(city, ahead, post):
    nord(city).ahead += [Throttled(city.now + timedelta(minutes=55))]
    ahead(minutes=45)
    ahead(minutes=5)
    assert len(nord(city).sent_ahead) == 1
    ahead(minutes=5)
    assert len(nord(city).sent_ahead) == 2


def test_what_another_connection_sent_is_not_used(city, ahead, post):
    ahead(minutes=46)
    with city.database.write() as session:
        session.execute(update(Account).where(Account.id == city.accounts["nord"]).values(token_closed="other"))
    city.deliver(minutes=14)
    assert nord(city).used == [None]


def test_what_was_sent_a_day_before_is_not_used(city, ahead, post):
    ahead(minutes=46)
    city.deliver(hours=23, minutes=51)
    assert nord(city).used == [None]


def test_another_time_is_sent_ahead_anew(city, ahead, post):
    ahead(minutes=46)
    post = city.act("Claire", "unschedule", post.id, version=post.version)
    city.schedule(post)
    city.deliver(minutes=14)
    assert nord(city).published == []
    ahead(minutes=40)
    city.deliver(minutes=6)
    assert nord(city).used == [Prepared(("nord-2",))]


@pytest.mark.parametrize("stop", ["pause", "unschedule"])
def test_what_is_stopped_leaves_nothing_behind_that_anybody_sees(city, ahead, post, stop):
    ahead(minutes=46)
    if stop == "pause":
        with city.database.write() as session:
            holding.begin(session, city.people["Claire"], "Incendie", now=city.now)
    else:
        city.act("Claire", "unschedule", post.id, version=post.version)
    ahead(minutes=10)
    city.deliver(minutes=4)
    assert nord(city).published == []
    assert len(nord(city).sent_ahead) == 1


def test_what_was_taken_back_before_is_not_sent_ahead(city, ahead, post):
    city.act("Claire", "unschedule", post.id, version=post.version)
    ahead(minutes=46)
    assert (nord(city).sent_ahead, row(city).due_at) == ([], None)


def test_what_the_network_lost_is_sent_with_the_post(city, ahead, post):
    ahead(minutes=46)
    nord(city).errors += [Rejected("prepared_gone")]
    city.deliver(minutes=14)
    assert nord(city).used == [None]
    assert city.post(post).state == PostState.PUBLISHED


def test_what_may_be_published_already_is_not_sent_anew(city, ahead, post):
    """The first answer was lost, no reading found it, and the network says that it published those files already."""
    ahead(minutes=46)
    nord(city).errors += [Ambiguous(), Rejected("prepared_gone")]
    city.deliver(minutes=14)
    (effect,) = city.effects()
    assert effect.state == EffectState.UNKNOWN
    for _ in range(4):
        city.clock.pass_(minutes=5)
        for effect_id in city.work.uncertain():
            city.work.reconcile(effect_id)
    city.deliver(minutes=1)
    (effect,) = city.effects()
    assert (effect.state, nord(city).errors, nord(city).used) == (EffectState.UNKNOWN, [], [])
    # It is read once more, and once more it is not there.
    for _ in range(4):
        city.clock.pass_(minutes=5)
        for effect_id in city.work.uncertain():
            city.work.reconcile(effect_id)
    city.deliver(minutes=1)
    assert nord(city).used == [None]
    assert city.post(post).state == PostState.PUBLISHED
