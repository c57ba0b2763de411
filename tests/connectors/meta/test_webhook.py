"""Bodies that Meta posts: signatures, every shape that was recorded, and whatever else may come."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import (
    AttachmentSeen,
    Challenge,
    CommentRemoved,
    CommentSeen,
    Event,
    MessageSeen,
    MessagesMarked,
    PostSeen,
    Unreadable,
    VisibilityChanged,
)
from connectors.meta.graph import GraphSettings
from connectors.registry import NetworkSettings, webhook
from models.vocabulary import AttachmentKind, CommentKind, PostKind

SECRET = "a-secret"
WEBHOOK = webhook(NetworkSettings(GraphSettings(app_secret=SECRET)), "facebook")
ENTRY_AT = datetime(2026, 11, 21, 13, 30, tzinfo=UTC)
SAID_AT = datetime(2026, 11, 21, 13, 29, 58, tzinfo=UTC)
PHOTO = AttachmentSeen(AttachmentKind.PHOTO, None, "https://scontent.example/p.jpg", "https://scontent.example/p.jpg")
COMMENT = {
    "from": {"id": "7001", "name": "Louise Tremblay"},
    "post_id": "104_1",
    "comment_id": "1_2",
    "parent_id": "104_1",
    "created_time": int(SAID_AT.timestamp()),
    "item": "comment",
    "verb": "add",
    "message": "Ma rue n'est pas déneigée 😀",
}


def body(*values: object, at: object = int(ENTRY_AT.timestamp()), field: str = "feed", page: object = "104") -> bytes:
    changes = [{"field": field, "value": value} for value in values]
    return json.dumps({"object": "page", "entry": [{"id": page, "time": at, "changes": changes}]}).encode()


def only(raw: bytes) -> Event:
    (event,) = WEBHOOK.parse(raw)
    return event


def signature(raw: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


# ------------------------------------------------------------------------------------------------- signatures
def test_a_signature_is_over_the_bytes():
    raw = body(COMMENT)
    assert b"\\u00e9" in raw
    assert WEBHOOK.authentic({"x-hub-signature-256": signature(raw)}, raw)
    rewritten = json.dumps(json.loads(raw), ensure_ascii=False).encode()
    assert not WEBHOOK.authentic({"x-hub-signature-256": signature(raw)}, rewritten)


@given(st.integers(min_value=0), st.integers(0, 7))
def test_one_bit_of_the_body_is_enough_to_refuse(place, bit):
    raw = body(COMMENT)
    changed = bytearray(raw)
    changed[place % len(raw)] ^= 1 << bit
    assert not WEBHOOK.authentic({"x-hub-signature-256": signature(raw)}, bytes(changed))


@given(st.integers(0, 63), st.sampled_from("0123456789abcdef"))
def test_one_digit_of_the_signature_is_enough_to_refuse(place, digit):
    raw = body(COMMENT)
    right = signature(raw)
    given_ = right[: 7 + place] + digit + right[8 + place :]
    assert WEBHOOK.authentic({"x-hub-signature-256": given_}, raw) == (given_ == right)


@pytest.mark.parametrize("header", ["", "sha256=", "sha1=abc", "é", "\ud800", "sha256=" + "0" * 64])
def test_what_is_no_signature_is_refused(header):
    assert not WEBHOOK.authentic({"x-hub-signature-256": header}, b"{}")
    assert not WEBHOOK.authentic({}, b"{}")


def test_the_digest_alone_is_refused():
    assert not WEBHOOK.authentic({"x-hub-signature-256": signature(b"{}").removeprefix("sha256=")}, b"{}")


def test_without_a_secret_nothing_is_authentic():
    unconfigured = webhook(NetworkSettings(), "facebook")
    assert not unconfigured.authentic({"x-hub-signature-256": signature(b"{}", "")}, b"{}")


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"hub.mode": "subscribe", "hub.challenge": "115"},
        {"hub.mode": "subscribe", "hub.challenge": "115", "hub.verify_token": "no\ud800"},
        {"hub.mode": "unsubscribe", "hub.challenge": "115", "hub.verify_token": "jeton"},
    ],
)
def test_only_who_knows_the_verify_token_is_answered(asked):
    settings = NetworkSettings(GraphSettings(verify_token="jeton"))
    right = {"hub.mode": "subscribe", "hub.challenge": "115", "hub.verify_token": "jeton"}
    assert webhook(settings, "facebook").challenge(right) == Challenge("115", "text/plain; charset=utf-8")
    assert webhook(settings, "facebook").challenge(asked) is None
    assert webhook(NetworkSettings(), "facebook").challenge(right | {"hub.verify_token": ""}) is None


# ------------------------------------------------------------------------------------------------- comments
def test_a_comment_that_was_added():
    assert only(body(COMMENT)) == Event(
        "104",
        CommentSeen(
            external_id="1_2",
            source="add",
            seen_at=ENTRY_AT,
            said_at=SAID_AT,
            post_external_id="104_1",
            parent_external_id=None,
            author_external_id="7001",
            author_name="Louise Tremblay",
            text="Ma rue n'est pas déneigée 😀",
        ),
        "facebook",
    )


def test_an_answer_has_a_parent():
    assert only(body(COMMENT | {"parent_id": "1_9"})).change.parent_external_id == "1_9"


def test_the_citys_own_comment_is_marked():
    change = only(body(COMMENT | {"from": {"id": "104", "name": "Ville"}})).change
    assert change.by_account


def test_an_edit():
    change = only(body(COMMENT | {"verb": "edited", "message": "corrigé"})).change
    assert (change.source, change.text, change.seen_at, change.said_at) == ("edit", "corrigé", ENTRY_AT, SAID_AT)


def test_a_removal_has_neither_text_nor_perhaps_time():
    value = {key: COMMENT[key] for key in ("post_id", "comment_id", "parent_id", "item")} | {"verb": "remove"}
    assert only(body(value)).change == CommentRemoved("1_2", ENTRY_AT, "104_1")
    # Whether a time there is of the comment or of its removal, Meta does not say.
    assert only(body(value | {"created_time": COMMENT["created_time"]})).change == CommentRemoved(
        "1_2", ENTRY_AT, "104_1"
    )


@pytest.mark.parametrize("verb", ["edit", "edited", "update"])
def test_each_word_for_an_edit(verb):
    change = only(body(COMMENT | {"verb": verb})).change
    assert (change.source, change.text) == ("edit", COMMENT["message"])
    post = {"item": "status", "verb": verb, "post_id": "104_5", "message": "corrigé"}
    assert only(body(post)).change == PostSeen("104_5", "corrigé", None, None)
    assert WEBHOOK.parse(body(post, field="mention"))[0].change.source == "edit"


@pytest.mark.parametrize("verb", ["remove", "delete"])
def test_each_word_for_a_removal(verb):
    assert only(body(COMMENT | {"verb": verb})).change == CommentRemoved("1_2", ENTRY_AT, "104_1")
    mention = {"item": "post", "verb": verb, "post_id": "7001_9"}
    assert only(body(mention, field="mention")).change == CommentRemoved("7001_9", ENTRY_AT, "7001_9")
    rating = {"item": "rating", "verb": verb, "open_graph_story_id": "555"}
    assert only(body(rating, field="ratings")).change == CommentRemoved("555", ENTRY_AT)


@pytest.mark.parametrize("verb", ["block", "unblock", "mute", "follow"])
def test_what_is_done_to_an_author_says_nothing_of_the_comment(verb):
    assert WEBHOOK.parse(body(COMMENT | {"verb": verb})) == ()


def test_a_thousand_changes_come_in_one_body():
    raw = body(*(COMMENT | {"comment_id": f"1_{number}"} for number in range(1000)))
    events = WEBHOOK.parse(raw)
    assert [event.change.external_id for event in events] == [f"1_{number}" for number in range(1000)]


@pytest.mark.parametrize(("verb", "hidden"), [("hide", True), ("unhide", False)])
def test_visibility(verb, hidden):
    change = only(body(COMMENT | {"verb": verb})).change
    assert change == VisibilityChanged("1_2", hidden, ENTRY_AT, "104_1")


def test_the_old_names_of_the_author():
    value = {key: item for key, item in COMMENT.items() if key != "from"} | {
        "sender_id": 7001,
        "sender_name": "Louise Tremblay",
    }
    change = only(body(value)).change
    assert (change.author_external_id, change.author_name) == ("7001", "Louise Tremblay")


@pytest.mark.parametrize("author", [None, {}, {"id": None, "name": None}, "Louise", 7])
def test_an_author_that_is_not_said(author):
    change = only(body(COMMENT | {"from": author})).change
    assert (change.author_external_id, change.author_name, change.by_account) == (None, None, False)


def test_a_comment_whose_page_and_author_are_not_said_is_not_the_citys():
    change = only(body(COMMENT | {"from": None}, page=None)).change
    assert change.by_account is False


def test_text_that_is_not_said_differs_from_no_text():
    without = {key: item for key, item in COMMENT.items() if key != "message"}
    assert only(body(without)).change.text is None
    assert only(body(COMMENT | {"message": None})).change.text is None
    assert only(body(COMMENT | {"message": ""})).change.text == ""


def test_text_that_no_database_keeps_is_made_keepable():
    change = only(body(COMMENT | {"message": "a\0b\ud83dc \u202eABC\u202c 👨‍👩‍👧"})).change
    assert change.text == "a\ufffdb\ufffdc \u202eABC\u202c 👨‍👩‍👧"


def test_numbers_as_ids():
    event = only(body(COMMENT | {"comment_id": 12, "post_id": 34, "parent_id": 34}, page=104))
    change = event.change
    assert (event.account_external_id, change.external_id, change.post_external_id) == ("104", "12", "34")
    assert change.parent_external_id is None


@pytest.mark.parametrize(
    "said",
    [SAID_AT.timestamp(), str(int(SAID_AT.timestamp())), "2026-11-21T13:29:58+0000", "2026-11-21T08:29:58-05:00"],
)
def test_times_as_meta_writes_them(said):
    assert only(body(COMMENT | {"created_time": said})).change.said_at == SAID_AT


@pytest.mark.parametrize("said", [None, "hier", True, [], {}, 1e300, float("nan"), -1e20, "9" * 400, "٣"])
def test_times_that_are_none(said):
    assert only(body(COMMENT | {"created_time": said})).change.said_at in (None, datetime.fromtimestamp(3, UTC))


def test_the_time_of_an_entry_may_be_in_milliseconds_or_missing():
    assert only(body(COMMENT, at=int(ENTRY_AT.timestamp() * 1000))).change.seen_at == ENTRY_AT
    before = datetime.now(UTC)
    assert before <= only(body(COMMENT, at=None)).change.seen_at <= datetime.now(UTC)


# ------------------------------------------------------------------------------------------------- recorded shapes
AT = int(SAID_AT.timestamp())
TOLD = {"seen_at": ENTRY_AT, "said_at": SAID_AT}
SHAPES = {
    "a comment of a Page, as now": (
        "page",
        "feed",
        COMMENT,
        [CommentSeen("1_2", "add", **TOLD, post_external_id="104_1", author_external_id="7001",
                     author_name="Louise Tremblay", text=COMMENT["message"])],
    ),
    "a comment with the author of before 2018": (
        "page",
        "feed",
        {key: item for key, item in COMMENT.items() if key != "from"} | {"sender_id": 7001, "sender_name": "Louise"},
        [CommentSeen("1_2", "add", **TOLD, post_external_id="104_1", author_external_id="7001", author_name="Louise",
                     text=COMMENT["message"])],
    ),
    "a comment whose author is not said": (
        "page",
        "feed",
        {key: item for key, item in COMMENT.items() if key != "from"},
        [CommentSeen("1_2", "add", **TOLD, post_external_id="104_1", text=COMMENT["message"])],
    ),
    "a comment that is only a picture": (
        "page",
        "feed",
        {key: item for key, item in COMMENT.items() if key != "message"} | {"photo": "https://scontent.example/p.jpg"},
        [CommentSeen("1_2", "add", **TOLD, post_external_id="104_1", author_external_id="7001",
                     author_name="Louise Tremblay", attachments=(PHOTO,))],
    ),
    "a comment that is only a film": (
        "page",
        "feed",
        {key: item for key, item in COMMENT.items() if key != "message"} | {"video": "https://video.example/v.mp4"},
        [CommentSeen("1_2", "add", **TOLD, post_external_id="104_1", author_external_id="7001",
                     author_name="Louise Tremblay",
                     attachments=(AttachmentSeen(AttachmentKind.VIDEO, None, "https://video.example/v.mp4"),))],
    ),
    "a removal without text, author or time": (
        "page",
        "feed",
        {"item": "comment", "verb": "remove", "comment_id": "1_2", "post_id": "104_1", "parent_id": "104_1"},
        [CommentRemoved("1_2", ENTRY_AT, "104_1")],
    ),
    "hidden by the city": (
        "page",
        "feed",
        {"item": "comment", "verb": "hide", "comment_id": "1_2", "post_id": "104_1", "from": {"id": "104"}},
        [VisibilityChanged("1_2", True, ENTRY_AT, "104_1", by_account=True)],
    ),
    "hidden by Facebook": (
        "page",
        "feed",
        {"item": "comment", "verb": "hide", "comment_id": "1_2", "post_id": "104_1"},
        [VisibilityChanged("1_2", True, ENTRY_AT, "104_1")],
    ),
    "a post of somebody else on the Page": (
        "page",
        "feed",
        {"item": "status", "verb": "add", "post_id": "104_5", "message": "Un trou!", "created_time": AT,
         "from": {"id": "7001", "name": "Louise"}},
        [CommentSeen("104_5", "add", **TOLD, post_external_id="104_5", author_external_id="7001",
                     author_name="Louise", text="Un trou!", kind=CommentKind.MENTION),
         PostSeen("104_5", "Un trou!", None, SAID_AT, kind=PostKind.MENTIONING)],
    ),
    "a post of somebody else on the Page that went away": (
        "page", "feed", {"item": "status", "verb": "remove", "post_id": "104_5", "from": {"id": "7001"}},
        [CommentRemoved("104_5", ENTRY_AT, "104_5")],
    ),
    "a post of the Page that went away": (
        "page", "feed", {"item": "status", "verb": "remove", "post_id": "104_5", "from": {"id": "104"}}, [],
    ),
    "a post that went away, nobody knows whose": (
        "page", "feed", {"item": "post", "verb": "remove", "post_id": "104_5"}, [],
    ),
    "a mention in a post, without its text": (
        "page",
        "mention",
        {"post_id": "7001_9", "sender_name": "Louise", "item": "post", "sender_id": "7001", "verb": "add"},
        [CommentSeen("7001_9", "add", ENTRY_AT, post_external_id="7001_9", author_external_id="7001",
                     author_name="Louise", kind=CommentKind.MENTION),
         PostSeen("7001_9", None, None, None, kind=PostKind.MENTIONING)],
    ),
    "a mention in a comment, with only ids and text": (
        "page",
        "mention",
        {"message": "@Ville et la neige?", "post_id": "7001_9", "comment_id": "9_3"},
        [CommentSeen("9_3", "add", ENTRY_AT, post_external_id="7001_9", text="@Ville et la neige?",
                     kind=CommentKind.MENTION),
         PostSeen("7001_9", None, None, None, kind=PostKind.MENTIONING)],
    ),
    "a mention that went away": (
        "page", "mention", {"post_id": "7001_9", "item": "post", "verb": "remove"},
        [CommentRemoved("7001_9", ENTRY_AT, "7001_9")],
    ),
    "a recommendation": (
        "page",
        "ratings",
        {"item": "rating", "verb": "add", "open_graph_story_id": "555", "recommendation_type": "NEGATIVE",
         "review_text": "Jamais de réponse", "reviewer_id": "7001", "reviewer_name": "Louise", "created_time": AT},
        [CommentSeen("555", "add", **TOLD, author_external_id="7001", author_name="Louise",
                     text="Jamais de réponse", kind=CommentKind.REVIEW, rating=1)],
    ),
    "a rating in stars, without words": (
        "page",
        "ratings",
        {"item": "rating", "verb": "add", "open_graph_story_id": 555, "rating": 4, "reviewer_id": 7001},
        [CommentSeen("555", "add", ENTRY_AT, author_external_id="7001", text="", kind=CommentKind.REVIEW, rating=4)],
    ),
    "a recommendation that was changed": (
        "page", "ratings", {"item": "rating", "verb": "edit", "open_graph_story_id": "555", "review_text": "Mieux"},
        [CommentSeen("555", "edit", ENTRY_AT, text="Mieux", kind=CommentKind.REVIEW)],
    ),
    "a recommendation that went away": (
        "page", "ratings", {"item": "rating", "verb": "remove", "open_graph_story_id": "555"},
        [CommentRemoved("555", ENTRY_AT)],
    ),
    "a comment under a recommendation": (
        "page", "ratings", COMMENT | {"open_graph_story_id": "555", "parent_id": "555"},
        [CommentSeen("1_2", "add", **TOLD, post_external_id="555", parent_external_id="555", author_external_id="7001",
                     author_name="Louise Tremblay", text=COMMENT["message"])],
    ),
    "a comment on Instagram, as now": (
        "instagram",
        "comments",
        {"id": "178", "text": "Et la neige?", "from": {"id": "9", "username": "louise"},
         "media": {"id": "177", "media_product_type": "FEED"}, "parent_id": "176"},
        [CommentSeen("178", "add", ENTRY_AT, post_external_id="177", parent_external_id="176",
                     author_external_id="9", author_name="louise", text="Et la neige?")],
    ),
    "a comment on Instagram of before 2021": (
        "instagram", "comments", {"id": "178", "text": "Et la neige?"},
        [CommentSeen("178", "add", ENTRY_AT, text="Et la neige?")],
    ),
    "our own comment on Instagram, during a live": (
        "instagram", "live_comments", {"id": "178", "text": "Bonjour", "from": {"id": "104"}, "media": {"id": "177"}},
        [CommentSeen("178", "add", ENTRY_AT, post_external_id="177", author_external_id="104", text="Bonjour",
                     by_account=True)],
    ),
    "a mention on Instagram in a comment": (
        "instagram", "mentions", {"media_id": "177", "comment_id": "178"},
        [CommentSeen("178", "add", ENTRY_AT, post_external_id="177", kind=CommentKind.MENTION),
         PostSeen("177", None, None, None, kind=PostKind.MENTIONING)],
    ),
    "a mention on Instagram in a caption": (
        "instagram", "mentions", {"media_id": "177"},
        [CommentSeen("177", "add", ENTRY_AT, post_external_id="177", kind=CommentKind.MENTION),
         PostSeen("177", None, None, None, kind=PostKind.MENTIONING)],
    ),
    "messages and story insights of Instagram": ("instagram", "story_insights", {"media_id": "177"}, []),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_a_recorded_shape(name):
    kind, field, value, expected = SHAPES[name]
    raw = json.loads(body(value, field=field)) | {"object": kind}
    network = "facebook" if kind == "page" else "instagram"
    events = WEBHOOK.parse(json.dumps(raw).encode())
    assert list(events) == [Event("104", change, network) for change in expected]


@pytest.mark.parametrize(
    ("kind", "field", "value", "reason"),
    [
        ("page", "mention", {"item": "post"}, "post_id"),
        ("page", "ratings", {"item": "rating"}, "open_graph_story_id"),
        ("page", "feed", {"item": "status", "verb": "add"}, "post_id"),
        ("instagram", "comments", {"text": "sans numéro"}, "id"),
        ("instagram", "mentions", {}, "media_id"),
    ],
)
def test_a_shape_that_lacks_its_id_is_kept_alone(kind, field, value, reason):
    raw = json.loads(body(value, field=field)) | {"object": kind}
    assert only(json.dumps(raw).encode()).change.reason == reason


def test_a_list_of_bodies_is_read_as_each_of_them():
    one, two = body(COMMENT), body(COMMENT | {"comment_id": "1_3"}, page="105")
    events = WEBHOOK.parse(b"[" + one + b"," + two + b", 7]")
    assert [event.account_external_id for event in events] == ["104", "105", None]
    assert events[:2] == (*WEBHOOK.parse(one), *WEBHOOK.parse(two))


# ------------------------------------------------------------------------------------------------- posts and the rest
@pytest.mark.parametrize("item", ["post", "status", "photo", "video", "share"])
def test_a_post_of_the_page(item):
    value = {"item": item, "verb": "add", "post_id": "104_5", "message": "Tempête", "created_time": SAID_AT.timestamp()}
    assert only(body(value)).change == PostSeen("104_5", "Tempête", None, SAID_AT)


@pytest.mark.parametrize("item", ["reaction", "like", "album", "event", None, 5, [], {}])
def test_what_is_no_comment_is_dropped(item):
    assert WEBHOOK.parse(body(COMMENT | {"item": item})) == ()


def test_other_fields_and_messages_are_dropped():
    assert WEBHOOK.parse(body(COMMENT, field="conversations")) == ()
    assert WEBHOOK.parse(body({"item": "like", "verb": "add"}, field="ratings")) == ()
    assert WEBHOOK.parse(b'{"object": "page", "entry": [{"id": "104", "time": 1, "messaging": []}]}') == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "Ville de Sainte-Rive"), ("hours", {"mon": 1}), ("picture", None), ("location", []), ("about", 7)],
)
def test_what_changed_in_the_settings_of_the_page_is_dropped_whatever_its_shape(field, value):
    assert WEBHOOK.parse(body(value, field=field)) == ()
    raw = {"object": "instagram", "entry": [{"id": "9", "time": 1, "changes": [{"field": field, "value": value}]}]}
    assert WEBHOOK.parse(json.dumps(raw).encode()) == ()


@pytest.mark.parametrize("page", ["0", 0])
@pytest.mark.parametrize("kind", ["page", "instagram"])
def test_what_meta_sends_to_try_the_webhook_out_is_dropped(page, kind):
    raw = json.loads(body(COMMENT, page=page)) | {"object": kind}
    assert WEBHOOK.parse(json.dumps(raw).encode()) == ()


@pytest.mark.parametrize("parent", ["555", None, "555_1"])
def test_a_comment_under_a_review_answers_the_review(parent):
    said = COMMENT | {"open_graph_story_id": "555", "post_id": "555", "parent_id": parent}
    seen = only(body(said, field="ratings")).change
    assert (seen.post_external_id, seen.parent_external_id) == ("555", "555_1" if parent == "555_1" else "555")


def test_a_change_that_cannot_be_understood_is_kept_alone():
    raw = json.loads(body(COMMENT, COMMENT | {"comment_id": "1_3"}))
    changes = raw["entry"][0]["changes"]
    changes[1:1] = [{"field": "feed"}, None, {"field": "feed", "value": {"item": "comment", "verb": "add"}}]
    changes.append({"field": "feed", "value": COMMENT | {"verb": "sing"}})
    raw["entry"][:0] = [None, {"id": "9", "changes": "none"}]
    events = WEBHOOK.parse(json.dumps(raw).encode())
    assert [event.change.reason for event in events if isinstance(event.change, Unreadable)] == [
        "entry",
        "changes",
        "value",
        "value",
        "comment_id",
        "verb",
    ]
    assert [event.change.external_id for event in events if isinstance(event.change, CommentSeen)] == ["1_2", "1_3"]


@pytest.mark.parametrize("raw", [b"[]", b"null", b"7", b'{"object": "user"}', b'{"object": "page"}', b"{}"])
def test_json_that_is_no_page_body(raw):
    event = only(raw)
    assert event.account_external_id is None
    assert event.change.reason == "unknown_object"


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 5000, b'{"a": }'])
def test_what_is_not_json_raises(raw):
    with pytest.raises(ValueError):
        WEBHOOK.parse(raw)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "item": st.sampled_from(["comment", "post", "reaction"]) | ANYTHING,
        "verb": st.sampled_from(["add", "edited", "remove", "hide", "unhide"]) | ANYTHING,
        **dict.fromkeys(
            ["comment_id", "post_id", "parent_id", "from", "sender_id", "message", "created_time"], ANYTHING
        ),
    },
)
CHANGES = st.lists(st.fixed_dictionaries({"field": st.just("feed"), "value": VALUES | ANYTHING}) | ANYTHING, max_size=4)
ENTRIES = st.fixed_dictionaries({}, optional={"id": ANYTHING, "time": ANYTHING, "changes": CHANGES | ANYTHING})


@given(ANYTHING | st.fixed_dictionaries({"object": st.just("page"), "entry": st.lists(ENTRIES | ANYTHING, max_size=3)}))
def test_any_json_is_read_or_kept(payload):
    for event in WEBHOOK.parse(json.dumps(payload).encode()):
        assert isinstance(event.change, CommentSeen | CommentRemoved | VisibilityChanged | PostSeen | Unreadable)
        assert event.change != CommentSeen("", "add", ENTRY_AT)
        repr(event).encode()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_raise_value_error(raw):
    try:
        WEBHOOK.parse(raw)
    except ValueError:
        return
    json.loads(raw)


# ------------------------------------------------------------------------------------------------- in private
def written(account: str = "104", **event: object) -> bytes:
    said = {"sender": {"id": "7001"}, "recipient": {"id": account}, "timestamp": int(SAID_AT.timestamp() * 1000)}
    entry = {"id": account, "time": int(ENTRY_AT.timestamp() * 1000), "messaging": [said | event]}
    return json.dumps({"object": "page" if account == "104" else "instagram", "entry": [entry]}).encode()


TOLD_IN_PRIVATE = {"seen_at": ENTRY_AT, "said_at": SAID_AT, "person_external_id": "7001"}
IN_PRIVATE = {
    "words": (
        {"message": {"mid": "m_1", "text": "Bonjour 😀"}},
        MessageSeen("with:7001", "m_1", **TOLD_IN_PRIVATE, text="Bonjour 😀"),
    ),
    "a picture and a sound": (
        {"message": {"mid": "m_1", "attachments": [
            {"type": "image", "payload": {"url": PHOTO.address}}, {"type": "audio", "payload": {"url": "https://a.example/s"}},
        ]}},
        MessageSeen("with:7001", "m_1", **TOLD_IN_PRIVATE, attachments=(
            PHOTO, AttachmentSeen(AttachmentKind.OTHER, None, "https://a.example/s"),
        )),
    ),
    "a sticker": (
        {"message": {"mid": "m_1", "attachments": [
            {"type": "image", "payload": {"url": PHOTO.address, "sticker_id": 369}},
        ]}},
        MessageSeen("with:7001", "m_1", **TOLD_IN_PRIVATE, attachments=(
            AttachmentSeen(AttachmentKind.STICKER, None, PHOTO.address, PHOTO.address),
        )),
    ),
    "an echo of what the Page wrote": (
        {"sender": {"id": "104"}, "recipient": {"id": "7001"},
         "message": {"mid": "m_2", "text": "On vérifie.", "is_echo": True, "app_id": 2634}},
        MessageSeen("with:7001", "m_2", **TOLD_IN_PRIVATE, by_account=True, text="On vérifie."),
    ),
    "one that was taken back": (
        {"message": {"mid": "m_1", "is_deleted": True}},
        MessageSeen("with:7001", "m_1", **TOLD_IN_PRIVATE, taken_back=True),
    ),
    "it was read": (
        {"read": {"watermark": int(SAID_AT.timestamp() * 1000)}},
        MessagesMarked("with:7001", seen_until=SAID_AT),
    ),
    "it was read, as Instagram says it": (
        {"read": {"mid": "m_2"}}, MessagesMarked("with:7001", seen_until=SAID_AT),
    ),
    "it was delivered": (
        {"delivery": {"mids": ["m_2"], "watermark": int(SAID_AT.timestamp() * 1000)}},
        MessagesMarked("with:7001", delivered_until=SAID_AT),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("event", "change"), IN_PRIVATE.values(), ids=IN_PRIVATE)
def test_what_is_told_of_private_messages(event, change):
    assert only(written(**event)) == Event("104", change, "facebook")


def test_an_echo_on_instagram_is_known_by_who_sent_it():
    event = {"sender": {"id": "178"}, "recipient": {"id": "7001"}, "message": {"mid": "m_2", "text": "Oui"}}
    seen = only(written("178", **event))
    assert (seen.network, seen.change.by_account, seen.change.conversation) == ("instagram", True, "with:7001")


def test_private_messages_and_comments_of_one_entry_are_both_read():
    entry = json.loads(written(message={"mid": "m_1", "text": "Bonjour"}))["entry"][0]
    entry["changes"] = [{"field": "feed", "value": COMMENT}]
    raw = json.dumps({"object": "page", "entry": [entry]}).encode()
    assert [type(one.change) for one in WEBHOOK.parse(raw)] == [MessageSeen, CommentSeen]


@pytest.mark.parametrize(
    ("event", "reason"),
    [({"message": {"text": "Sans nom"}}, "mid"), ({"sender": None, "message": {"mid": "m_1"}}, "sender")],
)
def test_a_message_that_cannot_be_understood_is_kept_alone(event, reason):
    assert only(written(**event)).change.reason == reason


@pytest.mark.parametrize("events", ['"text"', "[7]", "[null]"])
def test_messages_that_are_none_are_kept_alone(events):
    raw = f'{{"object": "page", "entry": [{{"id": "104", "time": 1, "messaging": {events}}}]}}'.encode()
    assert only(raw).change.reason == "messaging"


@pytest.mark.parametrize("event", [{"reaction": {"mid": "m_1", "emoji": "❤"}}, {"postback": {"payload": "GO"}}, {}])
def test_what_is_no_message_is_dropped(event):
    assert WEBHOOK.parse(written(**event)) == ()
