"""What a Page publishes: a text, a link, photos, a video, a reel or a story; and how it is found again.

https://developers.facebook.com/docs/pages-api/posts, https://developers.facebook.com/docs/video-api/guides and
https://developers.facebook.com/docs/page-stories-api. In each form one call makes it public; whatever comes before it
can be made again, since nobody sees it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from connectors.base import Media, Prepared, Publication, Receipt
from connectors.crawl import SKEW
from connectors.facebook.reading import link_of
from connectors.limits import limits
from connectors.matching import Written, oldest
from connectors.meta.answers import created, pages, succeeded
from connectors.meta.graph import FilePart, Graph
from connectors.meta.permissions import PUBLISH, READ_POSTS
from connectors.wire import as_id, as_mapping, as_text, as_time
from models.errors import FarSideError, Gone, Rejected, Throttled, Transient
from models.vocabulary import MediaKind, PublicationForm

LIMITS = limits(__package__)
CHUNK = 8 * 1024 * 1024
"""Bytes of a video that go in one call, when Facebook does not say how many it wants."""
SHOWN = "id,message,created_time,permalink_url,attachments{media_type,type,subattachments.limit(100){media_type}}"
FILMED = "id,description,created_time,permalink_url,post_id"


@dataclass(frozen=True)
class Publishing:
    """One Page that publishes."""

    graph: Graph
    page: str

    def publish(self, publication: Publication, prepared: Prepared | None = None) -> Receipt:
        """Rejected: a form that Facebook does not have (`not_supported`), or a file that is not there (`no_file`)."""
        _check(publication)
        if prepared is not None:
            try:
                return self._act(publication, prepared.things)
            except (Gone, Rejected) as refused:
                # Each photo and each video is published once.
                if isinstance(refused, Gone) or refused.reason == "already_posted":
                    raise Rejected("prepared_gone") from None
                raise
        _check_files(publication)
        if [one.kind for one in publication.media] == [MediaKind.PHOTO] and publication.form is PublicationForm.POST:
            return self._photo(publication, publication.media[0])
        return self._act(publication, self.prepare(publication).things)

    def prepare(self, publication: Publication) -> Prepared:
        """Photos, or the one video, that nobody sees yet: the ids with which they are published.

        https://developers.facebook.com/docs/graph-api/reference/page/photos ("published" as false).
        """
        _check(publication)
        _check_files(publication)
        media = publication.media
        if not any(one.kind is MediaKind.VIDEO for one in media):
            return Prepared(tuple(map(self._unseen, media)))
        match publication.form:
            case PublicationForm.STORY:
                return Prepared((self._sent(f"{self.page}/video_stories", media[0]),))
            case PublicationForm.REEL:
                return Prepared((self._sent(f"{self.page}/video_reels", media[0]),))
        return Prepared(self._uploaded(media[0]))

    def _act(self, publication: Publication, things: Sequence[str]) -> Receipt:
        """The one call that makes public what was sent."""
        filmed = any(one.kind is MediaKind.VIDEO for one in publication.media)
        match publication.form:
            case PublicationForm.STORY:
                return self._story(things[0], filmed=filmed)
            case PublicationForm.REEL:
                return self._reel(publication, things[0])
        return self._video(publication, *things) if filmed else self._post(publication, things)

    def _post(self, publication: Publication, photos: Sequence[str]) -> Receipt:
        args = {"message": publication.text} if publication.text else {}
        if photos:
            args["message"] = words(publication)
            for number, photo in enumerate(photos):
                args[f"attached_media[{number}]"] = json.dumps({"media_fbid": photo})
        elif publication.link:
            args["link"] = publication.link
        return self._receipt(created(self.graph.write("POST", f"{self.page}/feed", PUBLISH, **args)))

    def _unseen(self, photo: Media) -> str:
        """The id of a photo that was sent and that nobody sees yet."""
        with _part(photo) as part:
            shown = {"published": "false", "temporary": "false", **_alt(photo)}
            answer = self.graph.prepare(f"{self.page}/photos", PUBLISH, source=part, **shown)
        if (identity := as_id(answer.get("id"))) is None:
            raise Transient
        return identity

    def _photo(self, publication: Publication, photo: Media) -> Receipt:
        caption = {"caption": words(publication)} if words(publication) else {}
        with _part(photo) as part:
            answer = self.graph.write(
                "POST", f"{self.page}/photos", PUBLISH, source=part, published="true", **caption, **_alt(photo)
            )
        return self._receipt(as_id(as_mapping(answer).get("post_id")) or created(answer))

    def _uploaded(self, video: Media) -> tuple[str, str]:
        """In chunks that Facebook asks for: the session, and the id of the video."""
        path, size = f"{self.page}/videos", video.path.stat().st_size
        begun = self.graph.prepare(path, PUBLISH, upload_phase="start", file_size=str(size))
        session, identity = as_id(begun.get("upload_session_id")), as_id(begun.get("video_id"))
        if session is None or identity is None:
            raise Transient
        place, end = _offsets(begun)
        with video.path.open("rb") as content:
            while place < end:
                content.seek(place)
                chunk = content.read(min(end - place, CHUNK))
                answer = self.graph.prepare(
                    path,
                    PUBLISH,
                    upload_phase="transfer",
                    upload_session_id=session,
                    start_offset=str(place),
                    video_file_chunk=("chunk", BytesIO(chunk), "application/octet-stream"),
                )
                before, (place, end) = place, _offsets(answer)
                if place <= before:
                    raise Transient  # It would go on for ever.
        return session, identity

    def _video(self, publication: Publication, session: str, identity: str) -> Receipt:
        """The call that says `finish` makes it public."""
        said = {"description": words(publication)} if words(publication) else {}
        shown = {"upload_phase": "finish", "upload_session_id": session, "published": "true", **said}
        succeeded(self.graph.write("POST", f"{self.page}/videos", PUBLISH, **shown))
        return self._receipt(identity, filmed=True)

    def _reel(self, publication: Publication, identity: str) -> Receipt:
        """30 reels in 24 hours, of 3 to 90 seconds."""
        path = f"{self.page}/video_reels"
        said = {"description": words(publication)} if words(publication) else {}
        finished = self.graph.write(
            "POST", path, PUBLISH, upload_phase="finish", video_id=identity, video_state="PUBLISHED", **said
        )
        succeeded(finished)
        return self._receipt(identity)

    def _sent(self, path: str, video: Media) -> str:
        """The id of a video that was sent and that nobody sees yet: its bytes go to an address that `start` gives."""
        begun = self.graph.prepare(path, PUBLISH, upload_phase="start")
        identity, address = as_id(begun.get("video_id")), as_text(begun.get("upload_url"))
        if identity is None or address is None:
            raise Transient
        self.graph.upload(address, video.path, PUBLISH)
        return identity

    def _story(self, identity: str, *, filmed: bool) -> Receipt:
        """For a day, a photo or 60 seconds of video; it has no words. Its address is told by the list of stories."""
        if filmed:
            path, args = f"{self.page}/video_stories", {"upload_phase": "finish", "video_id": identity}
        else:
            path, args = f"{self.page}/photo_stories", {"photo_id": identity}
        answer = as_mapping(self.graph.write("POST", path, PUBLISH, **args))
        succeeded(answer.get("success"))
        story, now = created({"id": answer.get("post_id")}), datetime.now(UTC)
        try:
            told = (one for one in self._stories(now - SKEW) if one.remote_id == story)
            return next(told, Receipt(story, at=now))
        except FarSideError as error:
            return Receipt(story, at=now, resume_at=error.until if isinstance(error, Throttled) else None)

    def _receipt(self, identity: str, *, filmed: bool = False) -> Receipt:
        """A video has a post, under which citizens write; when it cannot be read, the video's own id stands for it."""
        try:
            seen = self.graph.read(
                identity, READ_POSTS, fields="permalink_url,created_time" + (",post_id" if filmed else "")
            )
        except FarSideError as error:
            until = error.until if isinstance(error, Throttled) else None
            return Receipt(identity, at=datetime.now(UTC), resume_at=until)  # It is published all the same.
        at = as_time(seen.get("created_time")) or datetime.now(UTC)
        return Receipt(as_id(seen.get("post_id")) or identity, link_of(seen), at)

    def find(self, sought: Publication, since: datetime, taken: Collection[str]) -> Receipt | None:
        """By its text; without a text, by the number of its photos or by being a video. Links are not compared:
        Facebook rewrites them. A story has no text: the only one of its kind and time, or nobody knows which
        (`Rejected`).
        """
        filmed = any(one.kind is MediaKind.VIDEO for one in sought.media)
        if sought.form is PublicationForm.STORY:
            kind = "video" if filmed else "photo"
            free = [one for one in self._stories(since - SKEW, kind) if one.remote_id not in taken]
            if len(free) > 1:
                raise Rejected("several_stories")
            return free[0] if free else None
        edge = "published_posts"
        if filmed:
            edge = "video_reels" if sought.form is PublicationForm.REEL else "videos"
        text, photos = words(sought), len(sought.media)
        found = []
        for item in self._listed(edge, FILMED if filmed else SHOWN, since - SKEW):
            identities = {as_id(item.get("id")), as_id(item.get("post_id"))} - {None}
            if not identities or not identities.isdisjoint(taken):
                continue
            if not text and not filmed and _photos(item) != photos:
                continue
            identity = as_id(item.get("post_id")) or as_id(item.get("id")) or ""
            said = as_text(item.get("description" if filmed else "message")) or ""
            found.append(Written(identity, said, as_time(item.get("created_time")), link_of(item)))
        return oldest(found, text, since - SKEW, taken)

    def _stories(self, since: datetime, kind: str | None = None) -> Iterator[Receipt]:
        """Those since then, of one kind ("photo" or "video") or of both."""
        args = {"since": str(int(since.timestamp())), "limit": "100"}
        for page in pages(self.graph, f"{self.page}/stories", READ_POSTS, name="post_id", **args):
            for item in page:
                story, at = as_id(item.get("post_id")), as_time(item.get("creation_time"))
                if story and (at is None or at >= since) and kind in (None, str(item.get("media_type")).lower()):
                    yield Receipt(story, as_text(item.get("url")), at)

    def _listed(self, edge: str, fields: str, since: datetime) -> Iterator[Mapping[str, Any]]:
        """Every item since then. Videos have no `since`: newest first, they end at the first older one."""
        args = {"fields": fields, "limit": "100"}
        args |= {"since": str(int(since.timestamp()))} if edge == "published_posts" else {}
        for page in pages(self.graph, f"{self.page}/{edge}", READ_POSTS, **args):
            yield from page
            times = [at for item in page if (at := as_time(item.get("created_time")))]
            if times and min(times) < since:
                return


