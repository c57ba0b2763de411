"""A person connects Pages: the dialog as a browser without JavaScript sees it, and what its code becomes."""

from __future__ import annotations

import logging
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from connectors import registry
from connectors.meta.graph import GraphSettings
from connectors.registry import NetworkSettings
from connectors.standin.instagram import state as instagram
from models.errors import Ambiguous, NotFound, Rejected, Transient

BACK = "http://127.0.0.1:8000/comptes/retour"
WHO = {"redirect_uri": BACK, "verifier": "a-secret-verifier"}


class Form(HTMLParser):
    """The fields of the page's form, as a browser would send them, and its buttons."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.scripts = 0
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.scripts += tag == "script"
        if tag == "input" and (given["type"] == "hidden" or "checked" in given):
            self.fields[given["name"]] = given.get("value", "on")


@pytest.fixture
def settings(standin) -> NetworkSettings:
    graph = standin.settings.of(GraphSettings)
    made = GraphSettings(
        base_url=graph.base_url,
        app_id=graph.app_id,
        app_secret=graph.app_secret,
        dialog_url=graph.base_url,
        timeout=graph.timeout,
        retries=(),
    )
    return NetworkSettings(made)


@pytest.fixture
def consent(settings):
    return registry.consent(settings, "facebook")


@pytest.fixture
def answered(consent):
    """What comes back with the browser, after a person's answer to the dialog."""

    def answer(without: tuple[str, ...] = (), said: str = "yes") -> dict[str, str]:
        address = consent.address(state="a-state", **WHO)
        page = requests.get(address, timeout=5)
        assert page.status_code == 200
        form = Form(page.text)
        assert form.scripts == 0
        fields = {name: value for name, value in form.fields.items() if name not in without}
        back = requests.post(address, data=fields | {"answer": said}, timeout=5, allow_redirects=False)
        assert back.status_code == 302
        assert back.headers["location"].startswith(BACK + "?")
        return dict(parse_qsl(urlsplit(back.headers["location"]).query))

    return answer


def test_a_person_chooses_pages_and_gets_their_tokens(standin, consent, answered, settings):
    other = standin.state.page("105", "Arrondissement", "jeton-105")
    standin.state.page("106", "Une autre", "jeton-106")
    instagram.profile(standin.state, other, "17841", "arrondissement")
    back = answered(without=("page_106",))
    assert back["state"] == "a-state"
    offered = consent.exchange(code=back["code"], **WHO)
    assert [(one.network, one.external_id, one.name, one.token) for one in offered] == [
        ("facebook", "104", "Ville de Sainte-Rive", standin.token),
        ("facebook", "105", "Arrondissement", "jeton-105"),
        ("instagram", "17841", "arrondissement", "jeton-105"),
    ]
    assert [one.missing for one in offered] == [(), (), ()]
    assert all(one.expires_at for one in offered)
    assert consent.refresh(standin.account, None) is None


def test_what_was_not_given_is_missing_by_name(standin, consent, answered):
    back = answered(without=("scope_pages_manage_engagement", "scope_read_insights"))
    (offered,) = consent.exchange(code=back["code"], **WHO)
    assert offered.missing == ("pages_manage_engagement", "read_insights")
    assert standin.network().health().missing == offered.missing


@pytest.mark.parametrize("ad_accounts", [(), ("act_7",)])
def test_comments_under_advertisements_are_always_asked_for_and_what_they_cost_only_where_it_is_shown(
    settings, ad_accounts
):
    consent = registry.consent(
        NetworkSettings(replace(settings.of(GraphSettings), ad_accounts=ad_accounts)), "facebook"
    )
    asked = dict(parse_qsl(urlsplit(consent.address(state="a-state", **WHO)).query))["scope"].split(",")
    assert asked.count("pages_manage_ads") == 1
    assert asked.count("ads_read") == len(ad_accounts)


