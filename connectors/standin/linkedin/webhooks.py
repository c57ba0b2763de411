"""What LinkedIn posts, and how it asks whether an address is the city's.

https://learn.microsoft.com/linkedin/shared/api-guide/webhook-validation.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Sequence
from typing import Any

import requests

from connectors.standin.linkedin.state import CLIENT_SECRET
from connectors.standin.state import Standin
from connectors.standin.wire import Told

TOPICS = ("linkedin",)
MOST = 10
"""Notifications of one body."""


def body_of(changes: Sequence[Told], now: float) -> bytes:
    """Each notification has its own time, so that `now` is not said."""
    del now
    notifications: list[dict[str, Any]] = [one.value or {} for one in changes]
    kind = "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS"
    return json.dumps({"type": kind, "notifications": notifications}, ensure_ascii=False).encode()


def headers(state: Standin, body: bytes) -> dict[str, str]:
    """The digest alone stands in the header; what is signed begins with `hmacsha256=`."""
    del state
    return {"Content-Type": "application/json", "X-LI-Signature": signature(b"hmacsha256=" + body)}


def verify(url: str, token: str) -> bool:
    """The challenge must come back signed, as JSON, within three seconds: it proves the secret."""
    del token
    code = str(uuid.uuid4())
    try:
        answer = requests.get(url, params={"challengeCode": code}, timeout=3)
        said = answer.json()
    except (requests.RequestException, ValueError):
        return False
    right = {"challengeCode": code, "challengeResponse": signature(code.encode())}
    return answer.status_code == 200 and bool(said == right)


def signature(signed: bytes) -> str:
    return hmac.new(CLIENT_SECRET.encode(), signed, hashlib.sha256).hexdigest()