def words(publication: Publication) -> str:
    """What is written: beside a photo or a video, a link is part of the text."""
    if publication.media and publication.link and publication.link not in publication.text:
        return f"{publication.text}\n\n{publication.link}".strip()
    return publication.text


def _check(publication: Publication) -> None:
    """Rejected: Facebook has nothing of the kind."""
    media, form = publication.media, publication.form
    videos = sum(one.kind is MediaKind.VIDEO for one in media)
    if (
        (videos and len(media) > 1)
        or len(media) > LIMITS["most_photos"].value
        or (form is PublicationForm.REEL and not videos)
        or (form is PublicationForm.STORY and len(media) != 1)
    ):
        raise Rejected("not_supported")


def _check_files(publication: Publication) -> None:
    if any(not one.path.is_file() for one in publication.media):
        raise Rejected("no_file")


def _photos(item: Mapping[str, Any]) -> int:
    attachments = as_mapping(item.get("attachments")).get("data")
    first = as_mapping(attachments[0]) if isinstance(attachments, list) and attachments else {}
    inside = as_mapping(first.get("subattachments")).get("data")
    shown = inside if isinstance(inside, list) else [first]
    return sum(as_mapping(one).get("media_type") == "photo" for one in shown)


def _offsets(answer: Mapping[str, Any]) -> tuple[int, int]:
    try:
        return int(answer["start_offset"]), int(answer["end_offset"])
    except (KeyError, TypeError, ValueError):
        raise Transient from None


def _alt(photo: Media) -> dict[str, str]:
    return {"alt_text_custom": photo.alt_text} if photo.alt_text else {}


@contextmanager
def _part(photo: Media) -> Iterator[FilePart]:
    with photo.path.open("rb") as content:
        yield photo.path.name, content, photo.mime
