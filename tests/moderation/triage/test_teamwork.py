"""What a team does with an item besides deciding: each act has one effect, is told, written down, and can be undone."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count as counting
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from administration import notices, people
from classifiers.base import Urgency
from connectors.base import CommentRemoved
from models.audit import AuditEntry
from models.errors import NotFound, Refused
from models.items import Claim, Item
from models.notes import Note
from models.notices import Notice, see
from moderation import items
from moderation.triage import deciding, listing, queue, teamwork
from moderation.triage.listing import Filter
from moderation.triage.teamwork import Colleague

_keys = counting()


def act(city, who, name, comment, *args, **more):
    with city.database.write() as session:
        given = {"form_key": f"key-{next(_keys)}", "now": city.now, **more}
        return getattr(teamwork, name)(session, city.people[who], comment.id, *args, **given)


def assign(city, who, comment, to, before=None, **more):
    ids = {name: viewer.person_id for name, viewer in city.people.items()} | {None: None}
    return act(city, who, "assign", comment, ids[to], before_id=ids[before], **more)


def snooze(city, who, comment, hours=1.0, **more):
    return act(city, who, "snooze", comment, city.now + timedelta(hours=hours), **more)


def back(city, who, note):
    with city.database.write() as session:
        return teamwork.take_back(session, city.people[who], note.id, now=city.now)


def listed(city, who="Ariane", **wanted):
    with city.database.read() as session:
        lines = queue.page(session, city.people[who], Filter(**wanted), now=city.now).lines
        return [one.comment.external_id for one in lines]


def counts(city, who="Ariane"):
    with city.database.read() as session:
        return listing.counts(session, city.people[who], now=city.now)


def told(city, who):
    with city.database.read() as session:
        return [
            (one.note.kind, one.note.text, one.seen_at is None) for one in notices.notices(session, city.people[who])
        ]


def refused(call, *args, **more):
    with pytest.raises(Refused) as caught:
        call(*args, **more)
    return caught.value


# ------------------------------------------------------------------------------------------ put off
def test_what_is_put_off_leaves_the_queue_and_comes_back_at_its_time(city):
    for name in "abc":
        city.says(name, f"Texte {name}")
        city.clock.pass_(minutes=1)
    snooze(city, "Ariane", city.comment("a"), 2)
    assert (listed(city), listed(city, snoozed=True)) == (["b", "c"], ["a"])
    assert counts(city) == listing.Counts(2, 0, 1, 0)
    city.clock.pass_(hours=2, seconds=-1)
    assert listed(city) == ["b", "c"]
    city.clock.pass_(seconds=1)
    assert (listed(city), listed(city, snoozed=True)) == (["b", "c", "a"], [])
    assert counts(city) == listing.Counts(3, 0, 0, 0)


def test_what_was_put_off_again_and_is_taken_back_has_its_first_place(city):
    for name in "ab":
        city.says(name, f"Texte {name}")
        city.clock.pass_(minutes=1)
    first = snooze(city, "Ariane", city.comment("a"), 2)
    second = snooze(city, "Bruno", city.comment("a"), 5)
    assert refused(back, city, "Ariane", first).code == "not_undoable"
    back(city, "Ariane", second)
    assert listed(city) == ["a", "b"]
    assert city.item("a").snoozed_until is None


@pytest.mark.parametrize("hours", [0, -1, 24 * 93])
def test_it_is_put_off_to_a_time_to_come_that_is_not_far(city, hours):
    comment = city.says("7", "Bonjour")
    assert refused(snooze, city, "Ariane", comment, hours).code == "snooze_time"
    assert listed(city) == ["7"]


def test_a_danger_is_never_put_off(city):
    comment = city.says("7", "Au secours", urgency=Urgency(2, 0.9))
    assert refused(snooze, city, "Ariane", comment).code == "danger_waits"
    with city.database.write() as session:
        anyway = update(Item).values(snoozed_until=city.now, queued_before=city.now)
        with pytest.raises(IntegrityError):
            session.execute(anyway)
        session.rollback()


def test_new_words_a_danger_and_a_decision_end_it(city):
    city.says("edited", "Bonjour")
    snooze(city, "Ariane", city.comment("edited"))
    city.classifier.says["Bonsoir"] = city.classifier.says["Bonjour"]
    city.store(city.seen("edited", "Bonsoir", source="edit", seen_at=city.now))
    city.classify()
    assert listed(city) == ["edited"]
    snooze(city, "Ariane", city.comment("edited"))
    decision = city.decide("Bruno", city.comment("edited"), "nothing")
    city.undo("Bruno", decision)
    assert listed(city) == ["edited"], "the decision is undone: it waits now"
    snooze(city, "Ariane", city.comment("edited"))
    with city.database.write() as session:
        items.corrected(items.of_comment(session, city.comment("edited").id), 2)
    assert listed(city) == ["edited"]
    city.says("gone", "Allô")
    snooze(city, "Ariane", city.comment("gone"))
    city.store(CommentRemoved("gone", city.now))
    assert city.item("gone").snoozed_until is None


# ------------------------------------------------------------------------------------------ whose it is
def test_an_assigned_item_is_its_persons_and_passed_over_by_others(city):
    comment, _ = city.says("7", "Bonjour"), city.says("8", "Allô")
    note = assign(city, "Ariane", comment, "Bruno", text="Peux-tu regarder?")
    assert (listed(city, "Bruno", assignee_id=city.people["Bruno"].person_id), counts(city, "Bruno").mine) == (["7"], 1)
    assert listed(city, assignee_id=listing.NOBODY) == ["8"]
    with city.database.read() as session:
        for who, theirs in (("Ariane", [True, False]), ("Bruno", [False, False])):
            lines = queue.page(session, city.people[who], Filter(), now=city.now).lines
            assert [one.theirs for one in lines] == theirs
    assert told(city, "Bruno") == [("assign", "Peux-tu regarder?", True)]
    back(city, "Ariane", note)
    assert (city.item("7").assignee_id, told(city, "Bruno"), counts(city, "Bruno").mine) == (None, [], 0)


def test_whoever_assigns_sees_whose_it_was(city):
    comment = city.says("7", "Bonjour")
    assign(city, "Ariane", comment, "Bruno")
    error = refused(assign, city, "Ariane", comment, "Ariane")
    assert (error.code, error.params) == ("assigned_meanwhile", {"by": "Bruno"})
    assign(city, "Elise", comment, "Ariane", before="Bruno")
    assert city.item("7").assignee_id == city.people["Ariane"].person_id


@pytest.mark.parametrize("to", ["Chantal", "Denis", "Elise"])
def test_nobody_is_given_what_they_may_not_decide(city, to):
    """Of another borough, of another trade, or who only manages."""
    comment = city.says("7", "Bonjour")
    assert refused(assign, city, "Ariane", comment, to).code == "not_a_colleague"


def test_what_is_decided_or_open_elsewhere_is_neither_assigned_nor_put_off(city):
    comment = city.says("7", "Bonjour")
    with city.database.write() as session:
        deciding.claim(session, city.people["Bruno"], comment.id, now=city.now)
    for act_of in (lambda: assign(city, "Ariane", comment, "Ariane"), lambda: snooze(city, "Ariane", comment)):
        assert refused(act_of).params == {"by": "Bruno"}
    city.decide("Bruno", comment, "nothing")
    for act_of in (lambda: assign(city, "Ariane", comment, "Ariane"), lambda: snooze(city, "Ariane", comment)):
        assert refused(act_of).code == "already_decided"
    with city.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Claim)) == 0


def test_what_was_somebodys_who_is_put_out_is_anybodys(city):
    comment = city.says("7", "Bonjour")
    assign(city, "Ariane", comment, "Bruno")
    with city.database.write() as session:
        people.set_active(session, city.people["Bruno"].person_id, False, by=None, now=city.now)
    assert city.item("7").assignee_id is None
    assert refused(assign, city, "Ariane", comment, "Bruno").code == "not_a_colleague"


# ------------------------------------------------------------------------------------------ notes
TEAM = [Colleague(1, "Samuel Côté", True), Colleague(2, "Samuel Roy", True), Colleague(3, "Élise Nantel-Roy", False)]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("@Samuel Côté et @samuel roy", {1, 2}),
        ("@Samuel, ou l’autre", set()),
        ("@élise? merci", {3}),
        ("@Élise Nantel-Roy.", {3}),
        ("elise@ville.example, @Élisette", set()),
        ("moi@Élise", set()),
    ],
)
def test_a_name_behind_an_at_sign_is_somebody(text, named):
    assert teamwork.mentioned(text, TEAM) == named


def test_a_note_tells_whom_it_names_and_opening_the_comment_reads_it(city):
    comment = city.says("7", "Bonjour")
    act(city, "Ariane", "note", comment, "  @Bruno @Chantal @Ariane: vu la semaine passée \r\n")
    assert told(city, "Bruno") == [("note", "@Bruno @Chantal @Ariane: vu la semaine passée", True)]
    assert (told(city, "Chantal"), told(city, "Ariane")) == ([], [])
    with city.database.write() as session:
        see(session, city.people["Bruno"].person_id, comment_id=comment.id, now=city.now)
    assert [new for *_, new in told(city, "Bruno")] == [False]


def test_only_its_writer_takes_a_note_back(city):
    comment = city.says("7", "Bonjour")
    said = act(city, "Ariane", "note", comment, "@Bruno: regarde")
    assert refused(back, city, "Bruno", said).code == "not_yours"
    for _ in range(2):
        back(city, "Ariane", said)
    assert told(city, "Bruno") == []
    with city.database.read() as session:
        assert teamwork.about(session, comment.id) == []
        said = [one.action for one in session.scalars(select(AuditEntry).order_by(AuditEntry.id))]
    assert [one for one in said if one.startswith("comment.note")] == ["comment.note", "comment.note_back"]


def test_a_form_that_is_sent_twice_is_one_act(city):
    comment = city.says("7", "Bonjour")
    for call in (
        lambda: act(city, "Ariane", "note", comment, "@Bruno", form_key="n" * 16),
        lambda: assign(city, "Ariane", comment, "Bruno", form_key="a" * 16),
        lambda: snooze(city, "Ariane", comment, form_key="s" * 16),
    ):
        assert call().id == call().id
    other = city.says("8", "Allô")
    assert refused(act, city, "Ariane", "note", other, "Oui", form_key="n" * 16).code == "form_key_reused"
    with city.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Note)) == 3
        assert session.scalar(select(func.count()).select_from(Notice)) == 2


def test_nobody_acts_outside_of_their_scope(city):
    comment = city.says("7", "Bonjour")
    said = act(city, "Ariane", "note", comment, "Oui")
    for who in ("Chantal", "Denis"):
        for call in (
            lambda who=who: act(city, who, "note", comment, "Oui"),
            lambda who=who: assign(city, who, comment, "Ariane"),
            lambda who=who: snooze(city, who, comment),
            lambda who=who: back(city, who, said),
        ):
            with pytest.raises(NotFound):
                call()
    with pytest.raises(NotFound):
        snooze(city, "Elise", comment)


# ------------------------------------------------------------------------------------------ what is offered
@pytest.mark.parametrize(
    ("here", "names"),
    [
        ("2026-11-03T08:00", ["hour", "afternoon", "tomorrow", "monday"]),
        ("2026-11-03T12:00", ["hour", "tomorrow", "monday"]),
        ("2026-11-08T15:00", ["hour", "tomorrow"]),
    ],
)
def test_moments_are_offered_once_and_are_to_come(here, names):
    zone = ZoneInfo("America/Toronto")
    now = datetime.fromisoformat(here).replace(tzinfo=zone)
    offered = teamwork.laters(now, zone)
    assert [one.name for one in offered] == names
    assert all(one.at > now for one in offered)
    assert [one.at.astimezone(zone).hour for one in offered if one.name in {"tomorrow", "monday"}] == [8] * (
        len({"tomorrow", "monday"} & set(names))
    )
