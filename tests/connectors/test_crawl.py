"""How any account is read, against listings that do what networks do: pages in circles, places that were lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from connectors import crawl
from connectors.base import CommentSeen, PostSeen, Usage
from connectors.crawl import PostPage, ThreadPage, TooMuch, crawl_step
from models import channels
from models.errors import Blocked, FarSideError, Gone, PermissionMissing, Rejected, Throttled, TokenInvalid, Transient

NOW = datetime.now(UTC)
SOURCES = ("posts", "reels")


@dataclass
class Far:
    """Pages by their cursor, of each source and of each thread; an error in the place of a page is raised once."""

    listings: dict[str, dict[str | None, object]] = field(default_factory=dict)
    threads: dict[str, dict[str | None, object]] = field(default_factory=dict)
    asked: list[tuple[str, str | None, int]] = field(default_factory=list)

    def list_posts(self, source, after, size):
        return self.answer(self.listings.get(source, {None: PostPage()}), source, after, size)

    def read_thread(self, post, after, since, size):
        return self.answer(self.threads.get(post, {None: ThreadPage()}), post, after, size)

    def answer(self, pages, what, after, size):
        self.asked.append((what, after, size))
        given = pages[after]
        if isinstance(given, list):
            given = given.pop(0) if len(given) > 1 else given[0]
        if isinstance(given, Exception):
            raise given
        return given

    def round(self, cursor=None, budget=1000):
        """The pages of one round."""
        pages = []
        while not pages or pages[-1].more:
            pages.append(
                crawl_step(cursor, budget, sources=SOURCES, list_posts=self.list_posts, read_thread=self.thread)
            )
            cursor = pages[-1].cursor
        return pages

    thread = read_thread


def post(identity, *, age=timedelta(), comments=None):
    return PostSeen(identity, "", None, NOW - age, comments=comments)


def said(*identities):
    return tuple(CommentSeen(identity, "pull", NOW, NOW) for identity in identities)


def test_a_round_that_came_to_every_end_is_whole():
    far = Far({"posts": {None: PostPage((post("p1"),), "b"), "b": PostPage((post("p2"),))}})
    far.threads = {"p1": {None: ThreadPage(said("1"), "x"), "x": ThreadPage(said("2"))}}
    (page,) = far.round()
    assert page.whole
    assert [thread.post_external_id for thread in page.threads] == ["p1", "p2"]


@pytest.mark.parametrize("source", SOURCES)
def test_a_listing_that_gives_the_same_page_again_is_not_read_to_its_end(source):
    far = Far({source: {None: PostPage((), "a"), "a": PostPage((), "a")}})
    (page,) = far.round()
    assert not page.whole
    far.listings = {source: {None: PostPage((post("p1"),))}}
    (page,) = far.round(page.cursor)
    assert page.whole
    assert [one.external_id for one in page.posts] == ["p1"]


def test_a_thread_that_gives_the_same_page_again_is_not_read_to_its_end():
    far = Far({"posts": {None: PostPage((post("p1"), post("p2")))}})
    far.threads = {"p1": {None: ThreadPage(said("1"), "x"), "x": ThreadPage(said("1"), "x")}}
    (page,) = far.round()
    assert not page.whole
    assert [thread.post_external_id for thread in page.threads] == ["p2"]


def test_what_is_said_of_the_end_of_a_round_holds_whatever_the_budget():
    far = Far({"posts": {None: PostPage((post("p1"), post("p2")))}})
    far.threads = {"p1": {None: ThreadPage(said("1"), "x"), "x": ThreadPage(said("1"), "x")}}
    pages = far.round(budget=1)
    assert len(pages) == 5
    assert not pages[-1].whole


def test_pages_that_never_end_are_left_and_the_round_is_not_whole(monkeypatch):
    monkeypatch.setattr(crawl, "COMMENT_PAGES", 3)
    far = Far({"posts": {None: PostPage((post("p1"),))}})
    far.threads = {
        "p1": {None: ThreadPage(said("1"), "x"), "x": ThreadPage(said("2"), "y"), "y": ThreadPage(said("3"), "x")}
    }
    (page,) = far.round()
    assert not page.whole
    assert len(far.asked) == 5


def test_a_listing_without_end_is_left_and_the_round_is_not_whole():
    far = Far({"posts": {None: PostPage((), "a"), "a": PostPage((), "b"), "b": PostPage((), "a")}})
    (page,) = far.round()
    assert not page.whole
    assert len([one for one in far.asked if one[0] == "posts"]) == crawl.POST_PAGES


def test_a_long_side_source_is_left_and_is_no_lack():
    """Thousands of advertisements that are somebody else's name no post of ours."""
    far = Far(
        {"reels": {None: PostPage((), "0")} | {str(n): PostPage((), str(n + 1)) for n in range(crawl.POST_PAGES)}}
    )
    (page,) = far.round()
    assert page.whole
    assert len([one for one in far.asked if one[0] == "reels"]) == crawl.POST_PAGES


