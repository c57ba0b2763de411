"""Recurring communication files: what the city tells again, who answers for it, and the rule of its dates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, exists, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from models import audit
from models.accounts import Account
from models.base import next_version
from models.campaigns import Campaign
from models.dossiers import Dossier, KeyDate, Occurrence, OccurrenceTask
from models.errors import NotFound, Refusals, Refused
from models.posts import Post
from models.scope import Action, Viewer, staff, visible
from models.vocabulary import DateRule, MonthEnd, OutsideTask, PostState
from publishing.drafting import closed, link_of
from publishing.places import borough_of
from publishing.recurrence import Pattern, parts_of

LONGEST_NAME, LONGEST_KEY_DATE = 200, 100
MOST_LEAD, MOST_OFFSET = 365, 366
"""Days."""
LONGEST_WORDS = 70_000
MOST = 500
"""Files that are listed at once."""
UPCOMING = 12
"""Next days that are shown as a rule is written."""
DONE = (PostState.SCHEDULED, PostState.PUBLISHED)
"""A post that nobody has to look after any more."""


@dataclass(frozen=True)
class Outline:
    """What is said of a file. `hour` is the city's; `owner_id` None: whoever begins it."""

    name: str
    starts_on: dt.date
    owner_id: int | None = None
    purpose: str = ""
    rule: DateRule = DateRule.NONE
    rrule: str = ""
    anchor: str = ""
    offset_days: int = 0
    month_end: MonthEnd = MonthEnd.LAST
    hour: dt.time = dt.time(9)
    lead_days: int = 14
    text: str = ""
    link: str = ""
    campaign_id: int | None = None
    account_ids: Sequence[int] = ()
    tasks: Sequence[OutsideTask] = ()


@dataclass(frozen=True)
class Upcoming:
    """The next days that a rule gives, and those of the months that it skips among them."""

    days: list[dt.date]
    skipped: list[dt.date]


@dataclass(frozen=True)
class Sought:
    """Which files are listed; None or empty: all."""

    words: str = ""
    owner_id: int | None = None
    rule: DateRule | None = None


EVERYTHING = Sought()


# ------------------------------------------------------------------------------------------ writing
def create(
    session: Session,
    viewer: Viewer,
    outline: Outline,
    *,
    account_id: int | None = None,
    borough_id: int | None = None,
    today: dt.date,
    now: datetime,
) -> Dossier:
    """Begin one, in the whole city unless a place is given. Refused: `people_decide`, `place_not_yours`,
    `dossier_name`, `rule_unreadable`, `rule_part`, `rule_never`, `key_date_unknown`, `lead_unreadable`,
    `offset_unreadable`, `longer_than_kept`, `link_invalid`, `campaign_unknown`, `account_unknown`, `read_only`,
    `owner_unknown`.
    """
    if viewer.person_id is None:
        raise Refused("people_decide")
    borough_id = borough_of(session, viewer, Action.WRITE_POSTS, account_id=account_id, borough_id=borough_id)
    dossier = Dossier(account_id=account_id, borough_id=borough_id, created_by_id=viewer.person_id, created_at=now)
    dossier.accounts = []
    _outline(session, viewer, dossier, outline)
    session.add(dossier)
    session.flush()
    plan(session, dossier, today=today)
    _note(session, viewer, dossier, "created", now=now)
    return dossier


def edit(
    session: Session,
    viewer: Viewer,
    dossier_id: int,
    outline: Outline,
    *,
    version: int,
    today: dt.date,
    now: datetime,
) -> Dossier:
    """Say it anew: drafts that are made already stay. Refused: what `create` refuses, and `dossier_changed`."""
    dossier = load(session, viewer, dossier_id, version)
    _outline(session, viewer, dossier, outline)
    session.flush()
    plan(session, dossier, today=today)
    _note(session, viewer, dossier, "edited", now=now)
    return dossier


def archive(session: Session, viewer: Viewer, dossier_id: int, *, version: int, now: datetime) -> None:
    """It does not come back any more; what it made stays. Refused: `dossier_changed`."""
    dossier = load(session, viewer, dossier_id, version)
    dossier.archived_at, dossier.next_on, dossier.due_on = now, None, None
    _note(session, viewer, dossier, "archived", now=now)


