"""What every network promises (`connectors.base.Network`), over HTTP with the real SDK, faults included."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from PIL import Image

from api.account_words import WHY_NOT
from connectors import crawl
from connectors.base import CommentSeen, Operation, Page, Prepared, Publication, Receipt
from connectors.registry import capabilities, descriptor, picture
from models.errors import (
    Ambiguous,
    FarSideError,
    Gone,
    Rejected,
    Throttled,
    TokenInvalid,
    Transient,
)
from models.vocabulary import CREATIVE, OperationKind

ABOUT_COMMENTS = frozenset(
    {
        OperationKind.HIDE,
        OperationKind.UNHIDE,
        OperationKind.DELETE,
        OperationKind.REPLY,
        OperationKind.PRIVATE_REPLY,
        OperationKind.LIKE,
        OperationKind.UNLIKE,
    }
)
UNDOES = {
    OperationKind.HIDE: OperationKind.UNHIDE,
    OperationKind.LIKE: OperationKind.UNLIKE,
    OperationKind.BLOCK: OperationKind.UNBLOCK,
    OperationKind.CLOSE_COMMENTS: OperationKind.OPEN_COMMENTS,
}


def reply(target: str, text: str) -> Operation:
    return Operation(OperationKind.REPLY, target, text)


def soon() -> datetime:
    return datetime.now(UTC)


def whole_round(network, cursor: str | None, budget: int) -> tuple[list[Page], str]:
    pages = []
    while not pages or pages[-1].more:
        pages.append(network.pull(pages[-1].cursor if pages else cursor, budget))
        assert pages[-1].calls <= budget
        assert len(pages) < 1000
    return pages, pages[-1].cursor


def ids(pages: list[Page]) -> list[str]:
    return [comment.external_id for page in pages for comment in page.comments]


def everything(city) -> list[str]:
    """All the comments that are on the network, under Parvis' names for them."""
    return sorted(map(city.named, city.state.comments))


@pytest.fixture
def busy(city):
    """Three posts and many comments (`City.threads`), answers among them, in a known order."""
    now = datetime.now(UTC).timestamp()
    for number, count in enumerate(city.threads):
        post = city.post(f"Avis {number}", at=now - 5000 + number)
        on = [post]
        for second in range(count):
            said = city.says(on[second % 7 == 3], f"Commentaire {second} é 😀", at=now - 4000 + second)
            on = on if second else [post, said]
    return city


# ------------------------------------------------------------------------------------------------- reading
@pytest.mark.parametrize("budget", [1, 2, 50])
def test_a_round_reads_everything_once_whatever_the_budget(busy, budget):
    pages, _ = whole_round(busy.network(), None, max(budget, busy.least))
    assert sorted(ids(pages)) == everything(busy)
    assert {post.external_id for page in pages for post in page.posts} == set(map(busy.named, busy.state.posts))


def test_comments_of_a_post_come_in_the_order_in_which_they_were_written(busy):
    pages, _ = whole_round(busy.network(), None, busy.least if busy.newest_first else 50)
    for post, count in zip(busy.posts, busy.threads, strict=True):
        name = busy.named(post.id)
        steps = [[seen.said_at for seen in page.comments if seen.post_external_id == name] for page in pages]
        times = [time for step in steps for time in step]
        assert len(times) == count
        assert all(step == sorted(step) for step in steps)
        assert busy.newest_first or times == sorted(times)


def test_every_call_is_counted(busy):
    pages, _ = whole_round(busy.network(), None, max(3, busy.least))
    assert sum(page.calls for page in pages) == busy.state.calls


def test_no_budget_no_call(busy):
    page = busy.network().pull(None, 0)
    assert (page.calls, page.comments, page.more) == (0, (), True)
    assert busy.state.calls == 0


def test_what_a_comment_is(city):
    post = city.post("Tempête")
    said = city.says(post, "Ma rue n'est pas déneigée")
    answer = city.says(said, "La mienne non plus")
    ours = city.state.comment(said, city.page, "Nous vérifions.")
    before = datetime.now(UTC)
    (page,), _ = whole_round(city.network(), None, 50)
    first, second, third = page.comments
    assert (page.posts[0].external_id, page.posts[0].text) == (city.named(post.id), "Tempête")
    assert isinstance(first, CommentSeen)
    assert first.source == "pull"
    assert before <= first.seen_at <= datetime.now(UTC)
    assert first.said_at.replace(microsecond=0) == datetime.fromtimestamp(int(said.at), UTC)
    assert (first.author_external_id, first.author_name) == city.known_of(city.citizen)
    assert (first.text, first.by_account) == ("Ma rue n'est pas déneigée", False)
    assert first.hidden is (False if OperationKind.HIDE in city.operations else None)
    assert first.permalink
    assert (first.parent_external_id, second.parent_external_id) == (None, city.named(said.id))
    assert (second.external_id, third.external_id) == (city.named(answer.id), city.named(ours.id))
    assert third.by_account