def test_events_are_read_to_their_end_and_what_is_left_out_of_them_is_a_lack(monkeypatch):
    many = crawl.POST_PAGES + 5
    events = {str(n): PostPage((), str(n + 1), said(f"c{n}"), events=True) for n in range(many)}
    far = Far({"reels": {None: PostPage((), "0", events=True), **events, str(many): PostPage(events=True)}})
    (page,) = far.round()
    assert page.whole
    assert len(page.comments) == many
    monkeypatch.setattr(crawl, "COMMENT_PAGES", 5)
    (page,) = far.round()
    assert not page.whole


def test_posts_that_take_two_calls_for_fifty_are_all_looked_at():
    """As LinkedIn's: first what they are, then how many comments each has."""
    halves = {}
    for n in range(5, -1, -1):
        posts = tuple(post(f"p{n}-{k}", age=crawl.YOUNG * 2, comments=0) for k in range(50))
        halves[str(n)] = PostPage((), f"{n}b")
        halves[f"{n}b"] = PostPage(posts, str(n + 1) if n < 5 else None)
    far = Far({"posts": {None: PostPage((), "0b"), **halves}})
    (page,) = far.round()
    assert page.whole
    assert len(page.posts) == 300


def test_shorter_pages_are_no_reason_to_leave_a_listing_or_a_thread(monkeypatch):
    monkeypatch.setattr(crawl, "COMMENT_PAGES", 4)
    monkeypatch.setattr(crawl, "POST_PAGES", 4)
    names = "abcde"
    following = dict(zip(("", *names), (*names, None), strict=True))
    far = Far({"posts": {None: [TooMuch(), PostPage((post("p0"),), "a")]}})
    far.threads = {"p0": {None: [TooMuch(), ThreadPage(said("0"), "a")]}}
    for name in names:
        far.listings["posts"][name] = PostPage((post(f"p{name}"),), following[name])
        far.threads["p0"][name] = ThreadPage(said(name), following[name])
    (page,) = far.round()
    assert page.whole
    assert {one.external_id for one in page.comments} == {"0", *names}
    assert {one.external_id for one in page.posts} == {"p0", *(f"p{name}" for name in names)}


def test_a_place_that_is_lost_once_is_found_again_and_lost_twice_is_left():
    far = Far({"posts": {None: PostPage((post("p1"),))}})
    far.threads = {"p1": {None: ThreadPage(said("1"), "x"), "x": [Rejected("100"), ThreadPage(said("2"))]}}
    (page,) = far.round()
    assert page.whole
    assert len(page.threads) == 1
    far.threads = {"p1": {None: ThreadPage(said("1"), "x"), "x": Rejected("100")}}
    (page,) = far.round()
    assert not page.whole
    assert page.threads == ()


def test_a_listing_whose_place_is_always_lost_is_left_and_the_round_is_not_whole():
    far = Far({"posts": {None: PostPage((post("p1"),), "b"), "b": Rejected("100")}})
    (page,) = far.round()
    assert not page.whole


