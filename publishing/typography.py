"""How French is typed in Québec (Office québécois de la langue française, « Espacement avant et après les principaux
signes de ponctuation »): a no-break space before a colon and inside guillemets, none before ; ! and ?.
"""

from __future__ import annotations

import re

NBSP = "\N{NO-BREAK SPACE}"

_LEFT_ALONE = re.compile(r"https?://\S+|www\.\S+|(?<![\w.+-])[\w.+-]+@[\w-]+\.\w+|[#@]\w+")
"""Addresses, hashtags and mentions: what is changed in them leads elsewhere.

Here and below, what may be long begins only where it is not within itself: a long text would take minutes.
"""

_RULES = [
    (re.compile(pattern), by)
    for pattern, by in (
        (r"(?<=\w)'(?=\w)", "’"),
        (r"(?<!\.)\.\.\.(?!\.)", "…"),
        (r'"([^"\n]+)"', r"«\1»"),
        (r"«[ \u00a0]*", f"«{NBSP}"),
        (r"(?<![ \u00a0])[ \u00a0]*»", f"{NBSP}»"),
        (r"(?<=[^\s:;!?])[ \u00a0]+(?=[;!?]+(?:\s|$))", ""),
        (r"(?:(?<=[\w»)’])|\A)[ \u00a0]*:(?=\s)", f"{NBSP}:"),
        (r"(?<=\d)[ \u00a0]?(?=[%$](?!\w))", NBSP),
        (r"\b(\d{1,2})[ \u00a0]?[hH][ \u00a0]?(\d{2})\b", rf"\1{NBSP}h{NBSP}\2"),
        (r"\b(\d{1,2})[ \u00a0]?[hH]\b(?![ \u00a0]?\d)", rf"\1{NBSP}h"),
    )
]


def repaired(text: str) -> str:
    """The text with its signs and spaces as Québec types them; repaired again, it is the same."""
    parts, place = [], 0
    for alone in _LEFT_ALONE.finditer(text):
        parts += [_repaired(text[place : alone.start()]), alone[0]]
        place = alone.end()
    return "".join([*parts, _repaired(text[place:])])


def _repaired(part: str) -> str:
    for rule, by in _RULES:
        part = rule.sub(by, part)
    return part
