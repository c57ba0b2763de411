"""What a Page has beside posts and comments: reels, advertisements, mentions, reviews, figures; and what may fail."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import requests

from connectors.base import Media, Operation, PostCounts, Publication
from connectors.facebook.publishing import words
from connectors.meta.graph import GraphSettings
from connectors.registry import NetworkSettings, network
from connectors.standin.people import NETWORK
from models.errors import Ambiguous, PermissionMissing, Rejected, Transient
from models.vocabulary import CommentKind, MediaKind, OperationKind, PostKind, PublicationForm


@pytest.fixture
def control(standin):
    def call(path: str, **body: object) -> str:
        answer = requests.post(f"{standin.base_url}/_control/facebook/{path}", json=body, timeout=5)
        assert answer.status_code == 200, answer.text
        return answer.json().get("id", "")

    return call


def speaking(standin, **more: object):
    """The Page's network with other settings of Graph."""
    graph = replace(standin.settings.of(GraphSettings), **more)
    return network(NetworkSettings(graph), standin.account)


def whole(page):
    step = page.pull(None, 100)
    assert not step.more
    return step


# ------------------------------------------------------------------------------------------------- reading
def test_comments_under_reels_and_advertisements_are_read_too(standin, control):
    reel = control("post", page="104", text="Le parc", form="reel", age=60)
    dark = control("post", page="104", text="Inscrivez-vous", form="ad", age=120)
    said = {standin.says(standin.state.posts[one], "Bonjour").id: one for one in (reel, dark)}
    step = whole(standin.network())
    assert {post.external_id: post.kind for post in step.posts} == {reel: PostKind.REEL, dark: PostKind.AD}
    assert {comment.external_id: comment.post_external_id for comment in step.comments} == said
    assert next(post for post in step.posts if post.external_id == reel).permalink.startswith(
        "https://www.facebook.com/"
    )


def test_an_answer_that_does_not_come_says_nothing_of_what_is_spent(standin):
    standin.post("Fête de la rue")
    standin.state.percent = 80.0
    standin.fault("reset_before", path="/comments")
    step = standin.network().pull(None, 100)
    assert (step.more, step.usage.percent) == (True, 80.0)


def test_what_an_advertisement_costs_is_read_and_a_promoted_post_stays_a_post(standin, control):
    dark = control("post", page="104", text="Inscrivez-vous", form="ad")
    plain = standin.post("Fête de la rue")
    other = standin.state.post(standin.state.page("105", "Autre", "t"), "Ailleurs")
    for post in (dark, plain.id, other.id):
        control("ad", post=post, account="act_7", campaign="555", spend="120.55")
    step = whole(speaking(standin, ad_accounts=("act_7",)))
    ads = {post.external_id: post for post in step.posts if post.ad is not None}
    assert {post: (seen.kind, seen.ad.spend, seen.ad.currency) for post, seen in ads.items()} == {
        dark: (PostKind.AD, Decimal("120.55"), "CAD"),
        plain.id: (PostKind.POST, Decimal("120.55"), "CAD"),
    }
    assert ads[dark].ad.campaign_id == "555"


def test_sources_that_the_token_may_not_read_hold_up_no_other(standin, control):
    control("post", page="104", text="Inscrivez-vous", form="ad")
    post = standin.post("Avis")
    standin.page.scopes = tuple(one for one in standin.page.scopes if one not in ("pages_manage_ads", "ads_read"))
    step = whole(speaking(standin, ad_accounts=("act_7",)))
    assert [seen.external_id for seen in step.posts] == [post.id]
    standin.page.scopes = ()
    with pytest.raises(PermissionMissing) as caught:
        standin.network().pull(None, 1)
    assert caught.value.name == "pages_read_engagement"


