"""What is read of a company page: its posts, the threads under them, and what LinkedIn notifies.

https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api, comments-api and
social-metadata-api beside it, and ../organizations/organization-social-action-notifications. Lists are read by offset,
so that rows which come or go meanwhile move all the others: each page begins with the last row of the one before it,
and when another row stands there the reading steps back.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from connectors.base import AttachmentSeen, CommentSeen, PostSeen
from connectors.crawl import COMMENT_PAGES, PostPage, ThreadPage
from connectors.linkedin.little_text import unescape
from connectors.linkedin.rest import LinkedIn, encoded
from connectors.wire import as_id, as_mapping, as_text, as_time
from models.errors import Gone, Rejected, Transient
from models.vocabulary import AttachmentKind, CommentKind, PostKind

logger = logging.getLogger(__name__)

READ_POSTS, READ_COMMENTS, ADMIN = "r_organization_social", "r_organization_social_feed", "rw_organization_admin"
PAGE_SIZE = 100
POSTS_AT_ONCE = 50
"""Their names stand in the address of the call that counts their comments, which must stay under four kilobytes:
https://learn.microsoft.com/linkedin/shared/api-guide/concepts/query-tunneling."""
KEPT = timedelta(days=60)
"""How long LinkedIn keeps a notification."""
HEARD = ("COMMENT", "ADMIN_COMMENT", "COMMENT_EDIT", "SHARE_MENTION")
_COMMENT = re.compile(r"urn:li:comment:\((?P<thread>.+),(?P<number>[^,()]+)\)")


@dataclass(frozen=True)
class Slice:
    """One page of a list by offset. `following` None: it was the last."""

    rows: list[Mapping[str, Any]]
    following: int | None


@dataclass
class ThreadPosition:
    """Where the reading of one thread stands; its JSON is the cursor.

    `start` is the next row, None when all first comments were read, and `last` the one before it; `answers` are the
    comments of the page before, whose answers are still to be read, the first one being read at `at`.
    """

    start: int | None = 0
    last: str | None = None
    answers: list[str] = field(default_factory=list)
    at: int = 0
    before: str | None = None
    again: bool = False
    """The network gave a page whose following one is itself; that is believed at the second time."""

    def cursor(self) -> str | None:
        return None if self.start is None and not self.answers else json.dumps(vars(self))


