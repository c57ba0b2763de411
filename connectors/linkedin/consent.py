"""How a person connects company pages: LinkedIn's dialog, and what its code becomes.

https://learn.microsoft.com/linkedin/shared/authentication/authorization-code-flow. A token belongs to the member who
consented, lives sixty days and reaches every page that the member administers; only approved partners may refresh it.
LinkedIn has no PKCE for applications that have a secret.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import AccountRef, Offered
from connectors.linkedin.page import NEEDED
from connectors.linkedin.reading import ADMIN
from connectors.linkedin.rest import LinkedIn, LinkedInSettings, as_app, consent_address
from connectors.wire import as_id, as_mapping, as_text
from models.errors import Gone, NotFound, PermissionMissing, Rejected, Transient

logger = logging.getLogger(__name__)

MOST_PAGES = 100
REFUSALS = (PermissionMissing, Rejected, Gone)
"""Answers about a page, and not about the token or the network."""


class LinkedInConsent:
    """`connectors.base.Consent` for company pages."""

    def __init__(self, settings: LinkedInSettings) -> None:
        if not (settings.client_id and settings.client_secret):
            raise NotFound("no application of LinkedIn's in the settings")
        self._settings = settings

    def address(self, *, redirect_uri: str, state: str, verifier: str) -> str:
        del verifier
        return consent_address(self._settings, redirect_uri, state, tuple(NEEDED))

    def exchange(self, *, code: str, redirect_uri: str, verifier: str) -> tuple[Offered, ...]:
        """The pages of which the person is an administrator."""
        del verifier
        now = datetime.now(UTC)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        said = as_app(self._settings, "accessToken", **form)
        token = _token(said)
        api = LinkedIn(self._settings, token)
        query = f"q=roleAssignee&role=ADMINISTRATOR&state=APPROVED&count={MOST_PAGES}"
        rows = api.read(f"organizationAcls?{query}", ADMIN).get("elements") or ()
        numbers = [urn.rpartition(":")[2] for row in rows if (urn := as_id(as_mapping(row).get("organization")))]
        names = self._names(api, numbers)
        return tuple(_offered(said, number, names[number] or number, now) for number in numbers if number in names)

    def refresh(self, account: AccountRef, refresh_token: str | None) -> Offered | None:
        """The end of the refresh token itself never moves: a year after the consent, a person is needed again."""
        if refresh_token is None:
            return None
        now = datetime.now(UTC)
        try:
            said = as_app(self._settings, "accessToken", grant_type="refresh_token", refresh_token=refresh_token)
        except Rejected as refused:
            if refused.reason == "app":
                raise
            return None
        offered = _offered(said, account.external_id, account.external_id, now)
        name = self._names(LinkedIn(self._settings, offered.token), [account.external_id])
        return _offered(said, account.external_id, name.get(account.external_id) or account.external_id, now)

    def _names(self, api: LinkedIn, numbers: list[str]) -> dict[str, str | None]:
        """Of each page that can be read; None: it says none. One that is refused hides no other."""
        if not numbers:
            return {}
        try:
            found = api.read(f"organizations?ids=List({','.join(numbers)})", ADMIN, batch=True)
        except REFUSALS:
            if len(numbers) == 1:
                raise
            return self._one_by_one(api, numbers)
        results, errors = as_mapping(found.get("results")), as_mapping(found.get("errors"))
        return {
            number: as_text(as_mapping(results.get(number)).get("localizedName"))
            for number in numbers
            if number not in errors
        }

    def _one_by_one(self, api: LinkedIn, numbers: list[str]) -> dict[str, str | None]:
        """The refusal of the last one, if all are refused."""
        names, refusal = dict[str, str | None](), None
        for number in numbers:
            try:
                names[number] = as_text(api.read(f"organizations/{number}", ADMIN).get("localizedName"))
            except REFUSALS as error:
                logger.warning("the page %s is not offered: %r", number, error)
                refusal = error
        if refusal is not None and not names:
            raise refusal
        return names


def _token(said: Mapping[str, Any]) -> str:
    if (token := as_text(said.get("access_token"))) is None:
        raise Transient
    return token


def _offered(said: Mapping[str, Any], number: str, name: str, now: datetime) -> Offered:
    granted = set(str(said.get("scope", "")).replace(",", " ").split())
    missing = tuple(wanted for wanted, older in NEEDED.items() if granted and not granted & {wanted, *older})
    refresh = as_text(said.get("refresh_token"))
    return Offered(
        network="linkedin",
        external_id=number,
        name=name,
        token=_token(said),
        expires_at=_ends(said.get("expires_in"), now),
        missing=missing,
        refresh_token=refresh,
        refresh_expires_at=_ends(said.get("refresh_token_expires_in"), now) if refresh else None,
    )


def _ends(seconds: object, now: datetime) -> datetime | None:
    return now + timedelta(seconds=seconds) if isinstance(seconds, int) else None
