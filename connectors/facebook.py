"""Facebook Pages: comments read and moderated, posts published.

Endpoints and fields: https://developers.facebook.com/docs/graph-api/reference/v26.0/page, and the `comment` reference
beside it.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
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
from connectors.walk import COMMENT_PAGES, SKEW, Listed, Read, walked
from models.errors import Ambiguous, FarSideError, Gone, Rejected, TokenInvalid, Transient
from models.vocabulary import OperationKind

logger = logging.getLogger(__name__)

READ_POSTS, READ_COMMENTS = "pages_read_engagement", "pages_read_user_content"
MODERATE, PUBLISH = "pages_manage_engagement", "pages_manage_posts"
NEEDED = (READ_POSTS, READ_COMMENTS, MODERATE, PUBLISH)

POST_FIELDS = "id,message,created_time,permalink_url,comments.filter(stream).limit(0).summary(true)"
COMMENT_FIELDS = "id,message,created_time,from{id,name},parent{id},is_hidden,permalink_url"
PAGE_SIZE = "100"


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
        """As `connectors.walk` says."""
        return walked(
            cursor,
            budget,
            sources=("published_posts",),
            list_posts=self._list_posts,
            read_thread=self._read_thread,
            usage=lambda: self._graph.usage,
        )

    def look(self, comment: str) -> CommentSeen:
        now = _now()
        item = self._graph.read(comment, READ_COMMENTS, fields=COMMENT_FIELDS + ",object{id}")
        return self._comment(comment, item, as_id(as_mapping(item.get("object")).get("id")), now)

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
            case _:
                raise Rejected("not_supported")
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

    def _list_posts(self, source: str, after: str | None, size: int) -> Listed:
        args = {"fields": POST_FIELDS, "limit": str(size)} | ({"after": after} if after else {})
        answer = self._graph.once(f"{self._page}/{source}", READ_POSTS, **args)
        posts = []
        for item in _items(answer):
            if (post := as_id(item.get("id"))) is None:
                continue
            count = as_mapping(as_mapping(item.get("comments")).get("summary")).get("total_count")
            posts.append(
                PostSeen(
                    post,
                    as_text(item.get("message")),
                    as_text(item.get("permalink_url")),
                    as_time(item.get("created_time")),
                    comments=count if isinstance(count, int) else None,
                )
            )
        return Listed(tuple(posts), _after(answer))

    def _read_thread(self, post: str, after: str | None, since: datetime | None, size: int) -> Read:
        now = _now()
        args = {"fields": COMMENT_FIELDS, "filter": "stream", "order": "chronological", "limit": str(size)}
        args |= {"since": _unix(since)} if since is not None else {}
        args |= {"after": after} if after else {}
        answer = self._graph.once(f"{post}/comments", READ_COMMENTS, **args)
        comments = [
            self._comment(identity, item, post, now)
            for item in _items(answer)
            if (identity := as_id(item.get("id"))) is not None
        ]
        return Read(tuple(comments), _after(answer))

    def _comment(self, identity: str, item: Mapping[str, Any], post: str | None, seen_at: datetime) -> CommentSeen:
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
