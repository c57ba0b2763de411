"""Instagram in particular: the shapes that Meta gives, mentions, private replies, figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import requests

from connectors.base import AccountRef, Operation
from connectors.instagram.profile import Instagram
from connectors.meta.errors import failure_of
from connectors.meta.graph import GraphSettings
from connectors.registry import network as connector
from connectors.standin.instagram import state as instagram_state
from connectors.standin.meta.webhooks import body_of
from connectors.standin.people import Ad
from connectors.standin.player import Player, Story
from connectors.standin.state import Standin
from connectors.standin.wire import GraphError
from models.errors import Ambiguous, Blocked, Gone, PermissionMissing, Rejected, Throttled, Transient
from models.vocabulary import CommentKind, OperationKind, PostKind

DAY = 86_400


@pytest.fixture
def network(instagram):
    return instagram.network()


def now() -> datetime:
    return datetime.now(UTC)


def pulled(network) -> list:
    pages, cursor = [], None
    while not pages or pages[-1].more:
        pages.append(network.pull(cursor, 1))
        cursor = pages[-1].cursor
        assert len(pages) < 300
    return pages


def ids(pages) -> list[str]:
    return [comment.external_id for page in pages for comment in page.comments]


def read_until(network, path: str, count: int = 1) -> tuple[list, str]:
    """Pull call by call, until `count` calls to that path were made."""
    pages, cursor = [], None
    while sum(call["path"].endswith(path) for call in network.state.requests) < count:
        pages.append(network.network().pull(cursor, 1))
        cursor = pages[-1].cursor
    return pages, cursor


def rest(instagram, cursor: str) -> list:
    pages = [instagram.network().pull(cursor, 50)]
    while pages[-1].more:
        pages.append(instagram.network().pull(pages[-1].cursor, 50))
    return pages


def test_the_page_is_told_of_what_it_was_told_of_before(instagram):
    """Meta replaces the fields of a subscription, which is the Page's, whoever asks for it."""
    page = instagram.page.page
    account = AccountRef("facebook", page.id, instagram.token)
    assert connector(instagram.settings, account).listen().told
    told = set(page.subscribed_fields)
    assert instagram.network().listen().told
    assert set(page.subscribed_fields) == told


# ------------------------------------------------------------------------------------------------- replies
def test_replies_that_do_not_come_with_their_comment_are_read_too(instagram, network):
    post = instagram.post("Budget")
    first, second = instagram.says(post, "Trop cher"), instagram.says(post, "Bravo")
    said = [instagram.says(on, f"Réponse {number}") for on in (first, second) for number in range(120)]
    pages = pulled(network)
    assert sorted(ids(pages)) == sorted([first.id, second.id, *(one.id for one in said)])
    parents = {seen.external_id: seen.parent_external_id for page in pages for seen in page.comments}
    assert {parents[one.id] for one in said} == {first.id, second.id}
    assert {thread.post_external_id for page in pages for thread in page.threads} == {post.id}


def test_a_comment_that_goes_while_its_replies_are_read_spoils_nothing(instagram):
    post = instagram.post("Budget")
    first, second = instagram.says(post, "Trop cher"), instagram.says(post, "Bravo")
    for on in (first, second):
        for number in range(120):
            instagram.says(on, f"Réponse {number}")
    pages, cursor = read_until(instagram, "/comments")
    instagram.state.remove(second)
    kept = set(instagram.state.comments)
    pages += rest(instagram, cursor)
    assert kept <= set(ids(pages))
    assert [thread.post_external_id for page in pages for thread in page.threads] == [post.id]


def test_a_reply_that_goes_while_its_thread_is_read_spoils_nothing(instagram):
    post = instagram.post("Budget")
    first = instagram.says(post, "Trop cher")
    replies = [instagram.says(first, f"Réponse {number}") for number in range(120)]
    pages, cursor = read_until(instagram, "/comments")
    instagram.state.remove(replies[49])  # The cursor of the replies points at it.
    pages += rest(instagram, cursor)
    assert set(instagram.state.comments) <= set(ids(pages))
    assert [thread.post_external_id for page in pages for thread in page.threads] == [post.id]


def test_a_reply_joins_an_old_thread_and_is_read(instagram, network):
    old = now().timestamp() - 30 * DAY
    post = instagram.post("Budget", at=old)
    first = instagram.says(post, "Trop cher", at=old + 10)
    cursor = pulled(network)[-1].cursor
    late = instagram.says(first, "Je suis d'accord", at=old + 20)  # Older than anything that was read last.
    assert late.id in ids(rest(instagram, cursor))


