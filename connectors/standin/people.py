"""Who writes on the pretend networks, and small things that people leave there."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

ShownKind = Literal["photo", "video", "sticker", "gif", "link"]

ISSUED = "secret-of-the-pretend-dialog"
"""Part of every code and token that a pretend dialog issues, so that a log in which one stands is easily told."""


@dataclass
class Person:
    """A Page or a citizen: whoever writes."""

    id: str
    name: str


NETWORK = Person("0", "The network")
"""Who hides, when it is nobody of the city."""


@dataclass(frozen=True)
class Letter:
    """A private message between a Page and a citizen; `comment` is what it is about, of a private reply."""

    id: str
    comment: str | None
    to: Person
    """The citizen, whoever wrote."""
    text: str
    at: float
    by: Person | None = None
    """None: the Page."""
    shown: tuple[Shown, ...] = ()


@dataclass(frozen=True)
class Review:
    """A recommendation of the Page, or its contrary; `id` is its story's."""

    id: str
    by: Person
    text: str
    positive: bool
    at: float


@dataclass
class Draft:
    """A photo or a video that was sent and that nobody sees yet."""

    id: str
    alt: str | None = None
    content: bytes = b""
    size: int = 0


@dataclass(frozen=True)
class Ad:
    """An advertisement bought in an ad account, for a post."""

    id: str
    account: str
    campaign: str
    post: str
    spend: str
    currency: str = "CAD"


@dataclass
class Grant:
    """What a person of the city consented to in a network's dialog: which Pages, and which permissions for them."""

    scopes: tuple[str, ...]
    pages: tuple[str, ...]
    redirect_uri: str
    until: float
    """End of the code or of the token, in unix seconds."""


@dataclass(frozen=True)
class Shown:
    """What a comment shows beside its words. The file of a film is a still picture of it."""

    kind: ShownKind
    id: str
    address: str
    """Of its file, until it expires."""
    title: str = ""


def drawing(kind: str, title: str) -> bytes:
    """A file that such a thing could have: a GIF moves, a sticker can be seen through."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - Few of who plays a network draw anything.

    made, colours = BytesIO(), ("#2f6f4f", "#7a4f9a")
    images = [Image.new("RGBA" if kind == "sticker" else "RGB", (320, 240), (0, 0, 0, 0)) for _ in colours]
    for image, colour in zip(images, colours, strict=True):
        drawn = ImageDraw.Draw(image)
        drawn.ellipse((20, 20, 300, 220), fill=colour)
        drawn.text((60, 110), title.encode("ascii", "replace").decode(), fill="white")
    more: dict[str, Any] = (
        {"save_all": True, "append_images": images[1:], "duration": 500, "loop": 0} if kind == "gif" else {}
    )
    images[0].save(made, {"gif": "GIF", "sticker": "PNG"}.get(kind, "JPEG"), **more)
    return made.getvalue()
