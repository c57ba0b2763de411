"""Facebook Pages: comments read and moderated, posts published.

Endpoints and fields: https://developers.facebook.com/docs/graph-api/reference/v26.0/page, and the `comment` reference
beside it.
"""

from __future__ import annotations

import json
import logging
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import (
    AccountRef,
    Capabilities,
    CommentSeen,
    Health,
    Operation,
    Page,
    PostSeen,
    Publication,
    Receipt,
)
from connectors.graph import Graph, GraphSettings, as_id, as_mapping, as_text, as_time, token_reason
from models.errors import Ambiguous, FarSideError, Gone, Rejected, TokenInvalid, Transient
from models.vocabulary import OperationKind

logger = logging.getLogger(__name__)

READ_POSTS, READ_COMMENTS = "pages_read_engagement", "pages_read_user_content"
MODERATE, PUBLISH = "pages_manage_engagement", "pages_manage_posts"
NEEDED = (READ_POSTS, READ_COMMENTS, MODERATE, PUBLISH)

POST_FIELDS = "id,message,created_time,permalink_url,comments.filter(stream).limit(0).summary(true)"
COMMENT_FIELDS = "id,message,created_time,from{id,name},parent{id},is_hidden,permalink_url"
PAGE_SIZE = "100"
POSTS = 300
"""A round looks at this many of the newest posts; what citizens write under older ones comes by webhook only."""
POST_PAGES = 10
"""More pages than `POSTS` needs, for the listings that start again."""
COMMENT_PAGES = 200
"""A thread of more than 20,000 comments is cut, so that a far side that turns in circles cannot hold a round."""
YOUNG = timedelta(days=7)
"""Posts younger than this are read whole in every round: that is where comments are edited and hidden."""
WHOLE_EVERY = 24
"""One round out of 24 reads older posts whole too, for the edits that no webhook told."""
SKEW = timedelta(minutes=2)
"""How far the network's clock may be behind ours when something that we wrote is looked for."""


@dataclass
class _Walk:
    """Where a pull stands; its JSON is the cursor. Times are in unix seconds.

    `waiting` holds [post, number of comments, created] for the posts of this round that are still to be read, the
    first one being read now; `marks` holds, for posts read to their end, [number of comments, newest comment].
    """

    round: int = 0
    listing: bool = True
    after: str | None = None
    again: bool = False
    """The post being read was started again, because its cursor had gone stale; that is done once."""
    pages: int = 0
    newest: int = 0
    waiting: list[tuple[str, int | None, int]] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)
    marks: dict[str, tuple[int | None, int]] = field(default_factory=dict)

    @classmethod
    def at(cls, cursor: str | None) -> _Walk:
        """A cursor that cannot be read starts again from the start: reading twice does no harm."""
        try:
            return cls(**json.loads(cursor)) if cursor else cls()
        except (ValueError, TypeError):
            return cls()

    def post(self, post: str, comments: int | None, created: int, now: datetime) -> None:
        """A post was listed: it is to be read, unless it is old and nothing was added since it was last read."""
        self.listed.append(post)
        unchanged = post in self.marks and comments is not None and self.marks[post][0] == comments
        if self._whole(created, now) or not unchanged:
            self.waiting.append((post, comments, created))

    def since(self, now: datetime) -> int | None:
        """From when the post being read now must be read; None: whole."""
        post, _, created = self.waiting[0]
        if post not in self.marks or self._whole(created, now):
            return None
        return max(0, self.marks[post][1] - int(SKEW.total_seconds()))

    def next_post(self, *, complete: bool) -> None:
        """Done with the post being read; its mark moves only if it was read to its end."""
        post, comments, _ = self.waiting.pop(0)
        if complete:
            self.marks[post] = (comments, max(self.newest, self.marks.get(post, (None, 0))[1]))
        self.after, self.again, self.pages, self.newest = None, False, 0, 0

    def end_round(self) -> _Walk:
        """The next call starts another round; marks of posts that are not listed any more are forgotten."""
        marks = {post: self.marks[post] for post in self.listed if post in self.marks}
        return _Walk(round=self.round + 1, marks=marks)

    def _whole(self, created: int, now: datetime) -> bool:
        return self.round % WHOLE_EVERY == 0 or created > (now - YOUNG).timestamp()


