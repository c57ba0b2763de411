"""LinkedIn's own ways: little text, errors old and new, lists by offset, what is discovered at run time."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import AccountRef, Operation, Publication
from connectors.linkedin.errors import PAUSE, failure_of
from connectors.linkedin.little_text import escape, unescape
from connectors.linkedin.publishing import words
from connectors.linkedin.reading import heard, urn_of, whole
from connectors.linkedin.rest import LinkedIn, LinkedInSettings
from connectors.registry import NetworkSettings, capabilities, network
from connectors.standin.linkedin.little_text import published
from connectors.standin.linkedin.state import mention, organization
from models.errors import (
    Ambiguous,
    Gone,
    PermissionMissing,
    Rejected,
    Throttled,
    TokenInvalid,
    Transient,
)
from models.vocabulary import CommentKind, OperationKind, PostKind

NOW = datetime(2026, 11, 22, 15, 4, 5, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
FRENCH = (
    "Collecte reportée (résidus verts) — rappel [secteur 3] : jeudi_matin, #mot-clic et #collecte2026!\n"
    "Écrivez à @ville ou info@ville.example; 50 % {voir} <carte> * ~ | C:\\tmp #1 C# (fin)"
)


# ------------------------------------------------------------------------------------------------- little text
@given(st.text())
def test_any_text_comes_back_from_little_text(text):
    assert unescape(escape(text)) == text


@given(st.text(alphabet=st.one_of(st.sampled_from("\\|{}@[]()<>#*_~ aé1:,/"), st.characters()), max_size=60))
def test_linkedin_cuts_nothing_that_was_escaped(text):
    assert published(escape(text)) == (escape(text), text)


def test_without_escapes_a_french_text_is_cut_at_its_first_parenthesis():
    assert published(FRENCH)[1] == "Collecte reportée "


@pytest.mark.parametrize(
    ("text", "little"),
    [
        ("#mot-clic", "#mot-clic"),
        ("Le #déneigement, (#2026a)", "Le #déneigement, \\(#2026a\\)"),
        ("C#", "C\\#"),
        ("#1 et # et a#b", "\\#1 et \\# et a\\#b"),
        ("#mot_clic", "#mot\\_clic"),
        ("##mot", "\\##mot"),
    ],
)
def test_a_hashtag_keeps_its_sign(text, little):
    assert escape(text) == little


@pytest.mark.parametrize(
    ("little", "text"),
    [
        ("Vu par @[Ville de Lévis](urn:li:organization:5515715) \\(311\\)", "Vu par Ville de Lévis (311)"),
        ("{hashtag|\\#|neige} et {hashtag|#|sel}", "#neige et #sel"),
        ("@[A \\] B](urn:li:person:x-1)", "A ] B"),
        ("fin\\", "fin\\"),
    ],
)
def test_what_others_wrote_is_read_as_people_see_it(little, text):
    assert unescape(little) == text


def test_a_french_text_arrives_whole_in_a_post_and_in_an_answer(linkedin):
    network = linkedin.network()
    post = network.publish(Publication(FRENCH), "effect-1").remote_id
    assert linkedin.state.posts[post].text == FRENCH
    said = linkedin.says(linkedin.state.posts[post], "Et ma rue?")
    answer = network.apply(Operation(OperationKind.REPLY, said.id, FRENCH), "effect-2").remote_id
    assert linkedin.state.comments[answer].text == FRENCH
    network.apply(Operation(OperationKind.EDIT_POST, post, FRENCH[::-1]), "effect-3")
    assert linkedin.state.posts[post].text == FRENCH[::-1]
    assert {seen.text for seen in network.pull(None, 50).posts} == {FRENCH[::-1], None}


# ------------------------------------------------------------------------------------------------- errors
MODERN = {"status": 401, "serviceErrorCode": 65600, "code": "INVALID_ACCESS_TOKEN", "message": "Invalid access token"}
OLD = {"errorCode": 0, "message": "x", "requestId": "M784AXE9MJ", "status": 403, "timestamp": 1412871058321}
DUPLICATE = {
    "errorDetailType": "com.linkedin.common.error.BadRequest",
    "message": "…BadRequestResponseException: Content is a duplicate of urn:li:share:7141138937766391808",
    "errorDetails": {"inputErrors": [{"description": "Duplicate post is detected", "code": "DUPLICATE_POST"}]},
    "status": 422,
}
DAY = "Resource level throttle APPLICATION DAY limit for calls to this resource is reached."
ANSWERS = [
    # status, body, error of a read, error of a write
    (401, MODERN, TokenInvalid("invalid"), TokenInvalid("invalid")),
    (401, MODERN | {"serviceErrorCode": 65601}, TokenInvalid("revoked"), TokenInvalid("revoked")),
    (401, MODERN | {"code": "EXPIRED_ACCESS_TOKEN"}, TokenInvalid("expired"), TokenInvalid("expired")),
    (401, {**OLD, "message": "Unable to verify access token"}, TokenInvalid("invalid"), TokenInvalid("invalid")),
    (401, b"", TokenInvalid("invalid"), TokenInvalid("invalid")),
    (403, {"status": 403, "serviceErrorCode": 100, "message": "Not enough permissions to access: x"}, None, None),
    (403, OLD, None, None),
    (403, b"", None, None),
    (403, {**OLD, "message": "Throttle limit for calls to this resource is reached."}, MIDNIGHT, MIDNIGHT),
    (404, {"status": 404, "code": "RESOURCE_NOT_FOUND", "message": "…"}, Gone(), Gone()),
    (410, b"", Gone(), Gone()),
    (422, DUPLICATE, Rejected("duplicate"), Ambiguous()),
    (
        422,
        {"status": 422, "code": "MISSING_FIELD", "message": "…"},
        Rejected("missing_field"),
        Rejected("missing_field"),
    ),
    (426, {"status": 426, "code": "NONEXISTENT_VERSION"}, Rejected("version_sunset"), Rejected("version_sunset")),
    (400, {"status": 400, "code": "VERSION_MISSING"}, Rejected("version_missing"), Rejected("version_missing")),
    (400, {"status": 400, "serviceErrorCode": 7}, Rejected("7"), Ambiguous()),
    (400, {"status": 400, "code": "SOMETHING_NEW"}, Rejected("something_new"), Ambiguous()),
    (409, {"status": 409, "code": "CONFLICT"}, Rejected("conflict"), Ambiguous()),
    (422, {"status": 422, "code": "SOMETHING_NEW"}, Rejected("something_new"), Rejected("something_new")),
    (403, {**OLD, "message": "This member account is temporarily restricted"}, Rejected("restricted"), Transient()),
    (403, {**OLD, "message": "Not enough permissions to access: locked.GET"}, None, None),
    (409, b"", Rejected("409"), Ambiguous()),
    (429, b"", NOW + PAUSE, NOW + PAUSE),
    (429, {"status": 429, "code": "TOO_MANY_REQUESTS", "serviceErrorCode": 101, "message": DAY}, MIDNIGHT, MIDNIGHT),
    (429, b"<html>", NOW + PAUSE, NOW + PAUSE),
    (500, {"status": 500, "message": "Internal Server Error"}, Transient(), Ambiguous()),
    (502, b"<html>502</html>", Transient(), Ambiguous()),
    (403, b"<html>Proxy</html>", Transient(), Ambiguous()),
    (404, b"<html>Proxy</html>", Transient(), Ambiguous()),
    (404, b"[]", Transient(), Ambiguous()),
    (302, b"", Transient(), Ambiguous()),
]


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize(("status", "body", "read_error", "write_error"), ANSWERS)
def test_each_refusal_has_its_name(status, body, read_error, write_error, write):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    expected = write_error if write else read_error
    error = failure_of(status, {}, raw, write=write, permission="w_organization_social", now=NOW)
    if isinstance(expected, datetime):
        assert isinstance(error, Throttled)
        assert error.until == expected
    elif expected is None:
        assert isinstance(error, PermissionMissing)
        assert error.name == "w_organization_social"
    else:
        assert (type(error), error.args) == (type(expected), expected.args)
    if isinstance(error, Transient) and not write:
        assert error.reason == f"HTTP {status}", "people are told when it lasts"


def test_a_time_that_linkedin_gives_is_believed():
    error = failure_of(429, {"retry-after": "90"}, b"", write=False, permission="", now=NOW)
    assert error.until == NOW + timedelta(seconds=90)


def test_an_old_version_stops_the_account_by_name(linkedin):
    linkedin.version = "202401"
    with pytest.raises(Rejected) as caught:
        linkedin.network().pull(None, 1)
    assert caught.value.reason == "version_sunset"


def test_old_errors_read_the_same(linkedin):
    linkedin.page.old_errors = True
    linkedin.fault("throttle_403")
    with pytest.raises(Throttled):
        linkedin.network().pull(None, 1)
    linkedin.page.dead = 65602
    with pytest.raises(TokenInvalid) as caught:
        linkedin.network().pull(None, 1)
    assert caught.value.reason == "expired"


def test_a_read_is_made_again_and_a_write_is_not(linkedin):
    linkedin.retries = (0.01, 0.01)
    said = linkedin.says(linkedin.post("Tempête"), "Et ma rue?")
    linkedin.fault("503", times=2)
    assert linkedin.network().probe(said.id).text == "Et ma rue?"
    linkedin.fault("503", method="POST")
    before = linkedin.state.calls
    with pytest.raises(Ambiguous):
        linkedin.network().publish(Publication("Avis"), "effect-1")
    assert linkedin.state.calls == before + 1


def test_neither_the_token_nor_the_secret_is_in_an_address_or_a_log(linkedin, caplog):
    caplog.set_level(logging.DEBUG)
    network = linkedin.network()
    network.health()
    network.publish(Publication("Avis"), "effect-1")
    network.pull(None, 50)
    secret = linkedin.settings.of(LinkedInSettings).client_secret
    seen = caplog.text + json.dumps([line["path"] for line in linkedin.state.requests]) + repr(linkedin.settings)
    assert linkedin.token not in seen
    assert secret not in seen
    assert not any("oauth2_access_token" in line["params"] for line in linkedin.state.requests)


# ------------------------------------------------------------------------------------------------- reading
def everything(network, cursor=None, budget=3):
    pages = []
    while not pages or pages[-1].more:
        pages.append(network.pull(pages[-1].cursor if pages else cursor, budget))
    return pages, pages[-1].cursor


@pytest.mark.parametrize("removed", [0, 1, 40, 99, 100, 149, 150])
def test_a_comment_that_goes_while_a_list_is_read_hides_none_of_the_others(linkedin, removed):
    post = linkedin.post("Tempête")
    said = [linkedin.says(post, f"{number}") for number in range(250)]
    network = linkedin.network()
    first = network.pull(network.pull(None, 3).cursor, 1)
    linkedin.state.remove(said[-1 - removed])
    pages, _ = everything(network, first.cursor, 1)
    seen = {one.external_id for page in (first, *pages) for one in page.comments}
    assert set(linkedin.state.comments) <= seen


def test_comments_that_come_while_a_list_is_read_are_read_in_the_next_round(linkedin):
    post = linkedin.post("Tempête")
    for number in range(150):
        linkedin.says(post, f"{number}")
    network = linkedin.network()
    first = network.pull(network.pull(None, 3).cursor, 1)
    for number in range(7):
        linkedin.says(post, f"tard {number}")
    pages, cursor = everything(network, first.cursor, 1)
    texts = {one.text for page in (first, *pages) for one in page.comments}
    assert {f"{number}" for number in range(150)} <= texts
    again, _ = everything(network, cursor)
    assert {f"tard {number}" for number in range(7)} <= {one.text for page in again for one in page.comments}


def test_an_account_of_many_posts_is_listed_in_addresses_of_a_bearable_length(linkedin):
    posts = [linkedin.post(f"Avis {number}").id for number in range(120)]
    pages, _ = everything(linkedin.network(), budget=1)
    counted = {one.external_id: one.comments for page in pages for one in page.posts}
    assert counted == dict.fromkeys(posts, 0)
    assert max(len(line["path"]) + sum(map(len, line["params"].values())) for line in linkedin.state.requests) < 4096


@pytest.mark.parametrize(("urn_field", "hidden"), [("commentUrn", False), ("$URN", False), ("commentUrn", True)])
def test_a_comment_is_the_same_whatever_linkedin_leaves_out(linkedin, urn_field, hidden):
    linkedin.page.urn_field, linkedin.page.names_hidden = urn_field, hidden
    said = linkedin.says(linkedin.post("Tempête"), "Et ma rue?")
    (page,), _ = everything(linkedin.network(), budget=50)
    (seen,) = page.comments
    assert (seen.external_id, seen.text, seen.author_name) == (said.id, "Et ma rue?", None)
    assert seen.author_external_id == (None if hidden else f"urn:li:person:{linkedin.citizen.id}")
    assert seen.permalink.startswith("https://www.linkedin.com/feed/update/urn:li:activity:")
    assert seen.permalink.endswith(requests.utils.quote(said.id, safe=""))


@pytest.mark.parametrize(
    ("row", "urn"),
    [
        ({"$URN": "urn:li:comment:(urn:li:activity:1,2)"}, "urn:li:comment:(urn:li:activity:1,2)"),
        ({"commentUrn": "urn:li:comment:(activity:1,2)"}, "urn:li:comment:(urn:li:activity:1,2)"),
        ({"object": "urn:li:activity:1", "id": "2"}, "urn:li:comment:(urn:li:activity:1,2)"),
        ({"object": "urn:li:ugcPost:1", "id": 2}, "urn:li:comment:(urn:li:ugcPost:1,2)"),
        ({"id": "urn:li:comment:(urn:li:share:1,2)", "object": "x"}, "urn:li:comment:(urn:li:share:1,2)"),
    ],
)
def test_a_comment_has_one_name(row, urn):
    assert urn_of(row) == urn
    assert whole(urn) == urn


def test_an_answer_without_a_name_is_read_again():
    with pytest.raises(Transient):
        urn_of({"message": {"text": "?"}})


@pytest.mark.parametrize("at", [0, 99, 100, 101, 119])
def test_a_comment_without_a_name_holds_back_none_of_the_others(linkedin, monkeypatch, at):
    """Wherever it stands among the pages of a thread; nobody could say afterwards which one it is."""
    post = linkedin.post("Tempête")
    said = [linkedin.says(post, f"Commentaire {number}").id for number in range(120)]
    once = LinkedIn.once

    def spoiled(self, path, permission, **more):
        answer = once(self, path, permission, **more)
        for row in answer.get("elements", ()) if "/comments?" in path else ():
            if urn_of(row) == said[at]:
                for name in ("commentUrn", "$URN", "object", "id"):
                    row.pop(name, None)
        return answer

    monkeypatch.setattr(LinkedIn, "once", spoiled)
    pages, _ = everything(linkedin.network(), budget=50)
    assert {seen.external_id for page in pages for seen in page.comments} == {*said} - {said[at]}
    assert len(linkedin.state.requests) < 20


def test_a_mention_is_heard_of_once(linkedin):
    linkedin.post("Tempête")
    network = linkedin.network()
    _, cursor = everything(network)
    mention(linkedin.state, linkedin.page, linkedin.citizen, "Merci à la ville de Sainte-Rive (311)")
    pages, cursor = everything(network, cursor)
    (seen,) = [one for page in pages for one in page.comments]
    (post,) = [one for page in pages for one in page.posts if one.kind is PostKind.MENTIONING]
    assert (seen.kind, seen.text) == (CommentKind.MENTION, "Merci à la ville de Sainte-Rive (311)")
    assert seen.external_id == seen.post_external_id == post.external_id
    assert seen.author_external_id == f"urn:li:person:{linkedin.citizen.id}"
    again, _ = everything(network, cursor)
    # The rounds overlap by some minutes, and the same observation is the same.
    assert {one for page in again for one in page.comments} <= {seen}


def test_what_is_edited_under_an_old_post_is_heard_of(linkedin):
    old = linkedin.post("Vieil avis", at=(datetime.now(UTC) - timedelta(days=40)).timestamp())
    said = linkedin.says(old, "Avant", at=(datetime.now(UTC) - timedelta(days=39)).timestamp())
    network = linkedin.network()
    _, cursor = everything(network)
    linkedin.state.edit(said, "Après")
    pages, _ = everything(network, cursor)
    (seen,) = {one for page in pages for one in page.comments}
    assert (seen.external_id, seen.text, seen.source) == (said.id, "Après", "edit")


def test_a_page_whose_notifications_are_refused_is_read_all_the_same(linkedin):
    linkedin.page.scopes = tuple(scope for scope in linkedin.page.scopes if scope != "rw_organization_admin")
    said = linkedin.says(linkedin.post("Tempête"), "Et ma rue?")
    pages, _ = everything(linkedin.network())
    assert [one.external_id for page in pages for one in page.comments] == [said.id]


@pytest.mark.parametrize(
    "notification",
    [
        {},
        {"action": "LIKE"},
        {"action": "COMMENT"},
        {"action": "COMMENT", "generatedActivity": "urn:li:activity:1"},
        {"action": "SHARE_MENTION"},
        {"action": "SOMETHING_NEW", "generatedActivity": "urn:li:comment:(urn:li:activity:1,2)"},
    ],
)
def test_a_notification_that_tells_of_no_words_is_nothing(notification):
    assert heard(notification, NOW, "urn:li:organization:1") is None


# ------------------------------------------------------------------------------------------------- writing
def test_a_members_comment_may_turn_out_not_to_be_ours_to_delete(linkedin):
    linkedin.page.deletes = False
    network = linkedin.network()
    post = linkedin.post("Tempête")
    said, ours = linkedin.says(post, "Et ma rue?"), linkedin.state.comment(post, linkedin.page, "Bonjour")
    with pytest.raises(Rejected) as refused:
        network.apply(Operation(OperationKind.DELETE, said.id), "effect-1")
    assert refused.value.reason == "not_allowed"
    network.apply(Operation(OperationKind.DELETE, ours.id), "effect-2")
    assert list(linkedin.state.comments) == [said.id]


def test_without_the_permission_a_refusal_names_it(linkedin):
    said = linkedin.says(linkedin.post("Tempête"), "Et ma rue?")
    linkedin.page.scopes = tuple(scope for scope in linkedin.page.scopes if not scope.startswith("w_"))
    for kind in (OperationKind.DELETE, OperationKind.LIKE, OperationKind.REPLY):
        with pytest.raises(PermissionMissing) as caught:
            linkedin.network().apply(Operation(kind, said.id, "Bonjour"), "effect-1")
        assert caught.value.name == "w_organization_social_feed"


def test_a_post_is_answered_with_a_first_comment(linkedin):
    post, begun = linkedin.post("Tempête"), datetime.now(UTC)
    first = Operation(OperationKind.REPLY, post.id, "Détails : https://ville.example/a_(b)")
    receipt = linkedin.network().apply(first, "effect-1")
    made = linkedin.state.comments[receipt.remote_id]
    assert (made.post, made.parent, made.text) == (post, None, first.text)
    assert linkedin.network().find(first, begun, ()).remote_id == receipt.remote_id


def test_deleting_a_post_twice_is_done_once(linkedin):
    post, network = linkedin.post("Tempête"), linkedin.network()
    delete = Operation(OperationKind.DELETE_POST, post.id)
    network.apply(delete, "effect-1")
    network.apply(delete, "effect-1")
    assert [line.operation for line in linkedin.state.journal] == ["delete_post"]


def test_the_comments_of_a_post_are_not_closed_because_that_deletes_them():
    able = capabilities("linkedin")
    assert able.why_not[OperationKind.CLOSE_COMMENTS] == "would_delete_comments"
    assert OperationKind.HIDE not in able.operations | set(able.why_not)


def test_a_target_that_is_no_comment_is_refused(linkedin):
    for target in ("", "12", "urn:li:share:1", "urn:li:comment:1"):
        with pytest.raises(Rejected):
            linkedin.network().probe(target)


# ------------------------------------------------------------------------------------------------- publishing
def test_a_link_has_the_first_line_as_its_title(linkedin):
    text = "\n  Tempête : stationnement interdit  \n\nDétails plus bas."
    post = linkedin.network().publish(Publication(text, link="https://ville.example/t"), "effect-1").remote_id
    article = {"source": "https://ville.example/t", "title": "Tempête : stationnement interdit"}
    assert linkedin.state.posts[post].content == {"article": article}
    long = linkedin.network().publish(Publication("x" * 300, link="https://ville.example/t"), "effect-2").remote_id
    assert len(linkedin.state.posts[long].content["article"]["title"]) == 200
    bare = linkedin.network().publish(Publication("", link="https://ville.example/t"), "effect-3").remote_id
    assert linkedin.state.posts[bare].content["article"]["title"] == "ville.example"


def test_beside_photos_a_link_stands_in_the_words(linkedin):
    photos = linkedin.publication("photos").media
    publication = Publication("Avis", link="https://ville.example/t", media=photos)
    post = linkedin.state.posts[linkedin.network().publish(publication, "effect-1").remote_id]
    assert post.text == words(publication) == "Avis\n\nhttps://ville.example/t"
    assert [one["altText"] for one in post.content["multiImage"]["images"]] == ["Photo 0", "Photo 1", "Photo 2"]
    assert words(Publication("Voir https://ville.example/t", link="https://ville.example/t", media=photos)) == (
        "Voir https://ville.example/t"
    )


def test_a_video_goes_in_the_parts_that_linkedin_asks_for(linkedin):
    network = linkedin.network()
    network.publish(linkedin.publication("video"), "effect-1")
    (asset,) = linkedin.page.assets.values()
    assert [len(asset.parts[part]) for part in sorted(asset.parts)] == [4 * 1024 * 1024, 5_000_000 - 4 * 1024 * 1024]


def test_a_file_is_looked_at_until_it_was_taken_in(linkedin):
    linkedin.page.polls = 2
    linkedin.network().publish(linkedin.publication("photo"), "effect-1")
    looks = [line for line in linkedin.state.requests if line["method"] == "GET"]
    assert len(looks) == 3
    linkedin.page.polls = 50
    with pytest.raises(Transient):
        linkedin.network().publish(linkedin.publication("photo"), "effect-2")
    assert len(linkedin.state.journal) == 1


def test_a_file_that_is_sent_ahead_is_not_waited_for(linkedin):
    linkedin.page.polls = 1
    network, publication = linkedin.network(), linkedin.publication("photos")
    first = network.prepare(publication)
    assert (len(first.things), first.ready) == (3, False)
    assert network.prepare(publication, first) == replace(first, ready=True)
    linkedin.page.assets.clear()
    with pytest.raises(Rejected) as caught:
        network.publish(publication, "effect-1", first)
    assert caught.value.reason == "prepared_gone"


def test_a_file_that_linkedin_refuses_is_refused(linkedin):
    linkedin.fault("permission", path="^images$")
    with pytest.raises(PermissionMissing):
        linkedin.network().publish(linkedin.publication("photo"), "effect-1")
    linkedin.page.failing = True
    with pytest.raises(Rejected) as caught:
        linkedin.network().publish(linkedin.publication("photo"), "effect-1")
    assert caught.value.reason == "file_refused"


def test_bytes_go_nowhere_but_to_linkedin(linkedin):
    linkedin.page.upload_base = "http://elsewhere.example/"
    with pytest.raises(Rejected) as caught:
        linkedin.network().publish(linkedin.publication("photo"), "effect-1")
    assert caught.value.reason == "upload_host"


@pytest.mark.parametrize(
    ("form", "reason"),
    [("empty", "empty"), ("long", "too_long"), ("many", "too_many_photos"), ("mixed", "one_video_alone")],
)
def test_what_linkedin_has_nothing_of_is_refused_without_a_call(linkedin, form, reason):
    photo, film = linkedin.publication("photo").media[0], linkedin.publication("video").media[0]
    publication = {
        "empty": Publication("  "),
        "long": Publication("x" * 3001),
        "many": Publication("Avis", media=(photo,) * 21),
        "mixed": Publication("Avis", media=(photo, film)),
    }[form]
    with pytest.raises(Rejected) as caught:
        linkedin.network().publish(publication, "effect-1")
    assert caught.value.reason == reason
    assert linkedin.state.calls == 0


def test_the_same_words_twice_are_doubted_and_found(linkedin):
    network, begun = linkedin.network(), datetime.now(UTC)
    first = network.publish(Publication("Avis"), "effect-1")
    with pytest.raises(Ambiguous):
        network.publish(Publication("Avis"), "effect-2")
    assert network.find(Publication("Avis"), begun, ()).remote_id == first.remote_id
    assert network.find(Publication("Avis"), begun, {first.remote_id}) is None


@pytest.mark.parametrize("what", ["post", "reply"])
def test_what_came_without_its_id_makes_no_absence_certain(linkedin, monkeypatch, what):
    network, begun = linkedin.network(), datetime.now(UTC)
    said = linkedin.says(linkedin.post("Tempête"), "Et ma rue?").id
    sought = Publication("Avis") if what == "post" else Operation(OperationKind.REPLY, said, "Merci!")
    once = LinkedIn.once

    def spoiled(self, path, permission, **more):
        answer = once(self, path, permission, **more)
        for row in answer.get("elements", ()):
            for name in ("commentUrn", "$URN", "object", "id"):
                row.pop(name, None)
        return answer

    act = network.publish if what == "post" else network.apply
    act(sought, "effect-1")
    assert network.find(sought, begun, ()) is not None
    monkeypatch.setattr(LinkedIn, "once", spoiled)
    monkeypatch.setattr("connectors.linkedin.rest.time.sleep", lambda _: None)
    with pytest.raises(Transient):
        network.find(sought, begun, ())


def test_an_answer_cut_in_half_changes_nothing_for_a_write_and_is_read_again_for_a_read(linkedin):
    network = linkedin.network()
    linkedin.fault("half_json", times=2)
    assert network.publish(Publication("Avis"), "effect-1").remote_id in linkedin.state.posts
    with pytest.raises(Transient):
        network.pull(None, 1)


# ------------------------------------------------------------------------------------------------- account
def test_figures_are_of_the_page_and_of_the_posts_that_are_there(linkedin):
    post, unseen = linkedin.post("Tempête"), linkedin.post("Avis")
    linkedin.says(post, "Merci")
    counts = {"impressionCount": 900, "uniqueImpressionsCount": 700, "clickCount": 31, "likeCount": 12, "shareCount": 4}
    post.figures |= counts
    figures = linkedin.network().figures([post.id, unseen.id, "urn:li:share:1"])
    assert (figures.followers, set(figures.posts)) == (1_204, {post.id, unseen.id})
    one = figures.posts[post.id]
    assert (one.reach, one.views, one.clicks, one.reactions, one.shares, one.comments) == (700, 900, 31, 12, 4, 1)
    assert (figures.posts[unseen.id].views, figures.posts[unseen.id].comments) == (None, 0)


def test_figures_without_the_statistics_are_what_anybody_may_count(linkedin):
    post = linkedin.post("Tempête")
    linkedin.page.scopes = tuple(scope for scope in linkedin.page.scopes if scope != "rw_organization_admin")
    assert linkedin.network().figures([post.id]).posts[post.id].comments == 0


def test_older_permissions_do_for_comments(linkedin):
    linkedin.page.scopes = ("r_organization_social", "w_organization_social", "rw_organization_admin")
    assert linkedin.network().health().missing == ()
    said = linkedin.says(linkedin.post("Tempête"), "Et ma rue?")
    linkedin.network().apply(Operation(OperationKind.REPLY, said.id, "Bonjour"), "effect-1")


def test_a_role_that_was_lost_is_said(linkedin):
    linkedin.page.role = "ANALYST"
    health = linkedin.network().health()
    assert (health.valid, health.reason) == (False, "role_lost")


def test_health_without_the_application_is_whether_the_page_opens(linkedin):
    account = AccountRef("linkedin", linkedin.page.id, linkedin.token)
    bare = NetworkSettings(LinkedInSettings(base_url=linkedin.base_url, retries=()))
    assert network(bare, account).health().valid
    linkedin.page.dead = 65601
    assert network(bare, account).health().reason == "revoked"
    linkedin.page.dead = None
    linkedin.page.scopes = ()
    assert network(bare, account).health().missing == ("r_organization_social",)


def test_a_page_that_is_not_the_tokens_is_not_its_own(linkedin):
    organization(linkedin.state, "99", "Une autre ville", "another-token")
    account = AccountRef("linkedin", "99", linkedin.token)
    health = network(linkedin.settings, account).health()
    assert (health.valid, health.reason) == (False, "role_lost")
