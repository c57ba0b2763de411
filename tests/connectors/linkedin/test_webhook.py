"""What LinkedIn posts: its challenge, its signature, and every shape of a notification that was seen."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import AttachmentSeen, CommentRemoved, CommentSeen, PostSeen, Unreadable
from connectors.linkedin.rest import LinkedInSettings
from connectors.linkedin.webhook import TYPE, LinkedInWebhook
from connectors.registry import webhook
from connectors.standin.linkedin import webhooks
from connectors.standin.linkedin.state import CLIENT_SECRET, mention
from models.vocabulary import AttachmentKind, CommentKind, PostKind

SECRET = "le-secret-de-l'application"
COMMENT = "urn:li:comment:(urn:li:activity:7094637247890620418,7094977717598625792)"
RECORDED = {
    # As an application received it, with other words (a public project keeps one).
    "subscriber": "urn:li:person:zLqTygBP8S",
    "lastModifiedAt": 1691574506310,
    "decoratedSourcePost": {
        "owner": "urn:li:organization:96072893",
        "mediaCategory": "NONE",
        "text": "Collecte reportée",
        "entity": "urn:li:share:7094637247487995904",
    },
    "sourcePost": "urn:li:activity:7094637247890620418",
    "decoratedGeneratedActivity": {
        "comment": {
            "owner": "urn:li:person:zLqTygBP8S",
            "text": "Et ma rue?",
            "entity": COMMENT,
            "object": "urn:li:activity:7094637247890620418",
        }
    },
    "action": "COMMENT",
    "notificationId": 5603453321,
    "organizationalEntity": "urn:li:organization:96072893",
    "generatedActivity": "urn:li:comment:(activity:7094637247890620418,7094977717598625792)",
}


def body(*notifications: object) -> bytes:
    return json.dumps(
        {"type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS", "notifications": list(notifications)}
    ).encode()


def changed(**more: object) -> dict[str, object]:
    return {key: value for key, value in (RECORDED | more).items() if value is not None}


@pytest.fixture
def hook() -> LinkedInWebhook:
    return LinkedInWebhook(LinkedInSettings(client_secret=SECRET))


# ------------------------------------------------------------------------------------------------- is it ours?
def test_the_challenge_comes_back_signed(hook):
    code = "890e4665-4dfe-4ab1-b689-ed553bceeed0"
    said = hook.challenge({"challengeCode": code})
    signed = hmac.new(SECRET.encode(), code.encode(), hashlib.sha256).hexdigest()
    assert json.loads(said.body) == {"challengeCode": code, "challengeResponse": signed}
    assert said.content_type == "application/json"


@pytest.mark.parametrize("code", [None, "", "hmacsha256={}", "a" * 101, "é", "a b", '{"type"'])
def test_nothing_else_is_signed_for_anybody(hook, code):
    assert hook.challenge({} if code is None else {"challengeCode": code}) is None


def test_without_a_secret_nothing_is_ours():
    bare = LinkedInWebhook(LinkedInSettings())
    assert bare.challenge({"challengeCode": "890e4665"}) is None
    signed = hmac.new(b"", b"hmacsha256={}", hashlib.sha256).hexdigest()
    assert not bare.authentic({"x-li-signature": signed}, b"{}")


# ------------------------------------------------------------------------------------------------- the signature
def test_the_word_is_signed_with_the_body_and_is_not_in_the_header(hook):
    raw = body(RECORDED)
    right = hmac.new(SECRET.encode(), b"hmacsha256=" + raw, hashlib.sha256).hexdigest()
    assert hook.authentic({"x-li-signature": right}, raw)
    without = hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()
    for sent in (without, f"hmacsha256={right}", right.upper(), right[:-1], "", "é"):
        assert not hook.authentic({"x-li-signature": sent}, raw)
    assert not hook.authentic({"x-li-signature": right}, raw + b" ")
    assert not hook.authentic({}, raw)


# ------------------------------------------------------------------------------------------------- what is told
def test_a_comment_as_it_was_recorded(hook):
    (event,) = hook.parse(body(RECORDED))
    seen = event.change
    assert event.account_external_id == "96072893"
    assert isinstance(seen, CommentSeen)
    assert (seen.external_id, seen.source, seen.text) == (COMMENT, "add", "Et ma rue?")
    assert seen.post_external_id == "urn:li:share:7094637247487995904"
    assert (seen.author_external_id, seen.author_name, seen.by_account) == ("urn:li:person:zLqTygBP8S", None, False)
    assert seen.said_at == seen.seen_at
    assert int(seen.said_at.timestamp() * 1000) == 1691574506310


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"decoratedGeneratedActivity": None}, (COMMENT, "add", None, None, False)),
        ({"action": "COMMENT_EDIT"}, (COMMENT, "edit", "Et ma rue?", "urn:li:person:zLqTygBP8S", False)),
        (
            {"action": "ADMIN_COMMENT", "decoratedGeneratedActivity": None},
            (COMMENT, "add", None, "urn:li:organization:96072893", True),
        ),
        (
            {"decoratedGeneratedActivity": {"comment": {"entity": COMMENT, "message": {"text": "Autre forme"}}}},
            (COMMENT, "add", "Autre forme", None, False),
        ),
        (
            {"decoratedGeneratedActivity": {"comment": {"text": "Ici", "owner": "urn:li:organization:96072893"}}},
            (COMMENT, "add", "Ici", "urn:li:organization:96072893", True),
        ),
        (
            {"generatedActivity": 7, "lastModifiedAt": None},
            (COMMENT, "add", "Et ma rue?", "urn:li:person:zLqTygBP8S", False),
        ),
    ],
)
def test_every_shape_of_a_comment(hook, more, expected):
    (event,) = hook.parse(body(changed(**more)))
    seen = event.change
    assert (seen.external_id, seen.source, seen.text, seen.author_external_id, seen.by_account) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, None),
        ([{"entity": {"image": "urn:li:image:C1"}, "type": "IMAGE", "url": "https://media.licdn.com/1"}],
         (AttachmentSeen(AttachmentKind.PHOTO, "urn:li:image:C1", *["https://media.licdn.com/1"] * 2),)),
        ([{"entity": "urn:li:image:C1"}], (AttachmentSeen(AttachmentKind.PHOTO, "urn:li:image:C1"),)),
        ([{"type": "NEWER", "entity": 7}, "?"],
         (AttachmentSeen(AttachmentKind.OTHER, "7"), AttachmentSeen(AttachmentKind.OTHER))),
    ],
)  # fmt: skip
def test_what_a_comment_shows(hook, content, expected):
    comment = {"entity": COMMENT, "text": ""} | ({"content": content} if content is not None else {})
    (event,) = hook.parse(body(changed(decoratedGeneratedActivity={"comment": comment})))
    assert event.change.attachments == expected


def test_without_its_decoration_a_post_has_only_another_name(hook):
    (event,) = hook.parse(body(changed(decoratedSourcePost=None)))
    assert event.change.post_external_id is None


def test_a_deletion(hook):
    (event,) = hook.parse(body(changed(action="COMMENT_DELETE", decoratedGeneratedActivity=None)))
    assert isinstance(event.change, CommentRemoved)
    assert (event.change.external_id, event.change.post_external_id) == (COMMENT, "urn:li:share:7094637247487995904")


def test_a_post_that_names_the_page(hook):
    share = {"entity": "urn:li:share:9", "owner": "urn:li:person:a", "text": "Merci à la ville"}
    told = changed(
        action="SHARE_MENTION", decoratedGeneratedActivity={"share": share}, generatedActivity="urn:li:share:9"
    )
    post, seen = [event.change for event in hook.parse(body(told))]
    assert isinstance(post, PostSeen)
    assert (post.external_id, post.kind) == ("urn:li:share:9", PostKind.MENTIONING)
    assert (seen.external_id, seen.post_external_id, seen.kind) == ("urn:li:share:9",) * 2 + (CommentKind.MENTION,)
    assert (seen.text, seen.author_external_id) == ("Merci à la ville", "urn:li:person:a")


def test_likes_and_shares_are_no_comments(hook):
    assert hook.parse(body(changed(action="LIKE"), changed(action="SHARE"))) == ()


@pytest.mark.parametrize("action", [None, [], {}, 7, "DANCE"])
def test_an_action_that_is_none_is_kept_alone(hook, action):
    raw = json.dumps({"type": TYPE, "notifications": [{"action": action}]}).encode()
    assert [event.change.reason for event in hook.parse(raw)] == ["action"]


def test_one_that_cannot_be_understood_holds_back_none_of_the_others(hook):
    odd = [None, "x", {}, changed(action="SOMETHING_NEW"), changed(action="COMMENT_DELETE", generatedActivity="x")]
    events = hook.parse(body(*odd, RECORDED))
    assert [type(event.change) for event in events] == [Unreadable] * len(odd) + [CommentSeen]
    assert all(event.change.raw for event in events[:-1])


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
URNS = st.sampled_from(["urn:li:comment:(activity:1,2)", "urn:li:share:7", "urn:li:organization:104"]) | ANYTHING
DECORATED = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("entity", "owner", "actor", "text", "message", "parentComment"), URNS)
)
NOTIFICATIONS = st.fixed_dictionaries(
    {},
    optional={
        "action": st.sampled_from(["COMMENT", "COMMENT_EDIT", "COMMENT_DELETE", "SHARE_MENTION", "LIKE"]) | ANYTHING,
        **dict.fromkeys(("organizationalEntity", "generatedActivity", "sourcePost", "lastModifiedAt"), URNS),
        "decoratedSourcePost": DECORATED | ANYTHING,
        "decoratedGeneratedActivity": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("comment", "share"), DECORATED | ANYTHING)
        )
        | ANYTHING,
    },
)


@given(st.lists(NOTIFICATIONS | ANYTHING, max_size=3))
def test_any_notification_is_read_or_kept(notifications):
    hook = LinkedInWebhook(LinkedInSettings(client_secret=CLIENT_SECRET))
    for event in hook.parse(json.dumps({"type": TYPE, "notifications": notifications}).encode()):
        assert isinstance(event.change, CommentSeen | CommentRemoved | PostSeen | Unreadable)
        repr(event).encode()


@pytest.mark.parametrize("raw", [b"null", b"[]", b"{}", b'{"type":"LEAD_ACTION"}', b'{"notifications":[]}'])
def test_a_body_about_something_else_is_kept(hook, raw):
    (event,) = hook.parse(raw)
    assert (event.account_external_id, type(event.change)) == (None, Unreadable)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json(hook, raw):
    with pytest.raises(ValueError):
        hook.parse(raw)


# ------------------------------------------------------------------------------------------------- the pretend one
@pytest.fixture
def heard(linkedin):
    """What the pretend LinkedIn posts, and the answer to its challenge, with the city's own secret."""
    hook, bodies = webhook(linkedin.settings, "linkedin"), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code = self.path.partition("challengeCode=")[2]
            said = hook.challenge({"challengeCode": code})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(said.body.encode())

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append((raw, hook.authentic({"x-li-signature": self.headers["X-LI-Signature"]}, raw)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    linkedin.webhooks.urls["linkedin"] = f"http://127.0.0.1:{server.server_port}/webhooks/linkedin"
    yield hook, bodies
    linkedin.webhooks.urls = {}
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_happens_on_the_pretend_linkedin_is_told_signed_and_understood(linkedin, heard):
    hook, bodies = heard
    post = linkedin.post("Tempête")
    said = linkedin.says(post, "Et ma rue?")
    linkedin.state.edit(said, "Et ma rue, la semaine prochaine?")
    linkedin.state.remove(said)
    mention(linkedin.state, linkedin.page, linkedin.citizen, "Merci")
    linkedin.webhooks._queue.join()
    assert all(authentic for _, authentic in bodies)
    events = [event for raw, _ in bodies for event in hook.parse(raw)]
    assert {event.account_external_id for event in events} == {linkedin.page.id}
    changes = [event.change for event in events]
    assert [type(one) for one in changes] == [CommentSeen, CommentSeen, CommentRemoved, PostSeen, CommentSeen]
    assert [one.external_id for one in changes[:3]] == [said.id] * 3
    assert changes[1].text == "Et ma rue, la semaine prochaine?"
    assert {one.post_external_id for one in changes[:3]} == {post.id}


def test_bodies_hold_ten_notifications_at_most(linkedin, heard):
    hook, bodies = heard
    post = linkedin.post("Tempête")
    for number in range(23):
        linkedin.says(post, f"{number}")
    linkedin.webhooks._queue.join()
    bodies.clear()
    assert linkedin.webhooks.redeliver(2, shuffle=True, batch=50) == 5
    linkedin.webhooks._queue.join()
    assert sorted(len(hook.parse(raw)) for raw, _ in bodies) == [6, 10, 10, 10, 10]


def test_the_pretend_linkedin_asks_whether_the_address_is_ours(linkedin, heard):
    assert webhooks.verify(linkedin.webhooks.urls["linkedin"], "")
    assert not webhooks.verify(f"{linkedin.base_url}/elsewhere", "")
    assert webhooks.CLIENT_SECRET == CLIENT_SECRET
