"""What is Facebook's own: error bodies as Meta writes them, usage headers, requests on the wire, old posts."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import requests
import urllib3.exceptions

from connectors import wire
from connectors.base import Operation, Publication
from connectors.crawl import TooMuch
from connectors.meta.errors import BLOCK_PAUSE, THROTTLE_PAUSE, failure_of, usage
from connectors.meta.graph import GraphSettings, missing_of
from connectors.registry import NetworkSettings, network
from connectors.standin.state import FIELDS, MESSAGING, Fault
from connectors.wire import never_sent
from models.errors import (
    Ambiguous,
    Blocked,
    Gone,
    PermissionMissing,
    Rejected,
    Throttled,
    TokenInvalid,
    Transient,
)
from models.vocabulary import OperationKind

NOW = datetime(2026, 11, 21, 13, 30, tzinfo=UTC)
SOURCES = 5
"""Listings of a round: posts, reels, advertisements, mentions and posts of visitors."""


def said(status: int = 400, *, write: bool = True, headers: dict[str, str] | None = None, **error: object):
    return failure_of({"error": error}, status, headers or {}, write=write, permission="pages_needed")


# ------------------------------------------------------------------------------------------------- error bodies
@pytest.mark.parametrize("code", [4, 17, 32, 341, 613, 80001, 80002])
@pytest.mark.parametrize("write", [True, False])
def test_throttled(code, write):
    before = datetime.now(UTC)
    error = said(code=code, write=write, is_transient=True)
    assert isinstance(error, Throttled)
    assert before + THROTTLE_PAUSE <= error.until <= datetime.now(UTC) + THROTTLE_PAUSE


@pytest.mark.parametrize(
    ("subcode", "reason"),
    [
        (None, "invalid"),
        (458, "app_removed"),
        (459, "checkpoint"),
        (460, "password_changed"),
        (463, "expired"),
        (464, "checkpoint"),
        (466, "revoked"),
        (467, "logged_out"),
        (492, "role_lost"),
        (999, "invalid"),
    ],
)
@pytest.mark.parametrize("code", [190, 102])
def test_a_dead_token(code, subcode, reason):
    error = said(401, code=code, error_subcode=subcode)
    assert isinstance(error, TokenInvalid)
    assert error.reason == reason


@pytest.mark.parametrize("code", [10, 200, 210, 299])
def test_a_missing_permission_is_named(code):
    assert said(403, code=code).name == "pages_needed"
    error = said(403, code=code, message="Requires pages_manage_engagement permission to manage the object.")
    assert isinstance(error, PermissionMissing)
    assert error.name == "pages_manage_engagement"


SEVERAL = "(#200) Requires pages_read_engagement, pages_manage_posts and pages_read_user_content permissions."


@pytest.mark.parametrize(
    ("write", "error", "kind", "told"),
    [
        (True, {"code": 200, "message": SEVERAL}, PermissionMissing, "pages_needed"),
        (False, {"code": 200, "message": "The account is temporarily disabled."}, Rejected, "restricted"),
        (False, {"code": 200, "message": "Access has been restricted for this Page"}, Rejected, "restricted"),
        (True, {"code": 200, "message": "The account is temporarily disabled."}, Transient, None),
        (True, {"code": 200, "error_subcode": 2069030}, Rejected, "not_supported_there"),
        (False, {"code": 200, "error_subcode": 2069031}, Rejected, "not_supported_there"),
        (False, {"code": 200, "error_subcode": 2069033}, Rejected, "not_supported_there"),
        (False, {"code": 3, "message": "(#3) Application does not have the capability"}, Rejected, "app_not_approved"),
        (True, {"code": 3}, Rejected, "app_not_approved"),
        (True, {"code": 368, "error_subcode": 1390008}, Blocked, None),
        (True, {"code": 368, "error_subcode": 1404006}, Blocked, None),
        (True, {"code": 368, "error_subcode": 2207051}, Blocked, None),
        (False, {"message": "Sorry: (#368) this is not allowed"}, Blocked, None),
        *((True, {"code": 100, "error_subcode": one}, Blocked, None) for one in (1390008, 1404006, 1404112, 2207051)),
        (True, {"code": 4, "error_subcode": 2207050}, Blocked, None),
        (True, {"code": 200, "message": "You have been temporarily blocked from this action"}, Blocked, None),
        (True, {"message": "It looks like you were misusing this feature by going too fast."}, Blocked, None),
        (False, {"code": 200, "message": "This account is suspended"}, Rejected, "restricted"),
        (False, {"code": 10, "message": "This feature is unavailable; try again later"}, Rejected, "restricted"),
        (False, {"code": 100, "message": "Object with ID 'x' does not exist, cannot be loaded due to…"}, Gone, None),
        (True, {"code": 100, "message": "Object with ID 'x' does not exist, cannot be loaded due to…"}, Gone, None),
        (False, {"code": 803, "message": "Some of the aliases you requested do not exist: x"}, Gone, None),
        (False, {"code": 100, "message": "Tried accessing nonexisting field (x)"}, Rejected, "100"),
        (False, {"code": 2500, "message": "An active access token must be used"}, TokenInvalid, "invalid"),
        (False, {"code": 2500, "message": "Unknown path components"}, Rejected, "2500"),
        (False, {"message": "Session has expired on Friday"}, TokenInvalid, "invalid"),
        (True, {"code": 4242}, Ambiguous, None),
        (True, {"code": 4242, "error_subcode": 17}, Ambiguous, None),
        (True, {"message": "Something went wrong"}, Ambiguous, None),
        (True, {"code": 100}, Rejected, "100"),
        (False, {"code": 4242}, Rejected, "4242"),
        (False, {"code": 104, "message": "Incorrect signature"}, TokenInvalid, "invalid"),
        (False, {"code": 190}, TokenInvalid, "invalid"),
        (False, {"type": "OAuthException", "message": "Invalid OAuth access token."}, TokenInvalid, "invalid"),
    ],
)
def test_what_an_answer_says_and_whose_fault_it_is(write, error, kind, told):
    """A row an answer: (call, code, subcode, text) and what is made of it."""
    found = said(400, write=write, **error)
    assert type(found) is kind
    assert getattr(found, "reason", getattr(found, "name", None)) == told


def test_gone_and_other_bad_parameters():
    assert isinstance(said(code=100, error_subcode=33), Gone)
    assert isinstance(said(code=100, error_subcode=2018292), Gone)
    error = said(code=100, error_subcode=1349125)
    assert isinstance(error, Rejected)
    assert error.reason == "100/1349125"


@pytest.mark.parametrize("write", [True, False])
def test_blocked_for_a_while_stops_the_account_for_hours(write):
    error = said(code=368, write=write)
    assert isinstance(error, Blocked)
    assert error.until > datetime.now(UTC) + BLOCK_PAUSE - timedelta(minutes=1)


@pytest.mark.parametrize("error", [{"code": 506}, {"code": 100, "error_subcode": 1455006}])
def test_a_duplicate_may_be_ours(error):
    assert isinstance(said(**error), Ambiguous)


@pytest.mark.parametrize("error", [{"code": 1}, {"code": 2}, {"code": 9999, "is_transient": True}])
def test_what_meta_does_not_know_itself(error):
    assert isinstance(said(500, **error), Ambiguous)
    assert isinstance(said(400, **error), Ambiguous)
    assert isinstance(said(400, write=False, **error), Transient)


def test_a_dead_version_is_refused_and_the_operator_is_told(caplog):
    assert said(code=2635, message="(#2635) You are calling a deprecated version").reason == "version"
    assert said(message="(#2635) You are calling a deprecated version").reason == "version"
    assert [record.levelname for record in caplog.records] == ["CRITICAL"] * 2


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"code": 10900}, "already_replied"),
        ({"code": 10903}, "cannot_reply"),
        ({"code": 551, "error_subcode": 2018109}, "unavailable"),
        ({"code": 10, "error_subcode": 2018278}, "window_closed"),
        ({"code": 100, "error_subcode": 1366046}, "photo_format"),
        ({"code": 200, "error_subcode": 1404078}, "publishing_authorization"),
        ({"code": 9000, "error_subcode": 1404102}, "community_standards"),
    ],
)
def test_a_refusal_that_a_person_can_do_something_about_has_a_name(error, reason):
    assert said(**error).reason == reason


@pytest.mark.parametrize("subcode", [1363047, 1609010])
def test_a_subcode_that_passes_may_have_been_applied(subcode):
    assert isinstance(said(code=100, error_subcode=subcode), Ambiguous)
    assert isinstance(said(code=100, error_subcode=subcode, write=False), Transient)


def test_too_much_is_said_of_reads_alone():
    asked = {"code": 1, "message": "Please reduce the amount of data you're asking for, then retry your request"}
    assert isinstance(said(500, write=False, **asked), TooMuch)
    assert type(said(500, **asked)) is Ambiguous


def test_a_body_without_code_has_it_in_its_sentence():
    assert isinstance(said(message="(#341) Feed action request limit reached"), Throttled)
    assert isinstance(said(message="(#190) Dead"), TokenInvalid)
    assert said(message="Nothing known", write=False).reason == "unnamed"
    assert isinstance(said(503, message="Nothing known"), Ambiguous)
    assert isinstance(said(429, message="Nothing known"), Throttled)


@pytest.mark.parametrize("code", ["190", 190])
def test_codes_may_be_text(code):
    assert isinstance(said(code=code), TokenInvalid)


@pytest.mark.parametrize("body", [None, [], "text", {"error": "x"}, {"error": []}, {}])
def test_a_body_of_another_shape(body):
    assert isinstance(failure_of(body, 400, {}, write=True, permission=""), Ambiguous)
    assert isinstance(failure_of(body, 400, {}, write=False, permission=""), Transient)
    assert isinstance(failure_of(body, 429, {}, write=True, permission=""), Throttled)


# ------------------------------------------------------------------------------------------------- usage
def test_usage_is_the_highest_of_all():
    headers = {
        "x-app-usage": '{"call_count": 28, "total_cputime": 15, "total_time": 12}',
        "x-business-use-case-usage": json.dumps(
            {
                "104": [
                    {"type": "pages", "call_count": 95, "total_time": 20, "estimated_time_to_regain_access": 0},
                    {"type": "ads", "call_count": 5, "total_time": 20, "estimated_time_to_regain_access": 7},
                ]
            }
        ),
    }
    seen = usage(headers, NOW)
    assert (seen.percent, seen.resume_at) == (95.0, NOW + timedelta(minutes=7))
    assert usage({"x-page-usage": '{"call_count": 40}'}, NOW).percent == 40.0


@pytest.mark.parametrize(
    "header", ["", "{", "[]", "null", "7", '{"1": [null]}', '{"call_count": "many"}', '{"1": [{"call_count": null}]}']
)
def test_usage_that_cannot_be_read_breaks_nothing(header):
    seen = usage({"x-app-usage": header}, NOW)
    assert seen is None or (seen.percent, seen.resume_at) == (0.0, None)


def test_a_wait_without_end_is_cut():
    header = '{"1": [{"estimated_time_to_regain_access": 1e300}]}'
    assert usage({"x-business-use-case-usage": header}, NOW).resume_at == NOW + timedelta(days=365)


# ------------------------------------------------------------------------------------------------- connections
def test_what_provably_did_not_leave():
    pool, url = urllib3.HTTPConnectionPool("127.0.0.1"), "/"
    refused = urllib3.exceptions.NewConnectionError(pool, "refused")
    certificate = urllib3.exceptions.SSLError(ssl.SSLCertVerificationError(1, "certificate verify failed"))
    broken = urllib3.exceptions.SSLError(ssl.SSLError(1, "decryption failed"))
    for reason, expected in (
        (refused, True),
        (urllib3.exceptions.ProxyError("no proxy", refused), True),
        (urllib3.exceptions.ProxyError("cut", OSError()), False),
        (certificate, True),
        (broken, False),
    ):
        assert never_sent(requests.ConnectionError(urllib3.exceptions.MaxRetryError(pool, url, reason))) is expected
    assert never_sent(requests.ConnectTimeout())
    assert not never_sent(requests.ReadTimeout())
    assert not never_sent(requests.ConnectionError())


@pytest.fixture
def facebook(standin):
    return standin.network()


def requests_of(standin) -> list[dict]:
    return list(standin.state.requests)


def test_what_goes_over_the_wire(standin, facebook):
    comment = standin.says(standin.post("Tempête"), "insulte")
    facebook.apply(Operation(OperationKind.HIDE, comment.id), "effect-1")
    facebook.apply(Operation(OperationKind.DELETE, comment.id), "effect-2")
    hide, delete = requests_of(standin)
    assert (hide["method"], hide["path"]) == ("POST", f"v26.0/{comment.id}")
    assert set(hide["params"]) == {"is_hidden", "access_token", "appsecret_proof"}
    assert hide["params"]["is_hidden"] == "true"
    assert (delete["method"], delete["status"]) == ("DELETE", 200)
    assert set(delete["params"]) == {"access_token", "appsecret_proof"}


def test_a_wrong_secret_is_refused_by_the_far_side(standin):
    settings = NetworkSettings(GraphSettings(base_url=standin.base_url, app_secret="another"))
    with pytest.raises(Rejected):
        network(settings, standin.account).pull(None, 1)


def test_without_the_app_only_the_page_itself_says_whether_the_token_lives(standin):
    settings = NetworkSettings(GraphSettings(base_url=standin.base_url))
    assert network(settings, standin.account).health().valid
    standin.page.dead = 460
    health = network(settings, standin.account).health()
    assert (health.valid, health.reason) == (False, "password_changed")


def test_a_version_that_died_is_a_refusal(standin):
    settings = NetworkSettings(GraphSettings(base_url=standin.base_url, version="v3.1"))
    with pytest.raises(Rejected) as caught:
        network(settings, standin.account).pull(None, 1)
    assert caught.value.reason == "version"


def test_an_id_cannot_leave_its_place_in_the_path(standin, facebook):
    for strange in ("../104/feed", "1?x=y", "a b#c", "é"):
        with pytest.raises((Rejected, Gone)):
            facebook.apply(Operation(OperationKind.HIDE, strange), "effect-1")
    assert standin.state.journal == []


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"true", None),
        (b'{"success": true}', None),
        (b'{"success": false}', Rejected),
        (b"false", Rejected),
        (b"[]", Ambiguous),
        (b"{}", Ambiguous),
        (b"null", Ambiguous),
        (b"", Ambiguous),
        (b"<html>", Ambiguous),
        (b'{"success": "yes"}', Ambiguous),
    ],
)
def test_answers_to_a_write(answering, raw, expected):
    page = answering(raw)
    if expected is None:
        assert page.apply(Operation(OperationKind.HIDE, "1_2"), "effect-1").remote_id == "1_2"
    else:
        with pytest.raises(expected):
            page.apply(Operation(OperationKind.HIDE, "1_2"), "effect-1")


@pytest.mark.parametrize("raw", [b"true", b"{}", b"[]", b"null", b"", b'{"id": null}', b'{"id": ""}', b'{"id": []}'])
def test_a_publication_without_an_id_may_have_been_published(answering, raw):
    with pytest.raises(Ambiguous):
        answering(raw).publish(Publication("Avis"), "effect-1")


@pytest.mark.parametrize("raw", [b"true", b"{}", b"[]", b"null", b"", b'{"data": {}}', b'{"data": null}', b"7"])
def test_a_read_of_another_shape_can_be_made_again(answering, raw):
    page = answering(raw)
    with pytest.raises(Transient):
        page.pull(None, 1)
    with pytest.raises(Transient):
        page.find(Publication("Avis"), NOW, ())


@pytest.mark.parametrize("name", ["facebook", "instagram"])
@pytest.mark.parametrize("row", ["null", "{}", '{"id": null}', '{"id": 1.79e16}', '"?"'])
def test_what_came_without_its_id_makes_no_reading_whole_and_no_absence_certain(answering, name, row):
    """Our own words may be among what the network does not name: to send them again would double them."""
    network = answering(f'{{"data": [{row}]}}'.encode(), name=name)
    page = network.pull(None, 1)
    assert not network.pull(page.cursor, 100).whole
    with pytest.raises(Transient):
        network.find(Publication("Avis"), NOW, ())
    target = "104_1" if name == "facebook" else "17900000000000001"
    with pytest.raises(Transient):
        network.find(Operation(OperationKind.REPLY, target, "Merci!"), NOW, ())


def test_items_of_another_shape_are_passed_over(answering):
    page = answering(b'{"data": [null, 7, {}, {"id": 5, "message": 7, "created_time": "hier"}]}').pull(None, 1)
    (post,) = page.posts
    assert (post.external_id, post.text, post.created_at) == ("5", None, None)


@pytest.mark.parametrize(("status", "expected"), [(302, Ambiguous), (404, Ambiguous), (429, Throttled)])
def test_a_status_without_a_body_that_says_why(answering, status, expected):
    with pytest.raises(expected):
        answering(b"{}", status=status).apply(Operation(OperationKind.HIDE, "1_2"), "effect-1")


def test_a_redirection_is_not_followed(answering, received):
    with pytest.raises(Ambiguous):
        answering(b"{}", status=302).publish(Publication("Avis"), "effect-1")
    assert received == ["POST"]


def test_what_was_written_before_is_passed_over_even_if_the_far_side_gives_it(answering):
    items = [
        {"id": f"104_{day}", "message": "Avis", "created_time": f"2026-11-{day}T13:30:00+0000"} for day in (21, 20)
    ]
    page = answering(json.dumps({"data": items}).encode())
    assert page.find(Publication("Avis"), NOW, ()).remote_id == "104_21"
    assert page.find(Publication("Avis"), NOW, {"104_21"}) is None


def test_a_token_of_another_page_is_not_this_pages(standin, facebook):
    standin.state.page("105", "Arrondissement", standin.token)
    del standin.state.pages["104"]
    health = facebook.health()
    assert (health.valid, health.reason) == (False, "wrong_page")


def test_a_wrong_app_says_nothing_of_the_token(standin, facebook):
    standin.fault("token_expired")
    with pytest.raises(Rejected) as caught:
        facebook.health()
    assert caught.value.reason == "app"


def test_permissions_are_given_by_ids_of_their_kind():
    names = ("pages_read_engagement", "instagram_basic")
    given = [{"scope": names[0], "target_ids": ["104"]}, {"scope": names[1], "target_ids": ["9"]}]
    data = {"scopes": list(names), "granular_scopes": given}
    assert missing_of(data, names, "17", about="instagram_") == ("instagram_basic",)
    assert missing_of(data, names, "17", "104") == ("instagram_basic",)
    assert missing_of(data, names, "9", "104") == ()


@pytest.mark.parametrize("strange", [None, 7, True, "text", {}, [None], [[]], [{"scope": [], "target_ids": 7}]])
@pytest.mark.parametrize("name", ["facebook", "instagram"])
def test_permissions_of_another_shape_are_not_given(answering, strange, name):
    data = {"is_valid": True, "scopes": strange, "granular_scopes": strange, "expires_at": strange}
    health = answering(json.dumps({"data": data}).encode(), app_id="1", app_secret="s", name=name).health()
    assert (health.valid, health.reason) == (True, None)
    assert "pages_read_engagement" in health.missing


@pytest.mark.parametrize("raw", [b"true", b"{}", b"[]", b'{"data": []}'])
def test_a_health_of_another_shape(answering, raw):
    with pytest.raises(Transient):
        answering(raw, app_id="1", app_secret="s").health()


def test_a_permission_granted_for_other_pages_is_missing(answering):
    data = {
        "is_valid": True,
        "profile_id": "104",
        "scopes": ["pages_read_engagement", "pages_read_user_content", "pages_manage_posts"],
        "granular_scopes": [
            {"scope": "pages_read_engagement"},
            {"scope": "pages_read_user_content", "target_ids": [104]},
            {"scope": "pages_manage_posts", "target_ids": ["105"]},
        ],
    }
    health = answering(json.dumps({"data": data}).encode(), app_id="1", app_secret="s").health()
    missing = (
        "pages_manage_ads",
        "pages_manage_engagement",
        "pages_manage_posts",
        "pages_messaging",
        "read_insights",
        "pages_manage_metadata",
    )
    assert (health.valid, health.missing) == (True, missing)


def test_networks_share_the_connections_that_they_keep(standin, monkeypatch):
    wire._kept.close()  # Other tests may have left one open to the same address.
    opened = []
    connect = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: opened.append(self) or connect(self, address))
    standin.network().pull(None, 5)
    standin.network().pull(None, 5)
    assert len(opened) == 1


# ------------------------------------------------------------------------------------------------- old posts
def test_a_post_deleted_during_the_listing_hides_no_other(standin, facebook):
    now = datetime.now(UTC).timestamp()
    for number in range(150):
        standin.post(f"Avis {number}", at=now - number)
    first = facebook.pull(None, 1)
    del standin.state.posts[first.posts[-1].external_id]
    second = facebook.pull(first.cursor, 3)
    listed = [post.external_id for post in (*first.posts, *second.posts)]
    assert set(standin.state.posts) <= set(listed)
    assert len(listed) == len(set(listed)) == 150


def test_only_the_newest_posts_are_looked_at(standin, facebook):
    for number in range(350):
        standin.post(f"Avis {number}", at=1_000_000.0 + number)
    step = facebook.pull(None, 3)
    assert len(step.posts) == 300
    assert "Avis 50" in [post.text for post in step.posts]
    assert json.loads(step.cursor)["source"] == 1


@pytest.fixture
def old(standin):
    """A post older than what is read whole in every round, with 120 comments, and a young one with none."""
    now = datetime.now(UTC).timestamp()
    post = standin.post("Vieil avis", at=now - 30 * 86_400)
    standin.post("Avis récent", at=now - 60)
    for number in range(120):
        standin.says(post, f"Commentaire {number}", at=now - 20 * 86_400 + 60 * number)
    return post


def read_round(page, cursor):
    step = page.pull(cursor, 50)
    assert not step.more
    return step


def test_an_old_post_that_did_not_move_costs_nothing(standin, facebook, old):
    first = read_round(facebook, None)
    assert (first.calls, len(first.comments)) == (SOURCES + 3, 120)
    second = read_round(facebook, first.cursor)
    # The young one is read whole in every round.
    assert (second.calls, second.comments) == (SOURCES + 1, ())
    assert {post.external_id for post in second.posts} == set(standin.state.posts)


def test_what_is_new_on_an_old_post_is_read_without_the_rest(standin, facebook, old):
    cursor = read_round(facebook, None).cursor
    added = standin.says(old, "Encore un")
    second = read_round(facebook, cursor)
    assert added.id in [comment.external_id for comment in second.comments]
    assert len(second.comments) <= 4  # The clocks may differ by two minutes.
    assert read_round(facebook, second.cursor).comments == ()


def test_an_old_post_that_was_not_read_to_its_end_is_read_again(standin, facebook, old):
    standin.fault("repeated_cursor", path=f"{old.id}/comments", times=2)
    first = read_round(facebook, None)
    assert len({comment.external_id for comment in first.comments}) == 100
    second = read_round(facebook, first.cursor)
    assert {comment.external_id for comment in second.comments} == set(standin.state.comments)


def test_a_cursor_that_is_always_stale_holds_up_nothing(standin, facebook, old):
    # A page whose cursor is refused, twice.
    for kind in ("repeated_cursor", "duplicate") * 2:
        standin.fault(kind, path=f"{old.id}/comments")
    first = facebook.pull(None, 50)
    assert (first.more, first.calls) == (False, SOURCES + 5)
    assert len(read_round(facebook, first.cursor).comments) == 120


def test_what_was_read_stays_read_when_nothing_new_came(standin, facebook, old):
    cursor = read_round(facebook, None).cursor
    for comment in list(standin.state.comments.values())[-5:]:
        standin.state.remove(comment)
    second = read_round(facebook, cursor)
    added = standin.says(old, "Encore un")
    assert second.comments == ()
    assert [comment.external_id for comment in read_round(facebook, second.cursor).comments] == [added.id]


def test_a_young_post_is_read_whole_in_every_round(standin, facebook, old):
    said = standin.says(standin.posts[1], "un", at=datetime.now(UTC).timestamp() - 3000)
    standin.says(standin.posts[1], "deux")
    cursor = read_round(facebook, None).cursor
    assert said.id in [comment.external_id for comment in read_round(facebook, cursor).comments]


def test_an_edit_on_an_old_post_is_seen_within_a_day_of_rounds(standin, facebook, old):
    cursor = read_round(facebook, None).cursor
    edited = next(iter(standin.state.comments.values()))
    edited.text = "corrigé"
    rounds = []
    while not rounds or not rounds[-1].comments:
        rounds.append(read_round(facebook, cursor))
        cursor = rounds[-1].cursor
        assert len(rounds) <= 24
    assert len(rounds) == 24
    assert "corrigé" in [comment.text for comment in rounds[-1].comments]


def test_a_post_that_cannot_be_read_holds_up_no_other(standin, facebook, old):
    said = standin.says(standin.posts[1], "Et ma rue?")
    standin.state.faults.append(Fault("duplicate", path=f"{standin.posts[1].id}/comments"))
    first = read_round(facebook, None)
    assert len(first.comments) == 120
    assert said.id in [comment.external_id for comment in read_round(facebook, first.cursor).comments]


def test_posts_are_forgotten_with_their_marks(standin, facebook, old):
    cursor = read_round(facebook, None).cursor
    assert old.id in json.loads(cursor)["marks"]
    del standin.state.posts[old.id]
    assert old.id not in json.loads(read_round(facebook, cursor).cursor)["marks"]


# ------------------------------------------------------------------------------------------------- the rest
def test_the_sdk_is_imported_without_a_warning_and_silences_no_other():
    code = "import warnings; import connectors.registry; assert not any('escape' in str(f) for f in warnings.filters)"
    command = [sys.executable, "-W", "error", "-B", "-X", "pycache_prefix=/nonexistent", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# ------------------------------------------------------------------------------------------------- webhooks
@pytest.mark.parametrize("refused", [{"ratings"}, {"feed"}, {"mention", "ratings"}, set(MESSAGING)])
def test_one_field_of_a_subscription_that_is_refused_does_not_lose_the_others(standin, facebook, refused):
    standin.state.refused_fields = refused
    told = facebook.listen()
    assert (told.told, set(told.refused)) == (True, refused)
    assert set(standin.page.subscribed_fields) == set(FIELDS) - refused


def test_a_page_whose_token_may_not_read_private_messages_is_told_of_the_rest(standin, facebook):
    standin.page.scopes = tuple(one for one in standin.page.scopes if one != "pages_messaging")
    told = facebook.listen()
    assert (told.told, told.refused) == (True, MESSAGING)
    assert set(standin.page.subscribed_fields) == {"feed", "mention", "ratings"}


def test_a_subscription_of_which_every_field_is_refused_is_a_refusal(standin, facebook):
    standin.state.refused_fields = set(FIELDS)
    with pytest.raises(Rejected):
        facebook.listen()


def test_what_the_app_itself_is_not_told_of_is_named_beside_the_page(standin, facebook):
    assert facebook.listen().refused == ()
    standin.state.app_lacks = {"page:mention", "page:ratings"}
    assert facebook.listen().refused == ("app:mention", "app:ratings")
    standin.state.app_lacks |= {"page:feed"}
    assert facebook.listen().refused == ("app:feed", "app:mention", "app:ratings")


# ------------------------------------------------------------------------------------------------- doubtful answers
def test_what_was_applied_and_then_refused_by_a_code_that_nobody_knows_is_read_first(standin, facebook):
    said, before = standin.says(standin.post("Tempête"), "Et ma rue?").id, datetime.now(UTC)
    standin.state.faults.append(Fault("odd_after", method="POST"))
    answer = Operation(OperationKind.REPLY, said, "C’est noté.")
    with pytest.raises(Ambiguous):
        facebook.apply(answer, "effect-1")
    assert facebook.find(answer, before, ()) is not None
    assert len(standin.state.journal) == 1


def test_what_is_there_and_not_to_be_seen_reads_like_what_is_gone(standin, facebook):
    """Which is why one such answer proves nothing (`moderation/intake/recheck.py`)."""
    said = standin.says(standin.post("Tempête"), "Et ma rue?").id
    standin.state.faults.append(Fault("unseen", times=2))
    with pytest.raises(Gone):
        facebook.probe(said)
    with pytest.raises(Gone):
        facebook.apply(Operation(OperationKind.HIDE, said), "effect-1")
    assert facebook.probe(said).external_id == said
