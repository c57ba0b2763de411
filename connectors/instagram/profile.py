"""Instagram accounts of the city, through the Page that each is linked to: comments, mentions, publications, figures.

Endpoints and fields: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference, the API
with Facebook Login: same host, same transport and same token as the Page.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

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
    Talks,
    Told,
)
from connectors.crawl import SKEW, crawl_step
from connectors.instagram.publishing import LIMITS, PAUSES, Publisher
from connectors.instagram.reading import PAGE_SIZE, Reader
from connectors.limits import values
from connectors.matching import Written, oldest
from connectors.meta.answers import created, items, pages, succeeded
from connectors.meta.graph import Graph, GraphSettings, end_of, missing_of, token_reason
from connectors.meta.messages import Conversations
from connectors.meta.permissions import (
    FOR_INSTAGRAM,
    IG_DELETE,
    IG_MEASURE,
    IG_MODERATE,
    IG_READ,
    IG_TALK,
)
from connectors.wire import as_id, as_mapping, as_text, as_time
from models.errors import Gone, PermissionMissing, Rejected, TokenInvalid
from models.vocabulary import MediaKind, OperationKind

logger = logging.getLogger(__name__)

ABLE = frozenset(
    {
        OperationKind.HIDE,
        OperationKind.UNHIDE,
        OperationKind.DELETE,
        OperationKind.REPLY,
        OperationKind.PRIVATE_REPLY,
        OperationKind.MESSAGE,
        OperationKind.DELETE_POST,
        OperationKind.CLOSE_COMMENTS,
        OperationKind.OPEN_COMMENTS,
    }
)
METRICS = "views,reach,shares"


CAPABILITIES = Capabilities(
    ABLE | {OperationKind.PUBLISH},
    media=frozenset(MediaKind),
    needs_media=True,
    links=False,
    carousel=True,
    **values(LIMITS),
)


class Instagram:
    """One professional account (`connectors.base.Network`).

    The pull reads newest comments first, because Instagram gives them so; within a page they come in the order in
    which they were written. Nothing tells of edits and deletions but reading again.
    """

    def __init__(self, settings: GraphSettings, account: AccountRef, pauses: Sequence[float] = PAUSES) -> None:
        self._account = account.external_id
        self._graph = Graph(settings, account.token)
        self._reader = Reader(self._graph, self._account, settings.ad_accounts)
        self._publisher = Publisher(self._graph, self._account, pauses)
        self._talk = Conversations(self._graph, self._account, "instagram", IG_TALK)

    def __repr__(self) -> str:
        return f"Instagram({self._account!r})"

    def health(self) -> Health:
        """What Meta says of the token of the Page, then whether it opens this account."""
        try:
            data = self._graph.debug_token() or {"is_valid": True, "scopes": FOR_INSTAGRAM}
            if data.get("is_valid") is not True:
                reason = token_reason(as_mapping(data.get("error")).get("subcode"))
                return Health(valid=False, reason=reason, expires_at=end_of(data))
            missing = missing_of(data, FOR_INSTAGRAM, self._account, about="instagram_")
            if IG_READ not in missing:
                self._graph.read(self._account, IG_READ, fields="id")
        except TokenInvalid as dead:
            return Health(valid=False, reason=dead.reason)
        except Gone:
            return Health(valid=False, reason="wrong_page")
        return Health(valid=True, expires_at=end_of(data), missing=missing)

    # --------------------------------------------------------------------------------------------- reading
    def pull(self, cursor: str | None, budget: int) -> Page:
        """As `connectors.crawl` says; `tags` are the media of others in which the account is tagged."""
        return crawl_step(
            cursor,
            budget,
            sources=("media", "stories", "tags", *self._reader.ad_accounts),
            list_posts=self._reader.list_posts,
            read_thread=self._reader.read_thread,
            usage=lambda: self._graph.usage,
            proven=self._graph.proven,
            page_size=PAGE_SIZE,
        )

    def converse(self, cursor: str | None, budget: int) -> Talks:
        return self._talk.read(cursor, budget)

    def probe(self, comment: str) -> CommentSeen:
        return self._reader.probe(comment)

    # --------------------------------------------------------------------------------------------- writing
    def apply(self, operation: Operation, key: str) -> Receipt:
        if operation.kind not in ABLE:
            raise Rejected("not_supported")
        logger.info("%s %s on %s for %s", operation.kind, operation.target, self._account, key)
        return self._graph.whole(self._do(operation))

    def _do(self, operation: Operation) -> Receipt:
        target, write = operation.target, self._graph.write
        match operation.kind:
            case OperationKind.HIDE | OperationKind.UNHIDE:
                hide = "true" if operation.kind is OperationKind.HIDE else "false"
                succeeded(write("POST", target, IG_MODERATE, hide=hide))
            case OperationKind.CLOSE_COMMENTS | OperationKind.OPEN_COMMENTS:
                enabled = "true" if operation.kind is OperationKind.OPEN_COMMENTS else "false"
                succeeded(write("POST", target, IG_MODERATE, comment_enabled=enabled))
            case OperationKind.DELETE:
                succeeded(write("DELETE", target, IG_MODERATE))
            case OperationKind.DELETE_POST:
                succeeded(write("DELETE", target, IG_DELETE))
            case OperationKind.MESSAGE:
                return self._talk.write(operation)
            case _:
                return self._write_to(operation)
        return Receipt(target, at=_now())

    def prepare(self, publication: Publication, so_far: Prepared | None = None) -> Prepared:
        return self._graph.whole(self._publisher.prepare(publication, so_far))

    def publish(self, publication: Publication, key: str, prepared: Prepared | None = None) -> Receipt:
        logger.info("publish on %s for %s", self._account, key)
        return self._graph.whole(self._publisher.publish(publication, prepared))

    def _write_to(self, operation: Operation) -> Receipt:
        """A reply, in public or in private. Where a public one goes depends on what its target is."""
        text = operation.text or ""
        if not text.strip():
            raise Rejected("empty")
        if operation.kind is OperationKind.PRIVATE_REPLY:
            args = {"recipient": json.dumps({"comment_id": operation.target}), "message": json.dumps({"text": text})}
            answer = as_mapping(self._graph.write("POST", f"{self._account}/messages", IG_TALK, **args))
            return Receipt(created({"id": answer.get("message_id")}), at=_now())
        path, args = self._place(operation.target)
        try:
            return Receipt(created(self._graph.write("POST", path, IG_MODERATE, message=text, **args)), at=_now())
        except Rejected as error:
            if error.reason != "100" or not path.endswith("/replies"):
                raise
        # A bad parameter, whatever it is: nothing was written.
        raise Rejected("comment_hidden" if self._in_hidden_thread(operation.target) else "100")

    def _in_hidden_thread(self, comment: str) -> bool:
        """Whether it is hidden, or the first comment of its thread, under which a reply to it would go."""
        seen = self._graph.read(comment, IG_MODERATE, fields="id,hidden,parent_id")
        if (first := as_id(seen.get("parent_id"))) is not None and seen.get("hidden") is not True:
            seen = self._graph.read(first, IG_MODERATE, fields="id,hidden")
        return seen.get("hidden") is True

    def _place(self, target: str) -> tuple[str, dict[str, str]]:
        """Under a comment of ours, under a publication of ours, or under what names us: where and with what."""
        try:
            comment = self._graph.read(target, IG_MODERATE, fields="id,hidden")
        except Rejected as error:
            if error.reason != "100":
                raise
            return f"{target}/comments", {}  # A publication has no such field.
        except Gone:
            seen = self._reader.mention(target, _now())
            if seen is None or seen.post_external_id is None:
                raise
            about = {"media_id": seen.post_external_id}
            return f"{self._account}/mentions", about | (
                {} if seen.post_external_id == target else {"comment_id": target}
            )
        if comment.get("hidden") is True:
            raise Rejected("comment_hidden")  # Instagram takes no reply to a hidden comment.
        return f"{target}/replies", {}

    # --------------------------------------------------------------------------------------------- what was done
    def find(self, sought: Operation | Publication, since: datetime, taken: Collection[str]) -> Receipt | None:
        """Replies to what others wrote on their own accounts cannot be read: `Rejected`, so that a person looks."""
        if isinstance(sought, Publication):
            found = self._publisher.find(sought, since - SKEW, taken)
        elif sought.kind is OperationKind.REPLY:
            found = self._find_reply(sought, since - SKEW, taken)
        elif sought.kind is OperationKind.PRIVATE_REPLY:
            found = self._find_message(sought, since - SKEW, taken)
        elif sought.kind is OperationKind.MESSAGE:
            found = self._talk.find(sought, since, taken)
        else:
            found = self._state(sought)
        return self._graph.whole(found) if found is not None else None

    def _state(self, sought: Operation) -> Receipt | None:
        """Whether a comment or a publication is as was asked."""
        about_post = sought.kind in (
            OperationKind.CLOSE_COMMENTS,
            OperationKind.OPEN_COMMENTS,
            OperationKind.DELETE_POST,
        )
        fields, permission = ("id,is_comment_enabled", IG_READ) if about_post else ("id,hidden", IG_MODERATE)
        try:
            seen = self._graph.read(sought.target, permission, fields=fields)
        except Gone:
            deleted = sought.kind in (OperationKind.DELETE, OperationKind.DELETE_POST)
            return Receipt(sought.target) if deleted else None
        done = {
            OperationKind.HIDE: seen.get("hidden") is True,
            OperationKind.UNHIDE: seen.get("hidden") is False,
            OperationKind.CLOSE_COMMENTS: seen.get("is_comment_enabled") is False,
            OperationKind.OPEN_COMMENTS: seen.get("is_comment_enabled") is True,
        }
        return Receipt(sought.target) if done.get(sought.kind, False) else None

    def _find_reply(self, sought: Operation, since: datetime, taken: Collection[str]) -> Receipt | None:
        try:
            seen = self._graph.read(sought.target, IG_MODERATE, fields="id,parent_id")
            # A reply to a reply is put under the first comment.
            path = f"{as_id(seen.get('parent_id')) or sought.target}/replies"
        except Rejected as error:
            if error.reason != "100":
                raise
            path = f"{sought.target}/comments"
        except Gone:
            if self._reader.mention(sought.target, _now()) is None:
                raise
            raise Rejected("elsewhere") from None
        ours = [
            Written(one.external_id, one.text or "", one.said_at, one.permalink)
            for one in self._reader.all(path)
            if one.by_account
        ]
        return oldest(ours, sought.text or "", since, taken)

    def _find_message(self, sought: Operation, since: datetime, taken: Collection[str]) -> Receipt | None:
        """In the conversation with the author of the comment, which is the Page's."""
        comment = self._graph.read(sought.target, IG_MODERATE, fields="id,from{id}")
        if (author := as_id(as_mapping(comment.get("from")).get("id"))) is None:
            raise Rejected("author_unknown")
        fields = f"messages.limit({PAGE_SIZE}){{id,created_time,message,from{{id}}}}"
        args = {"platform": "instagram", "user_id": author, "fields": fields}
        conversations = [one for page in pages(self._graph, "me/conversations", IG_TALK, **args) for one in page]
        written = [
            Written(str(message.get("id")), as_text(message.get("message")) or "", as_time(message.get("created_time")))
            for conversation in conversations
            for message in items(as_mapping(conversation.get("messages")) or {"data": []})
            if as_id(as_mapping(message.get("from")).get("id")) != author
        ]
        return oldest(written, sought.text or "", since, taken)

    def listen(self) -> Told:
        """The comments' webhook is a setting of the app; it speaks only of accounts whose Page the app is told of."""
        return self._graph.subscribe("me", "instagram")

    # --------------------------------------------------------------------------------------------- figures
    def figures(self, posts: Sequence[str]) -> Figures:
        """One call for the account and one for each publication; reactions are likes."""
        account = self._graph.read(self._account, IG_READ, fields="followers_count")
        found = {post: figures for post in posts if (figures := self._figures_of(post)) is not None}
        return Figures(_number(account.get("followers_count")), found)

    def _figures_of(self, post: str) -> PostCounts | None:
        """Without what Instagram measures, where it refuses it: too few people, a story of yesterday, no permission."""
        counts = "like_count,comments_count"
        try:
            try:
                seen = self._graph.read(post, IG_MEASURE, fields=f"{counts},insights.metric({METRICS})")
            except (Rejected, PermissionMissing):
                seen = self._graph.read(post, IG_READ, fields=counts)
        except Gone:
            return None
        measured = {
            str(one.get("name")): _measured(one) for one in items(as_mapping(seen.get("insights")) or {"data": []})
        }
        return PostCounts(
            reach=measured.get("reach"),
            views=measured.get("views"),
            reactions=_number(seen.get("like_count")),
            comments=_number(seen.get("comments_count")),
            shares=measured.get("shares"),
        )


def _measured(metric: Mapping[str, Any]) -> int | None:
    """A figure comes as `total_value`, or as the last of `values`."""
    if (total := as_mapping(metric.get("total_value"))) or "total_value" in metric:
        return _number(total.get("value"))
    values = metric.get("values")
    return _number(as_mapping(values[-1]).get("value")) if isinstance(values, list) and values else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _now() -> datetime:
    return datetime.now(UTC)
