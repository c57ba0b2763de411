"""The public pages of an Instagram profile, read and never written to: an optional source, off by default.

For a city whose access to the API is not granted yet, and for its own profile. Instagram's terms of use forbid
automatic collection without written permission; whoever turns this on says why, and the journal keeps it. The reading
runs in `watch`, a process of its own that ends with each reading; ids begin with "igweb:", because the public ones are
not those of the API.
"""

from __future__ import annotations

import hashlib
import json
import logging
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from connectors.base import (
    AccountRef,
    Capabilities,
    CommentSeen,
    Figures,
    Health,
    Operation,
    Page,
    PostSeen,
    Prepared,
    Publication,
    Receipt,
    Told,
    Usage,
    setting,
)
from connectors.crawl import resumed
from models.errors import Rejected, TokenInvalid
from models.vocabulary import N_, OperationKind, PostKind

logger = logging.getLogger(__name__)

PREFIX = "igweb:"
POSTS = 12
"""How many of the newest posts a reading looks at: what one page lists."""
REQUESTS = 40
"""The most requests of one reading."""
EVERY = timedelta(hours=1)
WHOLE_EVERY = 24
"""One reading out of 24, about one in a day, reads every thread: one comment that goes and one that comes leave the
number of comments as it was."""
PAUSE, LONGEST_PAUSE = timedelta(hours=6), timedelta(days=7)
"""How long nothing is read after a refusal; it doubles with each in a row."""
FOR_GOOD = {"checkpoint": "checkpoint", "login": "logged_out"}
"""Ends after which nothing is read until a person has given another session: the breaker."""


def _justification(value: str) -> str:
    if value == "off":
        return ""
    if value and " " not in value.strip():
        raise ValueError(N_("must be “off”, or say in a sentence who allowed it and why"))
    return value.strip()


@dataclass(frozen=True)
class PublicSettings:
    """`justification` is a sentence; empty: off. `environment` is all that the other process sees of ours: where the
    proxy is, whom to trust. Under `home` an open breaker is noted for `health`, which is not given the cursor. `limit`
    is how long one reading may take, in seconds.
    """

    justification: str = setting("instagram_public", "", read=_justification)
    environment: Mapping[str, str] | None = setting("outward")
    home: Path | None = setting("home")
    limit: float = 300.0
    pace: bool = True


@dataclass
class _Mark:
    """What is remembered between readings; its JSON is the cursor."""

    counts: dict[str, int] = field(default_factory=dict)
    refusals: int = 0
    readings: int = 0
    """How many came to their end."""
    broken: str | None = None
    """Why the breaker is open."""
    session: str | None = None
    """Of which session: another one closes it."""


CAPABILITIES = Capabilities(frozenset(), why_not=dict.fromkeys(OperationKind, "read_only"))


