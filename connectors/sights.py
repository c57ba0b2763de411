"""What stands at an address of the web, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sight:
    """A page as a network would show its card. Empty: it does not say, or is no page."""

    title: str = ""
    summary: str = ""
    picture: bytes | None = field(default=None, repr=False)
    """A small JPEG of our own drawing, of what the page wants its card to show."""
    problem: str | None = None
    """Why nobody finds it there: the status ("404"), `unknown_host`, `private_host` (it leads into a network that is
    not everybody's), `redirects` (in circles), `bad_url`; None: it is there."""


LookAt = Callable[[str], Sight]
"""Looks at an address. Transient: its site does not answer now."""