def test_a_mention_is_said_to_the_city_and_its_thread_is_not_ours(standin, control):
    mention = control("mention", page="104", by="Marc Roy", text="@Ville de Sainte-Rive et ma rue?")
    step = whole(standin.network())
    (said,) = step.comments
    assert (said.external_id, said.post_external_id, said.kind) == (mention, mention, CommentKind.MENTION)
    assert (said.author_name, said.text) == ("Marc Roy", "@Ville de Sainte-Rive et ma rue?")
    (post,) = step.posts
    assert (post.kind, post.text) == (PostKind.MENTIONING, said.text)
    assert step.threads == ()


def test_what_somebody_writes_on_the_page_is_said_to_the_city(standin, monkeypatch):
    told = []
    monkeypatch.setattr(standin.state, "heard", lambda *heard: told.append(heard))
    said = standin.state.post(standin.page, "Un trou devant chez moi", writer=standin.citizen, form="wall", tell=True)
    ((_, value, field),) = told
    assert (value["from"]["id"], value["post_id"], field) == (standin.citizen.id, said.id, "feed")
    step = whole(standin.network())
    (seen,) = step.comments
    assert (seen.external_id, seen.kind, seen.text) == (said.id, CommentKind.MENTION, "Un trou devant chez moi")
    assert (seen.author_external_id, seen.by_account) == (standin.citizen.id, False)
    assert [(post.external_id, post.kind) for post in step.posts] == [(said.id, PostKind.MENTIONING)]


def test_what_stands_under_what_somebody_writes_on_the_page_is_read_too(standin):
    """A delivery that is lost loses nothing; and what did not change is not read again."""
    old = time.time() - 30 * 86_400
    wall = standin.state.post(standin.page, "Un trou devant chez moi", writer=standin.citizen, form="wall", at=old)
    elsewhere = standin.state.post(standin.page, "@Ville et ma rue?", writer=standin.citizen, at=old)
    said = standin.state.comment(wall, standin.citizen, "Toujours là", at=old + 60)
    standin.state.comment(elsewhere, standin.citizen, "Ailleurs", at=old + 60)
    step = whole(standin.network())
    assert {seen.external_id: seen.post_external_id for seen in step.comments if seen.kind is CommentKind.COMMENT} == {
        said.id: wall.id
    }
    assert [thread.post_external_id for thread in step.threads] == [wall.id]
    standin.state.requests.clear()
    step = standin.network().pull(step.cursor, 100)
    assert not [call for call in standin.state.requests if call["path"].endswith("/comments")]


def test_a_visitors_thread_that_the_page_may_not_read_holds_nothing_back(standin):
    standin.state.post(standin.page, "Un trou devant chez moi", writer=standin.citizen, form="wall")
    standin.fault("permission", path="/comments", times=None)
    step = whole(standin.network())
    assert (step.whole, step.missing, step.error) == (True, (), None)


def test_a_post_that_was_heard_of_is_looked_at(standin, control):
    """It has no parent, and to ask for it is an error."""
    mention = control("mention", page="104", by="Marc Roy", text="@Ville de Sainte-Rive et ma rue?")
    seen = standin.network().probe(mention)
    assert (seen.external_id, seen.author_name, seen.text) == (mention, "Marc Roy", "@Ville de Sainte-Rive et ma rue?")
    assert [line["status"] for line in standin.state.requests] == [400, 200]


def test_the_words_of_a_reel_are_corrected(standin, control):
    """They are its description: a video has no message."""
    reel, page, begun = control("post", page="104", text="Le prac", form="reel"), standin.network(), datetime.now(UTC)
    edit = Operation(OperationKind.EDIT_POST, reel, "Le parc")
    assert page.find(edit, begun, ()) is None
    page.apply(edit, "effect-1")
    assert standin.state.posts[reel].text == "Le parc"
    assert page.find(edit, begun, ()).remote_id == reel


