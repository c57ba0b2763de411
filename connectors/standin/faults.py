"""What goes wrong on the pretend networks, and the line that each write leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "reset_before",
    "reset_after",
    "500_before",
    "500_after",
    "odd_after",
    "503",
    "hang_after",
    "slow_body",
    "throttle",
    "throttle_403",
    "throttle_day",
    "token_expired",
    "permission",
    "blocked",
    "unseen",
    "duplicate",
    "half_json",
    "html_502",
    "login_302",
    "error_200",
    "text_javascript",
    "empty_page",
    "repeated_cursor",
    "lag",
    "too_much",
    "container_error",
    "feedback",
]


@dataclass
class Fault:
    """A fault that waits for a call. `times` None: for ever, with `probability`."""

    kind: Kind
    method: str | None = None
    path: str = ""
    times: int | None = 1
    probability: float = 1.0
    seconds: float = 5.0
    subcode: int = 463
    params: Mapping[str, str] = field(default_factory=dict)
    """Parameters that the call must have."""


@dataclass(frozen=True)
class Applied:
    """One write as it was applied: the line of the journal."""

    number: int
    operation: str
    page: str
    target: str
    id: str
    text: str | None
    link: str | None
    at: str