def add_key_date(
    session: Session, viewer: Viewer, name: str, day: dt.date, *, today: dt.date, now: datetime
) -> KeyDate:
    """A day of the whole city from which files are counted. Refused: `key_date_name`, `key_date_known`."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST_KEY_DATE:
        raise Refused("key_date_name", field="name", most=str(LONGEST_KEY_DATE))
    if session.scalar(select(KeyDate.id).where(KeyDate.name == name, KeyDate.day == day)) is not None:
        raise Refused("key_date_known", field="day")
    kept = KeyDate(name=name, day=day)
    session.add(kept)
    session.flush()
    _plan_anew(session, name, today=today)
    audit.note(session, "key_date.added", f"key_date:{kept.id}", now=now, person_id=viewer.person_id, day=str(day))
    return kept


def remove_key_date(session: Session, viewer: Viewer, key_date_id: int, *, today: dt.date, now: datetime) -> None:
    """Files are counted from it no more; drafts that are made already stay."""
    found = session.get(KeyDate, key_date_id)
    if found is None:
        raise NotFound
    audit.note(session, "key_date.removed", f"key_date:{found.id}", now=now, person_id=viewer.person_id)
    session.execute(delete(KeyDate).where(KeyDate.id == key_date_id))
    _plan_anew(session, found.name, today=today)


def plan(session: Session, dossier: Dossier, *, today: dt.date) -> None:
    """Say when it comes next: its first day from `today` on that was not made yet."""
    made = set(session.scalars(select(Occurrence.day).where(Occurrence.dossier_id == dossier.id)))
    day = today - timedelta(days=1)
    while (day_after := _after(session, dossier, day)) is not None and day_after in made:
        day = day_after
    dossier.next_on = None if dossier.archived_at is not None else day_after
    dossier.due_on = dossier.next_on - timedelta(days=dossier.lead_days) if dossier.next_on is not None else None


def advance(session: Session, dossier: Dossier, day: dt.date) -> None:
    """That day is made: say when it comes next after it, without leaving out a day that passed meanwhile."""
    dossier.next_on = _after(session, dossier, day)
    dossier.due_on = dossier.next_on - timedelta(days=dossier.lead_days) if dossier.next_on is not None else None


# ------------------------------------------------------------------------------------------ reading
def dossiers(session: Session, viewer: Viewer, sought: Sought = EVERYTHING) -> Sequence[Dossier]:
    """The viewer's files, in the order in which they come next; those without a date last."""
    statement = whole(select(Dossier)).where(Dossier.archived_at.is_(None))
    for word in sought.words.split():
        statement = statement.where(
            or_(*(column.icontains(word, autoescape=True) for column in (Dossier.name, Dossier.purpose)))
        )
    if sought.owner_id is not None:
        statement = statement.where(Dossier.owner_id == sought.owner_id)
    if sought.rule is not None:
        statement = statement.where(Dossier.rule == sought.rule)
    ordered = statement.order_by(Dossier.next_on.is_(None), Dossier.next_on, Dossier.name, Dossier.id).limit(MOST)
    return session.scalars(visible(ordered, viewer, Action.SEE_POSTS, Dossier)).all()


def dossier(session: Session, viewer: Viewer, dossier_id: int) -> Dossier:
    """One file; NotFound when it is not there or not the viewer's."""
    statement = whole(select(Dossier)).where(Dossier.id == dossier_id)
    found = session.scalar(visible(statement, viewer, Action.SEE_POSTS, Dossier))
    if found is None:
        raise NotFound
    return found


def upcoming(session: Session, outline: Outline, *, today: dt.date, number: int = UPCOMING) -> Upcoming:
    """What a rule gives from today on, before it is kept. Refused: what is wrong with the rule itself."""
    if outline.rule == DateRule.NONE:
        return Upcoming([], [])
    if outline.rule == DateRule.ANCHORED:
        _check_offset(outline)
        offset = timedelta(days=outline.offset_days)
        named = select(KeyDate.day).where(KeyDate.name == outline.anchor).order_by(KeyDate.day)
        found = [day + offset for day in session.scalars(named)]
        return Upcoming([day for day in found if day >= max(today, outline.starts_on)][:number], [])
    pattern = Pattern(outline.rrule, outline.starts_on, outline.month_end)
    parts_of(outline.rrule)
    days: list[dt.date] = []
    day: dt.date | None = today - timedelta(days=1)
    while len(days) < number and day is not None and (day := pattern.after(day)) is not None:
        days.append(day)
    return Upcoming(days, pattern.skipped(today, days[-1]) if days else [])


