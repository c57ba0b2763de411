"""Calls about one channel that a job makes by itself (read its page, check its token…): one worker at a time, nothing
called while the network asked for a pause, no session open during a call, and whatever goes wrong is written down.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy.orm import Session

from models import channels
from models.channels import Channel
from models.errors import FarSideError
from models.locks import Locks
from models.session import Database

log = logging.getLogger(__name__)

_Channel = TypeVar("_Channel", bound=Channel)
_Answer = TypeVar("_Answer")
_Kept = TypeVar("_Kept")

Keep = Callable[[Session, _Channel, _Answer, datetime, datetime], _Kept]
"""(session, channel, answer, asked at, now): stores an answer, in a transaction that has the channel locked."""
PutOff = Callable[[Session, _Channel, Exception, datetime], None]
"""(session, channel, error, now): says in such a transaction when what failed is tried again, so that it is not tried
every few seconds.
"""


class Caller(Generic[_Channel]):
    """One job that calls about one channel. `alone`: no other worker does that job for it now."""

    def __init__(
        self,
        database: Database,
        job: str,
        kind: type[_Channel],
        channel_id: int,
        *,
        alone: bool,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._job = job
        self._kind = kind
        self._channel_id = channel_id
        self._alone = alone
        self._clock = clock

    def channel(self, *, even_lost: bool = False, spare: bool = False) -> _Channel | None:
        """The channel as it is now, if it may be called: what another worker was told meanwhile counts.

        `even_lost`: although its token was refused. `spare`: only while there are calls that no decision needs.
        """
        if not self._alone:
            return None
        with self._database.read() as session:
            channel = session.get_one(self._kind, self._channel_id)
        lost = channel.token_lost is not None and not even_lost
        return None if lost or channel.paused(self._clock()) or (spare and channel.near_limit) else channel

    def ask(
        self, call: Callable[[], _Answer], keep: Keep[_Channel, _Answer, _Kept], put_off: PutOff[_Channel] | None = None
    ) -> _Kept:
        """Make one call and keep its answer. What is raised was written down."""
        asked_at = self._clock()
        try:
            answer = call()
            with self._database.write() as session:
                channel = channels.lock(session, self._kind, self._channel_id)
                return keep(session, channel, answer, asked_at, self._clock())
        except Exception as error:
            with self._database.write() as session:
                channel, now = channels.lock(session, self._kind, self._channel_id), self._clock()
                if isinstance(error, FarSideError):
                    log.warning("%s of %s %s stopped: %r", self._job, channel.kind, channel.id, error)
                    channels.record_error(session, channel, error, asked_at=asked_at, now=now)
                if put_off is not None:
                    put_off(session, channel, error, now)
            raise


@contextmanager
def calling(
    database: Database, locks: Locks, job: str, kind: type[_Channel], channel_id: int, *, clock: Callable[[], datetime]
) -> Iterator[Caller[_Channel]]:
    """Do one job for a channel, if no other worker does. An answer of the far side that is an error ends the block and
    is not raised: it was written down.
    """
    with locks.try_hold(f"{job}:{channel_id}") as alone, suppress(FarSideError):
        yield Caller(database, job, kind, channel_id, alone=alone, clock=clock)
