"""What programs of the city are told, a signed message each, and what takes it: a pager, or any other receiver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from connectors.base import Receipt


@dataclass(frozen=True)
class ReceiverSettings:
    """Where webhooks are taken, and the secret by which whoever takes them knows that they are ours."""

    url: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Alert:
    """Something that happened. `key` names it: a receiver that gets it twice acts once (`webhook-id`)."""

    key: str
    kind: str
    at: datetime
    data: Mapping[str, Any]


class Receiver(Protocol):
    """What takes alerts."""

    def send(self, alert: Alert) -> Receipt:
        """Give it one alert. Transient: it may be given again, under the same key; Rejected: it is refused for good."""
        ...