def outline_of(dossier: Dossier) -> Outline:
    """What was said of a file: the inverse of what keeps it."""
    return Outline(
        name=dossier.name,
        starts_on=dossier.starts_on,
        owner_id=dossier.owner_id,
        purpose=dossier.purpose,
        rule=dossier.rule,
        rrule=dossier.rrule,
        anchor=dossier.anchor,
        offset_days=dossier.offset_days,
        month_end=dossier.month_end,
        hour=dossier.hour,
        lead_days=dossier.lead_days,
        text=dossier.text,
        link=dossier.link or "",
        campaign_id=dossier.campaign_id,
        account_ids=[account.id for account in dossier.accounts],
        tasks=[OutsideTask(one) for one in dossier.tasks],
    )


def key_dates(session: Session) -> Sequence[KeyDate]:
    """All of them, by name and day."""
    return session.scalars(select(KeyDate).order_by(KeyDate.name, KeyDate.day)).all()


def anchors(session: Session) -> Sequence[str]:
    """The names of key dates, each once."""
    return session.scalars(select(KeyDate.name).distinct().order_by(KeyDate.name)).all()


def owners(session: Session, *, account_id: int | None, borough_id: int | None) -> list[tuple[int, str]]:
    """Who may answer for a file of a place, id and name, by name."""
    return [
        (one.person_id, one.name)
        for one in staff(session)
        if one.person_id is not None and one.may_on(Action.WRITE_POSTS, borough_id=borough_id, account_id=account_id)
    ]


def whole(statement: Select[Dossier]) -> Select[Dossier]:
    return statement.options(
        joinedload(Dossier.borough),
        joinedload(Dossier.owner),
        joinedload(Dossier.campaign),
        selectinload(Dossier.accounts),
    )


def load(session: Session, viewer: Viewer, dossier_id: int, version: int | None = None) -> Dossier:
    """The file to work on; with a version, the one to change, at its next version."""
    statement = select(Dossier).options(selectinload(Dossier.accounts)).where(Dossier.id == dossier_id)
    statement = statement.where(Dossier.archived_at.is_(None)).with_for_update(of=Dossier)
    found = session.scalar(visible(statement, viewer, Action.WRITE_POSTS, Dossier))
    if found is None:
        raise NotFound
    return found if version is None else next_version(found, version, "dossier_changed")


def unfinished(today: dt.date) -> Select[Occurrence]:
    """Occurrences up to the end of this week of which something is left to be done."""
    sunday = today + timedelta(days=6 - today.weekday())
    task = exists().where(OccurrenceTask.occurrence_id == Occurrence.id, OccurrenceTask.done_at.is_(None))
    waits = exists().where(Post.id == Occurrence.post_id, Post.state.not_in(DONE))
    return (
        select(Occurrence)
        .join(Dossier, Dossier.id == Occurrence.dossier_id)
        .where(Occurrence.settled_at.is_(None), Occurrence.day <= sunday)
        .where(or_(Occurrence.problem.is_not(None), waits, task))
        .order_by(Occurrence.day, Occurrence.id)
    )


# -------------------------------------------------------------------------------------------------------------------
def _after(session: Session, dossier: Dossier, day: dt.date) -> dt.date | None:
    if dossier.rule == DateRule.REPEATS:
        return Pattern(dossier.rrule, dossier.starts_on, dossier.month_end).after(day)
    if dossier.rule == DateRule.ANCHORED:
        least = max(day + timedelta(days=1), dossier.starts_on) - timedelta(days=dossier.offset_days)
        named = select(KeyDate.day).where(KeyDate.name == dossier.anchor, KeyDate.day >= least)
        found = session.scalar(named.order_by(KeyDate.day).limit(1))
        return found + timedelta(days=dossier.offset_days) if found is not None else None
    return None


def _plan_anew(session: Session, anchor: str, *, today: dt.date) -> None:
    counted = select(Dossier).where(Dossier.rule == DateRule.ANCHORED, Dossier.anchor == anchor)
    for one in session.scalars(counted.where(Dossier.archived_at.is_(None)).with_for_update()):
        plan(session, one, today=today)


