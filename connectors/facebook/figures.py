"""What Facebook counts of a Page and its posts.

Metrics that live in v26: https://developers.facebook.com/docs/platforminsights/page/deprecated-metrics. The families
of impressions and fans are gone from every version; what follows them are the `media_view` ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import Figures, PostCounts
from connectors.meta.graph import Graph
from connectors.meta.permissions import READ_FIGURES, READ_POSTS
from connectors.wire import as_mapping
from models.errors import Gone, PermissionMissing, Rejected

METRICS = ("post_total_media_view_unique", "post_media_view", "post_clicks")
COUNTS = "shares,reactions.limit(0).summary(total_count),comments.filter(stream).limit(0).summary(true)"
FILMED = "views,likes.limit(0).summary(true),comments.filter(stream).limit(0).summary(true)"


def figures(graph: Graph, page: str, posts: Sequence[str]) -> Figures:
    """One call for the Page and one or two for each post; a post that is gone is left out."""
    seen = graph.read(page, READ_POSTS, fields="followers_count,fan_count")
    followers = _count(seen.get("followers_count"))
    found = {post: told for post in posts if (told := _post(graph, post)) is not None}
    return Figures(followers if followers is not None else _count(seen.get("fan_count")), found)


def _post(graph: Graph, post: str) -> PostCounts | None:
    # Reels are videos, which have no reactions of their own, and are counted as they are played.
    counts = COUNTS if "_" in post else FILMED
    try:
        try:
            insights = f"insights.metric({','.join(METRICS)}){{name,values}}"
            seen = graph.read(post, READ_FIGURES, fields=f"{counts},{insights}" if "_" in post else counts)
        except (Rejected, PermissionMissing):
            # One metric that Meta dropped, or the missing right to read them, fails the whole call.
            seen = graph.read(post, READ_POSTS, fields=counts)
    except Gone:
        return None
    told = _insights(seen)
    return PostCounts(
        reach=told.get("post_total_media_view_unique"),
        views=told.get("post_media_view", _count(seen.get("views"))),
        reactions=_total(seen.get("reactions", seen.get("likes"))),
        comments=_total(seen.get("comments")),
        shares=(_count(as_mapping(seen.get("shares")).get("count")) or 0) if "_" in post else None,
        clicks=told.get("post_clicks"),
    )


def _insights(seen: Mapping[str, Any]) -> dict[str, int]:
    """The last value of each metric: they count since the post was published (`lifetime`)."""
    told: dict[str, int] = {}
    rows = as_mapping(seen.get("insights")).get("data")
    for row in rows if isinstance(rows, list) else ():
        values = as_mapping(row).get("values")
        last = as_mapping(values[-1]).get("value") if isinstance(values, list) and values else None
        if (count := _count(last)) is not None:
            told[str(as_mapping(row).get("name"))] = count
    return told


def _total(listing: object) -> int | None:
    return _count(as_mapping(as_mapping(listing).get("summary")).get("total_count"))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
