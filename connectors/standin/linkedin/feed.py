"""Posts, comments and reactions of the pretend LinkedIn.

https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api, and beside it the Comments,
Reactions and Social Metadata APIs.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from connectors.standin.linkedin.little_text import published
from connectors.standin.linkedin.state import Share, content_of, urn_of
from connectors.standin.linkedin.wire import (
    READ_FEED,
    READ_POSTS,
    WRITE_FEED,
    WRITE_POSTS,
    Caller,
    RestError,
    compound,
    denied,
    duplicate,
    empty,
    illegal,
    missing,
    share_of,
)
from connectors.standin.state import Comment
from connectors.standin.wire import Answer

DUPLICATE = 600.0
"""Seconds during which the same words of the same page are refused."""
LONGEST = 3000


class Feed(Caller):
    """A resource is a method of its name."""

    def posts(self, urn: str) -> Answer:
        if urn:
            return self._post(urn)
        if self.call.method == "POST":
            return self._publish()
        self.need(READ_POSTS)
        page = self.organization(self.query.get("author"))
        rows = [post for post in self.state.posts.values() if isinstance(post, Share) and post.page is page]
        by_change = self.query.get("sortBy", "LAST_MODIFIED") == "LAST_MODIFIED"
        rows.sort(key=lambda post: ((post.edited_at if by_change else None) or post.at, post.id), reverse=True)
        return self.paged(rows, _shown)

    def _post(self, urn: str) -> Answer:
        self.need(READ_POSTS if self.call.method == "GET" else WRITE_POSTS)
        post = self.state.posts.get(urn)
        known = isinstance(post, Share) and self.may(post)
        if self.call.method == "DELETE":
            if isinstance(post, Share) and known:
                self.state.apply("delete_post", post.page, urn, urn, self.lag, lambda: self._remove(urn))
            return empty(204)  # Deleting what is deleted is no error.
        if not isinstance(post, Share) or not known:
            raise missing(urn)
        if self.call.method == "GET":
            return Answer(200, _shown(post))
        words = self.body.get("patch", {}).get("$set", {}).get("commentary")
        if self.method != "PARTIAL_UPDATE" or not isinstance(words, str):
            raise illegal("Resource method could not be resolved from request parameters.")
        little, text = published(words)

        def edit() -> None:
            post.little, post.text, post.edited_at = little, text, self.state.now()

        self.state.apply("edit_post", post.page, urn, urn, self.lag, edit, text)
        return empty(204)

    def _remove(self, urn: str) -> None:
        post = self.state.posts.pop(urn)
        for gone in post.comments:
            del self.state.comments[gone]

    def _publish(self) -> Answer:
        self.need(WRITE_POSTS)
        page, content = self.organization(self.body.get("author")), self.body.get("content") or {}
        if (self.body.get("visibility"), self.body.get("lifecycleState")) != ("PUBLIC", "PUBLISHED"):
            raise RestError(422, "MISSING_FIELD", "/visibility, /lifecycleState :: fields are required but not found")
        if self.body.get("distribution", {}).get("feedDistribution") != "MAIN_FEED":
            raise RestError(422, "MISSING_FIELD", "/distribution :: field is required but not found")
        little, text = published(str(self.body.get("commentary", "")))
        if not text.strip() and not content:
            raise RestError(422, "MISSING_FIELD", "/commentary :: field is required but not found")
        if len(text) > LONGEST:
            raise RestError(422, "FIELD_LENGTH_TOO_LONG", f"/commentary :: length cannot be greater than {LONGEST}")
        self._check_content(content)
        for post in self.state.posts.values():
            same = isinstance(post, Share) and post.page is page and (post.little, post.content) == (little, content)
            if same and post.at > self.state.now() - DUPLICATE:
                raise duplicate(post.id)
        made = self.state.publish(page, text, content.get("article", {}).get("source"), self.lag)
        made = share_of(made) if isinstance(made, Share) else page.new_post(0, text, 0, None)
        made.little, made.content = little, content
        return empty(201, x_restli_id=made.id)

    def _check_content(self, content: dict[str, Any]) -> None:
        images = content.get("multiImage", {}).get("images", [])
        if len(content) > 1 or ("multiImage" in content and not 2 <= len(images) <= 20):
            raise RestError(422, "UNPROCESSABLE_ENTITY", "/content :: one kind, and 2 to 20 images")
        if "article" in content and not content["article"].get("title"):
            raise RestError(422, "MISSING_FIELD", "/content/article/title :: field is required but not found")
        for media in [*images, *([content["media"]] if "media" in content else [])]:
            asset = next((page.assets[media["id"]] for page in self.pages.values() if media["id"] in page.assets), None)
            if asset is None or asset.polls > 0 or asset.failed or not asset.finalized:
                raise RestError(400, "INVALID_CONTENT", f"The asset {media['id']} is not ready to be used")

    # ------------------------------------------------------------------------------------- comments
    def comments(self, path: str) -> Answer:
        """`{urn}/comments` and `{urn}/comments/{number}`. Comments come the newest first, and no answers among them."""
        urn, _, rest = path.partition("/")
        edge, _, number = rest.partition("/")
        if edge != "comments":
            raise RestError(404, "RESOURCE_NOT_FOUND", f"No virtual resource found for {edge}")
        if number:
            return self._comment(urn, number)
        on = self.thing(urn)
        if self.call.method == "POST":
            return self._reply(on)
        self.need(READ_FEED, READ_POSTS)
        parent = on if isinstance(on, Comment) else None
        rows = [one for one in share_of(on).comments.values() if one.parent is parent]
        rows.sort(key=lambda one: (one.at, one.order), reverse=True)
        return self.paged(rows, _said)

    def _reply(self, on: Share | Comment) -> Answer:
        self.need(WRITE_FEED, WRITE_POSTS)
        page = self.organization(self.body.get("actor"))
        text, parent = self.body.get("message", {}).get("text"), self.body.get("parentComment")
        if not isinstance(text, str) or not text.strip():
            raise illegal("/message/text :: field is required but not found")
        if isinstance(on, Comment) and (parent != on.id or on.parent is not None):
            raise illegal("/parentComment :: it must be the first comment of the thread")
        made = self.state.reply(on, page, text, self.lag)
        return Answer(201, _said(made), {"x-restli-id": _own_number(made)})

    def _comment(self, urn: str, number: str) -> Answer:
        reads = self.call.method == "GET"
        self.need(*((READ_FEED, READ_POSTS) if reads else (WRITE_FEED, WRITE_POSTS)))
        post = share_of(self.thing(urn))
        comment = self.state.comments.get(f"urn:li:comment:({post.activity},{number})")
        if comment is None:
            raise missing(number)
        if reads:
            return Answer(200, _said(comment))
        page = self.organization(self.query.get("actor"))
        if self.call.method != "DELETE":
            raise RestError(405, "METHOD_NOT_ALLOWED", "Only its author edits a comment")
        if comment.author is not page and not page.deletes:
            raise denied(self.call)
        self.state.delete(comment, page, self.lag)
        return empty(204)

    # ------------------------------------------------------------------------------------- counts and reactions
    def metadata(self, urn: str) -> Answer:
        """Counts of one post, or of several at once. One that is not there has an error beside the others."""
        self.need(READ_FEED, READ_POSTS)
        if urn:
            return Answer(200, _metadata(share_of(self.thing(urn))))
        if self.method != "BATCH_GET":
            raise illegal("Resource method could not be resolved from request parameters.")
        results, errors = {}, {}
        for one in self.query.get("ids", []):
            try:
                results[one] = _metadata(share_of(self.thing(one)))
            except RestError as error:
                errors[one] = {"status": error.status, "message": error.message}
        return Answer(200, {"results": results, "errors": errors, "statuses": {}})

    def reactions(self, key: str) -> Answer:
        self.need(*((READ_FEED, READ_POSTS) if self.call.method == "GET" else (WRITE_FEED, WRITE_POSTS)))
        named = compound(urlsplit(self.call.url).path.rpartition("/")[2]) if key else {}
        page = self.organization(named.get("actor") or self.query.get("actor"))
        entity = named.get("entity") or str(self.body.get("root", ""))
        self.thing(entity)
        liked = entity in page.likes
        shown = {"id": f"urn:li:reaction:({page.urn},{entity})", "reactionType": "LIKE", "root": entity}
        if self.call.method == "GET":
            if not liked:
                raise missing(key)
            return Answer(200, shown)
        wanted = self.call.method == "POST"
        if wanted is not liked:
            change = page.likes.add if wanted else page.likes.discard
            verb = "like" if wanted else "unlike"
            self.state.apply(verb, page, entity, entity, self.lag, lambda: change(entity))
        return Answer(201, shown) if wanted else empty(204)


def _shown(post: Share) -> dict[str, Any]:
    changed = int((post.edited_at or post.at) * 1000)
    return {
        "id": post.id,
        "author": post.organization.urn,
        "commentary": post.little,
        "visibility": "PUBLIC",
        "lifecycleState": "PUBLISHED",
        "createdAt": int(post.at * 1000),
        "publishedAt": int(post.at * 1000),
        "lastModifiedAt": changed,
        "distribution": {"feedDistribution": "MAIN_FEED", "thirdPartyDistributionChannels": []},
        "isReshareDisabledByAuthor": False,
        "lifecycleStateInfo": {"isEditedByAuthor": post.edited_at is not None},
    } | ({"content": post.content} if post.content else {})


def _own_number(comment: Comment) -> str:
    return comment.id.rpartition(",")[2].rstrip(")")


def _said(comment: Comment) -> dict[str, Any]:
    post = share_of(comment)
    answers = sum(other.parent is comment for other in post.comments.values())
    stamp: dict[str, Any] = {"actor": urn_of(comment.author), "time": int(comment.at * 1000)}
    if post.organization.names_hidden:
        del stamp["actor"]
    seen: dict[str, Any] = {
        "id": _own_number(comment),
        post.organization.urn_field: comment.id,
        "object": post.activity,
        "message": {"attributes": [], "text": comment.text},
        "created": stamp,
        "lastModified": stamp,
        "likesSummary": {"selectedLikes": [], "aggregatedTotalLikes": 0, "likedByCurrentUser": False},
        "commentsSummary": {"aggregatedTotalComments": answers, "selectedComments": []},
    }
    if not post.organization.names_hidden:
        seen["actor"] = urn_of(comment.author)
    if comment.parent is not None:
        seen["parentComment"] = comment.parent.id
    if comment.shown:
        seen["content"] = content_of(comment)
    return seen


def _metadata(post: Share) -> dict[str, Any]:
    top = sum(one.parent is None for one in post.comments.values())
    liked = {"LIKE": {"reactionType": "LIKE", "count": post.figures.get("likeCount", 0)}}
    return {
        "entity": post.id,
        "commentsState": "OPEN",
        "commentSummary": {"count": len(post.comments), "topLevelCount": top},
        "reactionSummaries": liked,
    }