class Reader:
    """The calls of a pull, one each (`connectors.crawl`), and what else is read the same way."""

    def __init__(self, api: LinkedIn, page: str) -> None:
        self._api = api
        self._page = page

    # ------------------------------------------------------------------------------------- posts
    def list_posts(self, after: str | None, size: int) -> PostPage:
        """Two calls a page: the posts, told for what they are, then how many comments each has."""
        start, waiting = json.loads(after) if after else (0, [])
        if waiting:
            counts = self.counts([post for post, _ in waiting])
            posts = (
                PostSeen(post, None, None, as_time(created), comments=counts.get(post)) for post, created in waiting
            )
            return PostPage(tuple(posts), None if start is None else json.dumps([start, []]))
        read = self._posts(start, min(size, POSTS_AT_ONCE))
        rows = [row for row in read.rows if as_id(row.get("id"))]
        unnamed = "" if len(rows) < len(read.rows) else None
        if not rows:
            return PostPage(after=None if read.following is None else json.dumps([read.following, []]), unnamed=unnamed)
        seen = tuple(post_of(row) for row in rows)
        waiting = [[row["id"], row.get("createdAt")] for row in rows]
        return PostPage(seen=seen, after=json.dumps([read.following, waiting]), unnamed=unnamed)

    def newest_posts(self, until: datetime) -> Iterator[Mapping[str, Any]]:
        """Posts as LinkedIn has them, the newest first, back to `until`. `Transient`: as `_pages` says, or one has no
        id, so that nobody knows which it is.
        """
        for page in self._pages(f"posts?q=author&author={encoded(self._page)}&sortBy=CREATED&", READ_POSTS):
            if not all(as_id(row.get("id")) for row in page):
                raise Transient
            yield from page
            created = as_time(page[-1].get("createdAt")) if page else None
            if created is not None and created < until:
                return

    def counts(self, posts: list[str]) -> dict[str, int]:
        """How many comments each post has, answers included; a post that is not there is left out."""
        return {
            post: count
            for post, said in self.metadata(posts).items()
            if isinstance(count := as_mapping(said.get("commentSummary")).get("count"), int)
        }

    def metadata(self, posts: list[str]) -> Mapping[str, Mapping[str, Any]]:
        path = f"socialMetadata?ids=List({','.join(map(encoded, posts))})"
        return as_mapping(self._api.once(path, READ_COMMENTS, batch=True).get("results"))

    def _posts(self, start: int, size: int) -> Slice:
        query = f"q=author&author={encoded(self._page)}&start={start}&count={size}&sortBy=CREATED"
        return _slice(self._api.once(f"posts?{query}", READ_POSTS))

    # ------------------------------------------------------------------------------------- threads
    def read_thread(self, post: str, after: str | None, size: int) -> ThreadPage:
        """One page of first comments, or of the answers to one of them: those of a page come before the next page.

        LinkedIn cannot be asked for what was written since a time, so that a thread is always read whole.
        """
        place = ThreadPosition(**json.loads(after)) if after else ThreadPosition()
        on, start, last = (
            (place.answers[0], place.at, place.before) if place.answers else (post, place.start, place.last)
        )
        now, start = datetime.now(UTC), start or 0
        first = start - 1 if last else start
        try:
            read = self._comments(on, first, size)
        except Gone:
            if on == post:
                raise
            place.answers.pop(0)  # The comment went away, and its answers with it.
            place.at, place.before = 0, None
            return ThreadPage(after=place.cursor())
        names = [_name(row) for row in read.rows]
        unnamed = "" if None in names else None
        comments = [self.comment(row, post, now) for row in reversed(read.rows) if _name(row) is not None]
        comments.sort(key=lambda one: one.said_at or now)
        moved = last is not None and (not names or names[0] != last)
        if last is not None and not moved:
            comments = [one for one in comments if one.external_id != last]
        if read.following is not None and read.following <= first:
            circling = ThreadPosition(**{**vars(place), "again": True}).cursor()
            return ThreadPage(tuple(comments), after if place.again else circling, unnamed)
        # Of a row without a name nobody can see whether it moved.
        following, known = read.following, names[-1] if names else None
        if moved:
            following, known = max(0, first - size + 1), None
        place.again = False
        if place.answers:
            place.at, place.before = (following, known) if following is not None else (0, None)
            if following is None:
                place.answers.pop(0)
        else:
            place.start, place.last = following, known
            rows = zip(names, read.rows, strict=True)
            place.answers = [name for name, row in rows if name is not None and name != last and _answered(row)]
        return ThreadPage(tuple(comments), place.cursor(), unnamed)

    def thread(self, on: str) -> Iterator[Mapping[str, Any]]:
        """Every comment right under a post or a comment, as LinkedIn has them. `Transient`: as `_pages` says, or one
        has no id.
        """
        for page in self._pages(f"socialActions/{encoded(on)}/comments?", READ_COMMENTS):
            if None in map(_name, page):
                raise Transient
            yield from page

    def _pages(self, listing: str, permission: str) -> Iterator[list[Mapping[str, Any]]]:
        """The rows of a listing (its address, as far as the place), page by page, to its end. `Transient`: it has none
        (the same page comes again), so that nobody knows what is not in it.
        """
        start = 0
        for _ in range(COMMENT_PAGES):
            read = _slice(self._api.read(f"{listing}start={start}&count={PAGE_SIZE}", permission))
            yield read.rows
            if read.following is None:
                return
            if read.following <= start:
                break
            start = read.following
        raise Transient

    def one(self, comment: str) -> Mapping[str, Any]:
        """One comment, as LinkedIn has it."""
        thread, number = parts(comment)
        return self._api.read(f"socialActions/{encoded(thread)}/comments/{encoded(number)}", READ_COMMENTS)

    def comment(self, row: Mapping[str, Any], post: str | None, seen_at: datetime) -> CommentSeen:
        """Names of members are not given, and even the actor may be missing: what is shown is the URN and the link."""
        identity, parent = urn_of(row), as_text(row.get("parentComment"))
        actor, created = as_id(row.get("actor")), as_mapping(row.get("created"))
        actor = actor or as_id(created.get("actor"))
        return CommentSeen(
            external_id=identity,
            source="pull",
            seen_at=seen_at,
            said_at=as_time(created.get("time")),
            post_external_id=post,
            parent_external_id=whole(parent) if parent else None,
            author_external_id=actor,
            text=as_text(as_mapping(row.get("message")).get("text")) or "",
            permalink=comment_link(identity),
            by_account=actor == self._page,
            attachments=attached(row),
        )

    def _comments(self, on: str, start: int, size: int) -> Slice:
        path = f"socialActions/{encoded(on)}/comments?start={start}&count={size}"
        return _slice(self._api.once(path, READ_COMMENTS))

    # ------------------------------------------------------------------------------------- notifications
    def list_notifications(self, after: str | None, size: int, since: datetime | None) -> Slice:
        """What happened since then, the newest first; with no time, only mentions are asked about, for as long as they
        are kept: all else is in the threads.
        """
        now = datetime.now(UTC)
        span = f"(start:{_milliseconds(since or now - KEPT)},end:{_milliseconds(now)})"
        actions = ",".join(HEARD if since is not None else HEARD[-1:])
        query = f"q=criteria&organizationalEntity={encoded(self._page)}&actions=List({actions})&timeRange={span}"
        start = int(after or 0)
        return _slice(self._api.once(f"organizationalEntityNotifications?{query}&start={start}&count={size}", ADMIN))


