"""What a Page does with comments, their authors and its own posts, and how it is seen that it was done.

https://developers.facebook.com/docs/graph-api/reference/v26.0/comment and the edges `blocked` and `messages` of a Page.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.base import Operation, Receipt
from connectors.crawl import SKEW
from connectors.facebook.reading import link_of
from connectors.matching import Written, normalised, oldest
from connectors.meta.answers import created, pages, succeeded
from connectors.meta.graph import Graph
from connectors.meta.permissions import MODERATE, PUBLISH, READ_COMMENTS, READ_POSTS, WRITE_PRIVATELY
from connectors.wire import as_id, as_mapping, as_text, as_time
from models.errors import Ambiguous, Gone, Rejected
from models.vocabulary import OperationKind as Kind

ABLE = frozenset(
    {
        Kind.HIDE,
        Kind.UNHIDE,
        Kind.DELETE,
        Kind.REPLY,
        Kind.PRIVATE_REPLY,
        Kind.LIKE,
        Kind.UNLIKE,
        Kind.BLOCK,
        Kind.UNBLOCK,
        Kind.EDIT_POST,
        Kind.DELETE_POST,
    }
)
"""Acts on what is there already. No edge of Graph closes the comments of a Page's post."""


@dataclass(frozen=True)
class Moderation:
    """One Page that answers and moderates."""

    graph: Graph
    page: str

    def apply(self, operation: Operation) -> Receipt:
        target, text = operation.target, operation.text or ""
        if operation.kind in {Kind.REPLY, Kind.PRIVATE_REPLY, Kind.EDIT_POST} and not text.strip():
            raise Rejected("empty")
        match operation.kind:
            case Kind.HIDE | Kind.UNHIDE:
                hidden = "true" if operation.kind is Kind.HIDE else "false"
                succeeded(self.graph.write("POST", target, MODERATE, is_hidden=hidden))
            case Kind.DELETE:
                succeeded(self.graph.write("DELETE", target, MODERATE))
            case Kind.REPLY:
                made = created(self.graph.write("POST", f"{target}/comments", MODERATE, message=text))
                return Receipt(made, at=datetime.now(UTC))
            case Kind.PRIVATE_REPLY:
                return self._write_privately(target, text)
            case Kind.LIKE:
                succeeded(self.graph.write("POST", f"{target}/likes", MODERATE))
            case Kind.UNLIKE:
                succeeded(self.graph.write("DELETE", f"{target}/likes", MODERATE))
            case Kind.BLOCK:
                _blocked(self.graph.write("POST", f"{self.page}/blocked", MODERATE, user=target), target)
            case Kind.UNBLOCK:
                succeeded(self.graph.write("DELETE", f"{self.page}/blocked", MODERATE, user=target))
            case Kind.EDIT_POST:
                succeeded(self.graph.write("POST", target, PUBLISH, **{_words_of(target): text}))
            case Kind.DELETE_POST:
                succeeded(self.graph.write("DELETE", target, PUBLISH))
            case _:
                raise Rejected("not_supported")
        return Receipt(target, at=datetime.now(UTC))

    def find(self, sought: Operation, since: datetime, taken: Collection[str]) -> Receipt | None:
        match sought.kind:
            case Kind.REPLY:
                return self._reply(sought, since, taken)
            case Kind.PRIVATE_REPLY:
                return self._private_reply(sought, since, taken)
            case Kind.CLOSE_COMMENTS | Kind.OPEN_COMMENTS:
                raise Rejected("not_supported")
            case Kind.BLOCK | Kind.UNBLOCK:
                listed = self._all(f"{self.page}/blocked", MODERATE, fields="id", user=sought.target)
                blocked = any(as_id(item.get("id")) == sought.target for item in listed)
                return Receipt(sought.target) if blocked is (sought.kind is Kind.BLOCK) else None
        return Receipt(sought.target) if self._stands(sought) else None

    def _stands(self, sought: Operation) -> bool:
        """Whether a comment or a post is now as was asked."""
        deletes = sought.kind in {Kind.DELETE, Kind.DELETE_POST}
        on_post = sought.kind in {Kind.DELETE_POST, Kind.EDIT_POST}
        fields = {
            Kind.HIDE: "id,is_hidden",
            Kind.UNHIDE: "id,is_hidden",
            Kind.LIKE: "id,user_likes",
            Kind.UNLIKE: "id,user_likes",
            Kind.EDIT_POST: f"id,{_words_of(sought.target)}",
        }.get(sought.kind, "id")
        try:
            seen = self.graph.read(sought.target, READ_POSTS if on_post else READ_COMMENTS, fields=fields)
        except Gone:
            return deletes
        match sought.kind:
            case Kind.HIDE | Kind.UNHIDE:
                return seen.get("is_hidden") is (sought.kind is Kind.HIDE)
            case Kind.LIKE | Kind.UNLIKE:
                return seen.get("user_likes") is (sought.kind is Kind.LIKE)
            case Kind.EDIT_POST:
                now = as_text(seen.get(_words_of(sought.target))) or ""
                return normalised(now) == normalised(sought.text or "")
        return False

    def _reply(self, sought: Operation, since: datetime, taken: Collection[str]) -> Receipt | None:
        order = {"filter": "stream", "order": "chronological", "since": str(int((since - SKEW).timestamp()))}
        fields = "id,message,created_time,permalink_url,from{id}"
        comments = self._all(f"{self._thread(sought.target)}/comments", READ_COMMENTS, fields=fields, **order)
        ours = [_written(item) for item in comments if as_id(as_mapping(item.get("from")).get("id")) == self.page]
        return oldest(ours, sought.text or "", since - SKEW, taken)

    def _thread(self, target: str) -> str:
        """Where a reply stands: under the post itself, or in the thread of the first comment."""
        if "_" not in target or target.startswith(f"{self.page}_"):
            return target  # A reel or a post of the Page; a comment's id begins with its post's own number.
        comment = self.graph.read(target, READ_COMMENTS, fields="id,parent{id}")
        return as_id(as_mapping(comment.get("parent")).get("id")) or target

    def _write_privately(self, comment: str, text: str) -> Receipt:
        """Once for each comment, within seven days of it."""
        answer = self.graph.write(
            "POST",
            f"{self.page}/messages",
            WRITE_PRIVATELY,
            recipient=json.dumps({"comment_id": comment}),
            message=json.dumps({"text": text}, ensure_ascii=False),
        )
        if (message := as_id(as_mapping(answer).get("message_id"))) is None:
            raise Ambiguous
        return Receipt(message, at=datetime.now(UTC))

    def _private_reply(self, sought: Operation, since: datetime, taken: Collection[str]) -> Receipt | None:
        """In the conversation that the comment points to, when somebody answered it privately."""
        comment = self.graph.read(sought.target, READ_COMMENTS, fields="id,private_reply_conversation{id}")
        talk = as_id(as_mapping(comment.get("private_reply_conversation")).get("id"))
        if talk is None:
            return None
        messages = self._all(f"{talk}/messages", WRITE_PRIVATELY, fields="id,message,created_time,from{id}")
        ours = [_written(item) for item in messages if as_id(as_mapping(item.get("from")).get("id")) == self.page]
        return oldest(ours, sought.text or "", since - SKEW, taken)

    def _all(self, path: str, permission: str, **args: str) -> list[Mapping[str, Any]]:
        """Every item of a listing."""
        return [item for page in pages(self.graph, path, permission, **args, limit="100") for item in page]


def _words_of(post: str) -> str:
    """The field of a post's words. A reel is a video, which has no message: its id has no page in it."""
    return "message" if "_" in post else "description"


def _written(item: Mapping[str, Any]) -> Written:
    at = as_time(item.get("created_time"))
    return Written(as_id(item.get("id")) or "", as_text(item.get("message")) or "", at, link_of(item))


def _blocked(answer: object, author: str) -> None:
    """`{"AUTHOR": true}`, a line for each who was named."""
    if isinstance(answer, dict) and author in answer:
        answer = answer[author]
    succeeded(answer)