# ------------------------------------------------------------------------------------------------- shapes
def test_without_author_ids_the_user_name_says_who_wrote(instagram, network):
    instagram.page.discreet = True
    said = instagram.says(instagram.post("Tempête"), "Et ma rue?")
    ours = instagram.state.comment(said, instagram.page, "C'est noté.")
    seen = {one.external_id: one for page in pulled(network) for one in page.comments}
    assert (seen[said.id].author_external_id, seen[said.id].author_name) == (None, "Louise Tremblay")
    assert [seen[one.id].by_account for one in (said, ours)] == [False, True]
    found = network.find(Operation(OperationKind.REPLY, said.id, "C'est noté."), now(), ())
    assert found.remote_id == ours.id


@pytest.mark.parametrize(
    ("raw", "texts"),
    [
        (b'{"data":[{"text":"sans identifiant"},{"id":"17900","text":"seul"}]}', ["seul"]),
        (b'{"data":[{"id":17900,"timestamp":"2021-08-10T18:45:03+0000"}]}', [None]),
        (b'{"data":[{"id":"17900","text":"","replies":{"data":[{"text":"x"},{"id":17.9e3,"text":"y"}]}}]}', [""]),
        (b'{"data":["?",{"id":"17900","text":"","replies":{"data":[]}}],"paging":{"cursors":{"after":"QQ"}}}', [""]),
    ],
)
def test_fields_that_are_missing(answering, raw, texts):
    read = reader(answering(raw, name="instagram")).read_thread("1", None, None, 50)
    assert [one.text for one in read.comments] == texts
    assert read.after is None


@pytest.mark.parametrize("raw", [b"{}", b"[]", b"true", b'{"data":null}', b'{"data":{"id":"1"}}'])
def test_what_is_no_listing_is_read_again(answering, raw):
    with pytest.raises(Transient):
        reader(answering(raw, name="instagram")).read_thread("1", None, None, 50)


def reader(network):
    assert isinstance(network, Instagram)
    return network._reader


@pytest.mark.parametrize(
    ("code", "subcode", "write", "error", "reason"),
    [
        (36000, 2207004, True, Rejected, "too_large"),
        (4, 2207051, True, Blocked, None),
        (9, 2207042, True, Rejected, "daily_limit"),
        (352, 2207026, True, Rejected, "video_format"),
        (-1, 2207001, True, Ambiguous, None),
        (-2, 2207003, False, Transient, None),
        (9007, 2207027, True, Ambiguous, None),
        (100, 2207099, True, Rejected, "100/2207099"),
        (4, None, True, Throttled, None),
        (10, 2534022, True, Rejected, "window_closed"),
        (10, None, False, PermissionMissing, None),
        (80002, None, False, Throttled, None),
    ],
)
def test_codes_and_subcodes(code, subcode, write, error, reason):
    body = {"error": {"message": "?", "code": code} | ({"error_subcode": subcode} if subcode else {})}
    failure = failure_of(body, 400, {}, write=write, permission="instagram_basic")
    assert type(failure) is error
    assert reason is None or failure.reason == reason


# ------------------------------------------------------------------------------------------------- kinds of media
def test_reels_stories_and_what_others_tag(instagram, network):
    reel, story = instagram.post("Un tour de la ville"), instagram.post("")
    reel.product, story.product = "REELS", "STORY"
    said = instagram.says(story, "Superbe!")
    tagged = instagram.page.mention(instagram.state, instagram.citizen, "Merci @villedesainterive")
    pages = pulled(network)
    kinds = {post.external_id: post.kind for page in pages for post in page.posts}
    assert kinds == {reel.id: PostKind.REEL, story.id: PostKind.STORY, tagged.id: PostKind.MENTIONING}
    mentions = {one.external_id: one for page in pages for one in page.comments}
    assert (mentions[said.id].kind, mentions[tagged.id].kind) == (CommentKind.COMMENT, CommentKind.MENTION)
    assert mentions[tagged.id].text == "Merci @villedesainterive"


def test_without_the_right_to_see_tags_the_rest_is_read(instagram, network):
    said = instagram.says(instagram.post("Tempête"), "Et ma rue?")
    instagram.fault("permission", path="/tags$")
    assert ids(pulled(network)) == [said.id]


