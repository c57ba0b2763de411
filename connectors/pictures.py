"""Pictures of our own: a small one of what a citizen put in a comment, a large one of what the city publishes.

Whatever came is read as a picture and nothing else, and is drawn anew, without what else was in the file (where it was
taken, a script, a second file). What is fetched was chosen by somebody whom nobody knows: it comes only from the hosts
where its network keeps pictures, and no reader's browser asks the network for anything.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from io import BytesIO
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
import urllib3.exceptions

from models.errors import Gone, Rejected, Transient

LARGEST = 10 * 1024 * 1024
"""Bytes that are read of a file."""
SECONDS = 20.0
"""For the whole of a file, however slowly it comes."""
FORMATS = ("JPEG", "PNG", "GIF", "WEBP")


@dataclass(frozen=True)
class Drawing:
    """How a picture is drawn."""

    side: int
    """Points of the longer side, at most."""
    quality: int
    """Of the JPEG, as Pillow counts it."""
    most: int = 25_000_000
    """Points that a file may claim: that many take 100 MB to draw, and a small file can claim many more."""
    faithful: bool = False
    """Colours are read by the profile of the camera, where there is one: without it those of a telephone look dull."""


SEEN = Drawing(side=1024, quality=80)
"""What comments show."""


def fetch(address: str, hosts: Collection[str], base_url: str) -> bytes:
    """A JPEG of at most 1024 points a side, of what is at an address of a network.

    `hosts` are ends of names of hosts, over https; `base_url` is where the network is spoken to, for the pretend ones
    on this machine. Gone: it is not there (any more: addresses expire). Rejected: `address`, `too_large`,
    `not_a_picture`. Transient: nobody answered.
    """
    if not _allowed(urlsplit(address), hosts, urlsplit(base_url)):
        raise Rejected("address")
    return drawn(_read(address))


def drawn(content: bytes, how: Drawing = SEEN) -> bytes:
    """The picture that a file holds, upright, of a film its first image, on white, with nothing else of the file.

    Rejected: `too_large` (it claims too many points), `not_a_picture`.
    """
    # Loaded with the first picture: most processes draw none.
    from PIL import Image, ImageOps  # noqa: PLC0415

    try:
        with Image.open(BytesIO(content), formats=FORMATS) as picture:
            if picture.width * picture.height > how.most:
                raise Image.DecompressionBombError  # noqa: TRY301 - Pillow has a limit too, and says it so.
            picture.draft("RGB", (how.side, how.side))
            profile = picture.info.get("icc_profile") if how.faithful else None
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
        upright.thumbnail((how.side, how.side))
        white = Image.new("RGBA", upright.size, "white")
        whole = Image.alpha_composite(white, upright).convert("RGB")
        return _jpeg(_usual_colours(whole, profile) if profile else whole, how.quality)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Rejected("too_large") from None
    except Exception as error:  # What a file can make of a decoder is not foreseen by names.
        raise Rejected("not_a_picture") from error


def size(jpeg: bytes) -> tuple[int, int]:
    """Width and height of a picture of ours, in points."""
    from PIL import Image  # noqa: PLC0415

    with Image.open(BytesIO(jpeg), formats=("JPEG",)) as picture:
        return picture.size


def cropped(jpeg: bytes, box: tuple[int, int, int, int]) -> bytes:
    """Part of a picture of ours: left, top, right and bottom in points."""
    from PIL import Image  # noqa: PLC0415

    with Image.open(BytesIO(jpeg), formats=("JPEG",)) as picture:
        return _jpeg(picture.crop(box), 92)


def frame(width: int, height: int, ratios: tuple[float, float] | None) -> tuple[int, int, int, int] | None:
    """What a network that takes ratios (width by height) of a range shows of a picture: its middle. None: all of it."""
    if ratios is None or ratios[0] <= width / height <= ratios[1]:
        return None
    least, most = ratios
    if width / height > most:
        kept = int(height * most)
        left = (width - kept) // 2
        return left, 0, left + kept, height
    kept = int(width / least)
    top = (height - kept) // 2
    return 0, top, width, top + kept


def _jpeg(picture: Any, quality: int) -> bytes:
    made = BytesIO()
    picture.save(made, "JPEG", quality=quality, optimize=True)
    return made.getvalue()


def _usual_colours(picture: Any, profile: bytes) -> Any:
    """In the colours that every screen means. A profile that is none leaves them as they are."""
    from PIL import ImageCms  # noqa: PLC0415

    try:
        ours = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, ImageCms.ImageCmsProfile(BytesIO(profile)), ours) or picture
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture


def _allowed(parts: SplitResult, hosts: Collection[str], base: SplitResult) -> bool:
    try:
        name, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if (parts.scheme, parts.netloc) == (base.scheme, base.netloc) and _loopback(name):
        return True
    known = any(name == host or name.endswith(f".{host}") for host in hosts)
    return parts.scheme == "https" and port in (None, 443) and parts.username is None and known


def _loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _read(address: str) -> bytes:
    """No redirection is followed: it would lead anywhere."""
    until, content = time.monotonic() + SECONDS, bytearray()
    asked = {"Accept": "image/*", "Accept-Encoding": "identity"}
    try:
        with requests.get(address, headers=asked, stream=True, timeout=(5, 10), allow_redirects=False) as response:
            if response.status_code == 429 or response.status_code >= 500:
                raise Transient
            if response.status_code != 200:
                raise Gone
            for part in response.raw.stream(65_536, decode_content=False):
                content += part
                if len(content) > LARGEST:
                    raise Rejected("too_large")
                if time.monotonic() > until:
                    raise Transient
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise Transient from error
    return bytes(content)
