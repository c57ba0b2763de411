"""What is closed opens with any key at hand, and with no other."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ParvisError
from models.secrets import SecretUnreadable, Vault, fingerprint

OLD, NEW = "o" * 32, "n" * 32


@given(st.text())
def test_what_is_closed_opens(plain):
    vault = Vault([OLD])
    assert vault.open(vault.close(plain)) == plain
    assert vault.close(plain) != vault.close(plain)


def test_what_is_closed_does_not_show(vault):
    assert "EAAB-a-token-of-a-page" not in vault.close("EAAB-a-token-of-a-page")


def test_rotation(vault):
    before, during, after = Vault([OLD]), Vault([NEW, OLD]), Vault([NEW])
    closed, proof = before.close("token"), before.digest(b"text")
    assert (during.open(closed), during.matches(b"text", proof)) == ("token", True)
    with pytest.raises(SecretUnreadable):
        after.open(closed)
    again = during.reclose(closed)
    assert (after.open(again), during.open(again)) == ("token", "token")
    with pytest.raises(SecretUnreadable):
        before.open(again)
    assert not after.matches(b"text", proof)
    with pytest.raises(SecretUnreadable):
        after.reclose(closed)


@pytest.mark.parametrize("wrong", ["", "gAAAA", "not base64 é"])
def test_what_is_no_secret_is_not_opened(vault, wrong):
    with pytest.raises(SecretUnreadable):
        vault.open(wrong)


def test_a_changed_byte_is_seen(vault):
    # Bytes and not letters: the last letter before the padding has bits that mean nothing.
    closed = base64.urlsafe_b64decode(vault.close("token"))
    for place in range(len(closed)):
        changed = closed[:place] + bytes([closed[place] ^ 1]) + closed[place + 1 :]
        with pytest.raises(SecretUnreadable):
            vault.open(base64.urlsafe_b64encode(changed).decode())


@pytest.mark.parametrize("secrets", [[], ["short"], [OLD, "short"]])
def test_a_weak_secret_is_refused(secrets):
    with pytest.raises(ParvisError):
        Vault(secrets)


def test_each_purpose_has_its_own_key():
    """A digest of the journal and a closed token say nothing of each other, nor of the secret."""
    vault = Vault([OLD])
    assert vault.digest(b"x") != fingerprint("x")
    assert OLD not in vault.close("x") + vault.digest(b"x")
