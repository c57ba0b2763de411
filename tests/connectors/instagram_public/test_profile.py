"""The public pages of Instagram: the real instaloader, in its own process, over TLS with the real host names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from api.settings import Settings
from connectors.base import AccountRef, Operation, Publication
from connectors.instagram_public.profile import EVERY, PAUSE, WHOLE_EVERY, InstagramPublic, PublicSettings
from connectors.registry import capabilities
from connectors.standin.instagram_public import web
from connectors.standin.wire import Answer
from models.errors import Rejected, TokenInvalid
from models.vocabulary import OperationKind, PostKind

PROFILE = "villedesainterive"
BEGUN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def network(public):
    return public.network()


@pytest.fixture
def apart(public, monkeypatch):
    """With its process of its own, as it is used."""
    monkeypatch.setenv("PARVIS_SECRET_KEY", "a-key-that-the-other-process-does-not-get")
    outward = Settings(_env_file=None).outward
    assert set(outward) <= {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "REQUESTS_CA_BUNDLE"}
    return InstagramPublic(replace(public.settings.of(PublicSettings), environment=outward), public.account)


def wait(page) -> timedelta:
    return page.usage.resume_at - datetime.now(UTC)


def asked(public) -> list[str]:
    return [line["path"] for line in public.state.requests]


def named(public, *things) -> list[str]:
    return [public.named(one.id) for one in things]


def test_posts_and_comments_of_a_profile(public, network):
    at = BEGUN.timestamp()
    post, film = public.post("Collecte reportée", at=at), public.post("Un tour de la ville", at=at + 60)
    film.product = "REELS"
    thanks, street = public.says(post, "Merci!", at=at + 1), public.says(post, "Et ma rue?", at=at + 2)
    ours = public.state.comment(street, public.page, "Ici aussi", at=at + 3)
    public.state.comment(street, public.citizen, "À moi seul", at=at + 4).hidden = True
    page = network.pull(None, 50)
    assert [(one.external_id, one.text, one.kind, one.comments) for one in page.posts] == [
        (public.named(film.id), "Un tour de la ville", PostKind.REEL, 0),
        (public.named(post.id), "Collecte reportée", PostKind.POST, 3),
    ]
    assert page.posts[1].created_at == BEGUN
    assert [(one.external_id, one.text, one.parent_external_id, one.by_account) for one in page.comments] == [
        (public.named(thanks.id), "Merci!", None, False),
        (public.named(street.id), "Et ma rue?", None, False),
        (public.named(ours.id), "Ici aussi", public.named(street.id), True),
    ]
    first = page.comments[0]
    assert (first.author_name, first.author_external_id) == ("louise tremblay", None)
    assert first.said_at == BEGUN + timedelta(seconds=1)
    assert first.permalink == f"https://www.instagram.com/p/{post.code}/"
    assert not page.more
    assert page.calls == public.state.calls <= 8
    assert EVERY - timedelta(minutes=1) < wait(page) <= EVERY
    assert page.threads == ()


def test_a_thread_that_did_not_change_is_not_asked_for_again(public, network):
    post = public.post("Collecte")
    said = public.says(post, "Merci!")
    cursor = network.pull(None, 50).cursor
    calls = public.state.calls
    again = network.pull(cursor, 50)
    assert [one.external_id for one in again.posts] == named(public, post)
    assert again.comments == ()
    assert public.state.calls - calls < calls
    more = public.says(post, "Encore")
    assert [one.external_id for one in network.pull(again.cursor, 50).comments] == named(public, said, more)


def test_one_that_goes_and_one_that_comes_are_seen_within_a_day(public, network):
    """The number of comments is as it was; so it is when one is corrected."""
    post = public.post("Collecte")
    gone = public.says(post, "Bof")
    cursor = network.pull(None, 50).cursor
    public.state.remove(gone)
    public.says(post, "Merci!")
    seen = []
    for _ in range(WHOLE_EVERY):
        page = network.pull(cursor, 50)
        seen += [one.text for one in page.comments]
        cursor = page.cursor
    assert seen == ["Merci!"]


def test_a_long_thread_comes_from_the_other_host(public, network):
    post = public.post("Budget")
    said = [public.says(post, f"Commentaire {number}") for number in range(30)]
    answers = [public.says(said[number], "Toi-même") for number in (3, 3, 3, 17)]
    page = network.pull(None, 50)
    assert sorted(one.external_id for one in page.comments) == sorted(named(public, *said, *answers))
    telephone = [path for path in asked(public) if path.startswith("api/v1/media/")]
    assert (len(telephone), sum("child_comments" in path for path in telephone)) == (4, 1)


def test_of_many_answers_only_the_first_page_comes(public, network):
    """As instaloader reads them; nothing is said to be whole, so that none is taken for gone."""
    post = public.post("Budget")
    first = public.says(post, "Bof")
    for number in range(web.ANSWERS + 5):
        public.says(first, f"Réponse {number}")
    page = network.pull(None, 50)
    assert (len(page.comments), page.threads) == (1 + web.ANSWERS, ())


def test_a_visitor_sees_posts_and_no_comments(public):
    public.says(public.post("Collecte"), "Merci!")
    visitor = type(public.network())(public.settings.of(PublicSettings), AccountRef("instagram_public", PROFILE, "{}"))
    page = visitor.pull(None, 50)
    assert [one.comments for one in page.posts] == [1]
    assert page.comments == ()


def test_what_was_read_before_the_budget_ended_is_kept(public, network):
    said = [public.says(public.post("Avis", at=BEGUN.timestamp() + number), "Merci!") for number in range(6)]
    page = network.pull(None, 8)
    assert (page.calls, len(page.comments), page.more) == (8, 2, True)
    rest = network.pull(page.cursor, 50)
    assert sorted(one.external_id for one in (*page.comments, *rest.comments)) == sorted(named(public, *said))


def test_a_far_side_that_turns_in_circles_is_left_when_the_requests_are_spent(public, network, monkeypatch):
    post = public.post("Budget")
    for number in range(30):
        public.says(post, f"Commentaire {number}")
    monkeypatch.setattr(web, "PHONE_PAGE", 0)
    page = network.pull(None, 20)
    assert (page.calls, page.more) == (20, True)


def test_no_budget_no_process(public, apart):
    page = apart.pull(None, 0)
    assert (page.calls, page.more) == (0, True)
    assert public.state.calls == 0


@pytest.mark.parametrize("kind", ["throttle", "throttle_403", "permission", "500_before", "html_502", "half_json"])
def test_a_refusal_makes_the_next_reading_wait_twice_as_long_each_time(public, network, kind):
    public.post("Collecte")
    public.fault(kind, path="^graphql$", times=None)
    cursor = None
    for times in (1, 2, 4):
        page = network.pull(cursor, 50)
        assert PAUSE * times - timedelta(minutes=1) < wait(page) <= PAUSE * times
        assert page.more  # The round is not at its end: nothing may be said to be covered.
        cursor = page.cursor
    public.state.faults.clear()
    page = network.pull(cursor, 50)
    assert wait(page) <= EVERY
    assert len(page.posts) == 1


@pytest.mark.parametrize(
    ("kind", "reason"), [("blocked", "checkpoint"), ("feedback", "checkpoint"), ("token_expired", "logged_out")]
)
def test_the_breaker_opens_for_good_until_another_session_is_given(public, tmp_path, kind, reason):
    settings, here = replace(public.settings.of(PublicSettings), home=tmp_path / "breakers"), type(public.network())
    network = here(settings, public.account)
    public.post("Collecte")
    public.fault(kind)
    page = network.pull(None, 50)
    assert page.more
    calls = public.state.calls
    for _ in range(3):
        with pytest.raises(TokenInvalid) as caught:
            network.pull(page.cursor, 50)
        assert caught.value.reason == reason
    assert public.state.calls == calls
    assert (network.health().valid, network.health().reason) == (False, reason)
    public.token = "another"
    again = here(settings, public.account)
    assert again.health().valid
    assert len(again.pull(page.cursor, 50).posts) == 1


def test_a_profile_that_is_private_or_gone_makes_the_next_reading_wait(public, network):
    public.page.private = True
    assert wait(network.pull(None, 50)) > EVERY
    del public.state.pages[public.page.id]
    assert wait(network.pull(None, 50)) > EVERY


@pytest.mark.parametrize("text", ["", "<html>Bonjour</html>", "{}", "null", "[]"])
def test_a_page_whose_shape_changed_makes_the_next_reading_wait(public, network, monkeypatch, text):
    public.post("Collecte")
    monkeypatch.setattr(web, "_page", lambda *_: Answer(200, None, raw=text.encode()))
    page = network.pull(None, 50)
    assert (page.posts, page.more) == ((), True)
    assert wait(page) > EVERY


def test_a_reading_that_lasts_is_stopped(public):
    slow = InstagramPublic(PublicSettings("Parce que", limit=0.05), public.account)
    page = slow.pull(None, 50)
    assert (page.posts, page.calls) == ((), 0)
    assert wait(page) > EVERY


def test_nothing_can_be_done_there(network):
    able = capabilities("instagram_public")
    assert able.operations == frozenset()
    assert set(able.why_not.values()) == {"read_only"}
    for act in (
        lambda: network.apply(Operation(OperationKind.HIDE, "igweb:1"), "effect-1"),
        lambda: network.publish(Publication("Avis"), "effect-2"),
        lambda: network.find(Publication("Avis"), datetime.now(UTC), ()),
        lambda: network.probe("igweb:1"),
    ):
        with pytest.raises(Rejected):
            act()
    assert network.figures(["igweb:C1"]).posts == {}


def test_without_a_justification_nothing_is_read(public):
    network = InstagramPublic(PublicSettings(), public.account)
    assert (network.health().valid, network.health().reason) == (False, "switched_off")
    with pytest.raises(TokenInvalid):
        network.pull(None, 50)
    assert public.state.calls == 0


@pytest.mark.parametrize("token", ["", "sessionid=1", "[]", '{"sessionid": 1}'])
def test_a_session_that_is_no_json_of_cookies(token):
    network = InstagramPublic(PublicSettings("Parce que"), AccountRef("instagram_public", PROFILE, token))
    assert (network.health().valid, network.health().reason) == (False, "session_unreadable")
    with pytest.raises(TokenInvalid):
        network.pull(None, 50)


def test_the_session_is_never_seen(public, apart, caplog, capfd):
    public.says(public.post("Collecte"), "Merci!")
    page = apart.pull(None, 50)
    assert [one.text for one in page.comments] == ["Merci!"]
    written = capfd.readouterr()
    for where in (caplog.text, written.out, written.err, page.cursor, repr(apart)):
        assert public.token not in where
