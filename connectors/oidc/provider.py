"""OpenID Connect Core 1.0: the authorization code with PKCE, state and nonce, and an ID token that is checked here.

What the provider says of itself is read at its well-known address (OpenID Connect Discovery 1.0) and kept for an hour;
its keys are read again when a token is signed with one that is not known, so that it may change them at any time.
Only signatures by a key of the provider's own are taken: never `none`, never a secret that both sides know.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet

from connectors.directories import DirectorySettings, Visitor
from connectors.wire import as_mapping, as_text, over_kept_connections, whole
from models.errors import Rejected, Transient

SCOPE = "openid email profile"
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
CONNECT, ANSWER = 3.0, 5.0
"""Seconds, for each of at most five calls: people wait for them, and threads."""
MOST = 1_048_576
"""Bytes of an answer."""
AT_ONCE = 8
"""How many ask the provider at once: one that is slow must not hold every thread of the pages."""
KEPT = 3_600.0
"""Seconds for which what it says of itself is believed."""
SKEW = 120
"""Seconds by which its clock may differ from ours."""


class OidcDirectory:
    """`connectors.directories.Directory`, for one provider; serves many threads."""

    def __init__(self, settings: DirectorySettings) -> None:
        self._settings = settings
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._said: tuple[float, Mapping[str, Any]] | None = None
        self._keys: KeySet | None = None

    def dialog(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        with self._turn():
            where = self._place("authorization_endpoint")
        client = self._client(redirect_uri)
        address, _state = client.create_authorization_url(where, state=state, code_verifier=verifier, nonce=nonce)
        return str(address)

    def visitor(self, *, code: str, redirect_uri: str, nonce: str, verifier: str, now: datetime) -> Visitor:
        with self._turn():
            given = self._exchange(code, redirect_uri, verifier)
            claims = self._checked(as_text(given.get("id_token")) or "", nonce, now)
            wanted = {"email", self._settings.groups_claim}
            access = as_text(given.get("access_token"))
            if not wanted <= claims.keys() and access and self._metadata().get("userinfo_endpoint"):
                claims = self._asked(access, claims)
        return self._read(claims)

    def way_out(self, *, return_to: str) -> str | None:
        with self._turn():
            if not self._metadata().get("end_session_endpoint"):
                return None
            where = self._place("end_session_endpoint")
        query = urlencode({"client_id": self._settings.client_id, "post_logout_redirect_uri": return_to})
        return f"{where}{'&' if urlsplit(where).query else '?'}{query}"

    def check(self) -> None:
        with self._turn():
            self._said = None
            for name in ("authorization_endpoint", "token_endpoint"):
                self._place(name)
            self._read_keys()

    # --------------------------------------------------------------------------------------------- what it says
    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(blocking=False):
            raise Transient(reason="busy")
        try:
            yield
        finally:
            self._turns.release()

    def _metadata(self) -> Mapping[str, Any]:
        known = self._said
        if known is not None and time.monotonic() - known[0] < KEPT:
            return known[1]
        issuer = self._settings.issuer
        said = self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if said.get("issuer") != issuer:
            raise Rejected("issuer")
        self._said = time.monotonic(), said
        return said

    def _place(self, name: str) -> str:
        """One of its addresses. Rejected: it is missing, or what goes there could be read on the way."""
        address = as_text(self._metadata().get(name)) or ""
        parts = urlsplit(address)
        # Plain http is for a provider on this machine alone, whose issuer says so.
        here = parts.scheme == "http" and self._settings.issuer.startswith("http:") and _is_loopback(parts.hostname)
        if not parts.hostname or not (parts.scheme == "https" or here):
            raise Rejected(name)
        return address

    def _read_keys(self) -> KeySet:
        keys = []
        for one in self._get(self._place("jwks_uri")).get("keys") or ():
            said = as_mapping(one)
            if said.get("kty") == "oct" or said.get("use", "sig") != "sig":
                continue
            try:
                keys.append(JWKRegistry.import_key(dict(said)))
            except (JoseError, ValueError, KeyError, TypeError):
                continue  # Of a kind that is newer than we are; the others serve.
        if not keys:
            raise Rejected("keys")
        self._keys = KeySet(keys)
        return self._keys

    def _get(self, address: str, token: str | None = None) -> Mapping[str, Any]:
        headers = {"accept": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        session = over_kept_connections(requests.Session())
        try:
            # A redirect would lead elsewhere than the operator said.
            answer = session.get(
                address, headers=headers, timeout=(CONNECT, ANSWER), stream=True, allow_redirects=False
            )
            answer = whole(answer, ANSWER, MOST)
        except requests.RequestException as error:
            raise Transient(reason="unreachable") from error
        if answer.status_code != 200:
            raise Transient(reason=str(answer.status_code))
        try:
            return as_mapping(answer.json())
        except ValueError as error:
            raise Transient(reason="unreadable") from error

    # --------------------------------------------------------------------------------------------- who is there
    def _client(self, redirect_uri: str) -> OAuth2Session:
        known = self._metadata().get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "client_secret_post" if "client_secret_post" in known else "client_secret_basic"
        return OAuth2Session(
            self._settings.client_id,
            self._settings.client_secret,
            token_endpoint_auth_method=method if self._settings.client_secret else "none",
            scope=SCOPE,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )

    def _exchange(self, code: str, redirect_uri: str, verifier: str) -> Mapping[str, Any]:
        client = self._client(redirect_uri)
        over_kept_connections(client)
        client.register_compliance_hook("access_token_response", lambda answer: whole(answer, ANSWER, MOST))
        how = {"timeout": (CONNECT, ANSWER), "stream": True, "allow_redirects": False}
        try:
            return as_mapping(
                client.fetch_token(self._place("token_endpoint"), code=code, code_verifier=verifier, **how)
            )
        except OAuthError as error:
            raise Rejected(str(error.error)[:60]) from error
        except requests.RequestException as error:
            raise Transient(reason="unreachable") from error
        except ValueError as error:
            raise Transient(reason="unreadable") from error

    def _checked(self, raw: str, nonce: str, now: datetime) -> Mapping[str, Any]:
        """The claims of an ID token (OpenID Connect Core §3.1.3.7). Rejected `token`: it is not the provider's, or not
        for us, or not for this sign-in, or not of now.
        """
        kept = self._keys
        try:
            token = jwt.decode(raw, kept or self._read_keys(), algorithms=ALGORITHMS)
        except (JoseError, ValueError) as error:
            if kept is None:
                raise Rejected("token") from error
            try:
                # It may have changed its keys since we read them.
                token = jwt.decode(raw, self._read_keys(), algorithms=ALGORITHMS)
            except (JoseError, ValueError) as again:
                raise Rejected("token") from again
        own = self._settings.client_id
        wanted = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=SKEW,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": own},
            nonce={"essential": True, "value": nonce},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        claims = as_mapping(token.claims)
        try:
            wanted.validate(dict(claims))
        except (JoseError, ValueError, TypeError) as error:
            raise Rejected("token") from error
        audience = claims["aud"]
        several = isinstance(audience, list) and len(audience) > 1
        if claims.get("azp", None if several else own) != own:
            raise Rejected("token")
        return claims

    def _asked(self, access: str, claims: Mapping[str, Any]) -> Mapping[str, Any]:
        """What many providers say only there, beside what the token says, which counts first."""
        said = self._get(self._place("userinfo_endpoint"), access)
        if said.get("sub") != claims["sub"]:
            raise Rejected("subject")
        return {**said, **claims}

    def _read(self, claims: Mapping[str, Any]) -> Visitor:
        groups, named = self._settings.groups_claim, as_mapping(claims.get("_claim_names"))
        if groups in named:
            # Entra ID names more than 200 groups nowhere but in its own API.
            raise Rejected("groups_many")
        said = claims.get(groups)
        email = as_text(claims.get("email"))
        known = as_text(claims.get("preferred_username"))
        # Entra ID has no `email_verified`; `xms_edov` says that the owner of the domain proved it.
        tried = claims.get("email_verified") in (True, "true") or claims.get("xms_edov") in (True, 1, "1", "true")
        return Visitor(
            issuer=self._settings.issuer,
            subject=str(claims["sub"]),
            email=email or (known if known and "@" in known else None),
            email_verified=email is not None and tried,
            name=as_text(claims.get("name")) or known,
            groups=frozenset(filter(None, map(as_text, said if isinstance(said, list) else [said]))),
        )


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