@pytest.mark.parametrize("error", [Gone(), Rejected("100")], ids=lambda error: type(error).__name__)
def test_what_the_network_refuses_from_the_start_is_left_out(error):
    """A post without a thread (a story), a post that went away, a source that this version has no more: they do not
    hold back the coverage of all others.
    """
    far = Far({"posts": {None: PostPage((post("p1"), post("p2")))}, "reels": {None: error}})
    far.threads = {"p1": {None: error}}
    (page,) = far.round()
    assert page.whole
    assert [thread.post_external_id for thread in page.threads] == ["p2"]


def test_a_round_that_was_cut_forgets_nothing_of_the_posts_that_it_did_not_list(monkeypatch):
    """Their threads would all be read whole again."""
    old = post("p1", age=timedelta(days=30), comments=1)
    far = Far({"posts": {None: PostPage((old,))}}, {"p1": {None: ThreadPage(said("1"))}})
    (page,) = far.round()
    far.listings = {"posts": {None: PostPage((), "a"), "a": PostPage((), "a")}}
    (page,) = far.round(page.cursor)
    far.listings, far.asked = {"posts": {None: PostPage((old,))}}, []
    far.round(page.cursor)
    assert [what for what, _, _ in far.asked] == ["posts", "reels"]


@pytest.mark.parametrize("cursor", ["no JSON", "[1]", '{"unknown": 1}', "{"])
def test_a_cursor_that_cannot_be_read_starts_from_the_start(cursor):
    assert crawl.resumed(crawl.CrawlState, cursor) == crawl.CrawlState()


def test_an_error_in_the_middle_does_not_end_a_round():
    far = Far({"posts": {None: [PostPage((post("p1"),))]}}, {"p1": {None: [Transient(), ThreadPage(said("1"))]}})
    first, second = far.round()
    assert (first.more, second.more, second.whole) == (True, False, True)


# ------------------------------------------------------------------------------------------ what keeps failing
def rounds_of(far, cursor=None, steps=20):
    """Steps until a round ends, as a pull makes them; an error that is raised changes nothing."""
    pages, errors = [], []
    for _ in range(steps):
        try:
            page = crawl_step(cursor, 10, sources=SOURCES, list_posts=far.list_posts, read_thread=far.thread)
        except FarSideError as error:
            errors.append(error)
            continue
        pages.append(page)
        errors += [page.error] if page.error is not None else []
        cursor = page.cursor
        if not page.more:
            break
    return pages, errors


def test_a_thread_that_always_fails_is_passed_over_and_the_round_is_not_whole():
    far = Far({"posts": {None: PostPage((post("p1"), post("p2")))}})
    far.threads = {"p1": {None: Transient()}, "p2": {None: ThreadPage(said("2"))}}
    pages, errors = rounds_of(far)
    assert [seen.external_id for page in pages for seen in page.comments] == ["2"]
    assert (pages[-1].more, pages[-1].whole) == (False, False)
    assert [type(error) for error in errors] == [Transient] * (crawl.TRIES - 1), "each is a pull that failed"
    far.asked = []
    pages, errors = rounds_of(far, pages[-1].cursor)
    assert (pages[-1].more, pages[-1].whole, errors) == (False, False, [])
    assert [what for what, _, _ in far.asked].count("p1") == 1, "the next round tries it once"
    far.threads["p1"] = {None: ThreadPage(said("1"))}
    pages, errors = rounds_of(far, pages[-1].cursor)
    assert (pages[-1].more, pages[-1].whole, errors) == (False, True, [])
    assert [seen.external_id for page in pages for seen in page.comments] == ["1", "2"]
    far.threads["p1"] = {None: Transient()}
    _, errors = rounds_of(far, pages[-1].cursor)
    assert len(errors) == crawl.TRIES - 1, "it was given meanwhile, so that it is tried again"


