"""Company pages on LinkedIn: comments read and answered, posts published, figures.

https://learn.microsoft.com/linkedin/marketing/community-management. LinkedIn hides nothing, blocks nobody and has no
private answer; it names no commenter.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, NoReturn

from connectors.base import (
    AccountRef,
    Capabilities,
    CommentSeen,
    Figures,
    Health,
    Operation,
    Page,
    PostCounts,
    Prepared,
    Publication,
    Receipt,
    Told,
)
from connectors.crawl import SKEW, CrawlState, PostPage, crawl_step, resumed
from connectors.limits import values
from connectors.linkedin.errors import token_reason
from connectors.linkedin.little_text import escape, unescape
from connectors.linkedin.publishing import LIMITS, LONGEST_TITLE, PUBLISH, Publisher
from connectors.linkedin.reading import (
    ADMIN,
    PAGE_SIZE,
    POSTS_AT_ONCE,
    READ_COMMENTS,
    READ_POSTS,
    Reader,
    comment_link,
    heard,
    parts,
    post_link,
    urn_of,
    whole,
)
from connectors.linkedin.rest import LinkedIn, LinkedInSettings, encoded
from connectors.matching import Written, normalised, oldest
from connectors.wire import as_id, as_mapping, as_text, as_time
from models.errors import Ambiguous, Gone, PermissionMissing, Rejected, TokenInvalid
from models.vocabulary import MediaKind, OperationKind

logger = logging.getLogger(__name__)

MODERATE = "w_organization_social_feed"
NEEDED: Mapping[str, tuple[str, ...]] = {
    READ_POSTS: (),
    PUBLISH: (),
    READ_COMMENTS: (READ_POSTS,),
    MODERATE: (PUBLISH,),
    ADMIN: (),
}
"""What the work needs, and the older permission that did the same before comments had their own."""
ABLE = frozenset(
    {
        OperationKind.DELETE,
        OperationKind.REPLY,
        OperationKind.LIKE,
        OperationKind.UNLIKE,
        OperationKind.EDIT_POST,
        OperationKind.DELETE_POST,
    }
)
WHY_NOT = {
    # Closing the comments of a post deletes all those that are there (Social Metadata API).
    OperationKind.CLOSE_COMMENTS: "would_delete_comments",
    OperationKind.OPEN_COMMENTS: "would_delete_comments",
}


@dataclass
class _Round:
    """The cursor of a pull: where the crawl stands, what was listed, and the notifications that were heard already.

    `since` and `until` are unix seconds, of the round before and of this one.
    """

    crawl: str | None = None
    since: float = 0.0
    until: float = 0.0


CAPABILITIES = Capabilities(
    ABLE | {OperationKind.PUBLISH},
    why_not=WHY_NOT,
    media=frozenset(MediaKind),
    card_headline=LONGEST_TITLE,
    **values(LIMITS),
)
"""Whether the page may delete what members wrote, LinkedIn says only when it is asked to."""


class LinkedInPage:
    """One company page (`connectors.base.Network`). The account's id is the organisation's number."""

    def __init__(self, settings: LinkedInSettings, account: AccountRef) -> None:
        self._number = account.external_id
        self._page = f"urn:li:organization:{account.external_id}"
        self._api = LinkedIn(settings, account.token)
        self._reading = Reader(self._api, self._page)
        self._publisher = Publisher(self._api, self._page, settings.looks)

    def __repr__(self) -> str:
        return f"LinkedInPage({self._number!r})"

    def health(self) -> Health:
        """Through `introspectToken` when the app is configured; if not, by reading the page's own posts, which says
        nothing of dates.
        """
        try:
            said = self._api.token_status()
            if said is not None and said.get("active") is not True:
                return Health(
                    valid=False, reason=token_reason(None, str(said.get("status"))), expires_at=None, missing=()
                )
            self._api.read(f"posts?q=author&author={encoded(self._page)}&count=1", READ_POSTS)
        except TokenInvalid as dead:
            return Health(valid=False, reason=dead.reason)
        except Gone:
            return Health(valid=False, reason="wrong_page")
        except PermissionMissing as refused:
            missing = _missing(said) if said is not None else (refused.name,)
            if READ_POSTS not in missing:
                return Health(valid=False, reason="role_lost")
            return Health(valid=True, expires_at=as_time((said or {}).get("expires_at")), missing=missing)
        if said is None:
            return Health(valid=True)
        return Health(valid=True, expires_at=as_time(said.get("expires_at")), missing=_missing(said))

    def pull(self, cursor: str | None, budget: int) -> Page:
        """As `connectors.crawl` says; then LinkedIn's notifications since the round before, which tell of mentions, of
        edits, and of what is written under posts that are too old to be listed.
        """
        place = resumed(_Round, cursor)
        listed = set(resumed(CrawlState, place.crawl).listed)

        def list_posts(source: str, after: str | None, size: int) -> PostPage:
            if source == "posts":
                found = self._reading.list_posts(after, size)
                listed.update(post.external_id for post in found.posts)
                return found
            now = datetime.now(UTC)
            if after is None:
                place.until = now.timestamp()
            since = datetime.fromtimestamp(place.since, UTC) if place.since else None
            read = self._reading.list_notifications(after, size, since)
            told = [one for row in read.rows if (one := heard(row, now, self._page)) is not None]
            # What is said under a listed post is read there, unless it is an old one whose count did not change.
            said = [seen for post, seen in told if post or seen.source == "edit" or seen.post_external_id not in listed]
            posts = tuple(post for post, _ in told if post is not None)
            return PostPage(posts, None if read.following is None else str(read.following), tuple(said), events=True)

        page = crawl_step(
            place.crawl,
            budget,
            sources=("posts", "notifications"),
            list_posts=list_posts,
            read_thread=lambda post, after, _, size: self._reading.read_thread(post, after, size),
            page_size=PAGE_SIZE,
            proven=self._api.proven,
        )
        place.crawl = page.cursor
        if not page.more and page.whole:
            place.since = max(0.0, place.until - SKEW.total_seconds())
        return replace(page, cursor=json.dumps(asdict(place)))

    def converse(self, cursor: str | None, budget: int) -> NoReturn:  # noqa: ARG002
        """LinkedIn gives applications no messages of a page."""
        raise Rejected("not_supported")

    def probe(self, comment: str) -> CommentSeen:
        now = datetime.now(UTC)
        return self._reading.comment(self._reading.one(comment), None, now)

    def apply(self, operation: Operation, key: str) -> Receipt:
        if operation.kind not in ABLE:
            raise Rejected("not_supported")
        logger.info("%s %s on %s for %s", operation.kind, operation.target, self._number, key)
        return replace(self._do(operation), proven=frozenset(self._api.proven))

    def _do(self, operation: Operation) -> Receipt:
        target, actor = encoded(operation.target), encoded(self._page)
        match operation.kind:
            case OperationKind.REPLY:
                return self._reply(operation)
            case OperationKind.DELETE:
                self._delete(operation.target)
            case OperationKind.LIKE:
                body = {"root": operation.target, "reactionType": "LIKE"}
                self._api.write("POST", f"reactions?actor={actor}", MODERATE, body)
            case OperationKind.UNLIKE:
                self._api.write("DELETE", f"reactions/{self._reaction(operation.target)}", MODERATE)
            case OperationKind.EDIT_POST:
                if not (operation.text or "").strip():
                    raise Rejected("empty")
                change = {"patch": {"$set": {"commentary": escape(operation.text or "")}}}
                self._api.write("POST", f"posts/{target}", PUBLISH, change, partial=True)
            case OperationKind.DELETE_POST:
                self._api.write("DELETE", f"posts/{target}", PUBLISH)
        return Receipt(operation.target, at=datetime.now(UTC))

    def prepare(self, publication: Publication, so_far: Prepared | None = None) -> Prepared:
        return replace(self._publisher.prepare(publication, so_far), proven=frozenset(self._api.proven))

    def publish(self, publication: Publication, key: str, prepared: Prepared | None = None) -> Receipt:
        logger.info("publish on %s for %s", self._number, key)
        return replace(self._publisher.publish(publication, prepared), proven=frozenset(self._api.proven))

    def find(self, sought: Operation | Publication, since: datetime, taken: Collection[str]) -> Receipt | None:
        if isinstance(sought, Publication):
            return self._publisher.find(self._reading, sought, since, taken)
        try:
            match sought.kind:
                case OperationKind.REPLY:
                    thread, _, _ = self._thread(sought.target)
                    ours = (row for row in self._reading.thread(thread) if self._ours(row))
                    return oldest(map(_written, ours), sought.text or "", since - SKEW, taken)
                case OperationKind.LIKE | OperationKind.UNLIKE:
                    return self._liked(sought)
                case OperationKind.EDIT_POST:
                    post = self._api.read(f"posts/{encoded(sought.target)}", READ_POSTS)
                    now = normalised(unescape(as_text(post.get("commentary")) or ""))
                    same = now == normalised(sought.text or "")
                    return Receipt(sought.target, post_link(sought.target)) if same else None
                case OperationKind.DELETE_POST:
                    self._api.read(f"posts/{encoded(sought.target)}", READ_POSTS)
                case OperationKind.DELETE:
                    self._reading.one(sought.target)
        except Gone:
            if sought.kind is OperationKind.REPLY:
                raise
            return Receipt(sought.target) if sought.kind in (OperationKind.DELETE, OperationKind.DELETE_POST) else None
        return None

    def listen(self) -> Told:
        """Its webhooks are for approved partners, and the finder of notifications tells the same (`pull`)."""
        return Told(told=False)

    def figures(self, posts: Sequence[str]) -> Figures:
        """Followers and counts; views, reach, shares and clicks only where the page's statistics may be read.

        https://learn.microsoft.com/linkedin/marketing/community-management/organizations/share-statistics: of the last
        twelve months, and without the posts that nobody saw.
        """
        try:
            size = self._api.read(f"networkSizes/{encoded(self._page)}?edgeType=COMPANY_FOLLOWED_BY_MEMBER", ADMIN).get(
                "firstDegreeSize"
            )
        except PermissionMissing:
            size = None
        counted: dict[str, PostCounts] = {}
        for at in range(0, len(posts), POSTS_AT_ONCE):
            chosen = list(posts[at : at + POSTS_AT_ONCE])
            metadata, statistics = self._reading.metadata(chosen), self._statistics(chosen)
            for post in chosen:
                if post in metadata:
                    counted[post] = _figures(metadata[post], statistics.get(post) or {})
        return Figures(size if isinstance(size, int) else None, counted)

    # ------------------------------------------------------------------------------------- inside
    def _reply(self, operation: Operation) -> Receipt:
        """An answer to an answer joins the thread of the first comment: LinkedIn has two levels."""
        if not (operation.text or "").strip():
            raise Rejected("empty")
        on, post, parent = self._thread(operation.target)
        body = {"actor": self._page, "object": post, "message": {"text": operation.text}}
        body |= {"parentComment": parent} if parent else {}
        done = self._api.write("POST", f"socialActions/{encoded(on)}/comments", MODERATE, body)
        said = as_id(done.body.get("commentUrn")) or as_id(done.body.get("$URN")) or done.created
        if said is None:
            raise Ambiguous
        made = whole(said) if said.startswith("urn:li:comment:") else f"urn:li:comment:({post},{said})"
        return Receipt(made, comment_link(made), datetime.now(UTC))

    def _thread(self, target: str) -> tuple[str, str, str | None]:
        """What is answered, the post that it belongs to, and the first comment of the thread if there is one."""
        if not target.startswith("urn:li:comment:"):
            return target, target, None
        row = self._reading.one(target)
        first = as_id(row.get("parentComment"))
        on = whole(first) if first else urn_of(row)
        return on, parts(on)[0], on

    def _delete(self, comment: str) -> None:
        """The page's own words, or a member's: whether it may, LinkedIn's pages do not say, and a refusal looks as if
        the permission were missing. `Rejected("not_allowed")`: the token has it.
        """
        thread, number = parts(comment)
        path = f"socialActions/{encoded(thread)}/comments/{encoded(number)}?actor={encoded(self._page)}"
        try:
            self._api.write("DELETE", path, MODERATE)
            return
        except PermissionMissing:
            pass
        said = self._api.token_status()
        if said is None or MODERATE in _missing(said):
            raise PermissionMissing(MODERATE)
        raise Rejected("not_allowed")

    def _liked(self, sought: Operation) -> Receipt | None:
        """A like that is not there and a comment that is not there read the same: the comment is looked at first."""
        if sought.target.startswith("urn:li:comment:"):
            self._reading.one(sought.target)
        try:
            self._api.read(f"reactions/{self._reaction(sought.target)}", READ_COMMENTS)
        except Gone:
            return Receipt(sought.target) if sought.kind is OperationKind.UNLIKE else None
        return Receipt(sought.target) if sought.kind is OperationKind.LIKE else None

    def _reaction(self, target: str) -> str:
        return f"(actor:{encoded(self._page)},entity:{encoded(target)})"

    def _ours(self, row: Mapping[str, Any]) -> bool:
        return self._page in (as_id(row.get("actor")), as_id(as_mapping(row.get("created")).get("actor")))

    def _statistics(self, posts: list[str]) -> dict[str, Mapping[str, Any]]:
        """By post. Shares and posts of the older kind are asked about under two names."""
        kinds = {"shares": "urn:li:share:", "ugcPosts": "urn:li:ugcPost:"}
        asked = [
            f"{name}=List({','.join(encoded(post) for post in posts if post.startswith(kind))})"
            for name, kind in kinds.items()
            if any(post.startswith(kind) for post in posts)
        ]
        query = f"q=organizationalEntity&organizationalEntity={encoded(self._page)}"
        try:
            answer = self._api.read(f"organizationalEntityShareStatistics?{'&'.join([query, *asked])}", ADMIN)
        except PermissionMissing:
            return {}
        rows = [as_mapping(row) for row in answer.get("elements") or ()]
        return {
            str(row.get("share") or row.get("ugcPost")): as_mapping(row.get("totalShareStatistics")) for row in rows
        }


def _missing(said: Mapping[str, Any]) -> tuple[str, ...]:
    """Permissions that the work needs and that `introspectToken` does not name."""
    granted = set(str(said.get("scope", "")).replace(",", " ").split())
    return tuple(name for name, older in NEEDED.items() if not granted & {name, *older})


def _written(row: Mapping[str, Any]) -> Written:
    identity = urn_of(row)
    at = as_time(as_mapping(row.get("created")).get("time"))
    return Written(identity, as_text(as_mapping(row.get("message")).get("text")) or "", at, comment_link(identity))


def _figures(metadata: Mapping[str, Any], statistics: Mapping[str, Any]) -> PostCounts:
    reactions = [as_mapping(one).get("count") for one in as_mapping(metadata.get("reactionSummaries")).values()]

    def counted(name: str) -> int | None:
        return statistics[name] if isinstance(statistics.get(name), int) else None

    comments = as_mapping(metadata.get("commentSummary")).get("count")
    return PostCounts(
        reach=counted("uniqueImpressionsCount"),
        views=counted("impressionCount"),
        reactions=sum(one for one in reactions if isinstance(one, int)),
        comments=comments if isinstance(comments, int) else None,
        shares=counted("shareCount"),
        clicks=counted("clickCount"),
    )
