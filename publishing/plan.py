"""A year's plan from a spreadsheet: campaigns and drafts, all of them or none, with what is wrong line by line."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Campaign
from models.errors import Refused
from models.posts import Post
from models.scope import Action, Viewer, visible
from models.session import Database
from publishing import campaigns, planning
from publishing.campaigns import Outline
from publishing.drafting import Draft, Written, closed
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
)
NEEDED = ("campagne", "titre", "texte", "comptes")
"""Of the columns, those that a file cannot be without. A line without a title makes its campaign alone."""
LARGEST, MOST = 1_000_000, 5_000
"""Bytes of a file, and its lines."""

_HOUR = re.compile(r"(\d{1,2})\s*(?:[:h]\s*(\d{2})?)?\s*")


@dataclass
class Report:
    """What a plan made; with something `wrong`, nothing was kept of it."""

    campaigns: int = 0
    posts: int = 0
    known: int = 0
    """Lines whose post was there already."""
    wrong: list[tuple[int, Refused]] = field(default_factory=list)
    """Number of the line in the file, and why."""


class _NotKept(Exception):  # Only ends the transaction.
    pass


def take(database: Database, viewer: Viewer, raw: bytes, zone: ZoneInfo, *, now: datetime) -> Report:
    """Make the campaigns and drafts of a CSV file, in one transaction; nothing is kept where a line is wrong.

    Refused, of the whole file: `plan_heavy`, `plan_columns`, `plan_empty`, `encoding_unknown`, `encoding_mixed`.
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
                self._accounts.setdefault(_folded(said), []).append(account)
        self._campaigns = {_folded(one.name): one for one in campaigns.writable(session, viewer)}

    def make(self, row: Mapping[str, str]) -> None:
        """One line: its campaign, unless one of that name is there, and its draft."""
        with self._session.begin_nested():
            campaign = self._campaign(row)
        if row["titre"]:
            with self._session.begin_nested():
                self._draft(row, campaign)

    def _draft(self, row: Mapping[str, str], campaign: Campaign | None) -> None:
        accounts = [self._account(name) for name in re.split(r"[,;|]", row["comptes"]) if name.strip()]
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
        known = self._campaigns.get(_folded(name))
        if known is not None:
            return known
        begins_on, ends_on = (_day(row[column], column) for column in ("debut", "fin"))
        if begins_on is None or ends_on is None:
            raise Refused("plan_days", name=name)
        outline = Outline(name, begins_on, ends_on, row["objectif"], row["theme"], row["service"])
        made = campaigns.create(self._session, self._viewer, outline, now=self._now)
        self._campaigns[_folded(name)] = made
        self._report.campaigns += 1
        return made

    def _account(self, name: str) -> Account:
        found = self._accounts.get(_folded(name), [])
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
        hour = _HOUR.fullmatch(row["heure"] or "9:00")
        if hour is None:
            raise Refused("time_unreadable", field="heure")
        at = instant(f"{day.isoformat()}T{int(hour[1]):02}:{hour[2] or '00'}", self._zone, field="heure")
        if at < self._now:
            raise Refused("time_passed", field="date")
        return at

    def _known(self, title: str, campaign: Campaign | None, at: datetime | None) -> bool:
        of = {"title": title.strip()[:200], "campaign_id": campaign.id if campaign else None}
        same = select(Post.id).filter_by(**of).where(Post.publish_at.is_not_distinct_from(at)).limit(1)
        return self._session.scalar(visible(same, self._viewer, Action.SEE_POSTS, Post)) is not None


# ------------------------------------------------------------------------------------------------- reading
def _rows(raw: bytes) -> Iterator[tuple[int, dict[str, str] | Refused]]:
    """The lines with their numbers, each with all columns; what cannot be read as one is why."""
    if len(raw) > LARGEST:
        raise Refused("plan_heavy", field="file", most=str(LARGEST // 1_000_000))
    text = _decoded(raw).lstrip("\N{ZERO WIDTH NO-BREAK SPACE}").replace("\0", "")
    head = text.split("\n", 1)[0]
    separator = max(";,\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    names = [_folded(name).replace(" ", "_") for name in next(reader, [])]
    if missing := [name for name in NEEDED if name not in names]:
        raise Refused("plan_columns", field="file", columns=", ".join(missing))
    found = 0
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        found += 1
        if found > MOST:
            raise Refused("plan_long", field="file", most=str(MOST))
        if len(cells) != len(names):
            there, awaited = str(len(cells)), str(len(names))
            yield reader.line_num, Refused("plan_cells", there=there, awaited=awaited)
            continue
        said = dict(zip(names, (cell.strip() for cell in cells), strict=True))
        yield reader.line_num, {name: said.get(name, "") for name in COLUMNS}
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


def _folded(said: str) -> str:
    """Without accents, case or spaces around, as people write the same name twice."""
    marks = unicodedata.normalize("NFKD", said).casefold()
    return " ".join("".join(char for char in marks if not unicodedata.combining(char)).split())