def test_advertisements_are_read_with_what_they_cost(instagram):
    boosted, dark = instagram.post("Budget"), instagram.post("Inscription au camp de jour")
    other = instagram.state.post(instagram.holder, "Une publicité sur Facebook")
    bought = [("1", boosted.id, "120.50"), ("2", dark.id, "80"), ("3", other.id, "5")]
    instagram.state.ads += [Ad(number, "act_77", "900", post, spend) for number, post, spend in bought]
    said = instagram.says(dark, "C'est complet?")
    settings = replace(instagram.settings.of(GraphSettings), ad_accounts=("act_77",))
    pages = pulled(Instagram(settings, instagram.account))
    ads = {post.external_id: post.ad for page in pages for post in page.posts if post.ad}
    assert {post: (ad.ad_id, ad.campaign_id, str(ad.spend), ad.currency) for post, ad in ads.items()} == {
        boosted.id: ("1", "900", "120.50", "CAD"),
        dark.id: ("2", "900", "80", "CAD"),
    }
    assert ids(pages) == [said.id]


# ------------------------------------------------------------------------------------------------- mentions
@pytest.fixture
def elsewhere(instagram):
    """Somebody else's publication."""
    return instagram.page.mention(instagram.state, instagram.citizen, "Ma rue, @VilledeSainteRive!")


def test_a_mention_is_looked_at_and_answered_in_a_comment(instagram, network, elsewhere):
    said = instagram.says(elsewhere, "Il faut demander à @villedesainterive")
    seen = network.probe(said.id)
    assert (seen.kind, seen.post_external_id, seen.author_name) == (
        CommentKind.MENTION,
        elsewhere.id,
        "Louise Tremblay",
    )
    reply = Operation(OperationKind.REPLY, said.id, "Bonjour!")
    receipt = network.apply(reply, "effect-1")
    answer = instagram.state.comments[receipt.remote_id]
    assert (answer.parent, answer.author) == (said, instagram.page)
    with pytest.raises(Rejected) as caught:
        network.find(reply, now(), ())
    assert caught.value.reason == "elsewhere"


def test_a_mention_is_looked_at_and_answered_in_a_caption(instagram, network, elsewhere):
    seen = network.probe(elsewhere.id)
    assert (seen.kind, seen.external_id, seen.text) == (
        CommentKind.MENTION,
        elsewhere.id,
        "Ma rue, @VilledeSainteRive!",
    )
    receipt = network.apply(Operation(OperationKind.REPLY, elsewhere.id, "Bonjour!"), "effect-1")
    assert instagram.state.comments[receipt.remote_id].parent is None


def test_what_does_not_name_us_is_not_ours_to_see(instagram, network, elsewhere):
    said = instagram.says(elsewhere, "Personne n'est nommé")
    for act in (
        lambda: network.probe(said.id),
        lambda: network.apply(Operation(OperationKind.REPLY, said.id, "Bonjour!"), "effect-1"),
        lambda: network.apply(Operation(OperationKind.HIDE, said.id), "effect-2"),
    ):
        with pytest.raises(Gone):
            act()
    assert instagram.state.journal == []


# ------------------------------------------------------------------------------------------------- replies of ours
def test_a_first_comment_is_put_under_a_publication_of_ours_and_found(instagram, network):
    post, begun = instagram.post("Tempête"), now()
    comment = Operation(OperationKind.REPLY, post.id, "Tous les détails : ville.example")
    receipt = network.apply(comment, "effect-1")
    written = instagram.state.comments[receipt.remote_id]
    assert (written.parent, written.post, written.author) == (None, post, instagram.page)
    assert network.find(comment, begun, ()).remote_id == receipt.remote_id
    assert network.find(comment, begun, {receipt.remote_id}) is None


def test_a_hidden_comment_is_not_replied_to(instagram, network):
    said = instagram.says(instagram.post("Tempête"), "insulte")
    said.hidden = True
    with pytest.raises(Rejected) as caught:
        network.apply(Operation(OperationKind.REPLY, said.id, "Bonjour"), "effect-1")
    assert caught.value.reason == "comment_hidden"


def test_an_answer_under_a_hidden_comment_is_not_replied_to(instagram, network):
    """It is not hidden itself, and Instagram's refusal does not say what it is about: the thread is looked at."""
    said = instagram.says(instagram.post("Tour de ville"), "Bof")
    answer = instagram.says(said, "D'accord avec toi")
    said.hidden = True
    with pytest.raises(Rejected) as caught:
        network.apply(Operation(OperationKind.REPLY, answer.id, "Merci!"), "effect-1")
    assert caught.value.reason == "comment_hidden"
    assert instagram.state.journal == []