def heard(notification: Mapping[str, Any], now: datetime, page: str) -> tuple[PostSeen | None, CommentSeen] | None:
    """What a notification says that somebody wrote, and the post of somebody else's that it is; None: nothing.

    `page` is the URN of ours. It was noticed when LinkedIn says that it happened: the same is heard more than once. https://learn.microsoft.com/linkedin/marketing/community-management/organizations
    /organization-social-action-notifications
    """
    action, generated = notification.get("action"), as_mapping(notification.get("decoratedGeneratedActivity"))
    comment, share = as_mapping(generated.get("comment")), as_mapping(generated.get("share"))
    at = as_time(notification.get("lastModifiedAt"))
    seen_at = at or now
    if action == "SHARE_MENTION":
        urn = as_id(share.get("entity")) or as_id(notification.get("generatedActivity"))
        if urn is None:
            return None
        text, owner, link = as_text(share.get("text")), as_id(share.get("owner")), post_link(urn)
        said = CommentSeen(
            urn,
            "add",
            seen_at,
            at,
            urn,
            None,
            owner,
            None,
            text,
            link,
            kind=CommentKind.MENTION,
            by_account=owner == page,
        )
        return PostSeen(urn, text, link, at, PostKind.MENTIONING), said
    identity = as_id(comment.get("entity")) or as_id(notification.get("generatedActivity"))
    if action not in HEARD or identity is None or _COMMENT.fullmatch(whole(identity)) is None:
        return None
    owner, message = as_id(comment.get("owner")) or as_id(comment.get("actor")), as_mapping(comment.get("message"))
    parent = as_id(comment.get("parentComment"))
    return None, CommentSeen(
        external_id=whole(identity),
        source="edit" if action == "COMMENT_EDIT" else "add",
        seen_at=seen_at,
        said_at=at,
        post_external_id=post_of_notification(notification),
        parent_external_id=whole(parent) if parent else None,
        author_external_id=owner or (page if action == "ADMIN_COMMENT" else None),
        text=as_text(comment.get("text", message.get("text"))),
        permalink=comment_link(whole(identity)),
        by_account=action == "ADMIN_COMMENT" or owner == page,
        attachments=attached(comment) or None,
    )


