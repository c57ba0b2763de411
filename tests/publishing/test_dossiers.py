"""Recurring files: when they come, the draft that is made once, what is late, and who sees and changes them."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, event, func, select

from models.comments import Comment, SourcePost
from models.dossiers import Dossier, Occurrence, OccurrenceTask
from models.errors import NotFound, Refused
from models.figures import PostFigures
from models.items import Item
from models.people import Person
from models.posts import Post, Variant
from models.session import Database
from models.vocabulary import DateRule, Intention, ItemState, MonthEnd, NoticeKind, NotMade, OutsideTask, PostState
from publishing import dossiers, occurrences
from publishing.dossiers import Outline, Sought

ZONE = ZoneInfo("America/Toronto")
TODAY = date(2026, 11, 2)
WEEKLY = Outline(
    "Collecte des feuilles",
    starts_on=date(2026, 11, 9),
    rule=DateRule.REPEATS,
    rrule="FREQ=WEEKLY",
    lead_days=7,
    text="Les feuilles sont ramassées lundi.",
    tasks=(OutsideTask.WEB_PAGE,),
)


@pytest.fixture
def weekly(city) -> Outline:
    return replace(WEEKLY, account_ids=(city.accounts["nord"], city.accounts["ville"]))


def begin(city, outline: Outline, who: str = "Claire", **place: int) -> int:
    with city.database.write() as session:
        return dossiers.create(session, city.people[who], outline, **place, today=TODAY, now=city.now).id


def edit(city, id_: int, outline: Outline, version: int = 1, who: str = "Claire") -> None:
    with city.database.write() as session:
        dossiers.edit(session, city.people[who], id_, outline, version=version, today=TODAY, now=city.now)


def make_due(city) -> int:
    return occurrences.make_due(city.database, ZONE, now=city.now)


def made(city, id_: int) -> list[Occurrence]:
    with city.database.read() as session:
        return sorted(occurrences.of_dossier(session, id_), key=lambda one: one.day)


def kept(city, id_: int) -> Dossier:
    with city.database.read() as session:
        return dossiers.dossier(session, city.people["Claire"], id_)


def late(city, who: str = "Claire") -> list[date]:
    with city.database.read() as session:
        today = city.now.astimezone(ZONE).date()
        return [one.day for one in occurrences.late(session, city.people[who], today=today)]


# ------------------------------------------------------------------------------------------ by the clock
def test_the_draft_is_made_once_at_its_lead_and_the_owner_is_told(city, weekly):
    id_ = begin(city, replace(weekly, hour=time(7, 30)))
    assert (kept(city, id_).next_on, kept(city, id_).due_on) == (date(2026, 11, 9), TODAY)
    assert [make_due(city), make_due(city)] == [1, 0]
    (one,) = made(city, id_)
    post = city.post(one.post)
    assert (post.title, post.state, post.author.name) == ("Collecte des feuilles", PostState.DRAFT, "Claire")
    assert post.publish_at == datetime(2026, 11, 9, 12, 30, tzinfo=UTC)
    assert {variant.account.name: variant.text for variant in post.variants} == {
        "nord": "Les feuilles sont ramassées lundi.",
        "ville": "Les feuilles sont ramassées lundi.",
    }
    assert kept(city, id_).next_on == date(2026, 11, 16)
    assert city.told("Claire") == [NoticeKind.DOSSIER_DUE]
    city.clock.pass_(days=7)
    assert make_due(city) == 1
    assert [one.day for one in made(city, id_)] == [date(2026, 11, 9), date(2026, 11, 16)]


def test_two_workers_and_a_crash_make_it_once(city, weekly, monkeypatch):
    ids = [begin(city, replace(weekly, name=f"Dossier {number}")) for number in range(6)]

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        # All of it is there by then but the commit.
        patch.setattr(dossiers, "advance", crash)
        with pytest.raises(KeyboardInterrupt):
            make_due(city)
    with city.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Post)) == 0, "half of it is nothing"
    workers = [threading.Thread(target=make_due, args=(city,)) for _ in range(3)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert [len(made(city, id_)) for id_ in ids] == [1] * 6
    with city.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Post)) == 6
    assert len(city.told("Claire")) == 6


def test_one_that_cannot_be_made_keeps_no_other_from_being_made(city, weekly, monkeypatch):
    broken, whole = begin(city, weekly), begin(city, weekly)
    written = occurrences._written

    def breaks(session, dossier, day, at):
        if dossier.id == broken:
            raise RuntimeError
        return written(session, dossier, day, at)

    monkeypatch.setattr(occurrences, "_written", breaks)
    assert make_due(city) == 1
    assert (len(made(city, broken)), len(made(city, whole))) == (0, 1)


def test_after_a_long_sleep_no_day_is_left_out_and_nothing_stale_is_drafted(city, weekly):
    id_ = begin(city, weekly)
    city.clock.pass_(days=21)  # A Monday again: three days passed or came meanwhile.
    make_due(city)
    assert [(one.day.day, one.problem, one.post_id is not None) for one in made(city, id_)] == [
        (9, NotMade.MISSED, False),
        (16, NotMade.MISSED, False),
        (23, None, True),
        (30, None, True),
    ]
    assert [day.day for day in late(city)][:2] == [9, 16]
    # Its hour has passed this morning: a draft without a time, for a person to look at.
    assert [city.post(one.post).publish_at is None for one in made(city, id_)[2:]] == [True, False]


def test_a_draft_that_its_owner_may_not_write_is_a_persons(city, weekly):
    sylvie = city.people["Sylvie"].person_id
    with pytest.raises(Refused, match="owner_unknown"):
        begin(city, replace(weekly, owner_id=sylvie))
    south = city.boroughs["sud"]
    id_ = begin(city, replace(weekly, owner_id=sylvie), borough_id=south)
    make_due(city)
    assert [(one.problem, one.post_id) for one in made(city, id_)] == [(NotMade.REFUSED, None)]
    with city.database.write() as session:
        occurrences.make(session, city.people["Claire"], id_, date(2026, 11, 9), ZONE, now=city.now)
    assert [(one.problem, one.post_id is not None) for one in made(city, id_)] == [(None, True)]
    with pytest.raises(Refused, match="occurrence_known"), city.database.write() as session:
        occurrences.make(session, city.people["Claire"], id_, date(2026, 11, 9), ZONE, now=city.now)
    with city.database.write() as session:
        session.get_one(Person, sylvie).active = False
    city.clock.pass_(days=7)
    make_due(city)
    assert made(city, id_)[-1].problem == NotMade.OWNER_GONE


# ------------------------------------------------------------------------------------------ what is written
def test_without_a_text_the_last_time_is_copied_with_its_pictures_and_campaign(city, weekly):
    id_ = begin(city, replace(weekly, text="", account_ids=(city.accounts["nord"], city.accounts["sud"])))
    draft = city.draft("L'an dernier.", "nord", link="https://ville.example/feuilles")
    earlier = city.act("Claire", "create", draft)
    with pytest.raises(Refused, match="post_timeless"), city.database.write() as session:
        occurrences.remember(session, city.people["Claire"], id_, earlier.id, ZONE, now=city.now)
    draft = replace(draft, publish_at=datetime(2026, 11, 5, 14, tzinfo=UTC))
    earlier = city.act("Claire", "edit", earlier.id, draft, version=1)
    with city.database.write() as session:
        occurrences.remember(session, city.people["Claire"], id_, earlier.id, ZONE, now=city.now)
    make_due(city)
    post = city.post(made(city, id_)[-1].post)
    assert {one.account.name: (one.text, one.link) for one in post.variants} == {
        "nord": ("L'an dernier.", "https://ville.example/feuilles"),
        "sud": ("L'an dernier.", "https://ville.example/feuilles"),
    }


def test_last_time_with_its_figures_and_the_questions_that_were_asked(city, weekly):
    id_ = begin(city, weekly)
    make_due(city)
    (one,) = made(city, id_)
    nord = city.accounts["nord"]
    with city.database.write() as session:
        there = SourcePost(account_id=nord, external_id="p1", text="Les feuilles", created_at=city.now)
        session.add(there)
        session.flush()
        variant = session.scalars(select(Variant).where(Variant.account_id == nord)).one()
        variant.source_post_id = there.id
        for days, reach in ((1, 10), (2, 25)):
            session.add(PostFigures(source_post_id=there.id, day=TODAY + timedelta(days), at=city.now, reach=reach))
        for number, intention in enumerate([Intention.QUESTION, Intention.PRAISE, Intention.QUESTION]):
            comment = Comment(
                account_id=nord,
                external_id=f"c{number}",
                source_post_id=there.id,
                text=f"Texte {number}",
                created_at=city.now,
                received_at=city.now,
                borough_id=city.boroughs["nord"],
            )
            session.add(comment)
            session.flush()
            scope = {"account_id": nord, "borough_id": comment.borough_id}
            item = Item(**scope, comment_id=comment.id, state=ItemState.WAITING, queued_at=city.now)
            item.intention = intention
            session.add(item)
    with city.database.read() as session:
        before = occurrences.before(session, city.people["Claire"], id_, day=date(2026, 11, 16))
        assert before.occurrence.id == one.id
        assert [figures.reach for figures in before.figures.values()] == [25], "the newest count"
        assert [asked.text for asked in before.questions] == ["Texte 0", "Texte 2"]
        blind = occurrences.before(session, city.people["Gilles"], id_, day=date(2026, 11, 16))
        assert blind.questions == [], "who sees no comments is shown none here"
        assert occurrences.before(session, city.people["Claire"], id_, day=one.day) is None


# ------------------------------------------------------------------------------------------ key dates
def add(city, name: str, day: date) -> int:
    with city.database.write() as session:
        return dossiers.add_key_date(session, city.people["Claire"], name, day, today=TODAY, now=city.now).id


def test_so_many_days_before_the_taxes(city, weekly):
    first = add(city, "Versement des taxes", date(2026, 12, 1))
    add(city, "Versement des taxes", date(2027, 3, 1))
    with pytest.raises(Refused, match="key_date_known"):
        add(city, "  Versement des  taxes", date(2027, 3, 1))
    anchored = replace(weekly, rule=DateRule.ANCHORED, anchor="Versement des taxes", offset_days=-21, lead_days=7)
    with pytest.raises(Refused, match="key_date_unknown"):
        begin(city, replace(anchored, anchor="Versement"))
    id_ = begin(city, anchored)
    assert kept(city, id_).next_on == date(2026, 11, 10)
    city.clock.pass_(days=1)
    assert make_due(city) == 1
    assert kept(city, id_).next_on == date(2027, 2, 8)
    add(city, "Versement des taxes", date(2027, 1, 15))
    assert kept(city, id_).next_on == date(2026, 12, 25), "a key date that comes in between is not left out"
    with city.database.write() as session:
        dossiers.remove_key_date(session, city.people["Claire"], first, today=TODAY, now=city.now)
    assert [one.day for one in made(city, id_)] == [date(2026, 11, 10)], "what is made stays, and is made once"
    assert kept(city, id_).next_on == date(2026, 12, 25)


# ------------------------------------------------------------------------------------------ changing
def test_another_rule_makes_no_day_twice_and_a_file_that_is_over_comes_no_more(city, weekly):
    id_ = begin(city, weekly)
    make_due(city)
    edit(city, id_, replace(weekly, lead_days=20))
    make_due(city)
    assert [one.day.day for one in made(city, id_)] == [9, 16]
    with pytest.raises(Refused, match="dossier_changed"):
        edit(city, id_, weekly)
    with city.database.write() as session:
        dossiers.archive(session, city.people["Claire"], id_, version=2, now=city.now)
    city.clock.pass_(days=90)
    assert make_due(city) == 0
    with city.database.read() as session:
        assert dossiers.dossiers(session, city.people["Claire"]) == []


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"name": " "}, "dossier_name", "name"),
        ({"name": "x" * 201}, "dossier_name", "name"),
        ({"lead_days": 366}, "lead_unreadable", "lead_days"),
        ({"lead_days": -1}, "lead_unreadable", "lead_days"),
        ({"rrule": "FREQ=HOURLY"}, "rule_part", "rrule"),
        ({"rrule": "tous les lundis"}, "rule_part", "rrule"),
        ({"rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "month_end": MonthEnd.SKIP}, "rule_never", "rrule"),
        ({"rule": DateRule.ANCHORED, "anchor": "x", "offset_days": 400}, "offset_unreadable", "offset_days"),
        ({"link": "javascript:alert(1)"}, "link_invalid", "link"),
        ({"campaign_id": 99}, "campaign_unknown", "campaign"),
        ({"account_ids": (999,)}, "account_unknown", "accounts"),
        ({"owner_id": 999}, "owner_unknown", "owner"),
    ],
)
def test_what_a_file_needs(city, weekly, change, code, field):
    with pytest.raises(Refused) as caught:
        begin(city, replace(weekly, **change))
    assert (caught.value.code, caught.value.params.get("field")) == (code, field)


def test_the_next_days_as_a_rule_is_written(city, weekly):
    with city.database.read() as session:
        rule = replace(weekly, rrule="FREQ=MONTHLY;BYMONTHDAY=31", month_end=MonthEnd.SKIP, starts_on=TODAY)
        found = dossiers.upcoming(session, rule, today=TODAY, number=3)
        assert (found.days, found.skipped) == (
            [date(2026, 12, 31), date(2027, 1, 31), date(2027, 3, 31)],
            [date(2026, 11, 30), date(2027, 2, 28)],
        )
        last = dossiers.upcoming(session, replace(rule, month_end=MonthEnd.LAST), today=TODAY, number=2)
        assert (last.days, last.skipped) == ([date(2026, 11, 30), date(2026, 12, 31)], [])
        assert dossiers.upcoming(session, replace(rule, rule=DateRule.NONE), today=TODAY).days == []


# ------------------------------------------------------------------------------------------ late
def test_what_is_late_this_week(city, weekly):
    id_ = begin(city, weekly)
    make_due(city)
    assert late(city) == [], "its day is next week"
    city.clock.pass_(days=7)
    assert late(city) == [date(2026, 11, 9)]
    (one,) = made(city, id_)
    with city.database.write() as session:
        session.get_one(Post, one.post_id).state = PostState.SCHEDULED
    assert late(city) == [date(2026, 11, 9)], "the page on the Web is not done"
    with city.database.write() as session:
        occurrences.mark(session, city.people["Claire"], one.id, OutsideTask.WEB_PAGE, done=True, now=city.now)
        with pytest.raises(NotFound):
            occurrences.mark(session, city.people["Claire"], one.id, OutsideTask.POSTER, done=True, now=city.now)
    assert late(city) == []
    (task,) = made(city, id_)[0].tasks
    assert (task.done_by.name, task.done_at) == ("Claire", city.now)
    with city.database.write() as session:
        occurrences.mark(session, city.people["Claire"], one.id, OutsideTask.WEB_PAGE, done=False, now=city.now)
    assert late(city) == [date(2026, 11, 9)]
    with city.database.write() as session:
        occurrences.settle(session, city.people["Claire"], one.id, now=city.now)
    assert late(city) == []


def test_a_file_without_a_date_is_made_when_somebody_says_so(city, weekly):
    id_ = begin(city, replace(weekly, rule=DateRule.NONE))
    assert (kept(city, id_).next_on, make_due(city)) == (None, 0)
    with city.database.write() as session:
        occurrences.make(session, city.people["Claire"], id_, date(2026, 12, 24), ZONE, now=city.now)
    (one,) = made(city, id_)
    assert city.post(one.post).publish_at == datetime(2026, 12, 24, 14, tzinfo=UTC)


def test_it_is_seen_and_changed_where_it_is_and_nowhere_else(city, weekly):
    sud = replace(weekly, account_ids=(city.accounts["sud"],))
    ours = begin(city, sud, "Sylvie", borough_id=city.boroughs["sud"])
    theirs = begin(city, weekly)
    for call in (
        lambda: begin(city, sud, "Sylvie"),
        lambda: begin(city, sud, "Sylvie", borough_id=city.boroughs["nord"]),
    ):
        with pytest.raises(Refused, match="place_not_yours"):
            call()
    with pytest.raises(NotFound):
        edit(city, theirs, sud, who="Sylvie")
    make_due(city)
    (one,) = made(city, theirs)
    sylvie = city.people["Sylvie"]
    with city.database.write() as session:
        assert [found.id for found in dossiers.dossiers(session, sylvie)] == [ours]
        assert [found.dossier_id for found in occurrences.late(session, sylvie, today=one.day)] == [ours]
        for call in (
            lambda: dossiers.dossier(session, sylvie, theirs),
            lambda: occurrences.settle(session, sylvie, one.id, now=city.now),
            lambda: occurrences.mark(session, sylvie, one.id, OutsideTask.WEB_PAGE, done=True, now=city.now),
            lambda: occurrences.make(session, sylvie, theirs, TODAY, ZONE, now=city.now),
        ):
            with pytest.raises(NotFound):
                call()
    with city.database.read() as session:
        claire = city.people["Claire"]
        assert {one.id for one in dossiers.dossiers(session, claire)} == {ours, theirs}
        assert [one.id for one in dossiers.dossiers(session, claire, Sought(owner_id=sylvie.person_id))] == [ours]
        assert dossiers.dossiers(session, claire, Sought("feuilles neige")) == []
        assert len(dossiers.dossiers(session, claire, Sought("FEUILLES"))) == 2
        assert dossiers.owners(session, account_id=None, borough_id=city.boroughs["sud"]) == [
            (city.people[name].person_id, name) for name in ("Claire", "Odile", "Sylvie")
        ]
        assert session.scalar(select(func.count()).select_from(OccurrenceTask)) == 2


def test_killed_at_any_statement_each_draft_is_made_once_and_each_owner_told_once(city, weekly):
    ids = [begin(city, replace(weekly, name=f"Dossier {number}")) for number in range(6)]
    kills, step = 0, 2
    while _killed(city, step):
        kills, step = kills + 1, step + 4
    assert kills >= 10
    assert [(len(made(city, id_)), made(city, id_)[0].problem) for id_ in ids] == [(1, None)] * 6
    with city.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Post)) == 6
        assert session.scalar(select(func.count()).select_from(Variant)) == 12
        assert session.scalar(select(func.count()).select_from(OccurrenceTask)) == 6
    assert city.told("Claire") == [NoticeKind.DOSSIER_DUE] * 6
    assert make_due(city) == 0


def _killed(city, step: int) -> bool:
    """Let the clock's job run in a child that SIGKILL ends right before that statement; False: it came to its end."""
    child = os.fork()
    if child == 0:
        steps = 0

        def count(*_: object) -> None:
            nonlocal steps
            steps += 1
            if steps >= step:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            database = Database(city.database.url)
            for happening in ("before_cursor_execute", "commit"):
                event.listen(Engine, happening, count)
            occurrences.make_due(database, ZONE, now=city.now)
        finally:  # Whatever it was, the child never goes on with what its parent does.
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])
