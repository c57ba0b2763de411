"""What goes out on a company page: words, a link, photos, a video.

https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api, images-api and videos-api beside
it. Files are sent first and looked at until LinkedIn has taken them in; nobody sees anything before the post itself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from connectors.base import Media, Prepared, Publication, Receipt, headline
from connectors.crawl import SKEW
from connectors.limits import limits, utf16
from connectors.linkedin.little_text import escape, unescape
from connectors.linkedin.reading import Reader, post_link
from connectors.linkedin.rest import LinkedIn, encoded
from connectors.matching import Written, oldest
from connectors.wire import as_id, as_mapping, as_text, as_time, ready
from models.errors import Ambiguous, FarSideError, Rejected, Transient
from models.vocabulary import MediaKind, PublicationForm

PUBLISH = "w_organization_social"
LIMITS = limits(__package__)
LONGEST_TITLE = 200
LONGEST_ALT = 4086


class Publisher:
    """Publishes for one page. `looks` is how long to wait between the looks at its files, in seconds."""

    def __init__(self, api: LinkedIn, page: str, looks: Sequence[float]) -> None:
        self._api = api
        self._page = page
        self._looks = looks

    def publish(self, publication: Publication, prepared: Prepared | None = None) -> Receipt:
        _check(publication)
        files = (prepared or ready(self.prepare, publication, (0.0, *self._looks))).things
        body: dict[str, Any] = {
            "author": self._page,
            "commentary": escape(words(publication)),
            "visibility": "PUBLIC",
            "distribution": {
                "feedDistribution": "MAIN_FEED",
                "targetEntities": [],
                "thirdPartyDistributionChannels": [],
            },
            "lifecycleState": "PUBLISHED",
            "isReshareDisabledByAuthor": False,
        }
        if content := _content(publication, files):
            body["content"] = content
        try:
            post = self._api.write("POST", "posts", PUBLISH, body).created
        except Rejected:
            if prepared is not None and not self._there(files):
                raise Rejected("prepared_gone") from None
            raise
        if post is None:
            raise Ambiguous
        return Receipt(post, post_link(post), datetime.now(UTC))

    def find(
        self, reading: Reader, publication: Publication, since: datetime, taken: Collection[str]
    ) -> Receipt | None:
        posts = (
            Written(
                str(row.get("id")),
                unescape(as_text(row.get("commentary")) or ""),
                as_time(row.get("publishedAt")) or as_time(row.get("createdAt")),
                post_link(str(row.get("id"))),
            )
            for row in reading.newest_posts(since - SKEW)
        )
        return oldest(posts, words(publication), since - SKEW, taken)

    def prepare(self, publication: Publication, so_far: Prepared | None = None) -> Prepared:
        """Its files, each sent whole; they are ready once LinkedIn has taken in all of them."""
        _check(publication)
        if so_far is not None:
            files = so_far.things
        else:
            sent = {MediaKind.VIDEO: self._video, MediaKind.PHOTO: self._image}
            files = tuple(sent[one.kind](one) for one in publication.media)
        taken_in = [self._taken_in(one) for one in files]  # Each is looked at: it may be refused.
        return Prepared(files, ready=all(taken_in))

    def _image(self, photo: Media) -> str:
        value = self._begin("images", {"owner": self._page})
        self._api.upload(str(value.get("uploadUrl")), photo.path.read_bytes(), PUBLISH)
        return _named(value.get("image"))

    def _video(self, video: Media) -> str:
        """In the parts that LinkedIn asks for, each of which it gives a name."""
        request = {"owner": self._page, "fileSizeBytes": video.path.stat().st_size}
        value = self._begin("videos", {**request, "uploadCaptions": False, "uploadThumbnail": False})
        parts = []
        with video.path.open("rb") as content:
            for part in value.get("uploadInstructions") or ():
                first, last = int(part["firstByte"]), int(part["lastByte"])
                content.seek(first)
                parts.append(self._api.upload(str(part.get("uploadUrl")), content.read(last - first + 1), PUBLISH))
        made = _named(value.get("video"))
        asked = {"video": made, "uploadToken": value.get("uploadToken", ""), "uploadedPartIds": parts}
        self._api.prepare("videos?action=finalizeUpload", PUBLISH, {"finalizeUploadRequest": asked})
        return made

    def _begin(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        path = f"{kind}?action=initializeUpload"
        return dict(as_mapping(self._api.prepare(path, PUBLISH, {"initializeUploadRequest": request}).get("value")))

    def _taken_in(self, urn: str) -> bool:
        kind = "videos" if urn.startswith("urn:li:video:") else "images"
        status = self._api.read(f"{kind}/{encoded(urn)}", PUBLISH).get("status")
        if status == "PROCESSING_FAILED":
            raise Rejected("file_refused")
        return bool(status == "AVAILABLE")

    def _there(self, files: Sequence[str]) -> bool:
        """Whether a refusal was not for the sake of these."""
        try:
            return all(self._taken_in(one) for one in files)
        except FarSideError:
            return False


def _content(publication: Publication, files: Sequence[str]) -> dict[str, Any] | None:
    """What a post shows under its words."""
    media = publication.media
    if not media:
        if publication.link is None:
            return None
        return {"article": {"source": publication.link, "title": _title(publication)}}
    if media[0].kind is MediaKind.VIDEO:
        return {"media": {"id": files[0], "title": _title(publication)}}
    images = [
        {"id": file, "altText": (one.alt_text or "")[:LONGEST_ALT]} for file, one in zip(files, media, strict=True)
    ]
    return {"media": images[0]} if len(images) == 1 else {"multiImage": {"images": images}}


def _named(urn: object) -> str:
    if (named := as_id(urn)) is None:
        raise Transient
    return named


def words(publication: Publication) -> str:
    """The text as it is published: a post shows a file or a link, so that beside files a link stands in the words."""
    text, link = publication.text, publication.link
    if publication.media and link is not None and link not in text:
        return f"{text}\n\n{link}".strip()
    return text


def length(text: str) -> int:
    """LinkedIn does not say whether what escapes a letter counts; a text that fits with it fits without it."""
    return utf16(escape(text))


def _title(publication: Publication) -> str:
    """LinkedIn reads no title from the page behind a link, and shows none without: it is the first line of the text."""
    return headline(publication.text, LONGEST_TITLE) or urlsplit(publication.link or "").hostname or "Vidéo"


def _check(publication: Publication) -> None:
    """Rejected: LinkedIn has nothing of the kind."""
    videos = sum(one.kind is MediaKind.VIDEO for one in publication.media)
    if publication.form is not PublicationForm.POST:
        raise Rejected("not_supported")
    if not publication.text.strip() and publication.link is None and not publication.media:
        raise Rejected("empty")
    if length(words(publication)) > LIMITS["longest_text"].value:
        raise Rejected("too_long")
    if videos and len(publication.media) > 1:
        raise Rejected("one_video_alone")
    if len(publication.media) > LIMITS["most_photos"].value:
        raise Rejected("too_many_photos")
