"""Keys and what they close: every purpose has its own key, derived from the one secret of the installation."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.errors import ParvisError


class SecretUnreadable(ParvisError):
    """No key at hand opens this: the installation's secret was changed without keeping the old one in the list."""


class Vault:
    """Closes tokens at rest and makes keyed digests. The first secret closes, every one opens (rotation)."""

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets or any(len(secret) < 32 for secret in secrets):
            raise ParvisError("a secret key must have at least 32 characters")
        self._box = MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(s, "tokens"))) for s in secrets])
        self._audit = [_derive(secret, "audit") for secret in secrets]
        self.names = [_derive(secret, "name").hex()[:8] for secret in secrets]
        """Of the keys, in their order: what a digest was made with can be kept beside it, and tells nothing."""

    def close(self, plain: str) -> str:
        """Encrypt with the first key."""
        return self._box.encrypt(plain.encode()).decode()

    def open(self, closed: str) -> str:
        """Decrypt with whichever key fits; `SecretUnreadable` if none does."""
        try:
            return self._box.decrypt(closed.encode()).decode()
        except InvalidToken as error:
            raise SecretUnreadable("no key of PARVIS_SECRET_KEY opens a stored secret") from error

    def reclose(self, closed: str) -> str:
        """The same secret, encrypted with the first key (`parvis key rotate`)."""
        try:
            return self._box.rotate(closed.encode()).decode()
        except InvalidToken as error:
            raise SecretUnreadable("no key of PARVIS_SECRET_KEY opens a stored secret") from error

    def digest(self, data: bytes) -> str:
        """Keyed digest (HMAC-SHA-256, hex) with the first key: proves a text without keeping it."""
        return hmac.new(self._audit[0], data, sha256).hexdigest()

    def matches(self, data: bytes, digest: str) -> bool:
        """Whether `digest` was made of `data` with any of the keys."""
        return any(hmac.compare_digest(hmac.new(key, data, sha256).hexdigest(), digest) for key in self._audit)


def fingerprint(token: str) -> str:
    """What is kept of a random token that people carry (session, link, API key): its SHA-256. The token has 256
    random bits, so no slow hash is needed.
    """
    return sha256(token.encode()).hexdigest()


def _derive(secret: str, purpose: str) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"parvis/{purpose}".encode()).derive(
        secret.encode()
    )