@pytest.mark.parametrize("shown", ["photo", "video", "sticker", "gif", "link"])
def test_what_a_comment_shows_is_told_where_the_network_tells_it(city, shown):
    post = city.post("Travaux")
    words = city.says(post, "Sans image.")
    shows = city.says(post, "", shown=(city.state.show(shown, "Un nid-de-poule"),))
    pages, _ = whole_round(city.network(), None, 50)
    read = {comment.external_id: comment for page in pages for comment in page.comments}
    if shown not in city.shown:
        assert [one.attachments for one in read.values()] == [None, None], "it says nothing of them"
        return
    of_kind, pictured = city.shown[shown]
    assert read[city.named(words.id)].attachments == ()
    for seen in (read[city.named(shows.id)], city.network().probe(city.named(shows.id))):
        (one,) = seen.attachments
        assert (one.kind, one.picture is not None) == (of_kind, pictured)
        assert shows.shown[0].id in one.external_id
        if pictured:
            content = picture(city.settings, city.name, one.picture)
            assert Image.open(BytesIO(content)).format == "JPEG"


def test_the_next_round_sees_new_comments_edits_and_visibility(city):
    post = city.post("Tempête")
    kept, changed = city.says(post, "un"), city.says(post, "deux")
    pages, cursor = whole_round(city.network(), None, 50)
    assert ids(pages) == [city.named(kept.id), city.named(changed.id)]
    city.state.edit(changed, "deux, corrigé")
    city.state.hide(kept, city.page, hidden=True)
    added = city.says(post, "trois")
    seen: dict[str, CommentSeen] = {}
    for _ in range(city.patience):
        pages, cursor = whole_round(city.network(), cursor, 50)
        seen |= {comment.external_id: comment for page in pages for comment in page.comments}
    assert seen[city.named(changed.id)].text == "deux, corrigé"
    assert city.named(added.id) in seen
    if not city.shows_hidden:
        assert city.named(kept.id) not in seen
        return
    assert seen[kept.id].hidden is (True if OperationKind.HIDE in city.operations else None)


def test_a_removed_comment_is_not_read_any_more(city):
    post = city.post("Tempête")
    gone, kept = city.says(post, "un"), city.says(post, "deux")
    _, cursor = whole_round(city.network(), None, 50)
    city.state.remove(gone)
    pages, _ = whole_round(city.network(), cursor, 50)
    assert ids(pages) == [city.named(kept.id)]


def test_comments_that_come_and_go_while_a_round_is_read_lose_none_of_the_others(busy):
    network = busy.network()
    listing = network.pull(None, max(busy.sources, busy.least))
    first = network.pull(listing.cursor, busy.least)
    removed = first.comments[0 if busy.newest_first else -1].external_id  # The cursor points at it.
    busy.state.remove(next(one for one in busy.state.comments.values() if busy.named(one.id) == removed))
    busy.says(busy.posts[0], "arrivé pendant la lecture")
    read, cursor = [listing, first], first.cursor
    for _ in range(busy.patience):
        pages, cursor = whole_round(network, cursor, busy.least)
        read += pages
    assert set(everything(busy)) <= set(ids(read))


def test_a_post_says_how_many_comments_are_under_it(busy):
    pages, _ = whole_round(busy.network(), None, 50)
    said = {post.external_id: post.comments for page in pages for post in page.posts}
    assert list(said.values()) == list(reversed(busy.threads))


@pytest.mark.parametrize("budget", [1, 50])
def test_a_thread_that_was_read_whole_says_so_and_since_when(busy, budget):
    before = soon()
    pages, cursor = whole_round(busy.network(), None, budget)
    threads = {thread.post_external_id: thread for page in pages for thread in page.threads}
    assert sorted(threads) == sorted(busy.state.posts)
    for page in pages:
        for seen in page.comments:
            assert before <= threads[seen.post_external_id].began_at <= seen.seen_at
    steps = [page.progress for page in pages]
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert (steps[-1].done, steps[-1].total) == (3, 3)
    again, _ = whole_round(busy.network(), cursor, budget)
    later = [thread for page in again for thread in page.threads]
    assert sorted(thread.post_external_id for thread in later) == sorted(threads)
    assert all(thread.began_at > threads[thread.post_external_id].began_at for thread in later)


