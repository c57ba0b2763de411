"""Private messages come in by webhooks and by reading: once each, in any order, and none waits for what was decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import select

from connectors.base import AttachmentSeen, MessageSeen, MessagesMarked, Talks
from models.accounts import Account, SetAside
from models.comments import Attachment, Author, Comment
from models.conversations import Conversation, Message
from models.errors import PermissionMissing, Transient
from models.vocabulary import AttachmentKind, CommentKind, DecisionKind, ItemState
from moderation.intake import conversing, upserting

WITH = "with:louise"


@pytest.fixture
def told(city):
    """Something that Louise wrote in private, or the city to her (`ours`), some minutes ago."""

    def seen(number: int, text: str | None = "Bonjour", *, ours: bool = False, **more) -> MessageSeen:
        at = city.now - timedelta(minutes=60 - number)
        given = {"seen_at": city.now, "said_at": at, "person_external_id": "louise", "person_name": "Louise Roy"}
        given |= {"conversation": WITH, "external_id": f"m_{number}"}
        return MessageSeen(by_account=ours, text=text, **(given | more))

    return seen


def words(city) -> list[tuple[str | None, bool]]:
    with city.database.read() as session:
        rows = session.execute(select(Message.text, Message.by_city).order_by(Message.said_at))
        return [tuple(row) for row in rows]


def test_what_somebody_writes_waits_as_one_conversation(city, told):
    city.store(told(1, "Bonjour"), told(2, "Ma rue n’est pas déneigée"))
    said = city.comment(WITH)
    assert (said.kind, said.text, said.author.name) == (
        CommentKind.MESSAGE, "Bonjour\nMa rue n’est pas déneigée", "Louise Roy",
    )  # fmt: skip
    assert (city.item(WITH).state, city.item(WITH).private) == (ItemState.RECEIVED, True)
    city.classify()
    assert city.item(WITH).state == ItemState.WAITING
    with city.database.read() as session:
        assert session.scalar(select(Conversation.written_at)) == city.now - timedelta(minutes=58)


def test_told_twice_and_in_any_order_it_is_kept_once(city, told):
    changes = [told(1, "Un"), told(2, "Deux", ours=True), told(3, "Trois"), MessagesMarked(WITH, seen_until=city.now)]
    for number, order in enumerate(permutations(changes)):
        for one in (*order, *order):
            city.store(replace(one, conversation=f"with:{number}"))
        with city.database.read() as session:
            comment = session.scalars(select(Comment).where(Comment.external_id == f"with:{number}")).one()
            kept = session.execute(
                select(Message.text, Message.by_city).where(Message.comment_id == comment.id).order_by(Message.said_at)
            )
            assert [tuple(row) for row in kept] == [("Un", False), ("Deux", True), ("Trois", False)]
            assert comment.text == "Un\nTrois"
            talk = session.get_one(Conversation, comment.id)
            last = city.now - timedelta(minutes=57)
            assert (talk.written_at, talk.answered_at) == (last, last - timedelta(minutes=1))
            # A mark that came before its conversation says nothing; told again, it does.
            assert talk.seen_until == city.now


def test_a_message_after_a_decision_brings_the_conversation_back_with_its_own_words(city, told):
    city.store(told(1, "Merci de vérifier"))
    city.classify()
    city.decide("Ariane", city.comment(WITH), DecisionKind.NOTHING)
    city.store(told(1, "Merci de vérifier"))
    assert city.item(WITH).state == ItemState.HANDLED
    city.store(told(2, "Et alors?"))
    city.classify()
    assert (city.item(WITH).state, city.comment(WITH).text) == (ItemState.WAITING, "Et alors?")


def test_an_answer_from_outside_settles_nothing(city, told):
    """It may be an answering machine's: « Nous avons bien reçu votre message »."""
    city.store(told(1, "Mon voisin est en danger"), told(2, "Nous avons bien reçu votre message.", ours=True))
    assert city.item(WITH).state == ItemState.RECEIVED
    city.classify()
    city.store(told(3, "Vite!"))
    city.classify()
    assert city.comment(WITH).text == "Mon voisin est en danger\nVite!"