COMMENT = {
    "id": "1_2",
    "message": "Et ma rue?",
    "created_time": "2026-11-21T13:29:58+0000",
    "from": {"id": "7001", "name": "Louise Tremblay"},
    "is_hidden": False,
    "permalink_url": "https://www.facebook.com/104/posts/1?comment_id=2",
}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, {}),
        ({"from": None}, {"author_external_id": None, "author_name": None}),
        ({"from": {"name": "Louise Tremblay"}}, {"author_external_id": None}),
        ({"from": {"id": 104}}, {"author_external_id": "104", "author_name": None, "by_account": True}),
        ({"id": 12}, {"external_id": "12"}),
        ({"id": None}, {}),
        ({"message": ""}, {"text": ""}),
        ({"message": None}, {"text": None}),
        ({"created_time": None}, {"said_at": None}),
        ({"created_time": 1795267798}, {}),
        ({"is_hidden": None}, {"hidden": None}),
        ({"is_hidden": True}, {"hidden": True}),
        ({"permalink_url": None}, {"permalink": None}),
        ({"parent": {"id": "1_1", "message": "Bonjour"}}, {"parent_external_id": "1_1"}),
        ({"parent": None}, {}),
    ],
)
def test_a_comment_is_read_whatever_facebook_leaves_out(answering, more, expected):
    said = {name: value for name, value in {**COMMENT, **more}.items() if value is not None}
    seen = answering(json.dumps(said).encode()).probe("1_2")
    usual = {
        "external_id": "1_2",
        "said_at": datetime(2026, 11, 21, 13, 29, 58, tzinfo=UTC),
        "author_external_id": "7001",
        "author_name": "Louise Tremblay",
        "text": "Et ma rue?",
        "permalink": COMMENT["permalink_url"],
        "hidden": False,
        "parent_external_id": None,
        "by_account": False,
    }
    assert {name: getattr(seen, name) for name in usual} == usual | expected


def test_reviews_are_read_where_the_version_still_gives_them(standin, control):
    good = control("review", page="104", by="Amina", text="Merci!")
    bad = control("review", page="104", by="Marc", text="", positive=False)
    assert whole(standin.network()).comments == ()
    step = whole(speaking(standin, version="v21.0"))
    assert {one.external_id: (one.kind, one.rating, one.text) for one in step.comments} == {
        good: (CommentKind.REVIEW, 5, "Merci!"),
        bad: (CommentKind.REVIEW, 1, ""),
    }


def test_a_page_that_is_too_much_is_asked_for_shorter(standin):
    post = standin.post("Tempête", at=time.time() - 500)
    made = [standin.says(post, f"Commentaire {number}", at=time.time() - 400 + number).id for number in range(60)]
    standin.fault("too_much", path="/comments", times=None)
    step = whole(standin.network())
    assert [comment.external_id for comment in step.comments] == made
    assert [thread.post_external_id for thread in step.threads] == [post.id]
    limits = [one["params"]["limit"] for one in standin.state.requests if one["path"].endswith(f"{post.id}/comments")]
    assert limits == ["100", "50", "25", "25", "25"]


def test_facebook_hides_by_itself(standin, control):
    said = standin.says(standin.post("Tempête"), "lien douteux")
    told = []
    standin.state.heard = lambda *heard: told.append(heard)
    control("hide", comment=said.id)
    standin.state.heard = standin.webhooks.hear
    assert standin.network().probe(said.id).hidden is True
    assert told[0][1]["from"]["id"] == NETWORK.id


# ------------------------------------------------------------------------------------------------- acts
def test_the_first_comment_of_a_post_is_found_under_it(standin, control):
    page = standin.network()
    for post in (standin.post("Avis").id, control("post", page="104", text="Le parc", form="reel")):
        first = Operation(OperationKind.REPLY, post, "Détails : ville.example")
        begun = datetime.now(UTC)
        assert page.find(first, begun, ()) is None
        receipt = page.apply(first, "effect-1")
        assert page.find(first, begun, ()).remote_id == receipt.remote_id


