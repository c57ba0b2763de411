"""The whole round trip of a consent: the dialog in a browser's place, the code, the pages, a refresh."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from connectors.base import AccountRef
from connectors.linkedin.page import NEEDED
from connectors.linkedin.rest import LinkedInSettings
from connectors.meta.graph import GraphSettings
from connectors.registry import NetworkSettings, consent, network
from connectors.standin.linkedin.state import organization
from models.errors import NotFound, PermissionMissing, Rejected, TokenInvalid, Transient

BACK = "https://parvis.ville.example/comptes/retour?depuis=linkedin"


@pytest.fixture
def dialog(linkedin):
    return consent(linkedin.settings, "linkedin")


def decide(dialog, decision: str, state: str = "état-1") -> dict[str, list[str]]:
    """What a person does in the dialog; what the browser brings back."""
    address = dialog.address(redirect_uri=BACK, state=state, verifier="inutile")
    page = requests.get(address, timeout=5)
    assert page.status_code == 200
    assert "Autoriser" in page.text
    assert "Refuser" in page.text
    assert "<script" not in page.text
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text.replace("&amp;", "&")))
    fields["decision"] = decision
    url = f"{address.partition('?')[0]}"
    answer = requests.post(url, data=fields, timeout=5, allow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(BACK)
    return parse_qs(urlsplit(answer.headers["location"]).query)


def test_who_consents_is_asked_by_name_and_comes_back_with_a_code(linkedin, dialog):
    address = dialog.address(redirect_uri=BACK, state="état-1", verifier="inutile")
    asked = parse_qs(urlsplit(address).query)
    assert address.startswith(f"{linkedin.base_url}/oauth/v2/authorization?")
    assert asked["scope"] == [" ".join(NEEDED)]
    assert (asked["state"], asked["redirect_uri"]) == (["état-1"], [BACK])
    assert "code_challenge" not in asked
    assert "inutile" not in address
    back = decide(dialog, "allow")
    assert (back["state"], back["depuis"]) == (["état-1"], ["linkedin"])
    assert set(back) == {"code", "state", "depuis"}


def test_what_the_dialog_issues_would_be_seen_in_any_test_that_says_it(linkedin, dialog, telling):
    linkedin.page.refreshable = True
    code = decide(dialog, "allow")["code"][0]
    (offered,) = dialog.exchange(code=code, redirect_uri=BACK, verifier="")
    newer = dialog.refresh(AccountRef("linkedin", offered.external_id, offered.token), offered.refresh_token)
    issued = {"code": code, "token": offered.token, "refresh": offered.refresh_token, "newer": newer.token}
    assert telling(issued.items()) == sorted(issued)


def test_a_refusal_comes_back_as_one(dialog):
    back = decide(dialog, "refuse")
    assert back["error"] == ["user_cancelled_authorize"]
    assert "code" not in back


def test_the_pages_that_the_person_administers_are_offered(linkedin, dialog):
    organization(linkedin.state, "77", "Bibliothèques", "another-token")
    organization(linkedin.state, "78", "Une page que je ne fais que lire", "third-token", role="ANALYST")
    before = datetime.now(UTC)
    offered = dialog.exchange(code=decide(dialog, "allow")["code"][0], redirect_uri=BACK, verifier="inutile")
    assert [(one.network, one.external_id, one.name) for one in offered] == [
        ("linkedin", "5515715", "Ville de Sainte-Rive"),
        ("linkedin", "77", "Bibliothèques"),
    ]
    assert all(one.missing == () and one.refresh_token is None for one in offered)
    assert timedelta(days=59) < offered[0].expires_at - before <= timedelta(days=60, minutes=1)
    assert offered[0].token not in repr(offered)
    account = AccountRef("linkedin", "77", offered[1].token)
    health = network(linkedin.settings, account).health()
    assert (health.valid, health.missing) == (True, ())
    assert abs(health.expires_at - offered[1].expires_at) < timedelta(seconds=5)


def test_one_page_that_is_refused_hides_no_other(linkedin, dialog):
    """LinkedIn refuses the whole batch for one of it."""
    organization(linkedin.state, "77", "Bibliothèques", "another-token")
    organization(linkedin.state, "78", "Une page qu’on ne peut lire", "third-token", refused=True)
    offered = dialog.exchange(code=decide(dialog, "allow")["code"][0], redirect_uri=BACK, verifier="")
    assert [(one.external_id, one.name) for one in offered] == [
        ("5515715", "Ville de Sainte-Rive"),
        ("77", "Bibliothèques"),
    ]


def test_pages_that_are_all_refused_are_a_refusal(linkedin, dialog):
    linkedin.page.refused = True
    organization(linkedin.state, "78", "Une autre", "third-token", refused=True)
    with pytest.raises(PermissionMissing):
        dialog.exchange(code=decide(dialog, "allow")["code"][0], redirect_uri=BACK, verifier="")


def test_a_code_is_good_once_and_for_its_own_address(dialog):
    code = decide(dialog, "allow")["code"][0]
    other = code[:-1] + ("1" if code.endswith("0") else "0")
    for bad in ({"redirect_uri": "https://elsewhere.example"}, {"code": other}, {"code": "x"}, {"code": ""}):
        with pytest.raises(Rejected) as caught:
            dialog.exchange(**({"code": code, "redirect_uri": BACK, "verifier": ""} | bad))
        assert caught.value.reason == "invalid_request"
    assert dialog.exchange(code=code, redirect_uri=BACK, verifier="")
    with pytest.raises(Rejected):
        dialog.exchange(code=code, redirect_uri=BACK, verifier="")


def test_a_permission_that_the_application_does_not_have_is_refused_in_the_dialog(dialog):
    address = dialog.address(redirect_uri=BACK, state="x", verifier="").replace("rw_organization_admin", "rw_ads")
    answer = requests.get(address, timeout=5, allow_redirects=False)
    assert parse_qs(urlsplit(answer.headers["location"]).query)["error"] == ["unauthorized_scope_error"]


def test_permissions_that_were_not_given_are_named(linkedin, dialog):
    address = dialog.address(redirect_uri=BACK, state="x", verifier="")
    fields = {key: value[0] for key, value in parse_qs(urlsplit(address).query).items()}
    fields |= {"scope": "r_organization_social rw_organization_admin", "decision": "allow"}
    url = address.partition("?")[0]
    back = requests.post(url, data=fields, timeout=5, allow_redirects=False).headers["location"]
    (offered,) = dialog.exchange(code=parse_qs(urlsplit(back).query)["code"][0], redirect_uri=BACK, verifier="")
    assert offered.missing == ("w_organization_social", "w_organization_social_feed")


def test_most_tokens_cannot_be_refreshed(linkedin, dialog):
    assert dialog.refresh(linkedin.account, None) is None
    assert dialog.refresh(linkedin.account, "unknown") is None


def test_a_refresh_gives_another_token_and_moves_no_end(linkedin, dialog):
    linkedin.page.refreshable = True
    (first,) = dialog.exchange(code=decide(dialog, "allow")["code"][0], redirect_uri=BACK, verifier="")
    assert timedelta(days=364) < first.refresh_expires_at - datetime.now(UTC) <= timedelta(days=365)
    account = AccountRef("linkedin", "5515715", first.token)
    second = dialog.refresh(account, first.refresh_token)
    assert (second.external_id, second.name) == ("5515715", "Ville de Sainte-Rive")
    assert second.token != first.token
    assert abs(second.refresh_expires_at - first.refresh_expires_at) < timedelta(seconds=5)
    for token in (first.token, second.token):
        assert network(linkedin.settings, AccountRef("linkedin", "5515715", token)).health().valid
    linkedin.page.grants[first.token].refresh_expires_at = 1
    assert dialog.refresh(account, first.refresh_token) is None


def test_a_wrong_secret_is_the_applications_matter(linkedin):
    settings = NetworkSettings(
        GraphSettings(),
        LinkedInSettings(
            linkedin.base_url, f"{linkedin.base_url}/oauth/v2", client_id="77parvis", client_secret="faux"
        ),
    )
    dialog = consent(settings, "linkedin")
    with pytest.raises(Rejected) as caught:
        dialog.exchange(code="x", redirect_uri=BACK, verifier="")
    assert caught.value.reason == "app"
    with pytest.raises(Rejected):
        dialog.refresh(linkedin.account, "x")


def test_without_an_application_there_is_no_dialog(linkedin):
    with pytest.raises(NotFound):
        consent(NetworkSettings(), "linkedin")


@pytest.mark.parametrize("kind", ["503", "reset_before", "html_502", "half_json"])
def test_a_failure_for_a_moment_is_one(linkedin, dialog, kind):
    code = decide(dialog, "allow")["code"][0]
    linkedin.fault(kind, path="accessToken")
    with pytest.raises(Transient) as caught:
        dialog.exchange(code=code, redirect_uri=BACK, verifier="")
    assert caught.value.__context__ is None


def test_a_token_that_dies_meanwhile_is_said(linkedin, dialog):
    code = decide(dialog, "allow")["code"][0]
    linkedin.fault("token_expired", path="organizationAcls")
    with pytest.raises(TokenInvalid):
        dialog.exchange(code=code, redirect_uri=BACK, verifier="")
