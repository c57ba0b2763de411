"""What LinkedIn posts to us about company pages, for the applications that it allows to have webhooks.

https://learn.microsoft.com/linkedin/shared/api-guide/webhook-validation, and for the bodies
https://learn.microsoft.com/linkedin/marketing/community-management/organizations/organization-social-action-notifications.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from connectors.base import Challenge, Change, CommentRemoved, Event, Unreadable
from connectors.linkedin.reading import heard, post_of_notification, whole
from connectors.linkedin.rest import LinkedInSettings
from connectors.wire import as_id, as_mapping, as_time

CHALLENGE = re.compile(r"[\w-]{1,100}", re.ASCII)
"""LinkedIn sends a UUID. Answering to anything would sign for anybody the bodies that begin with `SIGNED`."""
SIGNED = "hmacsha256="
TYPE = "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS"
IGNORED = ("LIKE", "SHARE")
"""A tuple: an action may come as anything, lists included."""


class LinkedInWebhook:
    """Bodies of at most ten notifications (`connectors.base.Webhook`), signed with the application's secret."""

    def __init__(self, settings: LinkedInSettings) -> None:
        self._secret = (settings.client_secret or "").encode()

    def challenge(self, asked: Mapping[str, str]) -> Challenge | None:
        """LinkedIn asks again every two hours, and blocks an address that failed three times."""
        code = asked.get("challengeCode", "")
        if not self._secret or CHALLENGE.fullmatch(code) is None:
            return None
        body = {"challengeCode": code, "challengeResponse": self._sign(code.encode())}
        return Challenge(json.dumps(body), "application/json")

    def authentic(self, headers: Mapping[str, str], raw: bytes) -> bool:
        """The word `hmacsha256=` is signed with the body, and does not stand in the header."""
        expected = self._sign(SIGNED.encode() + raw)
        given = headers.get("x-li-signature", "")
        # With no secret anybody could sign.
        return bool(self._secret) and hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))

    def parse(self, raw: bytes) -> tuple[Event, ...]:
        try:
            body = json.loads(raw)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        said = as_mapping(body)
        if said.get("type") != TYPE or not isinstance(said.get("notifications"), list):
            return (Event(None, Unreadable.of("not_notifications", body)),)
        now = datetime.now(UTC)
        return tuple(event for one in said["notifications"] for event in _events(one, now))

    def _sign(self, text: bytes) -> str:
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()


def _events(notification: object, now: datetime) -> list[Event]:
    said = as_mapping(notification)
    page = as_id(said.get("organizationalEntity")) or ""
    account = page.rpartition(":")[2] or None
    action = said.get("action")
    if action in IGNORED:
        return []
    if action == "COMMENT_DELETE":
        return [Event(account, _removed(said, now))]
    told = heard(said, now, page)
    if told is None:
        return [Event(account, Unreadable.of("action" if said else "notification", notification))]
    return [Event(account, change) for change in told if change is not None]


def _removed(said: Mapping[str, object], now: datetime) -> Change:
    comment = as_id(said.get("generatedActivity"))
    if comment is None or not comment.startswith("urn:li:comment:"):
        return Unreadable.of("comment", said)
    return CommentRemoved(whole(comment), as_time(said.get("lastModifiedAt")) or now, post_of_notification(said))