KINDS = {"IMAGE": AttachmentKind.PHOTO, "VIDEO": AttachmentKind.VIDEO, "ARTICLE": AttachmentKind.LINK}


def attached(comment: Mapping[str, Any]) -> tuple[AttachmentSeen, ...]:
    """What stands in a comment: https://learn.microsoft.com/linkedin/marketing/community-management/shares/comments-api.

    A notification that has no `content` does not say that there is none.
    """
    content, seen = comment.get("content"), list[AttachmentSeen]()
    for row in map(as_mapping, content if isinstance(content, list) else ()):
        entity = row.get("entity")
        # An URN by the name of its kind, or the URN alone.
        urns = list(entity.values()) if isinstance(entity, dict) else [entity]
        identity, address = next(filter(None, map(as_id, urns)), None), as_text(row.get("url"))
        unnamed = AttachmentKind.PHOTO if identity and ":image:" in identity else AttachmentKind.OTHER
        kind = KINDS.get(str(row.get("type")).upper(), unnamed)
        picture = address if kind is AttachmentKind.PHOTO else None
        seen.append(AttachmentSeen(kind, identity, address, picture, as_text(row.get("title"))))
    return tuple(seen)


def post_of_notification(notification: Mapping[str, Any]) -> str | None:
    """Only what LinkedIn tells beside it names the post as the Posts API does; the other name is its activity's."""
    return as_id(as_mapping(notification.get("decoratedSourcePost")).get("entity"))


def post_of(row: Mapping[str, Any]) -> PostSeen:
    urn = str(row["id"])
    return PostSeen(urn, unescape(as_text(row.get("commentary")) or ""), post_link(urn), as_time(row.get("createdAt")))


def post_link(urn: str) -> str:
    return f"https://www.linkedin.com/feed/update/{urn}/"


def comment_link(urn: str) -> str:
    return f"{post_link(parts(urn)[0])}?commentUrn={encoded(urn)}"


def urn_of(row: Mapping[str, Any]) -> str:
    """A comment's URN: LinkedIn has two names for it, and older answers have its parts alone. `Transient`: none."""
    if (name := _name(row)) is None:
        raise Transient
    return name


def _name(row: Mapping[str, Any]) -> str | None:
    said = as_id(row.get("commentUrn")) or as_id(row.get("$URN"))
    if said is None:
        thread, number = as_id(row.get("object")), as_id(row.get("id"))
        if thread is None or number is None:
            return None
        said = number if number.startswith("urn:") else f"urn:li:comment:({thread},{number})"
    name = whole(said)
    return name if _COMMENT.fullmatch(name) else None


def whole(comment: str) -> str:
    """Notifications shorten what stands inside: `urn:li:comment:(activity:1,2)`."""
    return re.sub(r"^urn:li:comment:\((?!urn:)", "urn:li:comment:(urn:li:", comment)


def parts(comment: str) -> tuple[str, str]:
    """The thread of a comment and its number in it. Rejected: it is no comment's URN."""
    found = _COMMENT.fullmatch(comment)
    if found is None:
        raise Rejected("not_a_comment")
    return found["thread"], found["number"]


def _answered(row: Mapping[str, Any]) -> bool:
    """Whether a first comment has answers; when LinkedIn does not say, they are looked for."""
    if row.get("parentComment"):
        return False
    summary = row.get("commentsSummary")
    if not isinstance(summary, dict):
        return True
    return any(summary.get(name) for name in ("aggregatedTotalComments", "totalFirstLevelComments", "count"))


def _slice(answer: Mapping[str, Any]) -> Slice:
    """A page may be empty and have a next one; what is no list is read again: `Transient`."""
    rows, paging = answer.get("elements"), as_mapping(answer.get("paging"))
    if not isinstance(rows, list):
        raise Transient
    links = paging.get("links")
    following = None
    for link in links if isinstance(links, list) else ():
        if as_mapping(link).get("rel") == "next":
            start = parse_qs(urlsplit(str(link.get("href", ""))).query).get("start", [""])[0]
            following = int(start) if start.isdigit() else None
    return Slice([as_mapping(row) for row in rows], following)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