class FacebookPage:
    """One Page of the city (`connectors.base.Network`). Posts that exist only as advertisements are not read yet."""

    def __init__(self, settings: GraphSettings, account: AccountRef) -> None:
        self._page = account.external_id
        self._graph = Graph(settings, account.token)

    def __repr__(self) -> str:
        return f"FacebookPage({self._page!r})"

    def capabilities(self) -> Capabilities:
        able = frozenset({OperationKind.HIDE, OperationKind.UNHIDE, OperationKind.DELETE, OperationKind.REPLY})
        return Capabilities(able, publish=True, why_not=dict.fromkeys(set(OperationKind) - able, "not_supported"))

    def health(self) -> Health:
        """Through `GET /debug_token` when the app is configured; if not, by reading the Page's own id, which says
        nothing of permissions and dates.
        """
        try:
            data = self._graph.debug_token()
            if data is None:
                self._graph.read(self._page, READ_POSTS, fields="id")
                return Health(valid=True, reason=None, expires_at=None, missing=())
        except TokenInvalid as dead:
            return Health(valid=False, reason=dead.reason, expires_at=None, missing=())
        except Gone:
            return Health(valid=False, reason="wrong_page", expires_at=None, missing=())
        ends = [as_time(data.get(key)) for key in ("expires_at", "data_access_expires_at") if data.get(key)]
        expires_at = min((end for end in ends if end is not None), default=None)
        reason = None
        if data.get("is_valid") is not True:
            reason = token_reason(as_mapping(data.get("error")).get("subcode"))
        elif as_id(data.get("profile_id")) not in (None, self._page):
            reason = "wrong_page"
        if reason is not None:
            return Health(valid=False, reason=reason, expires_at=expires_at, missing=())
        granted = set(data.get("scopes") or ())
        for entry in data.get("granular_scopes") or ():
            # A permission may be granted for some Pages only; without a list it is for all of them.
            if self._page not in map(str, entry.get("target_ids") or (self._page,)):
                granted.discard(entry.get("scope"))
        missing = tuple(name for name in NEEDED if name not in granted)
        return Health(valid=True, reason=None, expires_at=expires_at, missing=missing)

    def pull(self, cursor: str | None, budget: int) -> Page:
        """Rounds over the newest posts, newest first; in each, the comments in the order in which they were written.

        A round reads whole the posts that are younger than `YOUNG`, and of the others only what was written since the
        last time, if their number of comments changed; one round out of `WHOLE_EVERY` reads all of them whole.
        `more=False` ends a round. An error after something was read ends the step early, and the next step meets it.
        """
        walk, posts, comments, calls = _Walk.at(cursor), list[PostSeen](), list[CommentSeen](), 0
        more = True
        while more and calls < budget:
            calls += 1
            try:
                if walk.listing:
                    posts += self._list_posts(walk)
                else:
                    comments += self._read_comments(walk)
            except FarSideError:
                if calls == 1:
                    raise
                break
            more = walk.listing or bool(walk.waiting)
        if not more:
            walk = walk.end_round()
        return Page(tuple(posts), tuple(comments), json.dumps(asdict(walk)), more, calls, self._graph.usage)

    def apply(self, operation: Operation, key: str) -> Receipt:
        logger.info("%s %s on %s for %s", operation.kind, operation.target, self._page, key)
        match operation.kind:
            case OperationKind.HIDE | OperationKind.UNHIDE:
                hidden = "true" if operation.kind is OperationKind.HIDE else "false"
                _succeeded(self._graph.write("POST", operation.target, MODERATE, is_hidden=hidden))
            case OperationKind.DELETE:
                _succeeded(self._graph.write("DELETE", operation.target, MODERATE))
            case OperationKind.REPLY:
                if not operation.text:
                    raise Rejected("empty")
                path = f"{operation.target}/comments"
                return Receipt(_created(self._graph.write("POST", path, MODERATE, message=operation.text)), at=_now())
        return Receipt(operation.target, at=_now())

    def publish(self, publication: Publication, key: str) -> Receipt:
        logger.info("publish on %s for %s", self._page, key)
        args = {"message": publication.text} | ({"link": publication.link} if publication.link else {})
        post = _created(self._graph.write("POST", f"{self._page}/feed", PUBLISH, **args))
        try:
            seen = self._graph.read(post, READ_POSTS, fields="permalink_url,created_time")
        except FarSideError:
            return Receipt(post, at=_now())  # It is published all the same.
        return Receipt(post, as_text(seen.get("permalink_url")), as_time(seen.get("created_time")) or _now())

    def find(self, sought: Operation | Publication, since: datetime, taken: Collection[str]) -> Receipt | None:
        """Links are not compared: Facebook rewrites them. Texts are, as `normalised` makes them."""
        if isinstance(sought, Publication):
            posts = self._all(f"{self._page}/published_posts", READ_POSTS, since=_unix(since - SKEW))
            return _oldest(posts, sought.text, since - SKEW, taken)
        if sought.kind is not OperationKind.REPLY:
            return self._state(sought)
        try:
            target = self._graph.read(sought.target, READ_COMMENTS, fields="id,parent{id}")
            # A reply to a reply is put in the thread of the first comment.
            thread = as_id(as_mapping(target.get("parent")).get("id")) or sought.target
            order = {"filter": "stream", "order": "chronological", "since": _unix(since - SKEW)}
            comments = self._all(f"{thread}/comments", READ_COMMENTS, **order)
        except Gone:
            return None
        ours = [item for item in comments if as_id(as_mapping(item.get("from")).get("id")) == self._page]
        return _oldest(ours, sought.text or "", since - SKEW, taken)

    def _state(self, sought: Operation) -> Receipt | None:
        """Whether a comment is hidden, shown or gone as was asked."""
        try:
            comment = self._graph.read(sought.target, READ_COMMENTS, fields="id,is_hidden")
        except Gone:
            return Receipt(sought.target) if sought.kind is OperationKind.DELETE else None
        if sought.kind is OperationKind.DELETE or comment.get("is_hidden") is not (sought.kind is OperationKind.HIDE):
            return None
        return Receipt(sought.target)

    def _all(self, path: str, permission: str, **args: str) -> list[Mapping[str, Any]]:
        """Every item of a listing, as much as is needed to know what was written."""
        args |= {"fields": "id,message,created_time,permalink_url,from{id}", "limit": PAGE_SIZE}
        items: list[Mapping[str, Any]] = []
        for _ in range(COMMENT_PAGES):
            answer = self._graph.read(path, permission, **args)
            items += _items(answer)
            following = _after(answer)
            if following is None or following == args.get("after"):
                break
            args["after"] = following
        return items

    def _list_posts(self, walk: _Walk) -> list[PostSeen]:
        args = {"fields": POST_FIELDS, "limit": PAGE_SIZE} | ({"after": walk.after} if walk.after else {})
        now = _now()
        walk.pages += 1
        try:
            answer = self._graph.read(f"{self._page}/published_posts", READ_POSTS, **args)
        except Rejected:
            if not walk.after:
                raise
            walk.after = None  # The post that the cursor pointed at was deleted: the listing starts again.
            walk.listing = walk.pages < POST_PAGES
            walk.pages = walk.pages if walk.listing else 0
            return []
        posts = []
        for item in _items(answer):
            if (post := as_id(item.get("id"))) is None or post in walk.listed:
                continue
            created = as_time(item.get("created_time"))
            count = as_mapping(as_mapping(item.get("comments")).get("summary")).get("total_count")
            walk.post(post, count if isinstance(count, int) else None, int((created or now).timestamp()), now)
            posts.append(PostSeen(post, as_text(item.get("message")), as_text(item.get("permalink_url")), created))
        following = _after(answer)
        full = len(walk.listed) >= POSTS or walk.pages >= POST_PAGES
        walk.listing = not full and following is not None and following != walk.after
        walk.after, walk.pages = (following, walk.pages) if walk.listing else (None, 0)
        return posts

    def _read_comments(self, walk: _Walk) -> list[CommentSeen]:
        """One page of the first waiting post. A post that went away or cannot be read is left for the next round."""
        post, now = walk.waiting[0][0], _now()
        args = {"fields": COMMENT_FIELDS, "filter": "stream", "order": "chronological", "limit": PAGE_SIZE}
        if (since := walk.since(now)) is not None:
            args["since"] = str(since)
        if walk.after:
            args["after"] = walk.after
        walk.pages += 1
        try:
            answer = self._graph.read(f"{post}/comments", READ_COMMENTS, **args)
        except (Gone, Rejected):
            if walk.after and not walk.again:
                walk.after, walk.again = None, True  # The row that the cursor pointed at was deleted.
            else:
                walk.next_post(complete=False)
            return []
        comments = []
        for item in _items(answer):
            if (identity := as_id(item.get("id"))) is not None:
                seen = self._comment(identity, item, post, now)
                walk.newest = max(walk.newest, int(seen.said_at.timestamp()) if seen.said_at else 0)
                comments.append(seen)
        following = _after(answer)
        if following is None or following == walk.after or walk.pages >= COMMENT_PAGES:
            walk.next_post(complete=following is None)
        else:
            walk.after = following
        return comments

    def _comment(self, identity: str, item: Mapping[str, Any], post: str, seen_at: datetime) -> CommentSeen:
        author, hidden = as_mapping(item.get("from")), item.get("is_hidden")
        return CommentSeen(
            external_id=identity,
            source="pull",
            seen_at=seen_at,
            said_at=as_time(item.get("created_time")),
            post_external_id=post,
            parent_external_id=as_id(as_mapping(item.get("parent")).get("id")),
            author_external_id=as_id(author.get("id")),
            author_name=as_text(author.get("name")),
            text=as_text(item.get("message")),
            permalink=as_text(item.get("permalink_url")),
            hidden=hidden if isinstance(hidden, bool) else None,
            by_account=as_id(author.get("id")) == self._page,
        )


