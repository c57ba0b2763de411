"""A private conversation waits in the same queue, for those who may read it, and is answered where it was written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from administration import notices, retention
from connectors.base import MessageSeen
from connectors.registry import capabilities
from models.accounts import Account
from models.comments import Comment
from models.conversations import Conversation, Message
from models.effects import Effect
from models.errors import Ambiguous, NotFound, Refused, Rejected
from models.items import Item
from models.requests311 import ServiceRequest
from models.scope import Action, visible
from models.vocabulary import DecisionKind, EffectState, ItemState, OperationKind, Role
from moderation import conversations
from moderation.learning import labels
from moderation.requests import inbox
from moderation.triage import listing, oncall, queue, shifts, teamwork, today
from moderation.triage.listing import Filter
from tests.moderation.conftest import TERMS

WITH = "with:louise"


@pytest.fixture
def write(city):
    """Louise writes in private; the conversation waits."""

    def say(text: str, number: int = 1, **more) -> Comment:
        given = {"seen_at": city.now, "said_at": city.now, "person_external_id": "louise", "person_name": "Louise Roy"}
        city.store(MessageSeen(WITH, f"m_{number}", text=text, **(given | more)))
        city.classify()
        return city.comment(WITH)

    with city.write():
        city.hire("Hélène", Role.COMMUNICATIONS)
        city.hire("Irène", Role.RECORDS)
    return say


# ------------------------------------------------------------------------------------------------- who sees it
def seen_by(city, name: str) -> dict[str, object]:
    """All that a person is shown of the queue, in every way that there is."""
    viewer, now = city.people[name], city.now
    with city.database.read() as session:
        comment_id = session.scalars(select(Comment.id).where(Comment.external_id == WITH)).one()
        listed = queue.page(session, viewer, Filter(), now=now).lines
        handled = queue.page(session, viewer, Filter(state=ItemState.HANDLED), now=now).lines
        found = listing.found(session, viewer, Filter(words="piscine"), now=now)
        counts = listing.counts(session, viewer, now=now)
        try:
            opened = queue.detail(session, viewer, comment_id, now=now).comment.id == comment_id
        except NotFound:
            opened = False
        public = session.scalars(select(Comment.id).where(Comment.external_id == "public")).one()
        return {
            "listed": len(listed) + len(handled),
            "counted": counts.waiting,
            "found": sum(found),
            "opened": opened,
            "in the history": len(queue.detail(session, viewer, public, now=now).history),
            "chosen": len(queue.chosen(session, viewer, [comment_id], now=now)),
            "decided": sum(queue.done_since(session, viewer, now - timedelta(hours=1)).values()),
            "oldest": today.closing(session, viewer, now - timedelta(hours=1), now=now).oldest is not None,
            "items": len(session.scalars(visible(select(Item.id), viewer, Action.SEE_COMMENTS, Item)).all()),
        }


def test_whoever_has_no_leave_for_private_messages_sees_nothing_of_them(city, write):
    write("Quand ouvre la piscine?")
    city.decide("Ariane", city.says("public", "Merci", account="nord"), DecisionKind.NOTHING)
    city.store(city.seen("public", "Merci", author_external_id="louise", author_name="Louise Roy"))
    every = {"listed": 2, "counted": 1, "found": 1, "opened": True, "in the history": 1, "oldest": True, "items": 2}
    every |= {"chosen": 1, "decided": 1}
    none = {"listed": 1, "counted": 0, "found": 0, "opened": False, "in the history": 0, "oldest": False, "items": 1}
    none |= {"chosen": 0, "decided": 1}
    assert seen_by(city, "Ariane") == every
    assert seen_by(city, "Elise") == every | {"chosen": 0}  # She decides about nothing.
    assert seen_by(city, "Hélène") == none
    assert seen_by(city, "Irène") == none


def test_a_leave_for_one_borough_opens_no_conversation_of_another(city, write):
    write("Quand ouvre la piscine?")
    with city.database.read() as session:
        assert session.scalars(visible(select(Item.id), city.people["Chantal"], Action.SEE_COMMENTS, Item)).all() == []


def test_a_conversation_is_given_only_to_who_may_read_it_and_names_nobody_else(city, write):
    said = write("Quand ouvre la piscine?")
    public = city.says("public", "Merci")
    with city.database.read() as session:
        names = {one.name for one in teamwork.colleagues(session, said)}
        assert {one.name for one in teamwork.colleagues(session, public)} - names == {"Hélène", "Irène"}
    with city.database.write() as session:
        teamwork.note(
            session, city.people["Ariane"], said.id, "@Hélène, tu la connais?", form_key="a" * 16, now=city.now
        )
    with city.database.read() as session:
        assert notices.notices(session, city.people["Hélène"]) == []


def test_a_danger_that_is_written_in_private_calls_only_who_may_read_it(city, write):
    said, public = write("Je vais mourir"), city.says("public", "Au secours")
    elise, helene = (city.people[name].person_id for name in ("Elise", "Hélène"))
    with city.database.write() as session:
        oncall.set_roster(session, city.people["Elise"], [(helene, "")], now=city.now)
    with city.database.read() as session:
        called = {one.comment_id: oncall._turns(session, one) for one in session.scalars(select(Item))}
    assert called == {said.id: [[elise]], public.id: [[helene]]}


def test_a_shift_and_what_is_learned_leave_private_words_out(city, write):
    city.decide("Ariane", write("Quand ouvre la piscine?"), DecisionKind.NOTHING)
    with city.database.read() as session:
        assert list(labels.labelled(session)) == []
        assert shifts.shift(session, city.people["Hélène"], TERMS.zone, now=city.now).theirs == []


# ------------------------------------------------------------------------------------------------- answering it
def test_a_reply_leaves_once_into_the_conversation_and_its_echo_doubles_nothing(city, write):
    decision = city.decide("Ariane", write("Quand ouvre la piscine?"), DecisionKind.REPLY, text="Samedi à 9 h.")
    city.deliver()
    (done,) = city.network.done
    assert (done.kind, done.target, done.text) == (OperationKind.MESSAGE, WITH, "Samedi à 9 h.")
    effect = city.effect(decision)
    assert (effect.state, city.item(WITH).state) == (EffectState.DONE, ItemState.HANDLED)
    echo = MessageSeen(WITH, effect.remote_id, city.now, city.now, by_account=True, text="Samedi à 9 h.")
    city.store(echo, echo)
    with city.database.read() as session:
        assert session.scalars(select(Message.text).order_by(Message.id)).all() == [
            "Quand ouvre la piscine?", "Samedi à 9 h.",
        ]  # fmt: skip
        assert not queue.detail(session, city.people["Ariane"], city.comment(WITH).id, now=city.now).answered_outside


def test_an_answer_from_the_networks_own_application_is_said(city, write):
    write("Quand ouvre la piscine?")
    city.clock.pass_(60)
    city.store(MessageSeen(WITH, "m_9", city.now, city.now, by_account=True, text="Samedi."))
    with city.database.read() as session:
        (line,) = queue.page(session, city.people["Ariane"], Filter(), now=city.now).lines
        assert line.answered_outside


def test_a_reply_whose_answer_is_lost_is_looked_for_and_not_sent_again_blindly(city, write):
    city.network.errors = [Ambiguous()]
    decision = city.decide("Ariane", write("Quand ouvre la piscine?"), DecisionKind.REPLY, text="Samedi à 9 h.")
    city.deliver()
    assert (city.effect(decision).state, city.network.done) == (EffectState.UNKNOWN, [])


def test_a_reply_that_the_network_refuses_is_a_draft_again(city, write):
    city.network.errors = [Rejected("window_closed")]
    city.decide("Ariane", write("Quand ouvre la piscine?"), DecisionKind.REPLY, text="Samedi à 9 h.")
    city.deliver()
    assert (city.item(WITH).state, city.drafts(WITH)) == (ItemState.WAITING, ["Samedi à 9 h."])


def test_a_reply_to_words_that_are_not_the_last_is_refused(city, write):
    first = write("Quand ouvre la piscine?")
    write("Celle du parc", 2)
    with pytest.raises(Refused) as caught:
        city.decide("Ariane", first, DecisionKind.REPLY, text="Samedi à 9 h.")
    assert caught.value.code == "text_changed"


def test_the_clock_of_an_answer(city, write):
    said, able = write("Quand ouvre la piscine?"), capabilities("facebook")
    with city.database.read() as session:
        window = conversations.window(session.get_one(Conversation, said.id), able)
    assert (window.plainly, window.at_all) == (city.now + timedelta(hours=24), city.now + timedelta(days=7))
    city.clock.pass_(days=6, hours=23)
    assert not window.closed(city.now)
    city.clock.pass_(hours=1)
    assert window.closed(city.now)
    for choice in ({"kind": DecisionKind.REPLY}, {"kind": DecisionKind.REQUEST, "service_code": "nid-de-poule"}):
        with pytest.raises(Refused) as caught:
            city.decide("Ariane", said, **choice, text="Samedi à 9 h.")
        assert caught.value.code == "window_closed"
    city.decide("Ariane", said, DecisionKind.NOTHING)


def test_nobody_hides_or_likes_a_private_message(city, write):
    for kind in (DecisionKind.HIDE, DecisionKind.LIKE):
        with pytest.raises(Refused) as caught:
            city.decide("Ariane", write("Niaiseux"), kind, rule_code="N1")
        assert caught.value.code == "not_possible_there"


def test_a_message_is_as_long_as_the_network_takes(city, write):
    with pytest.raises(Refused) as caught:
        city.decide("Ariane", write("Quand?"), DecisionKind.REPLY, text="x" * 2001)
    assert (caught.value.code, caught.value.params["most"]) == ("reply_too_long", "2000")


def test_a_request_of_311_takes_the_words_along_and_the_agent_reads_no_more_of_the_conversation(city, write):
    with city.database.read() as session:
        code = (
            queue.detail(session, city.people["Ariane"], write("Un trou rue Hallé").id, now=city.now).catalogue[0].code
        )
    city.decide("Ariane", city.comment(WITH), DecisionKind.REQUEST, service_code=code, place="12, rue Hallé")
    write("Et je suis malade", 2)
    with city.database.read() as session:
        request = session.scalars(select(ServiceRequest)).one()
        assert request.description == "Un trou rue Hallé"
        agents = inbox.detail(session, city.people["Denis"], request.number)
        assert (list(agents.comments), agents.privately) == ([], 1)
        moderators = inbox.detail(session, city.people["Ariane"], request.number)
        assert (len(moderators.comments), moderators.privately) == (1, 0)


def test_disposal_leaves_no_word_of_a_conversation_and_nobody_it_could_be_of(city, write):
    said = write("Quand ouvre la piscine?")
    city.decide("Ariane", said, DecisionKind.REPLY, text="Samedi à 9 h.")
    city.deliver()
    with city.database.write() as session:
        retention.dispose(session, [said.id], now=city.now, person_id=None)
    with city.database.read() as session:
        assert session.scalars(select(Message.text)).all() == [None, None]
        gone = f"gone:{said.id}"
        assert (
            session.scalars(select(Comment.external_id)).all() == session.scalars(select(Effect.target)).all() == [gone]
        )
        assert session.get_one(Account, said.account_id).external_id == "page-nord"
