"""A small picture of our own, of what a citizen put in a comment: no reader's browser asks the network for anything.

What is fetched was chosen by somebody whom nobody knows. So it comes only from the hosts where its network keeps
pictures, is read as a picture and nothing else, and is drawn anew, without what else was in the file (where it was
taken, a script, a second file).
"""

from __future__ import annotations

import time
from collections.abc import Collection
from io import BytesIO
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

import requests
import urllib3.exceptions

from models.errors import Gone, Rejected, Transient

LARGEST = 10 * 1024 * 1024
"""Bytes that are read of a file."""
MOST_PIXELS = 25_000_000
"""A picture of 25 million points takes 100 MB to draw; a small file can claim many more."""
SIDE = 1024
"""Points of the longer side of what is kept."""
SECONDS = 20.0
"""For the whole of a file, however slowly it comes."""
FORMATS = ("JPEG", "PNG", "GIF", "WEBP")


def fetch(address: str, hosts: Collection[str], base_url: str) -> bytes:
    """A JPEG of at most 1024 points a side, of what is at an address of a network.

    `hosts` are ends of names of hosts, over https; `base_url` is where the network is spoken to, for the pretend ones
    on this machine. Gone: it is not there (any more: addresses expire). Rejected: `address`, `too_large`,
    `not_a_picture`. Transient: nobody answered.
    """
    if not _allowed(urlsplit(address), hosts, urlsplit(base_url)):
        raise Rejected("address")
    return drawn(_read(address))


def drawn(content: bytes) -> bytes:
    """The picture that a file holds, upright, of a film its first image, on white, with nothing else of the file."""
    # Loaded with the first picture: most processes draw none.
    from PIL import Image, ImageOps  # noqa: PLC0415

    try:
        with Image.open(BytesIO(content), formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise Image.DecompressionBombError  # noqa: TRY301 - Pillow has a limit too, and says it so.
            picture.draft("RGB", (SIDE, SIDE))
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
        upright.thumbnail((SIDE, SIDE))
        white, made = Image.new("RGBA", upright.size, "white"), BytesIO()
        Image.alpha_composite(white, upright).convert("RGB").save(made, "JPEG", quality=80)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Rejected("too_large") from None
    except Exception as error:  # What a file can make of a decoder is not foreseen by names.
        raise Rejected("not_a_picture") from error
    return made.getvalue()


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
