"""Private messages at the door: every page and every address of the API, for each role, looked through for one word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import select, update

from administration import keys
from api.app import create_app
from api.messages import problem
from connectors.base import AttachmentSeen, MessageSeen
from models.accounts import Account
from models.comments import Attachment, Comment
from models.conversations import Message
from models.effects import Effect
from models.items import Item
from models.notes import Note
from models.scope import ALLOWED, KEY_SCOPES, Action
from models.vocabulary import AttachmentKind, EffectState, ItemState, NoteKind, OperationKind, Outcome, Role
from moderation.intake import upserting

CANARY = "Canarivert"
READERS = {role for role in Role if Action.SEE_MESSAGES in ALLOWED[role]}


@dataclass
class Town:
    """A small city to which somebody wrote in private; `ids` are those of the conversation, by the names of paths."""

    parvis: object
    city: object
    ids: dict[str, int]


@pytest.fixture
def town(sqlite_parvis, seed_city) -> Town:
    city, now = seed_city(sqlite_parvis), sqlite_parvis.clock()
    photo = AttachmentSeen(AttachmentKind.PHOTO, None, f"https://cdn.example/{CANARY}", None, CANARY)
    said = {"person_external_id": "7", "person_name": f"Marie {CANARY}"}
    with sqlite_parvis.database.write() as session:
        account = session.get_one(Account, city.accounts["city"])
        told = [
            MessageSeen("with:7", "m_1", now, now - timedelta(hours=2), text=f"Bonjour {CANARY}", **said),
            MessageSeen("with:7", "m_2", now, now - timedelta(hours=1), by_account=True, text="On vérifie."),
            MessageSeen("with:7", "m_3", now, now, text=f"Merci {CANARY}", attachments=(photo,), **said),
        ]
        upserting.store(session, account, told, now=now)
        item = session.scalars(select(Item).where(Item.private)).one()
        session.execute(update(Item).where(Item.id == item.id).values(state=ItemState.WAITING, urgency=1))
        session.execute(update(Attachment).where(Attachment.message_id.is_not(None)).values(picture=CANARY.encode()))
        note = Note(comment_id=item.comment_id, kind=NoteKind.NOTE, text=CANARY, at=now)
        note.person_id = city.person(Role.MODERATOR, "city")
        session.add(note)
        shown = session.scalars(select(Attachment.id).where(Attachment.message_id.is_not(None))).one()
        ids = {"comment_id": item.comment_id, "item_id": item.id, "attachment_id": shown}
    return Town(sqlite_parvis, city, ids)


def addresses(app, ids: dict[str, int]) -> list[str]:
    """Every address that is read, those of one conversation too, and searches for its word."""
    paths = {
        context.path
        for context in iter_route_contexts(app.routes)
        if context.path and "GET" in (context.methods or ()) and not context.path.startswith("/webhooks")
    }
    filled = (re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: str(ids.get(found[1], found[0])), path) for path in paths)
    searches = [f"/?mots={CANARY}", f"/?mots={CANARY}&etat=traites", f"/api/v1/comments?q={CANARY}", "/?vue=partie"]
    return sorted(path for path in filled if "{" not in path) + searches


SEEING = [Role.MODERATOR, Role.MANAGER, Role.COMMUNICATIONS, Role.RECORDS, Role.AGENT311]
"""Who sees comments, or what was asked in them."""


@pytest.mark.parametrize("role", SEEING)
def test_no_page_and_no_address_shows_a_private_word_to_who_may_not_read_it(role, town, visit, sign_in_as):
    client = sign_in_as(town.parvis, visit(town.parvis), town.city.person(role, "city"))
    showing = set()
    for address in addresses(create_app(town.parvis), town.ids):
        said = client.get(address)
        assert said.status_code < 500, address
        if CANARY in said.text.replace(f"mots={CANARY}", "").replace(f'value="{CANARY}"', ""):
            showing.add(address)
    one = town.ids["comment_id"]
    if role in READERS:
        assert {"/", f"/commentaires/{one}", f"/commentaires/{one}/images/{town.ids['attachment_id']}"} <= showing
    else:
        assert showing == set()


def test_no_key_reads_a_private_word(town, visit):
    with town.parvis.database.write() as session:
        key = keys.add_key(session, "program", sorted(KEY_SCOPES), now=town.parvis.clock())
    client = visit(town.parvis, authorization=f"Bearer {key}")
    app = create_app(town.parvis)
    assert [one for one in addresses(app, town.ids) if CANARY in client.get(one).text.replace(f"q={CANARY}", "")] == []


def test_nobody_writes_of_a_conversation_that_they_may_not_read(town, visit, sign_in_as):
    client = sign_in_as(town.parvis, visit(town.parvis), town.city.person(Role.COMMUNICATIONS, "city"))
    note = {"text": "Qui est-ce?", "form_key": "0123456789abcdef"}
    assert client.post(f"/commentaires/{town.ids['comment_id']}/notes", data=note).status_code == 404
    own = client.post(f"/commentaires/{town.city.comments['city']}/notes", data=note)
    assert own.status_code == 303


def test_a_group_names_no_comment_that_the_viewer_does_not_see(town, visit, sign_in_as):
    """Left out of several that are decided at once, a comment was named by its first words, whoever's it was."""
    client = sign_in_as(town.parvis, visit(town.parvis), town.city.person(Role.MODERATOR, "north"))
    form = {"kind": "nothing", "form_key": "0123456789abcdef", "items": [f"{town.ids['comment_id']}:1"]}
    said = client.post("/groupe", data=form)
    assert said.status_code == 200
    assert CANARY not in said.text