def test_posts_beyond_the_newest_are_read_once(city, monkeypatch):
    """In as many rounds as it takes, some pages each; then what is said of the account holds."""
    monkeypatch.setattr(crawl, "POSTS", 50)
    monkeypatch.setattr(crawl, "OLDER_PAGES", 1)
    old = datetime.now(UTC) - timedelta(days=400)
    for number in range(260):
        post = city.post(f"Avis {number}", at=old.timestamp() + number)
        if number % 10 == 3:
            city.says(post, f"Commentaire {number}", at=old.timestamp() + 1000 + number)
    read, older, rounds, cursor, backfilling = [], [], 0, None, True
    while backfilling:
        pages, cursor = whole_round(city.network(), cursor, 50)
        assert pages[-1].whole
        read, rounds, backfilling = read + ids(pages), rounds + 1, pages[-1].backfilling
        older += [thread.post_external_id for page in pages if page.older for thread in page.threads]
        assert rounds < 15
    assert rounds > 1
    assert set(read) == set(everything(city))
    assert len(older) == len(set(older))
    assert pages[-1].progress.done == pages[-1].progress.total
    pages, _ = whole_round(city.network(), cursor, 50)
    assert [post for page in pages for post in page.older] == []


def test_a_thread_that_was_cut_short_is_not_said_to_be_whole(busy):
    busy.fault("repeated_cursor", path="/(comments|replies)", times=None)
    pages, _ = whole_round(busy.network(), None, 50)
    assert [thread for page in pages for thread in page.threads] == []


def test_one_comment_is_looked_at(city):
    said = city.says(city.post("Tempête"), "Et ma rue?")
    network, before = city.network(), soon()
    seen = network.probe(said.id)
    assert (seen.external_id, seen.text, seen.source) == (said.id, "Et ma rue?", "pull")
    assert before <= seen.seen_at <= soon()
    city.state.remove(said)
    with pytest.raises(Gone):
        network.probe(said.id)


def test_a_cursor_that_cannot_be_read_starts_again(busy):
    for cursor in ("", "{", "[]", '{"unknown": 1}', "null"):
        pages, _ = whole_round(busy.network(), cursor, 50)
        assert sorted(ids(pages)) == everything(busy)


def test_a_failure_after_something_was_read_keeps_what_was_read(busy):
    network = busy.network()
    busy.fault("throttle", path=f"{busy.posts[0].id}/comments", times=2)
    pages, failures, cursor = [], 0, None
    while not pages or pages[-1].more:
        try:
            pages.append(network.pull(cursor, 50))
            cursor = pages[-1].cursor
        except Throttled:
            failures += 1
        assert failures < 3
    assert (failures, len({post.external_id for post in pages[0].posts})) == (1, 3)
    assert 0 < len(pages[0].comments) < len(busy.state.comments)
    assert sorted(ids(pages)) == sorted(busy.state.comments)


def test_a_read_that_fails_says_how_and_can_be_made_again(busy, fault):
    kind, _, read, _ = fault
    network = busy.network()
    busy.fault(kind)
    busy.refuses(network, read)
    pages, _ = whole_round(network, None, 50)
    assert sorted(ids(pages)) == everything(busy)


def test_a_far_side_that_turns_in_circles_ends_and_the_next_round_has_everything(busy):
    for kind in ("repeated_cursor", "empty_page"):
        busy.fault(kind, path="/comments", times=None)
        pages, cursor = whole_round(busy.network(), None, 50)
        assert sum(page.calls for page in pages) <= busy.sources + 2 * len(busy.posts)
        busy.state.faults.clear()
        pages, _ = whole_round(busy.network(), cursor, 50)
        assert sorted(ids(pages)) == sorted(busy.state.comments)


def test_a_page_with_nothing_in_it_is_not_the_last(busy):
    busy.fault("empty_page", path="/comments")
    pages, _ = whole_round(busy.network(), None, 50)
    assert sorted(ids(pages)) == sorted(busy.state.comments)


