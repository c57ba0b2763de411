"""One alert to a program of the city, in the form of Standard Webhooks (standardwebhooks.com, specification 1.0.0)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import requests
from standardwebhooks import Webhook

from connectors.alerts import Alert, ReceiverSettings
from connectors.base import Receipt
from connectors.wire import over_kept_connections, whole
from models.errors import Rejected, Transient

CONNECT, ANSWER = 5.0, 15.0
"""Seconds."""
LARGEST = 65_536
"""Bytes of an answer: nothing of it is read."""


class WebhookReceiver:
    """Posts alerts, signed."""

    def __init__(self, settings: ReceiverSettings) -> None:
        self._url = settings.url
        self._webhook = Webhook(settings.secret)

    def send(self, alert: Alert) -> Receipt:
        """Post one alert. Transient: no answer, or one that passes (the same key makes a second copy harmless);
        Rejected: any other answer, a redirection included.
        """
        body = json.dumps({"type": alert.kind, "timestamp": alert.at.isoformat(), "data": alert.data})
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": alert.key,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(alert.key, now, body),
        }
        with over_kept_connections(requests.Session()) as session:
            try:
                answer = session.post(
                    self._url,
                    data=body.encode(),
                    headers=headers,
                    timeout=(CONNECT, ANSWER),
                    allow_redirects=False,
                    stream=True,
                )
                whole(answer, ANSWER, LARGEST)
            except requests.RequestException as error:
                raise Transient(reason="unreachable") from error
        if answer.status_code in (408, 425, 429) or answer.status_code >= 500:
            raise Transient(timedelta(seconds=_pause(answer)), reason=str(answer.status_code))
        if not 200 <= answer.status_code < 300:
            raise Rejected(f"HTTP {answer.status_code}")
        return Receipt(alert.key)


def _pause(answer: requests.Response) -> int:
    """Seconds that it asks for, within reason: a danger does not wait long."""
    asked = answer.headers.get("retry-after", "")
    return min(int(asked), 120) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 15
