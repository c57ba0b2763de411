"""What a Page publishes on the pretend Graph: texts, links, photos, videos in chunks, reels and stories in phases."""

from __future__ import annotations

import json
from typing import Any

from connectors.standin.people import Draft
from connectors.standin.state import PageOfCity, Post, Standin
from connectors.standin.wire import Call, GraphError, missing, seconds, unknown_path

REELS_A_DAY = 30
CHUNK = 1024 * 1024


def publish(state: Standin, call: Call, page: PageOfCity, edge: str, lag: float) -> Any:
    """`POST /{page}/{edge}`."""
    match edge:
        case "feed":
            return _feed(state, call, page, lag)
        case "photos":
            return _photo(state, call, page, lag)
        case "videos":
            return _video(state, call, page, lag)
        case "video_reels":
            return _reel(state, call, page, lag)
        case "photo_stories" | "video_stories":
            return _story(state, call, page, lag)
    raise unknown_path(edge)


def _feed(state: Standin, call: Call, page: PageOfCity, lag: float) -> Any:
    text, link = call.params.get("message", ""), call.params.get("link")
    attached = [_attached(page, call.params[name]) for name in sorted(call.params) if name.startswith("attached_media")]
    if not text.strip() and not link and not attached:
        raise GraphError(400, 100, "(#100) Missing message or attachment")
    post = page.new_post(state.number(), text, state.now(), link)
    post.photos = tuple(attached)
    _published(state, page, post, lag)
    return {"id": post.id}


def _attached(page: PageOfCity, value: str) -> Draft:
    """Each photo goes with one post, once."""
    try:
        return page.drafts.pop(str(json.loads(value)["media_fbid"]))
    except (KeyError, TypeError, ValueError):
        raise GraphError(400, 100, "(#100) Invalid attached_media", error_subcode=1366051) from None


def _photo(state: Standin, call: Call, page: PageOfCity, lag: float) -> Any:
    content = call.files.get("source")
    if not content and not call.params.get("url"):
        raise GraphError(400, 324, "(#324) Missing or invalid image file")
    photo = Draft(str(state.number()), call.params.get("alt_text_custom"), content or b"")
    if call.params.get("published") == "false":
        page.drafts[photo.id] = photo
        return {"id": photo.id}
    post = page.new_post(state.number(), call.params.get("caption", ""), state.now(), None)
    post.photos = (photo,)
    _published(state, page, post, lag)
    return {"id": photo.id, "post_id": post.id}


def _video(state: Standin, call: Call, page: PageOfCity, lag: float) -> Any:
    params = call.params
    if params.get("upload_phase") == "start":
        film = Draft(str(state.number()), size=seconds(params.get("file_size")) or 0)
        page.drafts[film.id] = film
        return {"video_id": film.id, "upload_session_id": film.id, **_offsets(film)}
    film = _draft(page, params.get("upload_session_id", ""))
    if params.get("upload_phase") == "transfer":
        if seconds(params.get("start_offset")) != len(film.content):
            raise GraphError(400, 6001, "There was a problem uploading your video file.", error_subcode=1363037)
        film.content += call.files.get("video_file_chunk", b"")
        return _offsets(film)
    return _finish(state, page, film, params.get("description", ""), lag, reel=False)


def _reel(state: Standin, call: Call, page: PageOfCity, lag: float) -> Any:
    params = call.params
    if params.get("upload_phase") == "start":
        return _begun(state, call, page)
    day = [one for one in state.posts.values() if one.form == "reel" and one.at > state.now() - 86_400]
    if len(day) >= REELS_A_DAY:
        raise GraphError(400, 100, "(#100) Too many reels today", error_subcode=1390008)
    film = _draft(page, params.get("video_id", ""))
    film.size = len(film.content)
    return _finish(state, page, film, params.get("description", ""), lag, reel=True)


def _begun(state: Standin, call: Call, page: PageOfCity) -> dict[str, str]:
    film = Draft(str(state.number()))
    page.drafts[film.id] = film
    return {"video_id": film.id, "upload_url": f"{call.base_url}video-upload/{call.version}/{film.id}"}


def _story(state: Standin, call: Call, page: PageOfCity, lag: float) -> Any:
    """A photo that nobody saw yet, or a video in three phases."""
    params = call.params
    if params.get("upload_phase") == "start":
        return _begun(state, call, page)
    draft = _draft(page, params.get("video_id") or params.get("photo_id", ""))
    if not draft.content:
        raise GraphError(400, 6000, "There was a problem uploading your video file.", error_subcode=1363030)
    del page.drafts[draft.id]
    post = page.new_post(state.number(), "", state.now(), None)
    post.form = "story"
    if "video_id" in params:
        post.film = draft.id
    else:
        post.photos = (draft,)
    _published(state, page, post, lag)
    return {"success": True, "post_id": post.id}


def receive(state: Standin, call: Call) -> dict[str, bool]:
    """The bytes of a reel, at the address that the first phase gave, with the token in a header."""
    film = call.path.rpartition("/")[2]
    token = call.headers.get("authorization", "").removeprefix("OAuth ")
    page = next((one for one in state.pages.values() if one.token == token and film in one.drafts), None)
    if page is None:
        raise missing(film)
    if call.headers.get("offset") != "0" or call.headers.get("file_size") != str(len(call.body)):
        raise GraphError(400, 100, "(#100) The offset or the size is wrong")
    page.drafts[film].content = call.body
    return {"success": True}


def _finish(state: Standin, page: PageOfCity, film: Draft, text: str, lag: float, *, reel: bool) -> dict[str, bool]:
    if not film.content or len(film.content) < film.size:
        raise GraphError(400, 6000, "There was a problem uploading your video file.", error_subcode=1363030)
    del page.drafts[film.id]
    post = page.new_post(state.number(), text, state.now(), None)
    post.film, post.form = film.id, "reel" if reel else "video"
    if reel:
        post.id = film.id  # Reels are not in the feed: what citizens write under is the video itself.
    _published(state, page, post, lag)
    return {"success": True}


def _published(state: Standin, page: PageOfCity, post: Post, lag: float) -> None:
    tell = post.form != "story"  # The webhooks of a Page say nothing of stories.
    state.apply("publish", page, page.id, post.id, lag, lambda: state.put(post, tell=tell), post.text, post.link)


def _draft(page: PageOfCity, identity: str) -> Draft:
    if (film := page.drafts.get(identity)) is None:
        raise missing(identity)
    return film


def _offsets(film: Draft) -> dict[str, str]:
    """Which bytes are wanted next; the same twice: there are no more."""
    start = len(film.content)
    return {"start_offset": str(start), "end_offset": str(min(film.size, start + CHUNK))}
