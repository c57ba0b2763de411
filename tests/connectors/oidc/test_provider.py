"""What a directory says is believed where it proves it, and nowhere else."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import OctKey, RSAKey

from connectors.directories import DirectorySettings
from connectors.oidc import provider
from connectors.oidc.provider import AT_ONCE, SKEW, OidcDirectory
from models.errors import Rejected, Transient
from tests.directories import CLIENT, SECRET, pretend_directory

BACK = "https://parvis.ville.example/connexion/annuaire/retour"


@pytest.fixture
def far():
    with pretend_directory() as server:
        server.sign(email="eve@ville.example", groups=[])
        yield server


@pytest.fixture
def near(far):
    return OidcDirectory(DirectorySettings(far.issuer, CLIENT, SECRET))


def come(near):
    return near.visitor(code="c", redirect_uri=BACK, nonce="n", verifier="v" * 43, now=datetime.now(UTC))


def test_the_dialog_asks_for_a_code_with_all_that_binds_it(far, near):
    address = urlsplit(near.dialog(redirect_uri=BACK, state="s", nonce="n", verifier="v" * 43))
    asked = {name: value[0] for name, value in parse_qs(address.query).items()}
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{far.issuer}/authorization"
    assert asked.pop("code_challenge")
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": BACK,
        "scope": "openid email profile",
        "state": "s",
        "nonce": "n",
        "code_challenge_method": "S256",
    }


def test_who_is_there_is_read_from_a_token_that_proves_it(far, near):
    far.sign(email="eve@ville.example", email_verified=True, name="Ève", groups=["moderation", "", 3])
    visitor = come(near)
    assert (visitor.issuer, visitor.subject, visitor.email) == (far.issuer, "s-1", "eve@ville.example")
    assert (visitor.email_verified, visitor.name, visitor.groups) == (True, "Ève", {"moderation"})
    assert (far.form["code"], far.form["code_verifier"]) == (["c"], ["v" * 43])
    assert SECRET not in repr(near._settings)


BAD = {
    "another nonce": {"nonce": "m"},
    "no nonce": {"nonce": None},
    "for somebody else": {"aud": "another"},
    "for somebody else too, and asked by them": {"aud": [CLIENT, "another"], "azp": "another"},
    "for several, and it does not say who asked": {"aud": [CLIENT, "another"]},
    "of another issuer": {"iss": "https://evil.example"},
    "without an issuer": {"iss": None},
    "of nobody": {"sub": None},
    "expired": {"exp": -10 * SKEW},
    "without an end": {"exp": None},
    "of the future": {"iat": 10 * SKEW},
    "not yet good": {"nbf": 10 * SKEW},
}
"""Claims of bad tokens; numbers are seconds from when it is signed."""


@pytest.mark.parametrize("bad", BAD)
def test_a_token_that_is_not_for_this_sign_in_is_not_taken(far, near, bad):
    now = int(time.time())
    claims = {name: now + said if isinstance(said, int) else said for name, said in BAD[bad].items()}
    far.sign(email="eve@ville.example", groups=[], **claims)
    with pytest.raises(Rejected) as caught:
        come(near)
    assert caught.value.reason == "token"


@pytest.mark.parametrize(
    ("alg", "key"),
    [
        ("none", OctKey.import_key("a key that nobody looks at")),
        ("HS256", OctKey.import_key(SECRET)),
        ("RS256", RSAKey.generate_key(2048, {"kid": "one"})),
    ],
    ids=["unsigned", "by the secret that both know", "by another key of that name"],
)
def test_a_token_that_the_provider_did_not_sign_is_not_taken(far, near, alg, key):
    far.sign(key, alg)
    with pytest.raises(Rejected):
        come(near)


def test_clocks_may_differ_a_little(far, near):
    now = int(time.time())
    far.sign(email="e@v.example", groups=[], exp=now - SKEW // 2, iat=now + SKEW // 2)
    assert come(near).subject == "s-1"


def test_the_provider_may_change_its_keys_at_any_time(far, near):
    come(near)
    come(near)
    assert far.asked.count("/jwks") == 1
    far.key = RSAKey.generate_key(2048, {"kid": "two"})
    far.published = [far.key]
    far.sign(email="e@v.example", groups=[])
    assert come(near).subject == "s-1"
    assert far.asked.count("/jwks") == 2
    assert far.asked.count("/.well-known/openid-configuration") == 1


def test_what_the_token_leaves_out_is_asked_and_is_about_the_same_person(far, near):
    far.says["userinfo_endpoint"] = f"{far.issuer}/userinfo"
    far.userinfo = {"sub": "s-1", "email": "eve@ville.example", "email_verified": True, "groups": ["g"]}
    far.sign(email=None, groups=None)
    assert (come(near).email, come(near).groups) == ("eve@ville.example", {"g"})
    far.userinfo["sub"] = "s-2"
    with pytest.raises(Rejected) as caught:
        come(near)
    assert caught.value.reason == "subject"


def test_groups_that_are_left_out_for_being_too_many_are_not_taken_for_none(far, near):
    far.sign(email="e@v.example", groups=None, _claim_names={"groups": "src1"})
    with pytest.raises(Rejected) as caught:
        come(near)
    assert caught.value.reason == "groups_many"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"issuer": "https://evil.example"}, "issuer"),
        ({"authorization_endpoint": "http://evil.example/a"}, "authorization_endpoint"),
        ({"token_endpoint": "javascript:x"}, "token_endpoint"),
        ({"jwks_uri": None}, "jwks_uri"),
    ],
)
def test_a_provider_that_is_not_what_the_setting_says_is_not_used(far, near, changed, reason):
    far.says |= changed
    with pytest.raises(Rejected) as caught:
        near.check()
    assert caught.value.reason == reason


def test_no_redirect_leads_elsewhere(far, near):
    far.says["jwks_uri"] = f"{far.issuer}/moved"
    with pytest.raises(Transient) as caught:
        near.check()
    assert caught.value.reason == "302"


def test_a_code_that_is_refused_and_a_provider_that_is_not_there_are_told_apart(far, near):
    far.token = None
    with pytest.raises(Rejected) as caught:
        come(near)
    assert caught.value.reason == "invalid_grant"
    with pytest.raises(Transient):
        OidcDirectory(DirectorySettings("http://127.0.0.1:9", CLIENT, SECRET)).check()


def test_a_slow_provider_holds_few_threads_and_none_for_long(far, near, monkeypatch):
    monkeypatch.setattr(provider, "ANSWER", 0.5)
    far.held.clear()
    said = []

    def ask():
        try:
            near.check()
        except Transient as error:
            said.append(error.reason)

    threads = [threading.Thread(target=ask) for _ in range(AT_ONCE + 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["busy"] * 3 + ["unreachable"] * AT_ONCE


def test_the_way_out_says_where_to_come_back(far, near):
    way = near.way_out(return_to="https://parvis.ville.example/connexion")
    assert way.startswith(f"{far.issuer}/end_session?client_id={CLIENT}&post_logout_redirect_uri=https%3A%2F%2F")
    del far.says["end_session_endpoint"]
    assert OidcDirectory(near._settings).way_out(return_to="https://parvis.ville.example/connexion") is None