def test_a_step_of_one_call_passes_nothing_over():
    """Nobody could say then whether it is the network that is down."""
    far = Far({"posts": {None: PostPage((post("p1"),))}}, {"p1": {None: Transient()}})
    cursor, errors = None, 0
    for _ in range(10):
        page = crawl_step(cursor, 1, sources=SOURCES, list_posts=far.list_posts, read_thread=far.thread)
        cursor, errors = page.cursor, errors + (page.error is not None)
    assert (page.more, errors) == (True, 8)
    page = crawl_step(cursor, 2, sources=SOURCES, list_posts=far.list_posts, read_thread=far.thread)
    assert (page.more, page.calls, page.error) == (False, 2, None)


@pytest.mark.parametrize("shorter", [False, True])
def test_a_page_in_the_middle_that_always_fails_is_passed_over(shorter):
    error = TooMuch() if shorter else Transient()
    far = Far({"posts": {None: PostPage((post("p1"),), "b"), "b": error}})
    far.threads = {"p1": {None: ThreadPage(said("1"), "x"), "x": error}}
    pages, _ = rounds_of(far)
    assert (pages[-1].more, pages[-1].whole) == (False, False)
    assert [seen.external_id for page in pages for seen in page.comments] == ["1"]


def test_a_side_source_that_always_fails_is_passed_over():
    far = Far(
        {"posts": {None: PostPage((post("p1"),))}, "reels": {None: Transient()}}, {"p1": {None: ThreadPage(said("1"))}}
    )
    pages, errors = rounds_of(far)
    assert [seen.external_id for page in pages for seen in page.comments] == ["1"]
    assert (pages[-1].more, pages[-1].whole, len(errors)) == (False, False, crawl.TRIES - 1)


def test_a_network_that_is_down_passes_nothing_over():
    far = Far({"posts": {None: PostPage((post("p1"), post("p2")))}})
    start = far.round(budget=2)[0]
    down = {None: Transient()}
    far.listings, far.threads = dict.fromkeys(SOURCES, down), dict.fromkeys(("p1", "p2"), down)
    pages, errors = rounds_of(far, start.cursor)
    assert len(errors) == 20
    far.listings, far.threads = {"posts": {None: PostPage((post("p1"), post("p2")))}}, {}
    pages, errors = rounds_of(far, pages[-1].cursor)
    assert (pages[-1].more, pages[-1].whole, errors) == (False, True, [])


@pytest.mark.parametrize(
    "error", [Throttled(NOW + timedelta(hours=1)), TokenInvalid("expired")], ids=["pause", "token"]
)
def test_what_stops_the_account_is_raised_as_often_as_it_is_met(error):
    far = Far({"posts": {None: PostPage((post("p1"),))}}, {"p1": {None: error}})
    start = crawl_step(None, 2, sources=SOURCES, list_posts=far.list_posts, read_thread=far.thread)
    for _ in range(crawl.TRIES + 2):
        with pytest.raises(type(error)):
            crawl_step(start.cursor, 10, sources=SOURCES, list_posts=far.list_posts, read_thread=far.thread)


@pytest.mark.parametrize("error", [Blocked(NOW + timedelta(hours=6)), TokenInvalid("expired")], ids=["block", "token"])
def test_what_stops_the_account_in_the_middle_of_a_step_comes_with_what_was_read(error):
    """The account says why at once: a block is no pause for too many calls."""
    far = Far(
        {"posts": {None: PostPage((post("p1"), post("p2")))}},
        {"p1": {None: ThreadPage(said("1"))}, "p2": {None: error}},
    )
    page = crawl_step(None, 10, sources=SOURCES, list_posts=far.list_posts, read_thread=far.thread)
    assert ([seen.external_id for seen in page.comments], page.error) == (["1"], error)


def test_a_permission_that_one_thread_lacks_is_named_and_the_rest_is_read():
    far = Far({"posts": {None: PostPage((post("p1"), post("p2"), post("p3")))}})
    far.threads = {
        "p1": {None: ThreadPage(said("1"))},
        "p2": {None: PermissionMissing("ads")},
        "p3": {None: ThreadPage(said("3"))},
    }
    (page,) = far.round()
    assert [seen.external_id for seen in page.comments] == ["1", "3"]
    assert (page.missing, page.whole, page.error) == (("ads",), False, None)