def test_a_reply_that_is_refused_for_another_reason_says_which(instagram, network, monkeypatch):
    def refuse(*_: object) -> None:
        raise GraphError(400, 100, "(#100) Invalid parameter")

    post = instagram.post("Tour de ville")
    first = instagram.says(post, "Bof")
    answer = instagram.says(first, "Toi-même")
    monkeypatch.setattr(instagram.state, "reply", refuse)
    for target in (post.id, first.id, answer.id):
        with pytest.raises(Rejected) as caught:
            network.apply(Operation(OperationKind.REPLY, target, "Merci!"), "effect-1")
        assert caught.value.reason == "100"


def test_a_reply_that_was_refused_waits_when_the_thread_cannot_be_looked_at(instagram, network):
    said = instagram.says(instagram.post("Tour de ville"), "Bof")
    answer = instagram.says(said, "D'accord avec toi")
    said.hidden = True
    instagram.fault("throttle", method="GET", path=f"{said.id}$")
    with pytest.raises(Throttled):
        network.apply(Operation(OperationKind.REPLY, answer.id, "Merci!"), "effect-1")
    assert instagram.state.journal == []
    assert instagram.state.journal == []


@pytest.mark.parametrize(("age", "reason"), [(0, "already_replied"), (8 * DAY, "window_closed")])
def test_a_private_reply_is_made_once_within_seven_days(instagram, network, age, reason):
    said = instagram.says(instagram.post("Tempête"), "Et ma rue?", at=now().timestamp() - age)
    private = Operation(OperationKind.PRIVATE_REPLY, said.id, "Quelle est votre adresse?")
    if not age:
        network.apply(private, "effect-1")
    with pytest.raises(Rejected) as caught:
        network.apply(private, "effect-2")
    assert caught.value.reason == reason
    assert [message.text for message in instagram.page.letters] == ["Quelle est votre adresse?"] * (age == 0)


def test_a_private_reply_to_somebody_unknown_is_not_looked_for(instagram, network):
    instagram.page.discreet = True
    said = instagram.says(instagram.post("Tempête"), "Et ma rue?")
    with pytest.raises(Rejected):
        network.find(Operation(OperationKind.PRIVATE_REPLY, said.id, "Bonjour"), now(), ())


# ------------------------------------------------------------------------------------------------- figures
@pytest.mark.parametrize("total_values", [False, True])
def test_figures_come_in_both_shapes(instagram, network, total_values):
    instagram.page.total_values = total_values
    post, gone = instagram.post("Tempête"), instagram.post("Avis")
    instagram.says(post, "Merci")
    post.figures = {"views": 900, "reach": 640, "likes": 31}
    instagram.state.posts.pop(gone.id)
    figures = network.figures([post.id, gone.id])
    assert figures.followers == 4_212
    assert set(figures.posts) == {post.id}
    seen = figures.posts[post.id]
    assert (seen.views, seen.reach, seen.reactions, seen.comments) == (900, 640, 31, 1)
    assert (seen.shares, seen.clicks) == (None, None)


def test_figures_that_instagram_refuses_leave_the_counts(instagram, network):
    post = instagram.post("Tempête")
    post.figures = {"views": 900, "likes": 31}
    instagram.holder.scopes = tuple(one for one in instagram.holder.scopes if one != "instagram_manage_insights")
    seen = network.figures([post.id]).posts[post.id]
    assert (seen.views, seen.reactions, seen.comments) == (None, 31, 0)


# ------------------------------------------------------------------------------------------------- the account
def test_an_account_that_this_token_does_not_open(instagram, network):
    other = instagram.state.page("105", "Ville de Rivière-Haute", "another-token")
    instagram.page.page = other
    assert (network.health().valid, network.health().reason) == (False, "wrong_page")


def test_permissions_that_were_given_for_another_account_only(instagram, network):
    instagram_state.profile(instagram.state, instagram.holder, "17841400000000999", "bibliotheque")
    instagram.page.page, kept = instagram.state.page("105", "Autre", "another-token"), instagram.page.page
    missing = network.health().missing
    assert {"instagram_basic", "instagram_manage_comments"} <= set(missing)
    assert "pages_read_engagement" not in missing
    instagram.page.page = kept
    assert network.health().missing == ()


def test_without_the_app_the_health_is_whether_the_account_opens(instagram):
    instagram.state.app_id, kept = "", instagram.state.app_id
    settings = instagram.settings.of(GraphSettings)
    network = Instagram(type(settings)(base_url=settings.base_url, retries=()), instagram.account)
    try:
        assert network.health().valid
        instagram.state.pages.pop(instagram.page.id)
        assert (network.health().valid, network.health().reason) == (False, "wrong_page")
    finally:
        instagram.state.app_id = kept