def test_the_first_reading_asks_nobody_about_what_was_answered_before(city, told):
    step = (told(1, "Quand ouvre la piscine?"), told(2, "Samedi.", ours=True), told(3, "Merci"))
    with city.database.write() as session:
        account = session.get_one(Account, city.accounts["nord"])
        upserting.store(session, account, step[:2], now=city.now, history=True)
    assert city.item(WITH) is None
    with city.database.write() as session:
        upserting.store(session, session.get_one(Account, account.id), step, now=city.now, history=True)
    assert (city.item(WITH).state, city.comment(WITH).text) == (ItemState.RECEIVED, "Merci")


def test_one_that_is_taken_back_is_kept_and_waits_no_more(city, told):
    city.store(told(1, "Oubliez ça"))
    city.classify()
    city.store(told(1, None, taken_back=True))
    assert (city.item(WITH).state, words(city)) == (ItemState.HANDLED, [("Oubliez ça", False)])
    city.store(told(2, None, taken_back=True))
    city.store(told(2, "Dit trop tard"))
    assert (city.item(WITH).state, words(city)) == (
        ItemState.HANDLED,
        [("Oubliez ça", False), ("Dit trop tard", False)],
    )


def test_what_a_message_shows_is_kept_with_it_and_its_picture_is_fetched(city, told):
    photo = AttachmentSeen(AttachmentKind.PHOTO, None, "https://cdn.example/1", "https://cdn.example/1")
    city.store(told(1, "", attachments=(photo,)), told(1, "", attachments=(photo,)))
    with city.database.read() as session:
        (shown,) = session.scalars(select(Attachment)).all()
        assert (shown.message_id, shown.fetch_due_at) == (session.scalar(select(Message.id)), city.now)
    assert city.item(WITH).state == ItemState.RECEIVED


def test_marks_about_a_conversation_that_nobody_told_of_keep_nothing(city):
    city.store(MessagesMarked(WITH, seen_until=city.now))
    with city.database.read() as session:
        assert session.scalars(select(Comment)).all() == []


def test_one_message_that_cannot_be_kept_holds_back_no_other(city, told):
    city.store(told(1, "Bonjour"), told(2, external_id=""), told(3, "Encore"))
    assert [text for text, _ in words(city)] == ["Bonjour", "Encore"]
    with city.database.read() as session:
        assert len(session.scalars(select(SetAside)).all()) == 1


# ------------------------------------------------------------------------------------------------- by reading
def read(city) -> Account:
    account_id = city.accounts["nord"]
    conversing.converse(
        city.database, city.locks, lambda _: city.network, account_id, clock=city.clock, every=timedelta(minutes=5)
    )
    with city.database.read() as session:
        return session.get_one(Account, account_id)


def test_a_reading_goes_on_to_the_end_of_its_round(city, told):
    city.network.talks = [
        Talks((told(1, "Un"),), "one", more=True, calls=1),
        Talks((told(1, "Un"), told(2, "Deux")), "two", more=False, calls=1),
    ]
    account = read(city)
    assert (account.talks_cursor, account.talks_read_at) == ("two", city.now)
    assert account.talks_due_at == city.now + timedelta(minutes=5)
    assert [text for text, _ in words(city)] == ["Un", "Deux"]


def test_a_reading_that_fails_goes_on_from_where_it_was(city, told):
    city.network.talks = [Talks((told(1, "Un"),), "one", more=True, calls=1), Transient()]
    account = read(city)
    assert (account.talks_cursor, account.talks_read_at) == ("one", None)
    assert account.talks_due_at == city.now + timedelta(minutes=5)


def test_a_token_that_may_not_read_them_is_said_and_asked_again_hours_later(city):
    city.network.talks = [PermissionMissing("pages_messaging")]
    account = read(city)
    assert (account.missing, account.talks_due_at) == (["pages_messaging"], city.now + conversing.WITHOUT_LEAVE)
    with city.database.read() as session:
        assert account.id not in conversing.accounts_to_converse(session, now=city.now)


def test_only_networks_that_have_conversations_are_read(city):
    city.add_account("page", "linkedin")
    with city.database.read() as session:
        due = conversing.accounts_to_converse(session, now=city.now)
    assert city.accounts["page"] not in due
    assert city.accounts["nord"] in due


def test_a_person_is_one_author_whatever_they_write(city, told):
    city.store(city.seen("7", author_external_id="louise", author_name="Louise Roy"), told(1))
    with city.database.read() as session:
        assert len(session.scalars(select(Author)).all()) == 1