def test_a_conversation_is_read_with_its_clock_and_answered(town, visit, sign_in_as):
    client = sign_in_as(town.parvis, visit(town.parvis), town.city.person(Role.MODERATOR, "city"))
    address = f"/commentaires/{town.ids['comment_id']}"
    page = client.get(address).text
    assert "Réponse possible jusqu’au 24\N{NO-BREAK SPACE}novembre 2026" in page
    assert "On vérifie." in page
    assert "Réponse privée" in page
    assert "Message privé" in page
    with town.parvis.database.read() as session:
        version = session.get_one(Comment, town.ids["comment_id"]).version
    form = {"kind": "reply", "version": version, "form_key": "0123456789abcdef", "text": "C’est réglé."}
    assert client.post(f"{address}/decision", data=form).status_code == 303
    with town.parvis.database.read() as session:
        effect = session.scalars(select(Effect)).one()
        assert (effect.operation, effect.target) == (OperationKind.MESSAGE, "with:7")


@pytest.mark.parametrize(("days", "said"), [(2, "une personne peut encore répondre"), (8, "n’accepte plus de réponse")])
def test_the_clock_says_when_it_is_late(days, said, town, visit, sign_in_as, clock):
    clock.pass_(days=days)
    client = sign_in_as(town.parvis, visit(town.parvis), town.city.person(Role.MODERATOR, "city"))
    page = client.get(f"/commentaires/{town.ids['comment_id']}").text
    assert said in page
    assert ('id="reply-text"' in page) is (days < 7)


@pytest.mark.parametrize("operation", [OperationKind.REPLY, OperationKind.PRIVATE_REPLY, OperationKind.MESSAGE])
def test_each_act_that_follows_from_a_reply_can_be_said(operation):
    failed = Effect(operation=operation, state=EffectState.FAILED, outcome=Outcome.REJECTED, detail="window_closed")
    assert problem(failed)


def test_a_conversation_of_which_nothing_waits_is_a_page_too(town, visit, sign_in_as):
    with town.parvis.database.write() as session:
        session.execute(update(Message).values(settled=True))
    client = sign_in_as(town.parvis, visit(town.parvis), town.city.person(Role.MODERATOR, "city"))
    assert client.get(f"/commentaires/{town.ids['comment_id']}").status_code == 200
