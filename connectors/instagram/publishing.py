"""How a publication is made on Instagram: containers that Meta prepares, then one call that makes them public.

https://developers.facebook.com/docs/instagram-platform/content-publishing. A picture must be where Meta itself can
fetch it; the bytes of a video may be sent instead.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import Media, Prepared, Publication, Receipt
from connectors.limits import limits, utf16
from connectors.matching import Written, oldest
from connectors.meta.answers import created, items, pages
from connectors.meta.errors import INSTAGRAM, TEMPORARY
from connectors.meta.graph import Graph
from connectors.meta.permissions import IG_PUBLISH
from connectors.wire import as_id, as_mapping, as_text, as_time, ready
from models.errors import FarSideError, Rejected, Throttled, Transient
from models.vocabulary import MediaKind, PublicationForm

LIMITS = limits(__package__)
PAUSES = (0, 1, 2, 4, 8, 15, 30, 60, 60, 60, 60)
"""Seconds before each question about the containers of a publication: Meta asks for one a minute, and for no more than
five minutes.
"""


class Publisher:
    """Publishes on one account. Until `media_publish` nothing is public, and a lost answer is `Transient`."""

    def __init__(self, graph: Graph, account: str, pauses: Sequence[float]) -> None:
        self._graph = graph
        self._account = account
        self._pauses = pauses

    def publish(self, publication: Publication, prepared: Prepared | None = None) -> Receipt:
        (container,) = (prepared or ready(self.prepare, publication, self._pauses)).things
        try:
            answer = self._graph.write("POST", f"{self._account}/media_publish", IG_PUBLISH, creation_id=container)
        except Rejected as refused:
            if prepared is not None and refused.reason == "media_not_found":  # A container is published once.
                raise Rejected("prepared_gone") from None
            raise
        media = created(answer)
        try:
            seen = self._graph.read(media, IG_PUBLISH, fields="permalink,timestamp")
        except FarSideError as error:
            until = error.until if isinstance(error, Throttled) else None
            return Receipt(media, at=datetime.now(UTC), resume_at=until)  # It is published all the same.
        return Receipt(media, as_text(seen.get("permalink")), as_time(seen.get("timestamp")) or datetime.now(UTC))

    def find(self, publication: Publication, since: datetime, taken: Collection[str]) -> Receipt | None:
        """By its caption. A story has none: the only one of that time, or nobody knows which (`Rejected`)."""
        story = publication.form is PublicationForm.STORY
        rows = self._recent("stories" if story else "media", since)
        written = [
            Written(
                str(row["id"]),
                as_text(row.get("caption")) or "",
                as_time(row.get("timestamp")),
                as_text(row.get("permalink")),
            )
            for row in rows
        ]
        if not story:
            return oldest(written, caption_of(publication), since, taken)
        free = [one for one in written if one.remote_id not in taken]
        if len(free) > 1:
            raise Rejected("several_stories")
        return Receipt(free[0].remote_id, free[0].permalink, free[0].at) if free else None

    def _recent(self, edge: str, since: datetime) -> list[Mapping[str, Any]]:
        """What was published since then; the newest comes first."""
        rows, fields = list[Mapping[str, Any]](), "id,caption,permalink,timestamp"
        for page in pages(self._graph, f"{self._account}/{edge}", IG_PUBLISH, fields=fields, limit="50"):
            recent = [row for row in page if (at := as_time(row.get("timestamp"))) is None or at >= since]
            rows += recent
            if len(recent) < len(page):
                break
        return rows

    def _check_quota(self) -> None:
        """Instagram counts publications over a day, and says how many it takes: that number changes."""
        limits = items(
            self._graph.read(f"{self._account}/content_publishing_limit", IG_PUBLISH, fields="quota_usage,config")
        )
        for limit in limits:
            used, total = limit.get("quota_usage"), as_mapping(limit.get("config")).get("quota_total")
            if isinstance(used, int) and isinstance(total, int) and used >= total:
                raise Rejected("daily_limit")

    def prepare(self, publication: Publication, so_far: Prepared | None = None) -> Prepared:
        """One container. That of a carousel is made of those of its pictures, once these are ready.

        https://developers.facebook.com/docs/instagram-platform/content-publishing: it expires after 24 hours.
        """
        if so_far is None:
            _check(publication)
            self._check_quota()
        things = so_far.things if so_far is not None else self._begun(publication)
        finished = [self._finished(one) for one in things]  # Each is asked about: it may have failed.
        if not all(finished):
            return Prepared(things, ready=False)
        if len(things) == 1:
            return Prepared(things)
        whole = {"media_type": "CAROUSEL", "children": ",".join(things), "caption": caption_of(publication)}
        container = _made(self._graph.prepare(f"{self._account}/media", IG_PUBLISH, **whole))
        return Prepared((container,), ready=self._finished(container))

    def _begun(self, publication: Publication) -> tuple[str, ...]:
        """The containers of its files."""
        caption, media = {"caption": caption_of(publication)}, publication.media
        if publication.form is PublicationForm.STORY:
            return (self._contained(media[0], {"media_type": "STORIES"}),)
        if len(media) == 1:
            video = media[0].kind is MediaKind.VIDEO
            return (self._contained(media[0], caption | ({"media_type": "REELS"} if video else {})),)
        return tuple(
            self._contained(
                one, {"is_carousel_item": "true"} | ({"media_type": "VIDEO"} if one.kind is MediaKind.VIDEO else {})
            )
            for one in media
        )

    def _contained(self, media: Media, args: Mapping[str, str]) -> str:
        video = media.kind is MediaKind.VIDEO
        args = dict(args)
        if media.url is None:
            args["upload_type"] = "resumable"
        else:
            args["video_url" if video else "image_url"] = media.url
        if media.alt_text and not video and "media_type" not in args:
            args["alt_text"] = media.alt_text  # Only pictures have one, and not those of stories.
        answer = self._graph.prepare(f"{self._account}/media", IG_PUBLISH, **args)
        container = _made(answer)
        if media.url is None:
            self._graph.upload(as_text(answer.get("uri")) or "", media.path, IG_PUBLISH)
        return container

    def _finished(self, container: str) -> bool:
        """Whether Meta has prepared it."""
        seen = self._graph.read(container, IG_PUBLISH, fields="status_code,status")
        match seen.get("status_code"):
            case "ERROR":
                raise _refusal(str(seen.get("status")))
            case "EXPIRED":
                raise Transient
        return bool(seen.get("status_code") == "FINISHED")


def caption_of(publication: Publication) -> str:
    """Instagram has no links: the address is read, and typed again."""
    text, link = publication.text, publication.link
    return text if link is None or link in text else f"{text}\n\n{link}".strip()


def _check(publication: Publication) -> None:
    """What Instagram would refuse, said before anything is prepared."""
    media, form = publication.media, publication.form
    videos = sum(one.kind is MediaKind.VIDEO for one in media)
    reason = None
    if not media:
        reason = "needs_media"
    elif len(media) > LIMITS["most_photos"].value:
        reason = "too_many_photos"
    elif form is not PublicationForm.POST and len(media) > 1:
        reason = "one_media"
    elif form is PublicationForm.REEL and not videos:
        reason = "needs_video"
    elif any(one.url is None and one.kind is MediaKind.PHOTO for one in media):
        reason = "media_not_public"
    elif utf16(caption_of(publication)) > LIMITS["longest_text"].value:
        reason = "too_long"
    if reason is not None:
        raise Rejected(reason)


def _made(answer: Mapping[str, Any]) -> str:
    if (container := as_id(answer.get("id"))) is None:
        raise Transient
    return container


def _refusal(status: str) -> FarSideError:
    """Why a container failed: its status carries a subcode in a sentence."""
    named = re.search(r"\b(2207\d{3})\b", status)
    code = int(named[1]) if named else 0
    if code in TEMPORARY:
        return Transient(timedelta(minutes=2))
    return Rejected(INSTAGRAM.get(code, str(code) if code else "container"))
