"""A year's plan from a spreadsheet: campaigns, drafts and recurring files, all of them or none, with what is wrong line
by line.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Campaign
from models.dossiers import Dossier
from models.errors import Refused
from models.people import Person
from models.posts import Post
from models.scope import Action, Viewer, visible
from models.session import Database
from models.spreadsheets import packed, parted, unguarded, workbook
from models.vocabulary import DateRule, OutsideTask, PostState
from publishing import campaigns, dossiers, planning, rules
from publishing.campaigns import Outline, untagged
from publishing.drafting import Draft, Written, closed, whole
from publishing.wall import instant

COLUMNS = (
    "campagne",
    "debut",
    "fin",
    "objectif",
    "theme",
    "service",
    "titre",
    "texte",
    "comptes",
    "date",
    "heure",
    "lien",
    "type",
    "regle",
    "delai",
    "responsable",
    "taches",
)
DOSSIER = "dossier"
KINDS = {"", "publication", DOSSIER}
TASKS = {
    "communique": OutsideTask.PRESS_RELEASE,
    "page web": OutsideTask.WEB_PAGE,
    "affichage": OutsideTask.POSTER,
    "infolettre": OutsideTask.NEWSLETTER,
}
TASK_NAMES = {task: name for name, task in TASKS.items()}
NEEDED = ("campagne", "titre", "texte", "comptes")
"""Of the columns, those that a file cannot be without. A line without a title makes its campaign alone. One whose
type is "dossier" makes a recurring file, whose date is the first day on which it may come.
"""
LARGEST, MOST = 1_000_000, 5_000
"""Bytes of a file, and its lines."""

_HOUR = re.compile(r"(\d{1,2})\s*(?:[:h]\s*(\d{2})?)?\s*")


@dataclass
class Report:
    """What a plan made; with something `wrong`, nothing was kept of it."""

    campaigns: int = 0
    posts: int = 0
    dossiers: int = 0
    known: int = 0
    """Lines whose post or recurring file was there already."""
    wrong: list[tuple[int, Refused]] = field(default_factory=list)
    """Number of the line in the file, and why."""


class _NotKept(Exception):  # Only ends the transaction.
    pass


def take(database: Database, viewer: Viewer, raw: bytes, zone: ZoneInfo, *, now: datetime) -> Report:
    """Make the campaigns and drafts of a CSV file or a workbook, in one transaction; nothing is kept where a line is
    wrong.

    Refused, of the whole file: `plan_heavy`, `plan_columns`, `plan_empty`, `plan_unreadable`, `encoding_unknown`,
    `encoding_mixed`.
    """
    rows, report = list(_rows(raw)), Report()
    with suppress(_NotKept), database.write() as session:
        maker = _Maker(session, viewer, zone, now, report)
        for line, row in rows:
            if isinstance(row, Refused):
                report.wrong.append((line, row))
                continue
            try:
                maker.make(row)
            except Refused as error:
                report.wrong += [(line, one) for one in (error, *error.others)]
        _keep(report)
    return Report(wrong=report.wrong) if report.wrong else report


def _keep(report: Report) -> None:
    if report.wrong:
        raise _NotKept


class _Maker:
    """Makes what each line says, with what the lines before made."""

    def __init__(self, session: Session, viewer: Viewer, zone: ZoneInfo, now: datetime, report: Report) -> None:
        self._session, self._viewer, self._zone, self._now, self._report = session, viewer, zone, now, report
        theirs = session.scalars(visible(select(Account), viewer, Action.WRITE_POSTS, Account)).all()
        self._accounts: dict[str, list[Account]] = {}
        for account in theirs:
            for said in (account.name, f"{account.network}:{account.external_id}"):
                self._accounts.setdefault(rules.folded(said), []).append(account)
        self._campaigns = {rules.folded(one.name): one for one in campaigns.writable(session, viewer)}
        kept = visible(select(Dossier).where(Dossier.archived_at.is_(None)), viewer, Action.SEE_POSTS, Dossier)
        self._dossiers = {rules.folded(one.name) for one in session.scalars(kept)}
        self._anchors = {rules.folded(name): name for name in dossiers.anchors(session)}

    def make(self, row: Mapping[str, str]) -> None:
        """One line: its campaign, unless one of that name is there, and its draft or recurring file."""
        kind = rules.folded(row["type"])
        if kind not in KINDS:
            raise Refused("plan_type", said=row["type"])
        with self._session.begin_nested():
            campaign = self._campaign(row)
        if row["titre"]:
            with self._session.begin_nested():
                (self._dossier if kind == DOSSIER else self._draft)(row, campaign)

    def _dossier(self, row: Mapping[str, str], campaign: Campaign | None) -> None:
        if rules.folded(row["titre"]) in self._dossiers:
            self._report.known += 1
            return
        today = self._now.astimezone(self._zone).date()
        rule = rules.read(row["regle"], self._anchors)
        outline = dossiers.Outline(
            name=row["titre"],
            starts_on=_day(row["date"], "date") or today,
            owner_id=self._owner(row["responsable"]),
            rule=rule.kind,
            rrule=rule.rrule,
            anchor=rule.anchor,
            offset_days=rule.offset_days,
            hour=_hour(row["heure"]),
            lead_days=_lead(row["delai"]),
            text=row["texte"],
            link=row["lien"],
            campaign_id=campaign.id if campaign else None,
            account_ids=[account.id for account in self._named(row["comptes"])],
            tasks=[_task(name) for name in _parted(row["taches"])],
        )
        dossiers.create(self._session, self._viewer, outline, today=today, now=self._now)
        self._dossiers.add(rules.folded(row["titre"]))
        self._report.dossiers += 1

    def _owner(self, email: str) -> int | None:
        if not email:
            return None
        found = self._session.scalar(select(Person.id).where(Person.email == email.casefold(), Person.active))
        if found is None:
            raise Refused("plan_person", email=email)
        return found

    def _named(self, names: str) -> list[Account]:
        return [self._account(name) for name in _parted(names)]

    def _draft(self, row: Mapping[str, str], campaign: Campaign | None) -> None:
        accounts = self._named(row["comptes"])
        if not accounts:
            raise Refused("no_account", field="comptes")
        at = self._time(row)
        if self._known(row["titre"], campaign, at):
            self._report.known += 1
            return
        draft = Draft(
            title=row["titre"],
            variants={account.id: Written(row["texte"]) for account in accounts},
            link=row["lien"] or None,
            campaign_id=campaign.id if campaign else None,
            publish_at=at,
        )
        planning.create(self._session, self._viewer, draft, now=self._now)
        self._report.posts += 1

    def _campaign(self, row: Mapping[str, str]) -> Campaign | None:
        name = row["campagne"]
        if not name:
            return None
        known = self._campaigns.get(rules.folded(name))
        if known is not None:
            return known
        begins_on, ends_on = (_day(row[column], column) for column in ("debut", "fin"))
        if begins_on is None or ends_on is None:
            raise Refused("plan_days", name=name)
        outline = Outline(name, begins_on, ends_on, row["objectif"], row["theme"], row["service"])
        made = campaigns.create(self._session, self._viewer, outline, now=self._now)
        self._campaigns[rules.folded(name)] = made
        self._report.campaigns += 1
        return made

    def _account(self, name: str) -> Account:
        found = self._accounts.get(rules.folded(name), [])
        if len(found) != 1:
            raise Refused("plan_account" if not found else "plan_accounts", name=name.strip())
        if (why_not := closed(found[0])) is not None:
            raise why_not
        return found[0]

    def _time(self, row: Mapping[str, str]) -> datetime | None:
        day = _day(row["date"], "date")
        if day is None:
            if row["heure"]:
                raise Refused("plan_hour")
            return None
        at = instant(f"{day.isoformat()}T{_hour(row['heure'])}", self._zone, field="heure")
        if at < self._now:
            raise Refused("time_passed", field="date")
        return at

    def _known(self, title: str, campaign: Campaign | None, at: datetime | None) -> bool:
        of = {"title": title.strip()[:200], "campaign_id": campaign.id if campaign else None}
        same = select(Post.id).filter_by(**of).where(Post.publish_at.is_not_distinct_from(at)).limit(1)
        return self._session.scalar(visible(same, self._viewer, Action.SEE_POSTS, Post)) is not None


# ------------------------------------------------------------------------------------------------- writing
def lines(session: Session, viewer: Viewer, zone: ZoneInfo, *, now: datetime) -> Iterator[list[str]]:
    """What of the plan is to come, as a file that `take` reads: campaigns that are not over, posts that are not out,
    recurring files. Taken back as it is, it makes nothing.
    """
    names: dict[str, int] = {}
    theirs = session.scalars(visible(select(Account), viewer, Action.WRITE_POSTS, Account)).all()
    for account in theirs:
        names[rules.folded(account.name)] = names.get(rules.folded(account.name), 0) + 1

    def called(accounts: Iterable[Account]) -> str:
        alone = {one: names.get(rules.folded(one.name)) == 1 and not re.search(r"[,;|]", one.name) for one in accounts}
        return ", ".join(one.name if alone[one] else f"{one.network}:{one.external_id}" for one in alone)

    def said(campaign: Campaign | None, **cells: str) -> list[str]:
        if campaign is not None:
            cells |= {"campagne": campaign.name, "objectif": campaign.objective, "theme": campaign.theme}
            cells |= {"service": campaign.unit, "debut": str(campaign.begins_on), "fin": str(campaign.ends_on)}
        return [cells.get(name, "") for name in COLUMNS]

    today = now.astimezone(zone).date()
    for campaign in campaigns.writable(session, viewer):
        if campaign.ends_on >= today:
            yield said(campaign)
    mine = visible(whole(select(Post)), viewer, Action.WRITE_POSTS, Post).order_by(Post.id)
    for post in session.scalars(mine.where(Post.state.not_in([PostState.PUBLISHED, PostState.TO_REVIEW]))):
        if post.variants and (post.publish_at is None or post.publish_at >= now):
            local = post.publish_at.astimezone(zone) if post.publish_at else None
            time = {"date": f"{local:%Y-%m-%d}", "heure": f"{local:%H:%M}"} if local else {}
            words = {"titre": post.title, "texte": post.variants[0].text, "lien": untagged(post) or ""}
            yield said(post.campaign, comptes=called(one.account for one in post.variants), **words, **time)
    for file in dossiers.dossiers(session, viewer):
        words = {"titre": file.name, "texte": file.text, "lien": file.link or "", "regle": _ruled(file)}
        words |= {"delai": str(file.lead_days), "date": str(file.starts_on), "heure": f"{file.hour:%H:%M}"}
        tasks = ", ".join(TASK_NAMES[OutsideTask(one)] for one in file.tasks)
        words |= {"responsable": file.owner.email, "taches": tasks}
        yield said(file.campaign, type=DOSSIER, comptes=called(file.accounts), **words)


def _ruled(file: Dossier) -> str:
    if file.rule == DateRule.ANCHORED:
        way = "avant" if file.offset_days < 0 else "après"
        return f"{abs(file.offset_days)} jours {way} {file.anchor}" if file.offset_days else f"jour {file.anchor}"
    return file.rrule


# ------------------------------------------------------------------------------------------------- reading
def _rows(raw: bytes) -> Iterator[tuple[int, dict[str, str] | Refused]]:
    """The lines with their numbers, each with all columns; what cannot be read as one is why."""
    if len(raw) > LARGEST:
        raise Refused("plan_heavy", field="file", most=str(LARGEST // 1_000_000))
    try:
        yield from _lines(raw)
    except ValueError as error:
        raise Refused("plan_unreadable", field="file") from error


def _lines(raw: bytes) -> Iterator[tuple[int, dict[str, str] | Refused]]:
    of_workbook = packed(raw)
    lines = workbook(raw) if of_workbook else parted(_decoded(raw).lstrip("\N{ZERO WIDTH NO-BREAK SPACE}"))
    names = [rules.folded(name).replace(" ", "_") for name in next(lines, (1, []))[1]]
    if missing := [name for name in NEEDED if name not in names]:
        raise Refused("plan_columns", field="file", columns=", ".join(missing))
    found = 0
    for number, given in lines:
        # The rows of a workbook end with their last cell that says something.
        cells = given + [""] * (len(names) - len(given)) if of_workbook else given
        if not any(cell.strip() for cell in cells):
            continue
        found += 1
        if found > MOST:
            raise Refused("plan_long", field="file", most=str(MOST))
        if len(cells) != len(names):
            there, awaited = str(len(cells)), str(len(names))
            yield number, Refused("plan_cells", there=there, awaited=awaited)
            continue
        said = dict(zip(names, (unguarded(cell.strip()) for cell in cells), strict=True))
        yield number, {name: said.get(name, "") for name in COLUMNS}
    if not found:
        raise Refused("plan_empty", field="file")


def _decoded(raw: bytes) -> str:
    """UTF-8, UTF-16 with its mark, or Windows-1252: one of them for the whole file."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _as(raw, "utf-16")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    lines = raw.split(b"\n")
    strange = [number for number, line in enumerate(lines, start=1) if not _is_utf8(line)]
    plain = [number for number, line in enumerate(lines, start=1) if _is_utf8(line) and not line.isascii()]
    if plain:
        raise Refused("encoding_mixed", field="file", line=str(max(strange[0], plain[0])))
    return _as(raw, "cp1252")


def _as(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise Refused("encoding_unknown", field="file") from error


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _day(said: str, column: str) -> dt.date | None:
    if not said:
        return None
    try:
        day = dt.date.fromisoformat(said)
    except ValueError as error:
        raise Refused("date_unreadable", field=column) from error
    if not 2000 <= day.year < 2100:
        raise Refused("date_unreadable", field=column)
    return day


def _hour(said: str) -> dt.time:
    hour = _HOUR.fullmatch(said or "9:00")
    if hour is None or int(hour[1]) > 23 or int(hour[2] or 0) > 59:
        raise Refused("hour_unreadable", field="heure")
    return dt.time(int(hour[1]), int(hour[2] or 0))


def _lead(said: str) -> int:
    if said and not (said.isdecimal() and len(said) < 4):
        raise Refused("lead_unreadable", field="delai", most=str(dossiers.MOST_LEAD))
    return int(said) if said else dossiers.Outline.lead_days


def _task(said: str) -> OutsideTask:
    task = TASKS.get(rules.folded(said))
    if task is None:
        raise Refused("plan_task", said=said, known=", ".join(TASKS))
    return task


def _parted(said: str) -> list[str]:
    return [one.strip() for one in re.split(r"[,;|]", said) if one.strip()]