def test_usage_comes_back_with_a_page(busy):
    busy.state.percent, busy.state.regain_minutes = 93.0, 12
    page = busy.network().pull(None, 1)
    if not busy.tells_usage:
        assert page.usage is None
        return
    assert page.usage.percent == 93.0
    wait = page.usage.resume_at - datetime.now(UTC)
    assert timedelta(minutes=11) < wait <= timedelta(minutes=12)


def test_a_round_that_read_something_proves_the_permissions_that_it_needed(busy):
    pages, _ = whole_round(busy.network(), None, 50)
    assert not any(page.proven for page in pages[:-1])
    assert pages[-1].proven
    assert pages[-1].proven <= descriptor(busy.name).permissions.keys()


# ------------------------------------------------------------------------------------------------- writing
def test_an_act_that_is_done_proves_the_permission_that_it_needed(city, kind):
    receipt = city.network().apply(city.operation(kind), "effect-1")
    assert receipt.proven
    assert receipt.proven <= descriptor(city.name).permissions.keys()


def test_what_is_done_is_found_by_reading(city, kind):
    network, sought, begun = city.network(), city.operation(kind), soon()
    assert network.find(sought, begun, ()) is None
    receipt = network.apply(sought, "effect-1")
    (line,) = city.state.journal
    assert (line.operation, line.id) == (kind, receipt.remote_id)
    assert network.find(sought, begun, ()).remote_id == receipt.remote_id


CIRCLES = ("empty_page", "repeated_cursor")


@pytest.mark.parametrize("circle", CIRCLES)
def test_what_was_done_is_never_said_to_be_absent_by_a_listing_without_an_end(city, kind, circle):
    """It would be done a second time."""
    _is_found_or_nothing_is_said(city, city.operation(kind), circle)


@pytest.mark.parametrize("circle", CIRCLES)
def test_what_was_published_is_never_said_to_be_absent_by_a_listing_without_an_end(city, form, circle):
    _is_found_or_nothing_is_said(city, city.publication(form), circle)


def _is_found_or_nothing_is_said(city, sought, circle):
    network, begun = city.network(), soon()
    receipt = _do(network, sought)
    city.fault(circle, method="GET", times=None)
    try:
        found = network.find(sought, begun, ())
    except Transient:
        return
    assert found is not None
    assert found.remote_id == receipt.remote_id


def test_what_the_network_cannot_do_is_refused_without_a_call(city):
    network = city.network()
    able = capabilities(city.name)
    assert able.operations - {OperationKind.PUBLISH} == city.operations
    for kind in set(OperationKind) - city.operations:
        with pytest.raises(Rejected) as caught:
            network.apply(Operation(kind, "1_2", "Bonjour"), "effect-1")
        assert caught.value.reason == "not_supported"
    if not city.forms:
        with pytest.raises(Rejected) as caught:
            network.publish(Publication("Collecte reportée à jeudi"), "effect-1")
        assert caught.value.reason == "not_supported"
    assert city.state.calls == 0


def test_what_was_undone_is_found_to_be_so(city):
    """What is seen as a state is looked for as it stands now, whoever made it so."""
    for kind, back in UNDOES.items():
        if {kind, back} <= city.operations:
            network, sought, begun = city.network(), city.operation(kind), soon()
            undo = Operation(back, sought.target)
            network.apply(sought, "effect-1")
            assert network.find(undo, begun, ()) is None
            network.apply(undo, "effect-2")
            assert network.find(undo, begun, ()).remote_id == sought.target
            assert network.find(sought, begun, ()) is None


def test_what_is_gone_cannot_be_done(city):
    network, said = city.network(), city.says(city.post("Tempête"), "Et ma rue?")
    city.state.remove(said)
    delete = Operation(OperationKind.DELETE, said.id)
    assert network.find(delete, soon(), ()).remote_id == said.id
    for kind in sorted(city.operations & ABOUT_COMMENTS):
        operation = Operation(kind, said.id, "Bonjour")
        with pytest.raises(Gone):
            network.apply(operation, "effect-1")
        if kind in CREATIVE:
            # Words may stand under what cannot be read any more: nobody says that they do not.
            with pytest.raises(Gone):
                network.find(operation, soon(), ())
        else:
            assert kind is OperationKind.DELETE or network.find(operation, soon(), ()) is None
    assert city.state.journal == []


