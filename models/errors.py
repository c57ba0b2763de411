"""Errors named by what the caller does about them; the door puts them into words.

`Refused` and `NotFound` are said to a person at once. The rest come from the far side: only `Throttled` and
`Transient` are tried again by themselves (an act that was `Blocked` is not), and `Ambiguous` is reconciled by reading,
never repeated blindly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from models.vocabulary import Standing


class ParvisError(Exception):
    """Root of every error of ours."""


class Refused(ParvisError):
    """The trade says no. `code` and `params` are worded at the door (409, or 422 for a field)."""

    def __init__(self, code: str, **params: str) -> None:
        super().__init__(code, params)
        self.code = code
        self.params = params
        self.others: tuple[Refused, ...] = ()
        """What else is wrong with the same form (`Refusals`)."""


class Refusals:
    """Collects what is wrong with several fields, so that a person hears all of it at once."""

    def __init__(self) -> None:
        self._found: list[Refused] = []

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Keep a refusal of this block for `say`, and go on."""
        try:
            yield
        except Refused as error:
            self._found += [error, *error.others]

    def say(self) -> None:
        """Raise what was collected: the first refusal, with the others beside it."""
        if self._found:
            first = self._found[0]
            first.others = tuple(self._found[1:])
            raise first


class NotFound(ParvisError):
    """There is no such thing, or it is not yours to see; both read the same on purpose."""


class WrongDatabase(ParvisError):
    """The database is newer than this version, or another program's: nothing was changed in it."""

    def __init__(self, standing: Standing) -> None:
        super().__init__(standing)
        self.standing = standing


class FarSideError(ParvisError):
    """Root of what a network or a 311 system can answer."""


class Throttled(FarSideError):
    """Too many calls: nothing was applied; stop that account until `until` (aware)."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


class Blocked(Throttled):
    """The network has blocked the account for a while: nothing was applied. The act is a person's to look at, and the
    account is left alone until `until`: more acts would make it longer.
    """


class TokenInvalid(FarSideError):
    """The token died: nothing was applied; stop that account until it is connected again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PermissionMissing(FarSideError):
    """The token lacks the permission `name`: nothing was applied."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Gone(FarSideError):
    """The object is not there any more, or cannot be seen."""


class Rejected(FarSideError):
    """The far side refuses this content or this act for good; `reason` is its code, for the log and the page."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Ambiguous(FarSideError):
    """The answer is lost or unreadable: it may have been applied. Read before anything else."""


class Transient(FarSideError):
    """Provably nothing was applied; the same call may be made again after `after`. `reason` is the far side's code, if
    it gave one: people are told when it lasts.
    """

    def __init__(self, after: timedelta = timedelta(seconds=30), *, reason: str | None = None) -> None:
        super().__init__(after)
        self.after = after
        self.reason = reason