def test_a_private_reply_is_made_once_and_within_seven_days(standin):
    post, page = standin.post("Tempête"), standin.network()
    late = standin.says(post, "Et ma rue?", at=time.time() - 8 * 86_400)
    said = standin.says(post, "Et ma rue?")
    ours = standin.state.comment(post, standin.page, "Bonjour")
    page.apply(Operation(OperationKind.PRIVATE_REPLY, said.id, "Bonjour"), "effect-1")
    for target, reason in ((said, "already_replied"), (late, "window_closed"), (ours, "cannot_reply")):
        with pytest.raises(Rejected) as caught:
            page.apply(Operation(OperationKind.PRIVATE_REPLY, target.id, "Encore"), "effect-2")
        assert caught.value.reason == reason
    assert [letter.text for letter in standin.page.letters] == ["Bonjour"]
    assert page.find(Operation(OperationKind.PRIVATE_REPLY, said.id, "Autre"), datetime.now(UTC), ()) is None


def test_our_own_comment_cannot_be_hidden(standin):
    ours = standin.state.comment(standin.post("Tempête"), standin.page, "Bonjour")
    with pytest.raises(Rejected):
        standin.network().apply(Operation(OperationKind.HIDE, ours.id), "effect-1")


# ------------------------------------------------------------------------------------------------- publishing
def photos(standin, count: int) -> tuple[Media, ...]:
    return tuple(
        Media(MediaKind.PHOTO, standin.file(f"{number}.jpg", b"\xff\xd8"), "image/jpeg", f"Photo {number}")
        for number in range(count)
    )


def test_the_words_for_those_who_do_not_see_go_with_each_photo(standin):
    receipt = standin.network().publish(Publication("Le parc", media=photos(standin, 3)), "effect-1")
    assert [photo.alt for photo in standin.state.posts[receipt.remote_id].photos] == ["Photo 0", "Photo 1", "Photo 2"]
    receipt = standin.network().publish(Publication("Le quai", media=photos(standin, 1)), "effect-2")
    (photo,) = standin.state.posts[receipt.remote_id].photos
    assert (photo.alt, photo.content) == ("Photo 0", b"\xff\xd8")
    assert standin.page.drafts == {}


def test_photos_without_words_are_found_by_their_number(standin):
    page, begun = standin.network(), datetime.now(UTC)
    one, three = (Publication("", media=photos(standin, count)) for count in (1, 3))
    made = page.publish(one, "effect-1").remote_id
    assert page.find(three, begun, ()) is None
    assert page.find(one, begun, ()).remote_id == made
    made = page.publish(three, "effect-2").remote_id
    assert page.find(three, begun, ()).remote_id == made
    assert page.find(three, begun, {made}) is None


def test_beside_a_photo_a_link_is_part_of_the_text(standin):
    publication = Publication("Le parc", link="https://ville.example", media=photos(standin, 1))
    receipt = standin.network().publish(publication, "effect-1")
    assert standin.state.posts[receipt.remote_id].text == words(publication) == "Le parc\n\nhttps://ville.example"
    assert words(replace(publication, text="Voir https://ville.example")) == "Voir https://ville.example"


def test_a_film_goes_whole(standin):
    content = bytes(range(256)) * 12_000
    film = Media(MediaKind.VIDEO, standin.file("film.mp4", content), "video/mp4")
    sent = {}
    for form in (PublicationForm.POST, PublicationForm.REEL):
        drafts = standin.page.drafts
        standin.page.drafts = Kept(drafts, sent)
        standin.network().publish(Publication(f"Film {form}", media=(film,), form=form), "effect-1")
        standin.page.drafts = drafts
    assert [len(one) for one in sent.values()] == [len(content)] * 2
    assert set(sent.values()) == {content}


class Kept(dict):
    """Drafts, and what each held when it was published."""

    def __init__(self, drafts: dict, sent: dict[str, bytes]) -> None:
        super().__init__(drafts)
        self.sent = sent

    def __delitem__(self, key: str) -> None:
        self.sent[key] = self[key].content
        super().__delitem__(key)


def test_the_post_of_a_video_is_what_citizens_write_under(standin):
    film = Media(MediaKind.VIDEO, standin.file("film.mp4", b"\0" * 64), "video/mp4")
    receipt = standin.network().publish(Publication("Film", media=(film,)), "effect-1")
    assert receipt.remote_id in [post.external_id for post in whole(standin.network()).posts]


