"""What is read of a Page: its posts, reels and advertisements, the threads under them, mentions and reviews.

Edges and fields: https://developers.facebook.com/docs/graph-api/reference/v26.0/page and what stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from connectors.base import AttachmentSeen, CommentSeen, PostSeen
from connectors.crawl import PostPage, ThreadPage
from connectors.meta.answers import ad_of, following, items, mentioning, rating_of, torn
from connectors.meta.graph import Graph
from connectors.meta.permissions import READ_ADS, READ_COMMENTS, READ_POSTS, TASK
from connectors.wire import as_id, as_mapping, as_text, as_time
from models.errors import Rejected, Transient
from models.vocabulary import AttachmentKind, CommentKind, PostKind

COUNT = "comments.filter(stream).limit(0).summary(true)"
POST_FIELDS = f"id,message,created_time,permalink_url,{COUNT}"
ATTACHED = "type,title,description,url,target{id,url},media{image{src}}"
WRITTEN = "id,message,created_time,from{id,name},permalink_url"
MENTION_FIELDS = f"{WRITTEN},attachments{{{ATTACHED},subattachments{{{ATTACHED}}}}}"
COMMENT_FIELDS = (
    f"id,message,created_time,from{{id,name}},permalink_url,parent{{id}},is_hidden,attachment{{{ATTACHED}}}"
)


@dataclass(frozen=True)
class Source:
    """One edge that lists what citizens write under, or what they write."""

    permission: str
    fields: str
    seen: Callable[[Mapping[str, Any], str], PostSeen | CommentSeen | None]
    """From an item and the Page's id; None: it is not what we look for."""
    more: Mapping[str, str]


def _post(item: Mapping[str, Any], _page: str, kind: PostKind = PostKind.POST) -> PostSeen | None:
    if (post := as_id(item.get("id"))) is None:
        return None
    return PostSeen(
        post,
        as_text(item.get("message", item.get("description"))),
        link_of(item),
        as_time(item.get("created_time")),
        kind=kind,
        comments=_count(item),
    )


def _count(item: Mapping[str, Any]) -> int | None:
    count = as_mapping(as_mapping(item.get("comments")).get("summary")).get("total_count")
    return count if isinstance(count, int) else None


def _reel(item: Mapping[str, Any], page: str) -> PostSeen | None:
    return _post(item, page, PostKind.REEL)


def _dark(item: Mapping[str, Any], page: str) -> PostSeen | None:
    """A post that is published too is an ordinary one that was promoted."""
    return _post(item, page, PostKind.POST if item.get("is_published") is True else PostKind.AD)


def _advertised(item: Mapping[str, Any], page: str) -> PostSeen | None:
    """The post of an advertisement, if it is this Page's: an ad account may serve several."""
    post, ad = as_id(as_mapping(item.get("creative")).get("effective_object_story_id")), ad_of(item)
    if post is None or ad is None or not post.startswith(f"{page}_"):
        return None
    return PostSeen(post, None, None, None, kind=PostKind.AD, ad=ad)


def _mention(item: Mapping[str, Any], page: str) -> CommentSeen | None:
    """A post of somebody else that names the Page, or stands on it: what it says is said to the city."""
    author = as_mapping(item.get("from"))
    if (post := as_id(item.get("id"))) is None or as_id(author.get("id")) == page:
        return None
    return CommentSeen(
        external_id=post,
        source="pull",
        seen_at=datetime.now(UTC),
        said_at=as_time(item.get("created_time", item.get("tagged_time"))),
        post_external_id=post,
        author_external_id=as_id(author.get("id")),
        author_name=as_text(author.get("name")),
        text=as_text(item.get("message")),
        permalink=link_of(item),
        kind=CommentKind.MENTION,
        attachments=attached(as_mapping(item.get("attachments")).get("data")),
    )


def _review(item: Mapping[str, Any], _page: str) -> CommentSeen | None:
    """A recommendation has no id of its own: its story has one."""
    reviewer = as_mapping(item.get("reviewer"))
    if (story := as_id(as_mapping(item.get("open_graph_story")).get("id"))) is None:
        return None
    return CommentSeen(
        external_id=story,
        source="pull",
        seen_at=datetime.now(UTC),
        said_at=as_time(item.get("created_time")),
        author_external_id=as_id(reviewer.get("id")),
        author_name=as_text(reviewer.get("name")),
        text=as_text(item.get("review_text")) or "",
        kind=CommentKind.REVIEW,
        rating=rating_of(item),
    )


AD_FIELDS = "id,campaign_id,creative{effective_object_story_id},insights.date_preset(maximum){spend,account_currency}"
SOURCES: dict[str, Source] = {
    "published_posts": Source(READ_POSTS, POST_FIELDS, _post, {}),
    "video_reels": Source(READ_POSTS, f"id,description,created_time,permalink_url,{COUNT}", _reel, {}),
    "ads_posts": Source(READ_ADS, f"{POST_FIELDS},is_published", _dark, {"include_inline_create": "true"}),
    "tagged": Source(READ_COMMENTS, MENTION_FIELDS, _mention, {}),
    "visitor_posts": Source(READ_COMMENTS, f"{MENTION_FIELDS},{COUNT}", _mention, {}),
    "ratings": Source(
        READ_COMMENTS,
        "created_time,rating,recommendation_type,review_text,reviewer{id,name},open_graph_story{id}",
        _review,
        {},
    ),
}
WITHOUT_RATINGS = 22
"""The first version of Graph that refuses `ratings` (error 12): reviews then come by webhook alone."""