def test_without_the_permission_for_advertisements_all_else_is_read_and_it_is_named(standin, consent, answered):
    standin.state.post(standin.page, "Inscrivez-vous", form="ad")
    post = standin.post("Avis")
    (offered,) = consent.exchange(code=answered(without=("scope_pages_manage_ads",))["code"], **WHO)
    assert offered.missing == ("pages_manage_ads",)
    assert standin.network().health().missing == ("pages_manage_ads",)
    assert [seen.external_id for seen in standin.network().pull(None, 20).posts] == [post.id]


def test_a_token_that_died_is_replaced(standin, consent, answered, telling):
    standin.page.dead = 460
    code = answered()["code"]
    (offered,) = consent.exchange(code=code, **WHO)
    issued = [("code", code), *((f"token {number}", token) for number, token in enumerate(standin.state.grants))]
    assert telling([*issued, ("page", offered.token)]) == ["code", "page", "token 0", "token 1"], (
        "any test would see it"
    )
    assert offered.token != standin.token
    standin.token = offered.token
    assert standin.network().health().valid


def test_a_refusal_comes_back_with_the_browser(answered):
    back = answered(said="no")
    assert (back["error"], back["state"]) == ("access_denied", "a-state")
    assert "code" not in back


def test_a_code_serves_once_and_for_its_own_address(consent, answered):
    code = answered()["code"]
    with pytest.raises(Rejected):
        consent.exchange(code=code, redirect_uri="http://127.0.0.1:8000/ailleurs", verifier="")
    consent.exchange(code=code, **WHO)
    for used in (code, "unknown", ""):
        with pytest.raises(Rejected):
            consent.exchange(code=used, **WHO)


def test_an_app_that_is_not_ours_gets_nothing(settings, answered):
    wrong = GraphSettings(base_url=settings.of(GraphSettings).base_url, app_id="1001", app_secret="another", retries=())
    with pytest.raises(Rejected):
        registry.consent(NetworkSettings(wrong), "instagram").exchange(code=answered()["code"], **WHO)
    with pytest.raises(NotFound):
        registry.consent(NetworkSettings(), "facebook")
    unknown = GraphSettings(
        base_url="http://x.invalid", app_id="9", app_secret="s", dialog_url=settings.of(GraphSettings).base_url
    )
    address = registry.consent(NetworkSettings(unknown), "facebook").address(state="s", **WHO)
    assert requests.get(address, timeout=5).status_code == 400


def test_advertisements_are_asked_about_only_where_they_are_shown(settings):
    def asked(**more: object) -> str:
        made = GraphSettings(app_id="1", app_secret="s", **more)
        return registry.consent(NetworkSettings(made), "facebook").address(state="s", **WHO)

    assert "ads_read" not in asked()
    assert "ads_read" in asked(ad_accounts=("act_1",))
    assert asked().startswith("https://www.facebook.com/v26.0/dialog/oauth?client_id=1&")
    assert "a-secret-verifier" not in asked()


@pytest.mark.parametrize("kind", ["reset_after", "500_before", "half_json", "throttle", "token_expired"])
def test_nothing_secret_is_seen_when_an_exchange_fails(standin, consent, answered, settings, kind, caplog):
    caplog.set_level(logging.DEBUG)
    code = answered()["code"]
    standin.fault(kind, path="oauth/access_token")
    with pytest.raises(Exception) as caught:
        consent.exchange(code=code, **WHO)
    assert not isinstance(caught.value, Ambiguous)
    seen = caplog.text + repr(caught.value) + repr(settings)
    for secret in (code, standin.state.app_secret, standin.token, *standin.state.grants):
        assert secret not in seen


def test_tokens_are_not_shown_by_what_is_offered(consent, answered, standin):
    offered = consent.exchange(code=answered()["code"], **WHO)
    assert standin.token not in repr(offered)


@pytest.mark.parametrize("raw", [b"{}", b'{"access_token": ""}', b'{"access_token": 7}', b"true", b"[]"])
def test_an_exchange_of_another_shape(answering, raw):
    page = answering(raw, app_id="1", app_secret="s")
    made = registry.consent(NetworkSettings(page._graph._settings), "facebook")
    with pytest.raises(Transient):
        made.exchange(code="c", **WHO)