# ------------------------------------------------------------------------------------------------- the pretend one
def test_a_field_that_does_not_exist_is_an_error(instagram):
    post = instagram.post("Tempête")
    answer = requests.get(
        f"{instagram.base_url}/v26.0/{post.id}",
        params={"fields": "id,parent_id", "access_token": instagram.token},
        timeout=5,
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == 100


def test_the_control_makes_accounts_media_and_mentions(instagram, network):
    def control(path: str, body: object) -> dict:
        answer = requests.post(f"{instagram.base_url}/_control/instagram/{path}", json=body, timeout=5)
        assert answer.status_code == 200, answer.text
        return answer.json()

    page = {"id": instagram.page.id, "name": instagram.page.name, "page": "104", "followers": 12, "quota": 5}
    assert control("profiles", [page]) == {"profiles": [instagram.page.id]}
    story = {"profile": instagram.page.id, "text": "", "product": "STORY"}
    reel = {"profile": instagram.page.id, "text": "Un tour", "product": "REELS", "figures": {"views": 9}}
    made = [control("media", story)["id"], control("media", reel)["id"]]
    named = {"profile": instagram.page.id, "by": "Louise Tremblay", "text": "Merci @villedesainterive"}
    made.append(control("mention", named)["id"])
    posts = {post.external_id: post.kind for step in pulled(network) for post in step.posts}
    assert posts == dict(zip(made, (PostKind.STORY, PostKind.REEL, PostKind.MENTIONING), strict=True))
    assert (network.figures([made[1]]).followers, network.figures([made[1]]).posts[made[1]].views) == (12, 9)


def test_a_story_is_played_on_both_networks():
    state = Standin()
    story = {
        "pages": {
            "insta": {"id": "17841400000000104", "name": "villedesainterive", "of": "ville"},
            "ville": {"id": "104", "name": "Ville de Sainte-Rive", "token": "jeton"},
        },
        "posts": {"tour": {"page": "insta", "text": "Un tour", "form": "reel"}},
        "actions": [
            {"say": "Superbe!", "by": "Louise", "on": "tour", "as": "c1"},
            {"edit": "c1", "text": "Superbe ville!"},
            {"mention": "Bravo @villedesainterive", "by": "Louise", "page": "insta"},
            {"at": 5, "remove": "c1"},
        ],
    }
    player = Player(state, Story.model_validate(story))
    player.set_up()
    tour = player.things["tour"]
    assert (tour.product, [one.text for one in tour.comments.values()]) == ("REELS", ["Superbe ville!"])
    assert [post.ours for post in state.posts.values()] == [True, False]
    player.finish()
    assert tour.comments == {}
    for wrong in ({"token": ""}, {"token": "jeton", "of": "ville"}, {"of": "ailleurs"}):
        page = {"id": "1", "name": "Ville", **wrong}
        with pytest.raises(ValueError):
            Story.model_validate({"pages": {"ville": page}})


def test_what_the_webhooks_tell(instagram, elsewhere):
    told = instagram.webhooks.told
    post = instagram.post("Tempête")
    said = instagram.says(post, "Et ma rue?")
    answer = instagram.says(said, "La mienne aussi")
    named = instagram.says(elsewhere, "@villedesainterive")
    instagram.says(elsewhere, "Personne")
    instagram.state.edit(said, "Et la rue?")
    instagram.state.hide(said, instagram.page, hidden=True)
    instagram.state.remove(answer)
    instagram.page.old_webhooks = True
    old = instagram.says(post, "Encore")
    author = {"id": instagram.citizen.id, "username": "Louise Tremblay"}
    media = {"id": post.id, "media_product_type": "FEED"}
    assert [(one.topic, one.name, one.value) for one in told] == [
        ("instagram", "mentions", {"media_id": elsewhere.id}),
        ("instagram", "comments", {"id": said.id, "text": "Et ma rue?", "from": author, "media": media}),
        (
            "instagram",
            "comments",
            {"id": answer.id, "text": "La mienne aussi", "from": author, "media": media, "parent_id": said.id},
        ),
        ("instagram", "mentions", {"media_id": elsewhere.id, "comment_id": named.id}),
        ("instagram", "comments", {"id": old.id, "text": "Encore"}),
    ]
    assert b'"object": "instagram"' in body_of(told, 1_793_000_000.0)