def _outline(session: Session, viewer: Viewer, dossier: Dossier, outline: Outline) -> None:
    wrong, name, link, accounts = Refusals(), outline.name.strip(), None, list[Account]()
    with wrong.collect():
        if not 1 <= len(name) <= LONGEST_NAME:
            raise Refused("dossier_name", field="name", most=str(LONGEST_NAME))
    for field in ("purpose", "text"):
        with wrong.collect():
            if len(getattr(outline, field)) > LONGEST_WORDS:
                raise Refused("longer_than_kept", field=field, most=str(LONGEST_WORDS))
    with wrong.collect():
        if not 0 <= outline.lead_days <= MOST_LEAD:
            raise Refused("lead_unreadable", field="lead_days", most=str(MOST_LEAD))
    with wrong.collect():
        _check_rule(session, outline)
    with wrong.collect():
        link = link_of(outline.link)
    with wrong.collect():
        _check_campaign(session, viewer, dossier, outline)
    with wrong.collect():
        accounts = _accounts(session, viewer, dossier, outline)
    with wrong.collect():
        dossier.owner_id = _owner(session, viewer, dossier, outline)
    wrong.say()
    dossier.name, dossier.purpose, dossier.text = name, outline.purpose.strip(), outline.text.strip()
    dossier.link, dossier.campaign_id, dossier.accounts = link, outline.campaign_id, accounts
    dossier.rule, dossier.starts_on, dossier.month_end = outline.rule, outline.starts_on, outline.month_end
    dossier.rrule = outline.rrule.strip().upper().removeprefix("RRULE:") if outline.rule == DateRule.REPEATS else ""
    dossier.anchor = outline.anchor if outline.rule == DateRule.ANCHORED else ""
    dossier.offset_days = outline.offset_days if outline.rule == DateRule.ANCHORED else 0
    dossier.hour, dossier.lead_days = outline.hour.replace(second=0, microsecond=0), outline.lead_days
    dossier.tasks = sorted({str(one) for one in outline.tasks})


def _check_rule(session: Session, outline: Outline) -> None:
    if outline.rule == DateRule.REPEATS:
        pattern = Pattern(outline.rrule, outline.starts_on, outline.month_end)
        if pattern.after(outline.starts_on - timedelta(days=1)) is None:
            raise Refused("rule_never", field="rrule")
    if outline.rule == DateRule.ANCHORED:
        _check_offset(outline)
        if session.scalar(select(KeyDate.id).where(KeyDate.name == outline.anchor).limit(1)) is None:
            raise Refused("key_date_unknown", field="anchor", name=outline.anchor)


def _check_offset(outline: Outline) -> None:
    if not -MOST_OFFSET <= outline.offset_days <= MOST_OFFSET:
        raise Refused("offset_unreadable", field="offset_days", most=str(MOST_OFFSET))


def _check_campaign(session: Session, viewer: Viewer, dossier: Dossier, outline: Outline) -> None:
    if outline.campaign_id in (None, dossier.campaign_id):
        return
    named = select(Campaign.id).where(Campaign.id == outline.campaign_id)
    if session.scalar(visible(named, viewer, Action.WRITE_POSTS, Campaign)) is None:
        raise Refused("campaign_unknown", field="campaign")


def _accounts(session: Session, viewer: Viewer, dossier: Dossier, outline: Outline) -> list[Account]:
    """Those for which drafts are made. One that a colleague chose stays when somebody who does not see it writes on."""
    known = {account.id: account for account in dossier.accounts}
    wanted = select(Account).where(Account.id.in_(outline.account_ids))
    known |= {one.id: one for one in session.scalars(visible(wanted, viewer, Action.WRITE_POSTS, Account))}
    if set(outline.account_ids) - known.keys():
        raise Refused("account_unknown", field="accounts")
    chosen = [known[id_] for id_ in dict.fromkeys(outline.account_ids)]
    for account in chosen:
        if (why_not := closed(account)) is not None:
            raise why_not
    return chosen


def _owner(session: Session, viewer: Viewer, dossier: Dossier, outline: Outline) -> int:
    wanted = outline.owner_id or viewer.person_id or 0
    if wanted in (viewer.person_id, dossier.owner_id):
        return wanted
    if wanted not in {id_ for id_, _ in owners(session, account_id=dossier.account_id, borough_id=dossier.borough_id)}:
        raise Refused("owner_unknown", field="owner")
    return wanted


def _note(session: Session, viewer: Viewer, dossier: Dossier, action: str, *, now: datetime) -> None:
    audit.note(session, f"dossier.{action}", f"dossier:{dossier.id}", now=now, person_id=viewer.person_id)