@pytest.mark.parametrize(
    ("form", "kinds", "reason"),
    [
        (PublicationForm.STORY, [], "not_supported"),
        (PublicationForm.STORY, [MediaKind.PHOTO] * 2, "not_supported"),
        (PublicationForm.REEL, [], "not_supported"),
        (PublicationForm.REEL, [MediaKind.PHOTO], "not_supported"),
        (PublicationForm.POST, [MediaKind.VIDEO, MediaKind.PHOTO], "not_supported"),
        (PublicationForm.POST, [MediaKind.PHOTO] * 11, "not_supported"),
        (PublicationForm.POST, [], "100"),
    ],
)
def test_a_form_that_a_page_does_not_have_is_refused_before_anything_is_sent(standin, form, kinds, reason):
    media = tuple(Media(kind, standin.file("m", b"x"), "image/jpeg") for kind in kinds)
    with pytest.raises(Rejected) as caught:
        standin.network().publish(Publication("", media=media, form=form), "effect-1")
    assert caught.value.reason == reason
    assert standin.state.journal == []
    assert standin.state.calls == (reason == "100")


def test_a_file_that_went_away_is_said(standin):
    gone = Media(MediaKind.PHOTO, standin.folder / "nowhere.jpg", "image/jpeg")
    with pytest.raises(Rejected) as caught:
        standin.network().publish(Publication("Avis", media=(gone,)), "effect-1")
    assert caught.value.reason == "no_file"


def test_the_token_goes_only_where_graph_is(answering, standin):
    film = Media(MediaKind.VIDEO, standin.file("film.mp4", b"\0"), "video/mp4")
    page = answering(b'{"video_id": "1", "upload_url": "https://elsewhere.example/video-upload/v26.0/1"}')
    with pytest.raises(Rejected) as caught:
        page.publish(Publication("Film", media=(film,), form=PublicationForm.REEL), "effect-1")
    assert caught.value.reason == "upload_host"


# ------------------------------------------------------------------------------------------------- figures
def test_what_facebook_counts(standin, control):
    standin.page.followers = 12_345
    counted = {"post_media_view": 900, "post_total_media_view_unique": 700, "post_clicks": 12, "reactions": 40}
    post = control("post", page="104", text="Avis", figures=counted | {"shares": 3})
    reel = control("post", page="104", text="Le parc", form="reel", figures={"post_media_view": 50, "reactions": 2})
    standin.says(standin.state.posts[post], "Bonjour")
    figures = standin.network().figures([post, reel, "104_999"])
    assert figures.followers == 12_345
    assert figures.posts == {
        post: PostCounts(reach=700, views=900, reactions=40, comments=1, shares=3, clicks=12),
        reel: PostCounts(views=50, reactions=2, comments=0),
    }


def test_counts_come_even_when_insights_may_not_be_read(standin, control):
    post = control("post", page="104", text="Avis", figures={"post_media_view": 900, "reactions": 40})
    standin.page.scopes = ("pages_read_engagement",)
    assert standin.network().figures([post]).posts[post] == PostCounts(reactions=40, comments=0, shares=0)


# ------------------------------------------------------------------------------------------------- trying again
def test_a_read_that_fails_for_a_moment_is_made_again_and_a_write_never(standin):
    said = standin.says(standin.post("Tempête"), "Et ma rue?")
    page = speaking(standin, retries=(0.001, 0.001))
    standin.fault("503", times=2)
    assert page.probe(said.id).text == "Et ma rue?"
    assert standin.state.calls == 3
    standin.fault("503", times=3)
    with pytest.raises(Transient):
        page.probe(said.id)
    assert standin.state.calls == 6
    standin.fault("503", times=3)
    with pytest.raises(Transient):
        page.pull(None, 1)
    assert standin.state.calls == 7
    standin.state.faults.clear()
    standin.fault("500_after")
    with pytest.raises(Ambiguous):
        page.apply(Operation(OperationKind.REPLY, said.id, "Bonjour"), "effect-1")
    assert len(standin.state.journal) == 1