def test_a_reply_is_found_by_its_text_as_people_would_compare_it(city):
    network, said = city.network(), city.says(city.post("Tempête"), "Et ma rue?")
    begun = soon()
    receipt = network.apply(reply(said.id, "C'est noté,  merci!\n"), "effect-1")
    assert city.state.comments[receipt.remote_id].author is city.page
    found = network.find(reply(said.id, "C'est note\u0301, merci!"), begun, ())
    assert found.remote_id == receipt.remote_id
    assert found.permalink
    assert network.find(reply(said.id, "Autre chose"), begun, ()) is None


def test_a_citizen_with_the_same_words_is_not_the_city(city):
    said = city.says(city.post("Tempête"), "Et ma rue?")
    begun = soon()
    city.says(said, "C'est noté.")
    assert city.network().find(reply(said.id, "C'est noté."), begun, ()) is None


def test_an_old_reply_is_not_taken_for_a_new_one(city):
    said = city.says(city.post("Tempête"), "Et ma rue?")
    city.state.comment(said, city.page, "C'est noté.", at=soon().timestamp() - 600)
    assert city.network().find(reply(said.id, "C'est noté."), soon(), ()) is None


def test_the_same_reply_twice_is_two_replies(city):
    network, said = city.network(), city.says(city.post("Tempête"), "Et ma rue?")
    begun = soon()
    made = [network.apply(reply(said.id, "C'est noté."), f"effect-{number}").remote_id for number in range(2)]
    first = network.find(reply(said.id, "C'est noté."), begun, ())
    second = network.find(reply(said.id, "C'est noté."), begun, {first.remote_id})
    assert [first.remote_id, second.remote_id] == made
    assert network.find(reply(said.id, "C'est noté."), begun, set(made)) is None


def test_a_reply_to_a_reply_is_found_in_its_thread(city):
    network = city.network()
    first = city.says(city.post("Tempête"), "Et ma rue?")
    second = city.says(first, "La mienne aussi")
    begun = soon()
    receipt = network.apply(reply(second.id, "C'est noté."), "effect-1")
    assert network.find(reply(second.id, "C'est noté."), begun, ()).remote_id == receipt.remote_id


def test_an_empty_reply_is_refused(city):
    said = city.says(city.post("Tempête"), "Et ma rue?")
    for text in (None, "", "  "):
        with pytest.raises(Rejected):
            city.network().apply(Operation(OperationKind.REPLY, said.id, text), "effect-1")
    assert city.state.journal == []


def test_a_publication_has_a_permalink_and_is_found(city, form):
    network, begun = city.network(), soon()
    publication = city.publication(form)
    assert network.find(publication, begun, ()) is None
    receipt = network.publish(publication, "effect-1")
    assert receipt.permalink
    assert receipt.remote_id in city.state.posts
    found = network.find(publication, begun, ())
    assert (found.remote_id, found.permalink) == (receipt.remote_id, receipt.permalink)
    assert network.find(publication, begun, {receipt.remote_id}) is None
    (line,) = city.state.journal
    assert (line.operation, line.text, line.link) == ("publish", publication.text, publication.link)


def test_another_publication_is_not_found_for_this_one(city, form):
    network, begun = city.network(), soon()
    network.publish(city.publication(form), "effect-1")
    found = network.find(city.publication(form), begun, ())
    assert (found is None) is (form not in city.wordless)


def test_of_several_that_nothing_tells_apart_none_is_found(city, form):
    network, begun = city.network(), soon()
    made = [network.publish(city.publication(form), f"effect-{number}").remote_id for number in range(2)]
    sought = city.publication(form)
    if form in city.wordless:
        with pytest.raises(Rejected) as caught:
            network.find(sought, begun, ())
        assert caught.value.reason == "several_stories"
    else:
        assert network.find(sought, begun, ()) is None
    assert network.find(sought, begun, set(made)) is None


def test_a_publication_whose_permalink_cannot_be_read_is_published_all_the_same(city, form):
    city.fault("500_before", method="GET", path=city.receipt_path, times=None)
    receipt = city.network().publish(city.publication(form), "effect-1")
    assert (receipt.permalink is None) is city.permalinks_are_read
    assert city.is_published(receipt.remote_id)


def test_a_pause_asked_for_right_after_a_publication_comes_back_with_it(city, form):
    city.fault("throttle", method="GET", path=city.receipt_path, seconds=1800)
    receipt = city.network().publish(city.publication(form), "effect-1")
    assert (receipt.resume_at is not None) is city.permalinks_are_read
    assert city.is_published(receipt.remote_id)


def test_an_act_that_fails_says_how_and_is_found_only_if_it_was_applied(city, kind, fault):
    _fails(city, city.operation(kind), *fault)


