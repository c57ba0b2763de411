"""Calls about one account that a job makes by itself (read its page, check its token…): one worker at a time, nothing
called while the network asked for a pause, no session open during a call, and whatever goes wrong is written down.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from models import channels
from models.accounts import Account
from models.errors import FarSideError
from models.locks import Locks
from models.session import Database

log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")
_Kept = TypeVar("_Kept")

Keep = Callable[[Session, Account, _Answer, datetime, datetime], _Kept]
"""(session, account, answer, asked at, now): stores an answer, in a transaction that has the account locked."""
PutOff = Callable[[Session, Account, Exception, datetime], None]
"""(session, account, error, now): says in such a transaction when what failed is tried again, so that it is not tried
every few seconds.
"""


class Caller:
    """One job that calls about one account. `alone`: no other worker does that job for it now."""

    def __init__(
        self, database: Database, job: str, account_id: int, *, alone: bool, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._job = job
        self._account_id = account_id
        self._alone = alone
        self._clock = clock

    def account(self, *, even_lost: bool = False, spare: bool = False) -> Account | None:
        """The account as it is now, if it may be called: what another worker was told meanwhile counts.

        `even_lost`: although its token was refused. `spare`: only while there are calls that no decision needs.
        """
        if not self._alone:
            return None
        with self._database.read() as session:
            account = session.get_one(Account, self._account_id)
        lost = account.token_lost is not None and not even_lost
        return None if lost or account.paused(self._clock()) or (spare and account.near_limit) else account

    def ask(self, call: Callable[[], _Answer], keep: Keep[_Answer, _Kept], put_off: PutOff | None = None) -> _Kept:
        """Make one call and keep its answer. What is raised was written down."""
        asked_at = self._clock()
        try:
            answer = call()
            with self._database.write() as session:
                account = channels.lock(session, Account, self._account_id)
                return keep(session, account, answer, asked_at, self._clock())
        except Exception as error:
            with self._database.write() as session:
                account, now = channels.lock(session, Account, self._account_id), self._clock()
                if isinstance(error, FarSideError):
                    log.warning("%s of account %s stopped: %r", self._job, account.id, error)
                    channels.record_error(session, account, error, asked_at=asked_at, now=now)
                if put_off is not None:
                    put_off(session, account, error, now)
            raise


@contextmanager
def calling(
    database: Database, locks: Locks, job: str, account_id: int, *, clock: Callable[[], datetime]
) -> Iterator[Caller]:
    """Do one job for an account, if no other worker does. An answer of the far side that is an error ends the block and
    is not raised: it was written down.
    """
    with locks.try_hold(f"{job}:{account_id}") as alone, suppress(FarSideError):
        yield Caller(database, job, account_id, alone=alone, clock=clock)
