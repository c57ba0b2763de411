"""The hand behind the pretend networks: `/_control/` seeds them, plays citizens, plans faults and reads the journal."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import Base64Bytes, BaseModel, Field

from connectors.standin.people import Shown, ShownKind
from connectors.standin.state import FIELDS, SCOPES, Comment, Fault, Kind, PageOfCity, Standin
from connectors.standin.webhooks import Spoilt, Webhooks
from connectors.standin.wire import there


class NewPage(BaseModel):
    id: str
    name: str
    token: str
    scopes: tuple[str, ...] = SCOPES
    expires_at: int = 0
    dead: int | None = None
    subscribed_fields: tuple[str, ...] = FIELDS
    """Kinds of changes that the webhooks tell."""


class NewPost(BaseModel):
    page: str
    text: str
    link: str | None = None
    age: float = 0.0
    """Seconds before now."""
    tell: bool = False
    """Whether the webhooks say it."""


class NewShown(BaseModel):
    kind: ShownKind
    title: str = ""
    content: Base64Bytes | None = None
    """Of its file; nothing: a drawing."""


class NewComment(BaseModel):
    on: str
    """Id of a post or of a comment."""
    text: str
    by: str
    """Id of a citizen, or a name, which becomes a citizen."""
    age: float = 0.0
    tell: bool = True
    shown: list[NewShown] = []


class Seed(BaseModel):
    pages: list[NewPage] = []
    citizens: list[str] = []
    posts: list[NewPost] = []
    comments: list[NewComment] = []


class NewLetter(BaseModel):
    page: str
    by: str
    """Id or name of a citizen."""
    text: str = ""
    answer: bool = False
    """The Page wrote it to them, from the network itself."""
    age: float = 0.0
    tell: bool = True
    shown: list[NewShown] = []


class Edit(BaseModel):
    comment: str
    text: str
    shown: list[NewShown] | None = None
    """None: as before."""


class Target(BaseModel):
    comment: str


class NewFault(BaseModel):
    kind: Kind
    method: str | None = None
    path: str = ""
    """A regular expression, searched in the path without its version."""
    times: int | None = Field(default=1, ge=1)
    probability: float = Field(default=1.0, ge=0, le=1)
    seconds: float = 5.0
    subcode: int = 463
    params: dict[str, str] = {}
    """Parameters that the call must have."""


class Spent(BaseModel):
    percent: float | None = None
    regain_minutes: int = 0


class Moved(BaseModel):
    seconds: float


class Callback(BaseModel):
    urls: dict[str, str] = {}
    """By route (`registry.HOOKS`)."""
    enabled: bool = True
    verify_token: str | None = None


class Again(BaseModel):
    copies: int = Field(default=1, ge=1)
    shuffle: bool = False
    batch: int = Field(default=1, ge=1)
    spoilt: Spoilt | None = None
    """"signature": nobody signed it right; "value": no change has one."""


class Reset(BaseModel):
    seed: int | None = None


def control(state: Standin, webhooks: Webhooks) -> APIRouter:  # noqa: C901, PLR0915  Many routes, each of two lines.
    """The routes, all under `/_control/`."""
    router = APIRouter()

    def show(wanted: list[NewShown]) -> tuple[Shown, ...]:
        return tuple(state.show(one.kind, one.title, one.content) for one in wanted)

    @router.post("/reset")
    def reset(body: Reset) -> dict[str, bool]:
        state.reset(body.seed)
        webhooks.forget()
        return {"ok": True}

    @router.post("/seed")
    def seed(body: Seed) -> dict[str, list[str]]:
        """In the order pages, citizens, posts, comments; the ids of each come back in the order given."""
        with state.lock:
            return {
                "pages": [state.page(**one.model_dump()).id for one in body.pages],
                "citizens": [state.person(name).id for name in body.citizens],
                "posts": [post(one)["id"] for one in body.posts],
                "comments": [comment(one)["id"] for one in body.comments],
            }

    @router.post("/post")
    def post(body: NewPost) -> dict[str, str]:
        at = state.now() - body.age
        page = there(PageOfCity, body.page, state.pages)
        return {"id": state.post(page, body.text, link=body.link, at=at, tell=body.tell).id}

    @router.post("/comment")
    def comment(body: NewComment) -> dict[str, str]:
        with state.lock:
            at, by = state.now() - body.age, state.person(body.by)
            on = state.posts.get(body.on) or there(Comment, body.on, state.comments)
            made = state.comment(on, by, body.text, at=at, tell=body.tell, shown=show(body.shown))
            return {"id": made.id}

    @router.post("/message")
    def message(body: NewLetter) -> dict[str, str]:
        """In private, to an account of the city or from it."""
        with state.lock:
            page, by, at = there(PageOfCity, body.page, state.pages), state.person(body.by), state.now() - body.age
            made = state.letter(page, by, body.text, by_page=body.answer, at=at, tell=body.tell, shown=show(body.shown))
            return {"id": made.id}

    @router.post("/edit")
    def edit(body: Edit) -> dict[str, bool]:
        with state.lock:
            shown = None if body.shown is None else show(body.shown)
            state.edit(there(Comment, body.comment, state.comments), body.text, shown)
        return {"ok": True}

    @router.post("/remove")
    def remove(body: Target) -> dict[str, bool]:
        with state.lock:
            state.remove(there(Comment, body.comment, state.comments))
        return {"ok": True}

    @router.get("/comments")
    def comments(page: str | None = None) -> dict[str, list[dict[str, Any]]]:
        """All that is there now, in the order of creation."""
        with state.lock:
            state.settle()
            rows = sorted(state.comments.values(), key=lambda one: one.order)
            seen = [
                {
                    "id": one.id,
                    "post": one.post.id,
                    "parent": one.parent.id if one.parent else None,
                    "by": one.author.id,
                    "by_page": one.author is one.post.page,
                    "text": one.text,
                    "hidden": one.hidden,
                }
                for one in rows
                if page in (None, one.post.page.id)
            ]
        return {"comments": seen}

    @router.get("/posts")
    def posts() -> dict[str, list[dict[str, Any]]]:
        with state.lock:
            state.settle()
            return {
                "posts": [
                    {"id": one.id, "page": one.page.id, "text": one.text, "link": one.link}
                    for one in state.posts.values()
                ]
            }

    @router.post("/faults")
    def add_faults(body: list[NewFault]) -> dict[str, int]:
        """They are met in the order in which they were given."""
        with state.lock:
            state.faults += [Fault(**one.model_dump()) for one in body]
            return {"faults": len(state.faults)}

    @router.get("/faults")
    def faults() -> dict[str, list[dict[str, Any]]]:
        with state.lock:
            return {"faults": [asdict(one) for one in state.faults]}

    @router.delete("/faults")
    def clear_faults() -> dict[str, bool]:
        with state.lock:
            state.faults.clear()
        return {"ok": True}

    def clock_now() -> dict[str, Any]:
        return {"now": datetime.fromtimestamp(state.now(), UTC).isoformat(), "ahead": state.ahead}

    @router.get("/clock")
    def clock() -> dict[str, Any]:
        """What time it is on the networks, and by how many seconds they are ahead of this machine."""
        return clock_now()

    @router.post("/clock")
    def move_clock(body: Moved) -> dict[str, Any]:
        """Forward only, and by a century at most; a reset sets it back. A story keeps the pace of the machine."""
        try:
            state.advance(body.seconds)
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        return clock_now()

    @router.post("/usage")
    def usage(body: Spent) -> dict[str, bool]:
        """What the usage headers say, for `regain_minutes` or, if there are none, for ever; percent null: counted from
        the calls.
        """
        with state.lock:
            state.percent, state.regain_minutes = body.percent, body.regain_minutes
        return {"ok": True}

    @router.get("/journal")
    def journal() -> dict[str, list[dict[str, Any]]]:
        with state.lock:
            return {"journal": [asdict(line) for line in state.journal]}

    @router.get("/requests")
    def received(last: Annotated[int, Query(ge=1)] = 1000) -> dict[str, Any]:
        """The last requests to Graph, tokens hashed, and how many came since the reset."""
        with state.lock:
            return {"count": state.calls, "requests": list(state.requests)[-last:]}

    @router.post("/webhooks")
    def set_callback(body: Callback) -> dict[str, Any]:
        webhooks.urls, webhooks.enabled = body.urls, body.enabled
        verified = webhooks.verify(body.verify_token) if body.verify_token is not None else None
        return {"ok": True, "verified": verified}

    @router.get("/webhooks")
    def callback() -> dict[str, Any]:
        return {
            "urls": webhooks.urls,
            "enabled": webhooks.enabled,
            "told": len(webhooks.told),
            "pending": webhooks.pending(),
            "answers": webhooks.answers[-1000:],
        }

    @router.post("/webhooks/redeliver")
    def redeliver(body: Again) -> dict[str, int]:
        """All that was told, again; or something like it that the city must refuse, or keep as unreadable."""
        again = webhooks.redeliver(body.copies, shuffle=body.shuffle, batch=body.batch, spoilt=body.spoilt)
        return {"bodies": again}

    return router
