"""Programs of the city are told each sealed entry once, in order, whatever is lost on the way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from administration import hooks, keys
from connectors.base import Receipt
from models import audit
from models.effects import Effect
from models.errors import NotFound, Refused, Rejected, Transient
from models.hooks import Hook
from models.session import vault_of
from models.vocabulary import EffectState
from models.work import Timing, Work

URL, BASE = "https://bi.ville.example/parvis", "https://parvis.ville.example"


class Taking(list):
    """A pretend program: what it was given, and what it answers instead."""

    def __init__(self):
        super().__init__()
        self.fails = []

    def send(self, alert):
        self.append(alert)
        if self.fails and (failure := self.fails.pop(0)) is not None:
            raise failure
        return Receipt(alert.key)


@pytest.fixture
def program():
    return Taking()


@pytest.fixture
def add(city):
    def add_one(nouns=("comment",), name="BI", url=URL):
        with city.database.write() as session:
            hooks.add(session, vault_of(session), name, url, nouns, by=None, now=city.now)
            return session.scalars(select(func.max(Hook.id))).one()

    return add_one


@pytest.fixture
def passing(city, program):
    """Time passes: what is in the journal is sealed, announced and sent."""

    def hook_of(hook_id):
        with city.database.read() as session:
            if session.get_one(Hook, hook_id).removed_at is not None:
                raise Rejected("hook_removed")
        return program

    handler = hooks.effect_handler(city.database, hook_of, BASE)
    work = Work(city.database, city.locks, [handler], owner="the test", clock=city.clock, timing_of=lambda _: Timing())

    def pass_(**duration):
        city.clock.pass_(**duration or {"seconds": 5})
        with city.database.write() as session:
            audit.seal_due(session)
        hooks.announce_due(city.database, now=city.now)
        while due := work.due():
            for effect_id in due:
                work.deliver(effect_id)
        for effect_id in work.uncertain():
            work.reconcile(effect_id)

    return pass_


def note(city, *subjects):
    with city.database.write() as session:
        for number, subject in enumerate(subjects):
            audit.note(session, f"{subject.partition(':')[0]}.act{number}", subject, now=city.now, person_id=None)


def test_what_was_asked_for_is_told_from_then_on(city, add, passing, program):
    note(city, "comment:1")
    passing()
    hook = add(("comment", "request"))
    note(city, "comment:2", "post:1", "request:999", "comment:2")
    passing()
    passing()
    assert [(one.kind, one.data["subject"]) for one in program] == [
        ("comment.act0", "comment:2"),
        ("request.act2", "request:999"),
        ("comment.act3", "comment:2"),
    ]
    assert [one.data["link"] for one in program] == [f"{BASE}/api/v1/comments/2", None, f"{BASE}/api/v1/comments/2"]
    assert len({one.key for one in program}) == 3
    with city.database.read() as session:
        assert session.get_one(Hook, hook).announced == session.scalar(select(func.max(audit.AuditEntry.sequence)))


def test_a_lost_answer_gives_the_same_name_again(city, add, passing, program):
    add()
    program.fails = [Transient(reason="unreachable"), Transient(timedelta(seconds=30), reason="503")]
    note(city, "comment:1", "comment:1")
    for _ in range(30):
        passing(minutes=2)
    keys_given = [one.key for one in program]
    assert len(set(keys_given)) == 2
    assert keys_given == sorted(keys_given), "of one subject, one after the other"
    assert len(keys_given) == 4
    with city.database.read() as session:
        assert set(session.scalars(select(Effect.state))) == {EffectState.DONE}


def test_what_is_refused_waits_for_a_person_who_gives_it_again(city, add, passing, program):
    hook = add()
    program.fails = [Rejected("HTTP 404")]
    note(city, "comment:1")
    passing()
    with city.database.write() as session:
        (failed,) = hooks.messages(session, hook)
        assert failed.failed
        hooks.again(session, failed.id, by=None, now=city.now)
        with pytest.raises(Refused, match="hook_busy"):
            hooks.again(session, failed.id, by=None, now=city.now)
    passing()
    assert len(program) == 2
    assert len({one.key for one in program}) == 1
    with city.database.write() as session:
        hooks.again(session, failed.id, by=None, now=city.now)
    passing()
    assert len(program) == 3


def test_what_is_removed_is_told_nothing_more(city, add, passing, program):
    hook, other = add(), add(name="Écran")
    note(city, "comment:1")
    with city.database.write() as session:
        audit.seal_due(session)
    hooks.announce_due(city.database, now=city.now)
    with city.database.write() as session:
        hooks.remove(session, hook, by=None, now=city.now)
    note(city, "comment:2")
    passing()
    assert len(program) == 2, "the other one alone"
    with city.database.write() as session:
        assert [one.id for one in hooks.hooks(session)] == [other]
        with pytest.raises(NotFound):
            hooks.remove(session, hook, by=None, now=city.now)
        assert keys.rotate(session, vault_of(session), now=city.now) >= 1


@pytest.mark.parametrize(
    "address",
    [
        "http://bi.ville.example/",
        "ftp://x.example",
        "https://",
        "https://me:secret@x.example/",
        "https://x.example:a/",
        "https://x.example/ y",
        "https://x.example/\n",
        "https://exemplé.example/",
        f"https://x.example/{'a' * 500}",
    ],
)
def test_an_address_is_checked(city, add, address):
    with pytest.raises(Refused) as told:
        add((), url=address)
    assert {one.code for one in (told.value, *told.value.others)} == {"hook_address", "nouns_needed"}
