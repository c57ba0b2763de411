"""Reads the public pages of one Instagram profile, once, and ends: `python -m connectors.instagram_public.watch`.

The only file that imports instaloader, in a process that nothing else runs in: the package sleeps for minutes, prints,
and keeps state in modules. One JSON object comes in on the standard input and one goes out on the standard output
(`Job`, `Told`); the parent (`profile`) sets the time limit. Nothing is written, here or there.

instaloader 4.16 reads what the web pages themselves read, so that a change of theirs breaks it; comments are given only
to a session that is logged in. https://instaloader.github.io/as-module.html
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import instaloader
from instaloader import exceptions

PROFILE_OR_SESSION = (
    exceptions.LoginException,
    exceptions.LoginRequiredException,
    exceptions.PrivateProfileNotFollowedException,
    exceptions.ProfileNotExistsException,
)
HALTS = ("checkpoint_required", "challenge_required", "feedback_required")
"""What Instagram says when it takes the session for a machine: nothing more is asked until a person has looked."""
REFUSING = [401, 403, 429]


@dataclass(frozen=True)
class Job:
    """What is asked. `cookies` empty: as a visitor, who sees no comments. `counts` are the comments of each post when
    it was last read: a post whose number did not change is not read again. `pace`: wait a little before each request.
    """

    profile: str
    cookies: dict[str, str]
    counts: dict[str, int]
    requests: int
    posts: int
    pace: bool = True


@dataclass
class Told:
    """What was read before the end. `end` is done, budget, throttled, gone, private, login, checkpoint or changed."""

    end: str = "done"
    requests: int = 0
    posts: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


class _EndOfRunError(Exception):
    """No more requests in this run."""


class _Counted(instaloader.RateController):
    """Counts requests, and ends the run where the package would sleep."""

    def __init__(self, context: instaloader.InstaloaderContext, told: Told, most: int) -> None:
        super().__init__(context)
        self._told = told
        self._most = most

    def wait_before_query(self, query_type: str) -> None:
        if self._told.requests >= self._most:
            raise _EndOfRunError("budget")
        super().wait_before_query(query_type)
        self._told.requests += 1

    def sleep(self, secs: float) -> None:  # noqa: ARG002  The signature is instaloader's.
        raise _EndOfRunError("throttled")


def watch(job: Job) -> Told:
    """Newest posts first; of each whose comments changed, all that the page gives."""
    told = Told(counts=dict(job.counts))
    try:
        _read(job, told)
    except _EndOfRunError as end:
        told.end = str(end)
    except exceptions.AbortDownloadException as error:
        told.end = _halt(str(error), logged_in=bool(job.cookies))
    except PROFILE_OR_SESSION as error:
        told.end = _refusal(error)
    except (exceptions.InstaloaderException, LookupError, TypeError, ValueError, AssertionError) as error:
        told.end = "throttled" if isinstance(error, exceptions.TooManyRequestsException) else "changed"
    return told


def _read(job: Job, told: Told) -> None:
    loader = instaloader.Instaloader(
        sleep=job.pace,
        quiet=True,
        max_connection_attempts=1,
        request_timeout=30.0,
        fatal_status_codes=REFUSING,
        rate_controller=lambda context: _Counted(context, told, job.requests),
    )
    with contextlib.closing(loader):
        if job.cookies:
            # Cookies of a browser, as values: the package's own session files are pickles, which run what they hold.
            loader.load_session(job.cookies.get("ds_user_id", "session"), {"csrftoken": "", **job.cookies})
        profile = instaloader.Profile.from_username(loader.context, job.profile)
        for post in islice(profile.get_posts(), job.posts):
            _tell_post(post, profile.username, told, comments=bool(job.cookies))


def _tell_post(post: instaloader.Post, profile: str, told: Told, *, comments: bool) -> None:
    code, count = post.shortcode, _count(post)
    told.posts.append(
        {"code": code, "text": post.caption, "at": _stamp(post.date_utc), "video": post.is_video, "comments": count}
    )
    if not comments or count == 0 or (count is not None and told.counts.get(code) == count):
        return
    found: list[dict[str, Any]] = []
    for comment in post.get_comments():
        found.append(_comment(comment, code, None, profile))
        found += [_comment(answer, code, comment.id, profile) for answer in comment.answers]
    told.comments += found
    if count is not None:
        told.counts[code] = count


def _count(post: instaloader.Post) -> int | None:
    """As the listing gave it; `Post.comments` would ask again for each post."""
    node = instaloader.get_json_structure(post)["node"]
    counts = (node.get("comments"), *(node.get(f"edge_media_to_{edge}comment") for edge in ("parent_", "")))
    for one in counts:
        value = one.get("count") if isinstance(one, dict) else one
        if isinstance(value, int):
            return value
    return None


def _comment(
    comment: instaloader.PostComment | instaloader.PostCommentAnswer, code: str, parent: object, profile: str
) -> dict[str, Any]:
    """No picture, no profile: the user name and the words. Ids are text or numbers, as it happens."""
    name = comment.owner.username
    return {
        "id": str(comment.id),
        "post": code,
        "parent": None if parent is None else str(parent),
        "author": name,
        "ours": name == profile,
        "text": comment.text,
        "at": _stamp(comment.created_at_utc),
    }


def _stamp(naive: datetime) -> str:
    """The package gives UTC without saying so."""
    return naive.replace(tzinfo=UTC).isoformat()


def _halt(message: str, *, logged_in: bool) -> str:
    if any(word in message for word in HALTS):
        return "checkpoint"
    if "/accounts/login" in message or "login page" in message:
        return "login" if logged_in else "throttled"
    return "throttled"


def _refusal(error: Exception) -> str:
    kinds: Iterable[tuple[type[Exception], str]] = (
        (exceptions.ProfileNotExistsException, "gone"),
        (exceptions.PrivateProfileNotFollowedException, "private"),
        (exceptions.LoginRequiredException, "private"),
    )
    return next((end for kind, end in kinds if isinstance(error, kind)), "login")


def main(read: Callable[[], str] = sys.stdin.read) -> None:
    job = Job(**json.loads(read()))
    with contextlib.redirect_stdout(sys.stderr):  # What the package prints is not what the parent waits for.
        told = watch(job)
    sys.stdout.write(json.dumps(asdict(told)))


if __name__ == "__main__":
    main()