@pytest.mark.parametrize("call", ["apply", "publish", "find"])
def test_a_pause_that_the_answer_to_an_act_names_comes_back_with_it(city, call):
    """Nobody else of the city would know of it before the next reading."""
    network, sought = city.network(), city.operation(OperationKind.REPLY)
    if call == "find":
        network.apply(sought, "effect-1")
    if city.tells_usage:
        city.state.percent, city.state.regain_minutes = 100.0, 12
    receipt = {
        "apply": lambda: network.apply(sought, "effect-1"),
        "find": lambda: network.find(sought, soon() - timedelta(minutes=1), ()),
        "publish": lambda: network.publish(city.publication(city.forms[0]), "effect-2"),
    }[call]()
    assert (receipt.resume_at is not None) is city.tells_usage
    if receipt.resume_at is not None:
        assert timedelta(minutes=11) < receipt.resume_at - datetime.now(UTC) <= timedelta(minutes=12)


def test_a_publication_that_fails_says_how_and_is_found_only_if_it_was_made(city, form, fault):
    _fails(city, city.publication(form), *fault)


def _fails(city, sought, kind, error, _, applied):
    network, begun, error = city.network(), soon(), city.error_of(sought, kind, error)
    city.fault(kind, **city.decisive(sought))
    with pytest.raises(error) as caught:
        _do(network, sought)
    assert type(caught.value) is error
    assert len(city.state.journal) == applied
    found = network.find(sought, begun, ())
    assert (found is not None) == applied
    if applied:
        assert found.remote_id == city.state.journal[0].id
    else:
        _do(network, sought)
    assert len(city.state.journal) == 1


def test_a_step_that_nobody_sees_can_be_made_again(city, form, fault):
    """An upload or a container whose answer is lost: nothing is published, and all of it is made again."""
    kind, error, *_ = fault
    error = Transient if error is Ambiguous else error
    for step in city.before(form):
        network, publication, begun = city.network(), city.publication(form), soon()
        made = len(city.state.journal)
        city.fault(kind, **step)
        with pytest.raises(error) as caught:
            network.publish(publication, "effect-1")
        assert type(caught.value) is error
        assert len(city.state.journal) == made
        assert network.find(publication, begun, {line.id for line in city.state.journal}) is None
        network.publish(publication, "effect-1")
        assert len(city.state.journal) == made + 1


def test_what_was_sent_ahead_is_published_by_one_call(city, form):
    network, publication, begun = city.network(), city.publication(form), soon()
    prepared = network.prepare(publication)
    assert prepared.ready
    assert (prepared.things == ()) is (city.state.calls == 0) is (not publication.media)
    assert city.state.journal == []
    assert network.find(publication, begun, ()) is None
    for one in publication.media:
        one.path.unlink()
    kept, first = Prepared(tuple(json.loads(json.dumps(prepared.things)))), len(city.state.requests)
    receipt = city.network().publish(publication, "effect-1", kept)
    # The act, and at most one question where it stands.
    made = list(city.state.requests)[first:]
    assert [line["method"] != "GET" for line in made] in ([True], [True, False])
    (line,) = city.state.journal
    assert (line.operation, line.text, line.link) == ("publish", publication.text, publication.link)
    assert network.find(publication, begun, ()).remote_id == receipt.remote_id


def test_what_was_sent_ahead_is_published_once(city):
    """So that a network refuses by itself what was sent twice in doubt."""
    network = city.network()
    for number, form in enumerate(form for form in city.forms if city.publication(form).media):
        publication = city.publication(form)
        prepared = network.prepare(publication)
        network.publish(publication, "effect-1", prepared)
        with pytest.raises(city.twice) as caught:
            network.publish(publication, "effect-1", prepared)
        assert getattr(caught.value, "reason", "prepared_gone") == "prepared_gone"
        assert len(city.state.journal) == number + 1


def test_what_could_not_be_sent_ahead_is_sent_again(city, form):
    for step in city.before(form):
        network, publication = city.network(), city.publication(form)
        made = len(city.state.journal)
        city.fault("reset_after", **step)
        with pytest.raises(Transient):
            network.prepare(publication)
        assert len(city.state.journal) == made
        network.publish(publication, "effect-1", network.prepare(publication))
        assert len(city.state.journal) == made + 1


