"""What is read on Instagram: comments with their replies, and what others write that names the account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.base import AttachmentSeen, CommentSeen, PostSeen
from connectors.crawl import PostPage, ThreadPage
from connectors.meta.answers import ad_of, following, items, pages, torn
from connectors.meta.graph import Graph
from connectors.meta.permissions import IG_MODERATE, IG_READ
from connectors.wire import as_id, as_mapping, as_text, as_time
from models.errors import Gone, Rejected
from models.vocabulary import AttachmentKind, CommentKind, PostKind

MEDIA_FIELDS = "id,caption,media_product_type,permalink,timestamp,comments_count,username"
TAGGED_FIELDS = f"{MEDIA_FIELDS},media_type,media_url"
"""Of somebody else's publication, what it shows. Of a comment Instagram tells the words alone: of one that is a picture
in motion or a sticker it tells an empty text.
"""
PLAIN_FIELDS = "id,text,timestamp,username,from{id,username},user{id},hidden,parent_id"
COMMENT_FIELDS = PLAIN_FIELDS + ",media{id,username,permalink}"
MENTION_FIELDS = "id,text,timestamp,username,media{id,permalink}"
AD_FIELDS = (
    "id,campaign_id,creative{effective_instagram_media_id,instagram_user_id},"
    "insights.date_preset(maximum){spend,account_currency}"
)
PAGE_SIZE = 50
"""Comments come fifty at most in a page: the reference of `/{ig-media}/comments`."""
KINDS = {"STORY": PostKind.STORY, "REELS": PostKind.REEL, "AD": PostKind.AD}


class Reader:
    """Reads for one account, and for the ad accounts whose advertisements may be its own."""

    def __init__(self, graph: Graph, account: str, ad_accounts: tuple[str, ...] = ()) -> None:
        self._graph = graph
        self._account = account
        self.ad_accounts = ad_accounts

    def probe(self, comment: str) -> CommentSeen:
        """A comment of ours, or one of somebody else's that names us, or a publication whose words do."""
        now = datetime.now(UTC)
        try:
            return self._comment(self._graph.read(comment, IG_MODERATE, fields=COMMENT_FIELDS), None, now)
        except Gone:
            seen = self.mention(comment, now)
        if seen is None:
            raise Gone
        return seen

    def list_posts(self, source: str, after: str | None, size: int) -> PostPage:
        now = datetime.now(UTC)
        if source in self.ad_accounts:
            return self._list_ads(source, after, size)
        shown = TAGGED_FIELDS if source == "tags" else MEDIA_FIELDS
        args = {"fields": shown, "limit": str(size)} | ({"after": after} if after else {})
        answer = self._graph.once(f"{self._account}/{source}", IG_READ, **args)
        rows = [item for item in items(answer) if as_id(item.get("id"))]
        tagged = source == "tags"
        posts = tuple(post_of(item, PostKind.MENTIONING if tagged else None) for item in rows)
        mentions = tuple(self._mentioning(item, now) for item in rows if tagged)
        return PostPage(posts, following(answer), mentions, unnamed="" if torn(items(answer)) else None)

    def _list_ads(self, ad_account: str, after: str | None, size: int) -> PostPage:
        """The publications of advertisements, which no other edge lists; an ad account may serve several accounts."""
        args = {"fields": AD_FIELDS, "limit": str(size)} | ({"after": after} if after else {})
        answer = self._graph.once(f"{ad_account}/ads", "ads_read", **args)
        posts = []
        for item in items(answer):
            creative, ad = as_mapping(item.get("creative")), ad_of(item)
            media = as_id(creative.get("effective_instagram_media_id"))
            if media is not None and ad is not None and as_id(creative.get("instagram_user_id")) == self._account:
                posts.append(PostSeen(media, None, None, None, PostKind.AD, ad=ad))
        return PostPage(tuple(posts), following(answer))

    def read_thread(self, post: str, after: str | None, since: datetime | None, size: int) -> ThreadPage:  # noqa: ARG002
        """One page of comments with the first of their replies, or one more page of the replies of one comment.

        Replies join old comments without moving them, so that a thread is always read whole. `after` says how far it
        is: the cursor of the comments, then the comments whose replies did not all come with them.
        """
        now, (comments, replies) = datetime.now(UTC), _parse(after)
        if after is not None and comments is None:
            return self._read_replies(post, after, replies, size, now)
        args = {"fields": f"{COMMENT_FIELDS},replies.limit({PAGE_SIZE}){{{PLAIN_FIELDS}}}", "limit": str(size)}
        answer = self._graph.once(f"{post}/comments", IG_MODERATE, **args, **({"after": comments} if comments else {}))
        seen, unnamed = list[CommentSeen](), None
        for item in reversed(items(answer)):
            if as_id(item.get("id")) is None:
                unnamed = IG_MODERATE
                continue
            owner = as_mapping(item.get("media"))
            seen.append(self._comment(item, post, now))
            inside = as_mapping(item.get("replies"))
            if inside:
                said = [one for one in items(inside) if as_id(one.get("id"))]
                unnamed = IG_MODERATE if len(said) < len(items(inside)) else unnamed
                seen += (self._comment({"media": owner, **one}, post, now, item) for one in said)
                if (more := following(inside)) is not None:
                    replies.append((str(item["id"]), more))
        seen.sort(key=lambda one: one.said_at or now)
        cursor = following(answer)
        if cursor is not None and cursor == comments:
            # It turns in circles: this thread is left for the next round.
            return ThreadPage(tuple(seen), after, unnamed)
        return ThreadPage(tuple(seen), _token(cursor, replies), unnamed)

    def all(self, path: str) -> list[CommentSeen]:
        """Every comment of a listing."""
        now = datetime.now(UTC)
        listing = pages(self._graph, path, IG_MODERATE, fields=COMMENT_FIELDS, limit=str(PAGE_SIZE))
        return [self._comment(item, None, now) for page in listing for item in page]

    def _read_replies(
        self, post: str, after: str, replies: list[tuple[str, str | None]], size: int, now: datetime
    ) -> ThreadPage:
        (comment, cursor), *rest = replies
        args = {"fields": COMMENT_FIELDS, "limit": str(size)} | ({"after": cursor} if cursor else {})
        try:
            answer = self._graph.once(f"{comment}/replies", IG_MODERATE, **args)
        except Gone:
            return ThreadPage(after=_token(None, rest))  # The comment went away, and its replies with it.
        except Rejected:
            if cursor is None:
                raise
            return ThreadPage(after=_token(None, [(comment, None), *rest]))  # Its cursor went stale: all of them again.
        rows = items(answer)
        seen = tuple(self._comment(item, post, now, {"id": comment}) for item in rows if as_id(item.get("id")))
        unnamed = IG_MODERATE if len(seen) < len(rows) else None
        more = following(answer)
        if more is not None and more == cursor:
            return ThreadPage(seen, after, unnamed)
        return ThreadPage(seen, _token(None, rest if more is None else [(comment, more), *rest]), unnamed)

    def _comment(
        self, item: Mapping[str, Any], post: str | None, seen_at: datetime, parent: Mapping[str, Any] | None = None
    ) -> CommentSeen:
        """`from` and `user` are often missing; the user name is always there, and that of the owner of the media."""
        author, media, hidden = as_mapping(item.get("from")), as_mapping(item.get("media")), item.get("hidden")
        name = as_text(author.get("username")) or as_text(item.get("username"))
        identity = as_id(author.get("id")) or as_id(as_mapping(item.get("user")).get("id"))
        return CommentSeen(
            external_id=as_id(item.get("id")) or "",
            source="pull",
            seen_at=seen_at,
            said_at=as_time(item.get("timestamp")),
            post_external_id=post or as_id(media.get("id")),
            parent_external_id=as_id(item.get("parent_id")) or as_id((parent or {}).get("id")),
            author_external_id=identity,
            author_name=name,
            text=as_text(item.get("text")),
            permalink=as_text(media.get("permalink")),
            hidden=hidden if isinstance(hidden, bool) else None,
            by_account=identity == self._account or (name is not None and name == as_text(media.get("username"))),
        )

    def mention(self, target: str, now: datetime) -> CommentSeen | None:
        """A comment or a publication of somebody else that names us. None: there is none that we may see."""
        for what, names in (("comment", MENTION_FIELDS), ("media", TAGGED_FIELDS)):
            try:
                answer = self._graph.read(
                    self._account, IG_MODERATE, fields=f"mentioned_{what}.{what}_id({target}){{{names}}}"
                )
            except (Gone, Rejected):
                continue
            item = as_mapping(answer.get(f"mentioned_{what}"))
            if as_id(item.get("id")) is None:
                continue
            return self._mentioning(item, now)
        return None

    def _mentioning(self, item: Mapping[str, Any], now: datetime) -> CommentSeen:
        media = as_mapping(item.get("media")) or item
        return CommentSeen(
            external_id=as_id(item.get("id")) or "",
            source="pull",
            seen_at=now,
            said_at=as_time(item.get("timestamp")),
            post_external_id=as_id(media.get("id")),
            author_name=as_text(item.get("username")),
            text=as_text(item.get("text")) if "text" in item else as_text(item.get("caption")) or "",
            permalink=as_text(media.get("permalink")),
            kind=CommentKind.MENTION,
            attachments=_shown(item),
        )


