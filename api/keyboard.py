"""The keys of the queue: what each does, and those that a person put in their place."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from api.i18n import N_
from models.errors import Refusals, Refused

COMMANDS: Mapping[str, str] = {
    "j": N_("Next comment"),
    "k": N_("Previous comment"),
    "i": N_("Nothing to report"),
    "o": N_("Take the suggestion, where it is sure"),
    "r": N_("Reply; Ctrl+Enter sends"),
    "e": N_("Saved replies: a number or a few letters, then Ctrl+Enter"),
    "s": N_("Words that the City sent to somebody who wrote something like it"),
    "m": N_("Hide"),
    "q": N_("311 request"),
    "a": N_("Assign; then a digit, and Enter"),
    "p": N_("Put off; then a digit, and Enter"),
    "n": N_("Note for colleagues; @ names one"),
    "l": N_("Like, where the network has it"),
    "x": N_("Select it"),
    "X": N_("Select all from the last one to here"),
    "=": N_("Select all that look alike; then decide about all of them"),
    "u": N_("Show a hidden comment again"),
    "z": N_("Undo the last decision"),
    "c": N_("Correct the other labels"),
    "w": N_("Why? Open or close the reasons"),
    "/": N_("Search"),
    "v": N_("Go to the saved views"),
    ".": N_("Show new comments"),
    "?": N_("This help"),
}
"""By their usual key, in the order in which they are told; `static/queue/main.js` does them."""
ALIASES: Mapping[str, str] = {"/": "f", "?": "h"}
"""A second key that does the same, as long as nobody gave it something else to do."""


def meanings(own: Mapping[str, str]) -> dict[str, str]:
    """What the changed keys do, by the key that is pressed: a usual key; empty: nothing any more."""
    pressed = {key: usual for usual, key in own.items()}
    return dict.fromkeys(own, "") | pressed


def chosen(typed: Sequence[str]) -> dict[str, str]:
    """A person's keys by the usual one, of those alone that differ. `typed` stands in the order of `COMMANDS`; nothing
    is the usual key. Refused, each with its field: `key_unfit`, `key_doubled`.
    """
    wrong = Refusals()
    taken: dict[str, str] = {}
    for place, usual in enumerate(COMMANDS):
        with wrong.collect():
            key = unicodedata.normalize("NFC", typed[place].strip() if place < len(typed) else "") or usual
            if not _fit(key):
                raise Refused("key_unfit", field=f"key_{place}")
            if key in taken:
                raise Refused("key_doubled", field=f"key_{place}", key=key)
            taken[key] = usual
    wrong.say()
    return {usual: key for key, usual in taken.items() if key != usual}


def _fit(key: str) -> bool:
    """One character that a keyboard produces; a digit chooses in lists."""
    return (
        len(key) == 1
        and key.isprintable()
        and not key.isspace()
        and not key.isdigit()
        and not unicodedata.combining(key)
    )
