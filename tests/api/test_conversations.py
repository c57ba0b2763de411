"""Private conversations for programs of people: what waits, until when it can be answered, and nobody else's."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from models.comments import Comment
from models.conversations import Conversation, Message
from models.vocabulary import Role


@pytest.fixture
def desk(sqlite_parvis, seed_city, visit, sign_in_as):
    city = seed_city(sqlite_parvis)

    def enter(role=Role.MODERATOR, place="city"):
        return sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(role, place))

    return city, enter


def test_conversations_are_listed_the_newest_message_first_and_read_whole(desk):
    city, enter = desk
    newest, now = city.conversations["south"], city.now
    with city.database.write() as session:
        session.execute(update(Comment).where(Comment.id == newest).values(created_at=now.replace(year=now.year + 1)))
        session.add(
            Message(
                comment_id=newest,
                external_id="m2",
                by_city=True,
                text="Oui",
                said_at=now,
                received_at=now,
                settled=True,
            )
        )
        session.execute(update(Conversation).where(Conversation.comment_id == newest).values(answered_at=now))
    client = enter()
    first = client.get("/api/v1/conversations", params={"limit": 2})
    (one, two), following = first.json()["items"], first.json()["next"]
    assert (one["id"], one["kind"], one["answered_at"] is not None) == (newest, "message", True)
    assert one["written_at"] < one["answer_until"] < one["person_until"]
    (three,) = client.get("/api/v1/conversations", params={"limit": 2, "after": following}).json()["items"]
    assert {two["id"], three["id"]} == set(city.conversations.values()) - {newest}
    whole = client.get(f"/api/v1/conversations/{newest}").json()
    assert [(one["text"], one["by_city"], one["waits"]) for one in whole["messages"]] == [
        ("Bonjour", False, True),
        ("Oui", True, False),
    ]
    assert client.get("/api/v1/conversations", params={"state": "handled"}).json()["items"] == []
    assert client.get("/api/v1/conversations", params={"after": "x"}).status_code == 422


def test_a_comment_is_no_conversation_and_who_may_not_read_them_sees_none(desk):
    city, enter = desk
    assert enter().get(f"/api/v1/conversations/{city.comments['city']}").status_code == 404
    north = enter(place="north").get("/api/v1/conversations").json()["items"]
    assert [one["id"] for one in north] == [city.conversations["north"]]
    officer = enter(Role.COMMUNICATIONS)
    assert officer.get("/api/v1/conversations").status_code == 403
    assert officer.get(f"/api/v1/comments/{city.conversations['city']}").status_code == 404