class InstagramPublic:
    """One public profile (`connectors.base.Network`). The token is the JSON of a browser's cookies (`csrftoken`,
    `sessionid`, `ds_user_id`…), or `{}`: as a visitor, who sees posts and no comments.
    """

    def __init__(self, settings: PublicSettings, account: AccountRef) -> None:
        self._settings = settings
        self._profile = account.external_id
        self._token = account.token

    def __repr__(self) -> str:
        return f"InstagramPublic({self._profile!r})"

    def health(self) -> Health:
        """Whether the session can be read, and the breaker is closed; nobody is asked: each question is a risk."""
        note = self._note()
        reason = note.read_text(encoding="utf-8") if note is not None and note.exists() else None
        try:
            self._cookies()
        except TokenInvalid as dead:
            reason = dead.reason
        return Health(valid=reason is None, reason=reason)

    def pull(self, cursor: str | None, budget: int) -> Page:
        """One reading, then a pause: an hour, or six hours and more after a refusal (`Usage.resume_at`).

        TokenInvalid: Instagram asked for a person, or closed the session. It stays so until another one is given.
        """
        mark, session = resumed(_Mark, cursor), self._session()
        cookies = self._cookies()
        if mark.broken is not None and mark.session == session:
            if (note := self._note()) is not None:
                note.parent.mkdir(parents=True, exist_ok=True)
                note.write_text(mark.broken, encoding="utf-8")
            raise TokenInvalid(mark.broken)
        if budget < 1:
            return Page((), (), json.dumps(asdict(mark)), more=True, calls=0)
        now = datetime.now(UTC)
        told = self._watch(
            {
                "profile": self._profile,
                "cookies": cookies,
                "counts": mark.counts,
                "requests": min(budget, REQUESTS),
                "posts": POSTS,
                "pace": self._settings.pace,
            }
        )
        end, counts = str(told.get("end")), told.get("counts") or mark.counts
        logger.info("public pages of %s: %s after %s requests", self._profile, end, told.get("requests"))
        readings = mark.readings + (end == "done")
        if end in FOR_GOOD:
            after = _Mark(counts, mark.refusals, readings, FOR_GOOD[end], session)
        else:
            after = _Mark(counts, 0 if end in {"done", "budget"} else mark.refusals + 1, readings)
        if end == "done" and readings % WHOLE_EVERY == 0:
            after.counts = {}
        pause = EVERY if after.refusals == 0 else min(LONGEST_PAUSE, PAUSE * 2 ** min(after.refusals - 1, 8))
        return Page(
            tuple(_post(one) for one in told.get("posts", ())),
            tuple(sorted((_comment(one, now) for one in told.get("comments", ())), key=_age)),
            json.dumps(asdict(after)),
            more=end != "done",  # Of an open breaker the next step says it, and asks nothing.
            calls=int(told.get("requests", 0)),
            usage=None if after.broken else Usage(0.0, datetime.now(UTC) + pause),
        )

    def converse(self, cursor: str | None, budget: int) -> NoReturn:  # noqa: ARG002
        raise Rejected("not_supported")

    def probe(self, comment: str) -> NoReturn:  # noqa: ARG002
        raise Rejected("read_only")

    def apply(self, operation: Operation, key: str) -> Receipt:  # noqa: ARG002
        raise Rejected("not_supported")

    def prepare(self, publication: Publication, so_far: Prepared | None = None) -> NoReturn:  # noqa: ARG002
        raise Rejected("not_supported")

    def publish(self, publication: Publication, key: str, prepared: Prepared | None = None) -> Receipt:  # noqa: ARG002
        raise Rejected("not_supported")

    def find(self, sought: Operation | Publication, since: datetime, taken: Collection[str]) -> NoReturn:  # noqa: ARG002
        raise Rejected("read_only")

    def figures(self, posts: Sequence[str]) -> Figures:  # noqa: ARG002
        return Figures(None, {})

    def listen(self) -> Told:
        return Told(told=False)

    def _session(self) -> str:
        """Which session it is, as far as may be written down."""
        return hashlib.sha256(self._token.encode()).hexdigest()[:12]

    def _note(self) -> Path | None:
        home = self._settings.home
        if home is None:
            return None
        profile = hashlib.sha256(self._profile.encode()).hexdigest()[:12]
        return home / "instagram_public" / f"{profile}-{self._session()}"

    def _cookies(self) -> dict[str, str]:
        if not self._settings.justification:
            raise TokenInvalid("switched_off")
        try:
            cookies = json.loads(self._token)
        except ValueError:
            cookies = None
        if not isinstance(cookies, dict) or not all(isinstance(one, str) for one in cookies.values()):
            raise TokenInvalid("session_unreadable")
        return cookies

    def _watch(self, job: Mapping[str, Any]) -> Mapping[str, Any]:
        """Start the other process and wait for it, for no longer than the limit. What it says of an error of its own is
        not for the log: it may hold the session.
        """
        try:
            done = subprocess.run(
                [sys.executable, "-m", "connectors.instagram_public.watch"],
                input=json.dumps(job),
                capture_output=True,
                text=True,
                timeout=self._settings.limit,
                env={"PYTHONUTF8": "1", **(self._settings.environment or {})},
                check=False,
            )
            told = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            return {"end": "slow"}
        except (OSError, ValueError):
            return {"end": "crashed"}
        return told if isinstance(told, dict) else {"end": "crashed"}


def _post(one: Mapping[str, Any]) -> PostSeen:
    code = str(one["code"])
    return PostSeen(
        PREFIX + code,
        one.get("text"),
        f"https://www.instagram.com/p/{code}/",
        datetime.fromisoformat(str(one["at"])),
        PostKind.REEL if one.get("video") is True else PostKind.POST,
        one.get("comments"),
    )


def _age(comment: CommentSeen) -> tuple[datetime, int, str]:
    """Oldest first; within a second by number."""
    return comment.said_at or comment.seen_at, len(comment.external_id), comment.external_id


def _comment(one: Mapping[str, Any], seen_at: datetime) -> CommentSeen:
    parent, code = one.get("parent"), str(one["post"])
    return CommentSeen(
        external_id=PREFIX + str(one["id"]),
        source="pull",
        seen_at=seen_at,
        said_at=datetime.fromisoformat(str(one["at"])),
        post_external_id=PREFIX + code,
        parent_external_id=None if parent is None else PREFIX + str(parent),
        author_name=one.get("author"),
        text=one.get("text"),
        permalink=f"https://www.instagram.com/p/{code}/",
        by_account=one.get("ours") is True,
    )