@pytest.mark.parametrize("budget", [1, 10])
def test_a_round_proves_the_permissions_that_it_needed_and_met_no_lack_of(budget):
    far = Far({"posts": {None: PostPage((post("p1"), post("p2")))}})
    far.threads = {"p1": {None: ThreadPage(said("1"))}, "p2": {None: PermissionMissing("ads")}}
    cursor, proven = None, []
    while True:
        page = crawl_step(
            cursor, budget, sources=SOURCES, list_posts=far.list_posts, read_thread=far.thread, proven={"read", "ads"}
        )
        proven.append(page.proven)
        cursor = page.cursor
        if not page.more:
            break
    assert proven == [frozenset()] * (len(proven) - 1) + [frozenset({"read"})]


def test_a_permission_that_all_threads_lack_stops_each_pull():
    far = Far({"posts": {None: PostPage((post("p1"), post("p2")))}})
    far.threads = {name: {None: PermissionMissing("read")} for name in ("p1", "p2")}
    pages, errors = rounds_of(far)
    assert [error.name for error in errors] == ["read", "read"]
    assert (pages[-1].more, pages[-1].whole) == (False, False)


# ------------------------------------------------------------------------------------------ what is spent
@pytest.mark.parametrize(
    ("spent", "asked"),
    [
        (Usage(channels.STOP, None), 1),
        (Usage(50.0, NOW + timedelta(hours=1)), 1),
        (Usage(channels.STOP - 0.1, None), 3),
        (Usage(50.0, NOW - timedelta(hours=1)), 3),
    ],
    ids=["enough", "pause", "not quite", "pause that is over"],
)
def test_a_step_ends_as_soon_as_the_network_says_that_enough_is_spent(spent, asked):
    far = Far({"posts": {None: PostPage((post("p1"),))}})
    page = crawl_step(None, 10, sources=SOURCES, list_posts=far.list_posts, read_thread=far.thread, usage=lambda: spent)
    assert (len(far.asked), page.usage, page.more) == (asked, spent, asked == 1)


# ------------------------------------------------------------------------------------------ the backfill
@pytest.fixture
def many(monkeypatch):
    """Eleven posts in pages of two, a comment under each; a round looks at the four newest."""
    monkeypatch.setattr(crawl, "POSTS", 4)
    monkeypatch.setattr(crawl, "OLDER_PAGES", 2)
    far = Far()
    for at in range(0, 11, 2):
        posts = tuple(post(f"p{n}", age=crawl.YOUNG * 2, comments=1) for n in range(at, min(at + 2, 11)))
        after = f"{at + 2}" if at + 2 < 11 else None
        far.listings.setdefault("posts", {})[f"{at}" if at else None] = PostPage(posts, after)
    far.threads = {f"p{n}": {None: ThreadPage(said(f"c{n}"))} for n in range(11)}
    return far


def read(pages):
    return [seen.external_id for page in pages for seen in page.comments]


def test_the_backfill_reads_all_posts_there_are_some_pages_of_older_ones_in_each_round(many):
    pages = many.round(budget=1)
    assert read(pages) == [f"c{n}" for n in range(8)], "the newest first"
    assert pages[-1].backfilling
    assert [one.external_id for page in pages for one in page.posts] == ["p0", "p1", "p2", "p3"]
    assert [one.external_id for page in pages for one in page.older] == ["p4", "p5", "p6", "p7"]
    done = [page.progress.done for page in pages]
    assert (done, pages[-1].progress.total) == (sorted(done), 8)
    many.threads["p4"], many.asked = {None: ThreadPage(said("c4", "late"))}, []
    pages = many.round(pages[-1].cursor)
    assert read(pages) == ["c8", "c9", "c10"]
    assert (pages[-1].whole, pages[-1].backfilling, pages[-1].progress.total) == (True, False, 11)
    pages = many.round(pages[-1].cursor)
    assert (read(pages), pages[-1].whole, pages[-1].backfilling) == ([], True, False)