def _shown(item: Mapping[str, Any]) -> tuple[AttachmentSeen, ...] | None:
    """Of an album the first picture; a film has an address and no still picture."""
    if (of_type := as_text(item.get("media_type"))) is None:
        return None
    kind = AttachmentKind.VIDEO if of_type == "VIDEO" else AttachmentKind.PHOTO
    picture = as_text(item.get("media_url")) if kind is AttachmentKind.PHOTO else None
    return (AttachmentSeen(kind, as_id(item.get("id")), as_text(item.get("permalink")), picture),)


def post_of(item: Mapping[str, Any], kind: PostKind | None = None) -> PostSeen:
    count = item.get("comments_count")
    return PostSeen(
        as_id(item.get("id")) or "",
        as_text(item.get("caption")),
        as_text(item.get("permalink")),
        as_time(item.get("timestamp")),
        kind or KINDS.get(str(item.get("media_product_type")), PostKind.POST),
        count if isinstance(count, int) else None,
    )


def _parse(after: str | None) -> tuple[str | None, list[tuple[str, str | None]]]:
    """The cursor of the comments, None when all of them were read, and what replies are still to be read."""
    if after is None:
        return None, []
    comments, replies = json.loads(after)
    return comments, [(comment, cursor) for comment, cursor in replies]


def _token(comments: str | None, replies: list[tuple[str, str | None]]) -> str | None:
    return json.dumps([comments, replies]) if comments is not None or replies else None
