"""What Meta posts about Pages and Instagram accounts, and how it asks whether an address is the city's.

https://developers.facebook.com/docs/graph-api/webhooks/getting-started.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

import requests

from connectors.standin.state import MESSAGING, Standin
from connectors.standin.wire import Told

TOPICS = ("page", "instagram")
MOST = 1_000
"""Changes of one body."""


def body_of(changes: Sequence[Told], now: float) -> bytes:
    """One body, sent at `now`, in unix seconds: an entry for each run of changes of an account, letters outside ASCII
    escaped. Private messages stand apart in theirs.
    """
    entries: list[dict[str, Any]] = []
    for one in changes:
        if not entries or entries[-1]["id"] != one.account:
            entries.append({"id": one.account, "time": int(now)})
        if one.name in MESSAGING:
            entries[-1].setdefault("messaging", []).append(one.value)
            continue
        change = ({} if one.value is None else {"value": one.value}) | {"field": one.name}
        entries[-1].setdefault("changes", []).append(change)
    return json.dumps({"object": changes[0].topic, "entry": entries}, ensure_ascii=True).encode()


def headers(state: Standin, body: bytes) -> dict[str, str]:
    signature = hmac.new(state.app_secret.encode(), body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}


def verify(url: str, token: str) -> bool:
    """The challenge must come back to whoever knows the city's token."""
    params = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1158201444"}
    try:
        answer = requests.get(url, params=params, timeout=10)
    except requests.RequestException:
        return False
    return answer.status_code == 200 and answer.text == params["hub.challenge"]