def test_json_under_another_name_is_read(city):
    network, said = city.network(), city.says(city.post("Tempête"), "Et ma rue?")
    city.fault("text_javascript", times=2)
    receipt = network.apply(reply(said.id, "C'est noté."), "effect-1")
    assert receipt.remote_id == city.state.journal[0].id
    assert network.pull(None, 1).posts


def test_an_answer_that_drips_is_given_up(city):
    """Each piece comes in time, and the whole never."""
    city.timeout = (0.2, 0.4)
    network, said = city.network(), city.says(city.post("Tempête"), "Et ma rue?")
    begun = soon()
    city.fault("slow_body", seconds=1.5)
    with pytest.raises(Transient):
        network.pull(None, 1)
    city.fault("slow_body", method="POST", seconds=1.5)
    with pytest.raises(Ambiguous):
        network.apply(reply(said.id, "C'est noté."), "effect-1")
    city.timeout = (2.0, 2.0)
    found = city.network().find(reply(said.id, "C'est noté."), begun, ())
    assert found.remote_id == city.state.journal[0].id


def test_a_write_that_is_seen_late_is_found_late(city):
    network, said = city.network(), city.says(city.post("Tempête"), "Et ma rue?")
    begun = soon()
    city.fault("lag", method="POST", seconds=3600)
    receipt = network.apply(reply(said.id, "C'est noté."), "effect-1")
    assert network.find(reply(said.id, "C'est noté."), begun, ()) is None
    city.state.later = [(0.0, of, act) for _, of, act in city.state.later]
    assert network.find(reply(said.id, "C'est noté."), begun, ()).remote_id == receipt.remote_id


def test_nobody_at_the_address_means_that_nothing_was_applied(city, unused_tcp_port):
    said = city.says(city.post("Tempête"), "Et ma rue?")
    city.base_url = f"http://127.0.0.1:{unused_tcp_port}"
    for attempt in (
        lambda: city.network().apply(reply(said.id, "C'est noté."), "effect-1"),
        lambda: city.network().publish(city.publication(city.forms[0]), "effect-2"),
        lambda: city.network().pull(None, 1),
        lambda: city.network().find(Publication("Avis"), soon(), ()),
    ):
        with pytest.raises(Transient):
            attempt()


def test_throttling_stops_until_the_time_that_the_network_gives(city):
    city.fault("throttle", seconds=30 * 60)
    with pytest.raises(Throttled) as caught:
        city.network().pull(None, 1)
    assert city.wait - timedelta(minutes=1) < caught.value.until - datetime.now(UTC) <= city.wait


# ------------------------------------------------------------------------------------------------- in private
@pytest.fixture
def talks(city):
    """Three people who wrote, one of them long, and an answer that the city gave on the network itself."""
    now = datetime.now(UTC).timestamp()
    people = [city.citizen, city.state.citizen("Paul Roy"), city.state.citizen("Rose Côté")]
    for person, count in zip(people, (47, 3, 1), strict=True):
        for number in range(count):
            city.state.letter(
                city.page, person, f"Message {number} de {person.name}", at=now - 3000 + number, tell=False
            )
    city.state.letter(city.page, people[1], "On vérifie.", by_page=True, at=now - 2000, tell=False)
    return city


def whole_talks(network, cursor, budget):
    steps = []
    while not steps or steps[-1].more:
        steps.append(network.converse(steps[-1].cursor if steps else cursor, budget))
        assert steps[-1].calls <= budget
        assert len(steps) < 100
    return [one for step in steps for one in step.messages], steps


@pytest.mark.parametrize("budget", [1, 2, 50])
def test_conversations_are_read_whole_whatever_the_budget(talks, budget):
    if OperationKind.MESSAGE not in talks.operations:
        with pytest.raises(Rejected) as caught:
            talks.network().converse(None, budget)
        assert (caught.value.reason, talks.state.calls) == ("not_supported", 0)
        return
    seen, steps = whole_talks(talks.network(), None, budget)
    assert sorted(one.external_id for one in seen) == sorted(one.id for one in talks.page.letters)
    assert sum(step.calls for step in steps) == talks.state.calls
    assert all(step.history for step in steps)
    (ours,) = [one for one in seen if one.by_account]
    assert (ours.text, ours.person_name) == ("On vérifie.", "Paul Roy")
    assert len({one.conversation for one in seen}) == 3


