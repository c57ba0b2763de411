"""What whoever administers must hear without looking: an account that is heard no more, a disk that fills, copies that
are not made. Each is told once, as a notice, which a letter carries further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from administration import accounts, copies
from models import notices
from models.accounts import Account
from models.audit import AuditEntry
from models.notices import Notice
from models.scope import Action, Viewer, staff
from models.session import Database
from models.vocabulary import NoticeKind

Roomy = Callable[[], bool]
"""Whether there is room where this installation keeps things."""


@dataclass(frozen=True)
class Alert:
    """One thing that needs somebody. `key` names when it began, so that it is told once; the two ids say who
    administers it (None, None: whoever administers the whole city).
    """

    kind: NoticeKind
    key: str
    borough_id: int | None = None
    account_id: int | None = None


def warn_due(
    database: Database, zone: ZoneInfo, *, roomy: Roomy, copied_every: timedelta | None, now: datetime
) -> list[Alert]:
    """Tell what is not known yet to whoever may administer it; gives all that needs somebody now. `copied_every`: how
    often copies are made; None: nobody asked for any.
    """
    with database.read() as session:
        found = list(_found(session, zone, roomy=roomy, copied_every=copied_every, now=now))
        keys = [alert.key for alert in found]
        known = session.execute(select(Notice.person_id, Notice.key).where(Notice.key.in_(keys)))
        told = {(person_id, key) for person_id, key in known}
        people = staff(session) if found else []
    owed = [
        (alert, one.person_id)
        for alert in found
        for one in people
        if one.person_id is not None and _administers(one, alert) and (one.person_id, alert.key) not in told
    ]
    if owed:
        with database.write() as session:
            for alert, person_id in owed:
                notices.tell(session, alert.kind, [person_id], key=alert.key, by_id=None, now=now)
    return found


def _found(
    session: Session, zone: ZoneInfo, *, roomy: Roomy, copied_every: timedelta | None, now: datetime
) -> Iterator[Alert]:
    for account in session.scalars(select(Account).order_by(Account.id)):
        scope = {"borough_id": account.borough_id, "account_id": account.id}
        for one in accounts.findings(account, zone=zone, now=now):
            if one.level == accounts.Level.PROBLEM and one.at is not None:
                key = f"account:{account.id}:{one.kind}:{one.at:%Y-%m-%dT%H:%M:%S}"
                yield Alert(NoticeKind.ACCOUNT_STOPPED, key, **scope)
    if not roomy():
        yield Alert(NoticeKind.DISK_LOW, f"disk:{now.astimezone(zone):%Y-%m-%d}")
    if copied_every is not None:
        # Where none was ever made, since the city began.
        since = copies.last(session) or session.scalar(select(AuditEntry.at).order_by(AuditEntry.id).limit(1))
        if since is not None and now - since > copies.PATIENCE * copied_every:
            yield Alert(NoticeKind.BACKUP_LATE, f"backup:{since.isoformat()}")


def _administers(viewer: Viewer, alert: Alert) -> bool:
    return viewer.may_on(Action.MANAGE_ACCOUNTS, borough_id=alert.borough_id, account_id=alert.account_id)
