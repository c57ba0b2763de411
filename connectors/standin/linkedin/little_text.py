"""Little text as LinkedIn reads it: a reserved letter that is neither escaped nor part of an element ends the text.

LinkedIn's page says that every reserved letter must be escaped; that the rest of the text is lost when one is not, and
that no error says so, is what people report (https://github.com/n8n-io/n8n/issues/10179,
https://github.com/ComposioHQ/composio/issues/3185).
"""

from __future__ import annotations

import re

from connectors.standin.linkedin.state import RESERVED

_ELEMENT = re.compile(
    r"@\[(?P<name>(?:\\.|[^\]\\])+)\]\(urn:li:(?:organization|person):[\w-]+\)"
    r"|\{hashtag\|\\?#\|(?P<tag>\w+)\}"
    r"|(?P<bare>#(?=[^\W\d_]|\d+[^\W\d_])[^\W_]+)"
)


def published(little: str) -> tuple[str, str]:
    """What is kept of a little text, and what people read of it."""
    kept, read, at = 0, [], 0
    while at < len(little):
        if little[at] == "\\" and at + 1 < len(little):
            read.append(little[at + 1])
            at += 2
        elif element := _ELEMENT.match(little, at):
            tag = element["tag"]
            name = re.sub(r"\\(.)", r"\1", element["name"] or "")
            read.append(f"#{tag}" if tag else element["bare"] or name)
            at = element.end()
        elif little[at] in RESERVED:
            break
        else:
            read.append(little[at])
            at += 1
        kept = at
    return little[:kept], "".join(read)