@dataclass(frozen=True)
class Reader:
    """The calls of a pull, one each (`connectors.crawl`)."""

    graph: Graph
    page: str
    ad_accounts: tuple[str, ...] = ()
    version: str = "v26.0"

    @property
    def sources(self) -> tuple[str, ...]:
        reviews = int(self.version[1:].partition(".")[0]) < WITHOUT_RATINGS
        return (*(name for name in SOURCES if name != "ratings" or reviews), *self.ad_accounts)

    def list_posts(self, source: str, after: str | None, size: int) -> PostPage:
        if source in SOURCES:
            path, edge = f"{self.page}/{source}", SOURCES[source]
        else:
            path, edge = f"{source}/ads", Source("ads_read", AD_FIELDS, _advertised, {})
        args = {"fields": edge.fields, "limit": str(size), **edge.more} | ({"after": after} if after else {})
        answer = self.graph.once(path, edge.permission, **args)
        posts, comments, rows = list[PostSeen](), list[CommentSeen](), items(answer)
        for item in rows:
            thing = edge.seen(item, self.page)
            if isinstance(thing, PostSeen):
                posts.append(thing)
            elif thing is not None:
                comments.append(thing)
                if thing.kind is CommentKind.MENTION:
                    visitor = source == "visitor_posts"
                    posts.append(replace(mentioning(thing), visitor=visitor, comments=_count(item)))
        # A recommendation has no id of its own.
        unnamed = "" if source != "ratings" and torn(rows) else None
        return PostPage(tuple(posts), following(answer), tuple(comments), unnamed=unnamed)

    def read_thread(self, post: str, after: str | None, since: datetime | None, size: int) -> ThreadPage:
        now = datetime.now(UTC)
        args = {"fields": COMMENT_FIELDS, "filter": "stream", "order": "chronological", "limit": str(size)}
        args |= {"since": str(int(since.timestamp()))} if since is not None else {}
        args |= {"after": after} if after else {}
        answer = self.graph.once(f"{post}/comments", READ_COMMENTS, **args)
        rows = items(answer)
        comments = [seen for item in rows if (seen := self.comment(item, post, now)) is not None]
        if comments and len(comments) == len(rows):
            self.graph.proven.add(TASK)
        return ThreadPage(tuple(comments), following(answer), TASK if len(comments) < len(rows) else None)

    def probe(self, comment: str) -> CommentSeen:
        """A comment; or a post of somebody else that was heard of, which has no such thing as a parent (error 100)."""
        now = datetime.now(UTC)
        item = None
        try:
            item = self.graph.read(comment, READ_COMMENTS, fields=COMMENT_FIELDS)
        except Rejected as error:
            if error.reason != "100":
                raise
        if item is None:
            item = self.graph.read(comment, READ_COMMENTS, fields=MENTION_FIELDS)
        seen = self.comment({"id": comment, **item}, None, now)
        if seen is None:
            raise Transient
        return seen

    def comment(self, item: Mapping[str, Any], post: str | None, seen_at: datetime) -> CommentSeen | None:
        author, hidden = as_mapping(item.get("from")), item.get("is_hidden")
        if (identity := as_id(item.get("id"))) is None:
            return None
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
            permalink=link_of(item),
            hidden=hidden if isinstance(hidden, bool) else None,
            by_account=as_id(author.get("id")) == self.page,
            # A comment has one, a post has several.
            attachments=attached(as_mapping(item.get("attachments")).get("data") or [item.get("attachment")]),
        )


KINDS = {
    "photo": AttachmentKind.PHOTO,
    "sticker": AttachmentKind.STICKER,
    "animated_image": AttachmentKind.GIF,
    "video": AttachmentKind.VIDEO,
    "share": AttachmentKind.LINK,
}
"""By what the type begins with: `video_inline`, `animated_image_share`, `video_share_youtube`."""


def attached(rows: object) -> tuple[AttachmentSeen, ...]:
    """What stands in a comment or in a post of somebody else's; an album is what is in it."""
    seen = list[AttachmentSeen]()
    for row in map(as_mapping, rows if isinstance(rows, list) else ()):
        inside = as_mapping(row.get("subattachments")).get("data")
        if isinstance(inside, list) and inside:
            seen += attached(inside)
        elif row:
            of_type = as_text(row.get("type")) or ""
            target, image = as_mapping(row.get("target")), as_mapping(as_mapping(row.get("media")).get("image"))
            kinds = (kind for name, kind in KINDS.items() if of_type.startswith(name))
            seen.append(
                AttachmentSeen(
                    next(kinds, AttachmentKind.OTHER),
                    as_id(target.get("id")),
                    as_text(row.get("url")) or as_text(target.get("url")),
                    as_text(image.get("src")),
                    as_text(row.get("description")) or as_text(row.get("title")),
                )
            )
    return tuple(seen)


def link_of(item: Mapping[str, Any]) -> str | None:
    """Of videos and reels Facebook gives the path alone."""
    link = as_text(item.get("permalink_url"))
    return f"https://www.facebook.com{link}" if link and link.startswith("/") else link
