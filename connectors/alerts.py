"""What reaches people who are not at Parvis, and the pager that takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from connectors.base import Receipt


@dataclass(frozen=True)
class PagerSettings:
    """Where the city's pager takes webhooks, and the secret by which it knows that they are ours."""

    url: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Alert:
    """Something that happened. `key` names it: a pager that gets it twice acts once (`webhook-id`)."""

    key: str
    kind: str
    at: datetime
    data: Mapping[str, Any]


class Pager(Protocol):
    """What takes alerts."""

    def send(self, alert: Alert) -> Receipt:
        """Give it one alert. Transient: it may be given again, under the same key; Rejected: it is refused for good."""
        ...
