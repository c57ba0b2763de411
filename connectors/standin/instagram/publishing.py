"""Containers of the pretend Instagram, from their creation to their publication, and the figures of what is published.

Codes and subcodes: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/error-codes.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from connectors.standin.instagram.state import DAY, Container, Media, Product, Profile, identity
from connectors.standin.state import Fault, Standin
from connectors.standin.wire import Call, GraphError, fields

LONGEST_CAPTION = 2_200
CAROUSEL = range(2, 11)
METRICS = ("views", "reach", "total_interactions", "likes", "comments", "shares", "saved")
IN_TOTALS = frozenset({"views", "reach", "total_interactions"})


def create(state: Standin, call: Call, profile: Profile, fault: Fault | None) -> dict[str, str]:
    """A container, as `POST /{ig}/media` makes one."""
    params = call.params
    form, caption = params.get("media_type", "IMAGE"), params.get("caption", "")
    item, upload = params.get("is_carousel_item") == "true", params.get("upload_type") == "resumable"
    if form not in ("IMAGE", "VIDEO", "REELS", "STORIES", "CAROUSEL"):
        raise GraphError(400, 100, "(#100) Unknown media type", error_subcode=2207023)
    if len(caption) > LONGEST_CAPTION:
        raise GraphError(400, 36004, "The caption was too long.", error_subcode=2207010)
    video, image = params.get("video_url"), params.get("image_url")
    children: tuple[str, ...] = ()
    if form == "CAROUSEL":
        children = tuple(filter(None, params.get("children", "").split(",")))
        known = [profile.containers.get(one) for one in children]
        if len(children) not in CAROUSEL or any(one is None or not one.item for one in known):
            raise GraphError(400, 100, "(#100) The number of items of a carousel is wrong", error_subcode=2207028)
    elif not upload:
        _check_url(video if form in ("VIDEO", "REELS") else video or image)
    if params.get("alt_text") and form != "IMAGE":
        raise GraphError(400, 100, "(#100) alt_text is not supported for this media type")
    moving = upload or video is not None
    product: Product = "REELS" if form == "REELS" else "STORY" if form == "STORIES" else "FEED"
    media = profile.new_post(state.number(), "" if product == "STORY" else caption, state.now(), None)
    media.product, media.children = product, children
    media.kind = "CAROUSEL_ALBUM" if children else "VIDEO" if moving else "IMAGE"
    media.alt, media.url = params.get("alt_text"), video or image
    made = Container(
        identity(state.number(), "179"),
        media,
        state.now(),
        profile.polls,
        state.now() + profile.slow,
        item,
        fault.subcode if fault is not None and fault.kind == "container_error" else None,
        upload,
    )
    profile.containers[made.id] = made
    address = {"uri": f"{call.base_url}ig-api-upload/{call.version}/{made.id}"} if upload else {}
    return {"id": made.id, **address}


def _check_url(url: str | None) -> None:
    """Meta fetches the file itself; the pretend one only looks whether the address could be fetched."""
    parts = urlsplit(url or "")
    if parts.scheme not in ("http", "https") or not parts.netloc or not (url or "").isascii():
        message = "The media could not be fetched from this uri."
        raise GraphError(400, 9004, message, error_subcode=2207052)


def status(call: Call, container: Container, now: float) -> dict[str, Any]:
    """`GET /{container}?fields=status_code,status`; of a carousel, its pictures are waited for too."""
    code = container.status(now)
    said = f"Error: Media upload has failed with error code {container.error}" if code == "ERROR" else f"{code}: ok"
    seen = {"id": container.id, "status_code": code, "status": said}
    return fields(call.params.get("fields"), seen, "id")


def publish(state: Standin, call: Call, profile: Profile, lag: float) -> dict[str, str]:
    """`POST /{ig}/media_publish`: the container becomes public, once."""
    container, now = profile.containers.get(call.params.get("creation_id", "")), state.now()
    if container is None or container.item or container.published_at:
        raise GraphError(400, 24, "The media could not be found.", error_subcode=2207006)
    if now >= container.at + DAY:
        raise GraphError(400, 24, "The media builder has expired.", error_subcode=2207008)
    if container.polls > 0 or now < container.ready_at or container.upload:
        raise GraphError(400, 9007, "The media is not ready for publishing.", error_subcode=2207027)
    if container.error is not None:
        raise GraphError(400, 352, "The media cannot be published.", error_subcode=container.error)
    if profile.published_since(now - DAY) >= profile.quota:
        message = "You reached maximum number of posts that is allowed to be published by Content Publishing API."
        raise GraphError(400, 9, message, error_subcode=2207042)
    media, container.published_at = container.media, now
    media.at = now
    state.apply("publish", profile, profile.id, media.id, lag, lambda: state.put(media, tell=True), media.text)
    return {"id": media.id}


def insights(media: Media, asked: str) -> list[dict[str, Any]]:
    """Each figure as `values` or as `total_value`; one name that does not exist spoils the whole call."""
    found = []
    for name in filter(None, asked.split(",")):
        if name not in METRICS:
            raise GraphError(400, 100, f"(#100) metric[0] must be one of the following values: {', '.join(METRICS)}")
        known = len(media.comments) if name == "comments" else media.figures.get(name)
        if known is None:
            continue  # A figure that does not exist yet is left out, and not zero.
        total = media.profile.total_values and name in IN_TOTALS
        value = {"total_value": {"value": known}} if total else {"values": [{"value": known}]}
        found.append({"name": name, "period": "lifetime", "id": f"{media.id}/insights/{name}/lifetime", **value})
    return found
