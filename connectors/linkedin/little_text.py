"""Little text, in which LinkedIn keeps the words of a post.

https://learn.microsoft.com/linkedin/marketing/community-management/shares/little-text-format: reserved letters are
escaped, or all that follows the first one is lost without an error. Comments are no little text: their words go as they
are, and an escape would be read by everybody (https://github.com/gitroomhq/postiz-app/issues/1847).
"""

from __future__ import annotations

import re

_RESERVED = re.compile(
    # A hashtag keeps its sign: `#mot`, with at least one letter, and nothing of a word before it.
    r"(?P<hashtag>(?<!\w)#(?=[^\W\d_]|\d+[^\W\d_]))|[\\|{}@\[\]()<>#*_~]"
)
_WRITTEN = re.compile(
    r"\\(?P<letter>.)"
    r"|\{hashtag\|\\?#\|(?P<tag>[^}]*)\}"
    r"|@\[(?P<name>(?:\\.|[^\]\\])*)\]\(urn:li:\w+:[^)]*\)",
    re.DOTALL,
)


def escape(text: str) -> str:
    """The little text that LinkedIn shows as `text`; hashtags stay hashtags, and nothing else means anything."""
    return _RESERVED.sub(lambda found: found[0] if found["hashtag"] else "\\" + found[0], text)


def unescape(little: str) -> str:
    """What people read of a little text: a mention by its name, a hashtag with its sign."""
    return _WRITTEN.sub(_read, little)


def _read(found: re.Match[str]) -> str:
    if found["letter"] is not None:
        return found["letter"]
    if found["tag"] is not None:
        return "#" + unescape(found["tag"])
    return unescape(found["name"])