def normalised(text: str) -> str:
    """A text as it is compared with what the network gives back: composed, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _oldest(items: Iterable[Mapping[str, Any]], text: str, since: datetime, taken: Collection[str]) -> Receipt | None:
    """The first thing written since then with that text, that nobody has claimed."""
    found: list[tuple[datetime, str, str | None]] = []
    for item in items:
        identity, at = as_id(item.get("id")), as_time(item.get("created_time"))
        if identity is None or identity in taken or at is None or at < since:
            continue
        if normalised(as_text(item.get("message")) or "") == normalised(text):
            found.append((at, identity, as_text(item.get("permalink_url"))))
    if not found:
        return None
    at, identity, permalink = min(found, key=lambda one: one[:2])
    return Receipt(identity, permalink, at)


def _succeeded(answer: object) -> None:
    """Graph answers `{"success": true}`, and used to answer `true`."""
    said = answer.get("success") if isinstance(answer, dict) else answer
    if said is False:
        raise Rejected("not_done")
    if said is not True:
        raise Ambiguous


def _created(answer: object) -> str:
    if (identity := as_id(as_mapping(answer).get("id"))) is None:
        raise Ambiguous
    return identity


def _items(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    data = answer.get("data")
    if not isinstance(data, list):
        raise Transient
    return [item for item in data if isinstance(item, dict)]


def _after(answer: Mapping[str, Any]) -> str | None:
    """The cursor of the following page. The last page has a cursor too, but no `next`; a page may be empty and have
    one.
    """
    paging = as_mapping(answer.get("paging"))
    return as_text(as_mapping(paging.get("cursors")).get("after")) if paging.get("next") else None


def _unix(moment: datetime) -> str:
    return str(int(moment.timestamp()))


def _now() -> datetime:
    return datetime.now(UTC)