def test_what_the_cursor_holds_does_not_grow_with_the_posts_that_were_read(many):
    cursor = None
    for _ in range(4):
        cursor = many.round(cursor)[-1].cursor
    kept = crawl.resumed(crawl.CrawlState, cursor)
    assert set(kept.marks) == {"p0", "p1", "p2", "p3"}
    assert "p4" not in cursor
    assert "p10" not in cursor


def test_posts_that_grow_old_later_are_not_read_again(many):
    """An account that had few posts, all of them read, when it was new."""
    full = many.listings["posts"]
    many.listings = {"posts": {None: PostPage(full[None].posts)}}
    cursor = many.round()[-1].cursor
    many.listings = {"posts": {None: PostPage((*full[None].posts, *full["2"].posts), "x")}}
    pages = many.round(cursor)
    assert (read(pages), pages[-1].backfilling) == (["c2", "c3"], False)


@pytest.mark.parametrize(
    "pages",
    [
        {None: Transient()},
        {None: ThreadPage((), "x"), "x": Rejected("100")},
        {None: ThreadPage((), "x"), "x": ThreadPage((), "x")},
    ],
    ids=["fails", "loses its place", "turns in circles"],
)
def test_an_older_thread_that_is_left_is_tried_again_in_the_next_round(many, pages):
    many.threads["p5"] = pages
    cursor, seen = None, []
    for _ in range(3):
        pages, _ = rounds_of(many, cursor)
        cursor = pages[-1].cursor
        seen += read(pages)
        assert not pages[-1].whole
    assert sorted(seen) == sorted(f"c{n}" for n in range(11) if n != 5)
    many.threads["p5"] = {None: ThreadPage(said("c5"))}
    pages = many.round(cursor)
    assert (read(pages), pages[-1].whole, pages[-1].backfilling) == (["c5"], True, False)


@pytest.mark.parametrize("lost", ["stale", "circle", "down"])
def test_a_place_among_older_posts_that_is_lost_is_found_again(many, lost):
    page = many.listings["posts"]["6"]
    error = {"stale": Rejected("100"), "circle": PostPage(page.posts, "6"), "down": Transient()}[lost]
    many.listings["posts"]["6"] = [error, *[error] * 4 * (lost == "down"), page]
    cursor, seen = None, set()
    for _ in range(8):
        pages, _ = rounds_of(many, cursor)
        cursor = pages[-1].cursor
        seen |= set(read(pages))
        if pages[-1].whole and not pages[-1].backfilling:
            break
    assert seen == {f"c{n}" for n in range(11)}
    assert pages[-1].whole


def test_older_posts_that_never_end_are_left(many, monkeypatch):
    monkeypatch.setattr(crawl, "OLDEST_PAGE", 6)
    many.listings["posts"]["10"] = PostPage((), "2")
    cursor = None
    for _ in range(6):
        pages = many.round(cursor)
        cursor = pages[-1].cursor
    assert not pages[-1].backfilling


def test_a_thread_with_rows_that_nothing_names_is_not_whole():
    far = Far({"posts": {None: PostPage((post("p1"), post("p2")))}})
    far.threads = {
        "p1": {None: ThreadPage(said("1"), "x", unnamed="MODERATE"), "x": ThreadPage(said("2"))},
        "p2": {None: ThreadPage(said("3"))},
    }
    (page,) = far.round()
    assert not page.whole
    assert page.missing == ("MODERATE",)
    assert [one.external_id for one in page.comments] == ["1", "2", "3"]
    assert [thread.post_external_id for thread in page.threads] == ["p2"]


def test_a_listing_with_rows_that_nothing_names_is_not_whole():
    far = Far({"posts": {None: PostPage((post("p1"),), unnamed="MODERATE")}})
    (page,) = far.round()
    assert not page.whole
    assert page.missing == ("MODERATE",)
