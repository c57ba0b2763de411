"""Answers of Graph that have the same shape on every network of Meta's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.base import AdSeen, CommentSeen, PostSeen
from connectors.meta.graph import Graph
from connectors.wire import as_id, as_mapping, as_text
from models.errors import Ambiguous, Rejected, Transient
from models.vocabulary import PostKind

PAGES = 200
"""No listing that is read in one go is longer."""


def pages(
    graph: Graph, path: str, permission: str, *, name: str | None = "id", **args: str
) -> Iterator[list[Mapping[str, Any]]]:
    """The rows of a listing, page by page, to its end. `Transient`: it has none (the same page comes again), or some of
    its rows have no `name` (None: they need none), so that nobody knows what is not in it.
    """
    for _ in range(PAGES):
        answer = graph.read(path, permission, **args)
        if name is not None and torn(items(answer), name):
            break
        yield items(answer)
        if (after := following(answer)) is None:
            return
        if after == args.get("after"):
            break
        args["after"] = after
    raise Transient


def items(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows of a listing, empty where they are none. What is no listing is read again: `Transient`."""
    data = answer.get("data")
    if not isinstance(data, list):
        raise Transient
    return [as_mapping(item) for item in data]


def torn(rows: Sequence[Mapping[str, Any]], name: str = "id") -> bool:
    """Whether some rows came without their id: what was listed is not all that there is."""
    return not all(as_id(item.get(name)) for item in rows)


def following(answer: Mapping[str, Any]) -> str | None:
    """The cursor of the following page. The last page has a cursor too, but no `next`; a page may be empty and have
    one.
    """
    paging = as_mapping(answer.get("paging"))
    return as_text(as_mapping(paging.get("cursors")).get("after")) if paging.get("next") else None


def ad_of(item: Mapping[str, Any]) -> AdSeen | None:
    """An advertisement of an ad account, with what it cost since it began."""
    if (ad := as_id(item.get("id"))) is None:
        return None
    insights = as_mapping(item.get("insights")).get("data")
    spent = as_mapping(insights[0]) if isinstance(insights, list) and insights else {}
    try:
        spend = Decimal(str(spent["spend"])) if "spend" in spent else None
    except InvalidOperation:
        spend = None
    return AdSeen(ad, as_id(item.get("campaign_id")), spend, as_text(spent.get("account_currency")))


def created(answer: object) -> str:
    """The id of what was made; without one nobody knows whether it was: `Ambiguous`."""
    if (identity := as_id(as_mapping(answer).get("id"))) is None:
        raise Ambiguous
    return identity


def succeeded(answer: object) -> None:
    """Graph answers `{"success": true}`, and used to answer `true`."""
    said = answer.get("success") if isinstance(answer, dict) else answer
    if said is False:
        raise Rejected("not_done")
    if said is not True:
        raise Ambiguous


def rating_of(item: Mapping[str, Any]) -> int | None:
    """Stars where Meta still gives them; else a recommendation is 5, its contrary 1."""
    stars = item.get("rating")
    if isinstance(stars, int) and 1 <= stars <= 5:
        return stars
    return {"positive": 5, "negative": 1}.get(str(item.get("recommendation_type")).lower())


def mentioning(said: CommentSeen) -> PostSeen:
    """The post of somebody else in which the account is named, as far as the mention says it."""
    of_it = said.external_id == said.post_external_id
    return PostSeen(
        said.post_external_id or said.external_id,
        said.text if of_it else None,
        said.permalink if of_it else None,
        said.said_at if of_it else None,
        kind=PostKind.MENTIONING,
    )