def test_what_is_written_in_private_between_two_rounds_is_read_by_the_second(talks):
    if OperationKind.MESSAGE not in talks.operations:
        return
    network = talks.network()
    _, steps = whole_talks(network, None, 50)
    photo = talks.state.show("photo", "Un trou")
    late = talks.state.letter(talks.page, talks.citizen, "", shown=(photo,), tell=False)
    seen, steps = whole_talks(network, steps[-1].cursor, 50)
    read = {one.external_id: one for one in seen}
    assert read[late.id].attachments[0].picture == photo.address
    assert not any(step.history for step in steps)
    seen, _ = whole_talks(network, steps[-1].cursor, 50)
    assert late.id in {one.external_id for one in seen}, "a round reads again what the one before it may have missed"


@pytest.mark.parametrize(("days", "granted", "leaves"), [(2, True, True), (2, False, False), (8, True, False)])
def test_a_person_of_the_city_answers_for_seven_days(city, days, granted, leaves):
    if OperationKind.MESSAGE not in city.operations:
        return
    city.state.human_agent = granted
    at = soon().timestamp() - days * 86_400
    city.state.letter(city.page, city.citizen, "Et ma rue?", at=at, tell=False)
    answer = Operation(OperationKind.MESSAGE, f"with:{city.citizen.id}", "C'est noté.")
    if leaves:
        city.network().apply(answer, "effect-1")
    else:
        with pytest.raises(Rejected) as caught:
            city.network().apply(answer, "effect-1")
        assert caught.value.reason == "window_closed"
    assert len(city.state.journal) == leaves


# ------------------------------------------------------------------------------------------------- the account
def test_each_act_can_be_done_or_says_why_not(city):
    able = capabilities(city.name)
    assert (OperationKind.PUBLISH in able.operations) is bool(city.forms)
    assert able.operations.isdisjoint(able.why_not)
    assert set(able.why_not.values()) <= WHY_NOT.keys()


def test_the_health_of_a_token(city):
    network = city.network()
    health = network.health()
    assert (health.valid, health.reason, health.expires_at, health.missing) == (True, None, None, ())
    city.holder.scopes = tuple(scope for scope in city.holder.scopes if scope not in city.needed)
    assert network.health().missing == city.needed
    city.holder.expires_at = int(soon().timestamp()) + 86_400
    assert network.health().expires_at == datetime.fromtimestamp(city.holder.expires_at, UTC)
    city.holder.expires_at = int(soon().timestamp()) - 1
    assert (network.health().valid, network.health().reason) == (False, "expired")


def test_a_dead_token_is_an_answer(city):
    city.holder.dead, reason = city.dead
    assert (city.network().health().valid, city.network().health().reason) == (False, reason)
    with pytest.raises(TokenInvalid):
        city.network().pull(None, 1)
    city.token = "another"
    assert not city.network().health().valid


def test_the_network_tells_what_happens_once_it_is_asked_to(city, monkeypatch):
    """Where it tells at all; asked twice, it tells once."""
    told: list[str] = []
    monkeypatch.setattr(city.state, "heard", lambda account, *_: told.append(account))
    city.hushed()
    city.says(city.post("Tempête"), "Personne ne le dit")
    assert told == []
    tells = [city.network().listen().told, city.network().listen().told]
    assert tells == [city.tells] * 2
    city.says(city.post("Tempête"), "C'est dit")
    assert (len(told) > 0) is city.tells


@pytest.mark.parametrize("reachable", [True, False])
def test_the_token_is_never_seen(city, fault, reachable, caplog, unused_tcp_port):
    caplog.set_level(logging.DEBUG)
    said = city.says(city.post("Tempête"), "Et ma rue?")
    if reachable:
        city.fault(fault[0], times=2)
    else:
        city.base_url = f"http://127.0.0.1:{unused_tcp_port}"
    network = city.network()
    for attempt in (lambda: network.pull(None, 1), lambda: network.apply(reply(said.id, "Oui"), "effect-1")):
        with pytest.raises(FarSideError) as caught:
            attempt()
        error = caught.value
        assert error.__context__ is None
        assert error.__cause__ is None
        assert city.token not in f"{error} {error!r} {error.args}"
    assert city.token not in repr(network) + repr(city.account) + caplog.text
    assert city.state.app_secret not in repr(city.settings)


def test_what_a_network_is_exempt_from_is_a_test_of_this_file(city):
    assert set(city.exempt) <= set(globals())


def _do(network, sought: Operation | Publication) -> Receipt:
    if isinstance(sought, Publication):
        return network.publish(sought, "effect-1")
    return network.apply(sought, "effect-1")
