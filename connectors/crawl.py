"""How the comments of an account are read, on any network: rounds over its newest posts, which can stop anywhere.

A network gives two functions, one call each: list one page of posts of one source, read one page of comments of one
post. All the rest is here, and the same for all: what is read again and what is not, cursors that went stale, pages
that turn in circles, threads that were read whole.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from connectors.base import CommentSeen, Page, PostSeen, Progress, ThreadRead, Usage
from models.errors import FarSideError, Gone, PermissionMissing, Rejected, Throttled, TokenInvalid, Transient
from models.vocabulary import PostKind

logger = logging.getLogger(__name__)

POSTS = 300
"""A round looks at so many of the newest posts of a source. Older ones are read once, when the source is new; what
citizens write under them afterwards comes by webhook only."""
OLDER_PAGES = 4
"""Pages of older posts that a round reads, so that the newest do not wait for all of them."""
OLDEST_PAGE = 1000
"""More pages of older posts are none that a network has, but the same again and again."""
POST_PAGES = 25
"""More than `POSTS` needs, for listings that start again; of halved pages, twice as many."""
COMMENT_PAGES = 200
"""A thread of more than 20,000 comments, or as many events, is cut: a far side in circles must not hold a round."""
YOUNG = timedelta(days=7)
"""Posts younger than this are read whole in every round: that is where comments are edited and hidden."""
WHOLE_EVERY = 24
"""One round out of 24 reads older posts whole too, for the edits that no webhook told; and for a comment that came
while another went, both untold, so that their number is the same.
"""
TRIES = 3
"""So many pulls may fail on one thread or source, while the account's own posts are given, before it is passed over."""
STOP = 90.0
"""Percent of the network's budget that ends a step: `models.channels.STOP`, which connectors may not import."""
SKEW = timedelta(minutes=2)
"""How far the network's clock may be behind ours when something is looked for by its time."""


Cursor = TypeVar("Cursor")


def resumed(kind: type[Cursor], cursor: str | None) -> Cursor:
    """A cursor that is the JSON of a dataclass. One that cannot be read starts again from the start: reading twice does
    no harm.
    """
    try:
        return kind(**json.loads(cursor)) if cursor else kind()
    except (ValueError, TypeError):
        return kind()


class TooMuch(Transient):
    """The network refuses to make a page this long: the same page, shorter, may pass."""


@dataclass(frozen=True)
class PostPage:
    """One page of a source. `after` None: it was the last. `comments` are what a source holds that stands under no
    post of ours (reviews, mentions). `seen` are posts told for what they are, before `posts` names them again with
    the number of their comments: a network may need a call for each. `events`: the source tells what happened since
    the last round, which comes by no other way, so that the newest are not enough. `unnamed`: some rows came without an
    id, so the page is not whole; the permission for whose lack networks leave ids out ("": nobody knows why).
    """

    posts: tuple[PostSeen, ...] = ()
    after: str | None = None
    comments: tuple[CommentSeen, ...] = ()
    seen: tuple[PostSeen, ...] = ()
    events: bool = False
    unnamed: str | None = None


@dataclass(frozen=True)
class ThreadPage:
    """One page of a thread. `after` None: it was the last. `unnamed` as of `PostPage`."""

    comments: tuple[CommentSeen, ...] = ()
    after: str | None = None
    unnamed: str | None = None


ListPosts = Callable[[str, str | None, int], PostPage]
"""`(source, after, page size)`. `Rejected` with an `after` means that the cursor went stale."""
ReadThread = Callable[[str, str | None, datetime | None, int], ThreadPage]
"""`(post, after, since, page size)`; `since` None: whole. `Gone` or `Rejected` with an `after`: it went stale."""


@dataclass
class CrawlState:
    """Where a pull stands; its JSON is the cursor. Times are in unix seconds, `began` in ISO 8601.

    `waiting` holds [post, number of comments, created] for the posts of this round that are still to be read, the
    first one being read now; `marks` holds, for posts read to their end, [number of comments, newest comment].
    """

    round: int = 0
    listing: bool = True
    source: int = 0
    """Which source is being listed."""
    after: str | None = None
    again: bool = False
    """The post being read was started again, because its cursor had gone stale; that is done once."""
    pages: int = 0
    halved: int = 0
    """How many times the network asked for a shorter page, of what is being read now."""
    newest: int = 0
    began: str | None = None
    """When the whole reading of the post being read began; None: it is not read whole."""
    waiting: list[tuple[str, int | None, int]] = field(default_factory=list)
    left: list[tuple[str, int | None, int]] = field(default_factory=list)
    """Older posts that were left before their end: the next round begins with them, for none will list them again."""
    older: dict[str, tuple[str | None, int] | None] = field(default_factory=dict)
    """For each source, where the listing of its older posts stands, and after how many pages; None: they were read. Of
    them `older_pages` were listed in this round, and `older_posts` in all rounds.
    """
    older_pages: int = 0
    older_posts: int = 0
    listed: dict[str, str] = field(default_factory=dict)
    """Posts whose thread belongs to this round, of all sources, and what each is."""
    refused: list[str] = field(default_factory=list)
    """Sources that the network does not give; they are asked again when older posts are read whole."""
    here: list[str] = field(default_factory=list)
    """What the source that is being listed has given so far."""
    marks: dict[str, tuple[int | None, int]] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    """How often the threads and sources that fail did so in a row; kept over rounds, so that what was passed over in
    one is tried only once in the next.
    """
    readable: bool = False
    """A thread of this round was given, so that what another one is refused for is its own matter."""
    proven: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    """Permissions that calls of this round needed: those that they had, and those that they had not."""
    torn: bool = False
    """Rows of the post being read came without an id: what was not met in it proves nothing."""
    cut: bool = False
    """Incomplete round: absence proves nothing."""

    @property
    def more(self) -> bool:
        return self.listing or bool(self.waiting) or (self.backfilling and self.older_pages < OLDER_PAGES)

    @property
    def backfilling(self) -> bool:
        return any(self.older.values())

    def post(self, seen: PostSeen, now: datetime) -> PostSeen | None:
        """A post was listed. None: this source gave it already. Its thread is to be read, unless it is somebody
        else's, or old and nothing was added since it was last read. What it is, the first source that has it says: a
        post that is advertised too is still a post.
        """
        post = seen.external_id
        if post in self.here:
            return None
        self.here.append(post)
        if post in self.listed:
            return replace(seen, kind=PostKind(self.listed[post]))
        if seen.has_thread:
            self.listed[post] = seen.kind
            created = int((seen.created_at or now).timestamp())
            unchanged = post in self.marks and seen.comments is not None and self.marks[post][0] == seen.comments
            if self._whole(created, now) or not unchanged:
                self.waiting.append((post, seen.comments, created))
        return seen

    def since(self, now: datetime) -> datetime | None:
        """From when the post being read now must be read; None: whole."""
        post, _, created = self.waiting[0]
        if self.began is not None or post not in self.marks or self._whole(created, now):
            return None
        return datetime.fromtimestamp(max(0, self.marks[post][1] - SKEW.total_seconds()), UTC)

    def next_source(self, sources: Sequence[str]) -> None:
        """Done with the source being listed; after the last one, threads are read."""
        self.failures.pop(sources[self.source], None)
        self.source += 1
        while self.source < len(sources) and sources[self.source] in self.refused:
            self.source += 1
        self.listing = self.source < len(sources)
        self.here = []
        self._turn()

    def current(self, sources: Sequence[str]) -> str | None:
        """What is read now: a source or a post. None: the first page of the account's own posts, without which nothing
        else is known.
        """
        if self.listing:
            return None if self.source == 0 and self.after is None else sources[self.source]
        return self.waiting[0][0] if self.waiting else self.oldest()[0]

    def skip(self, sources: Sequence[str]) -> None:
        """What is read now is left until the next round, for a failure that says nothing of what is there."""
        self.cut, failures = True, self.failures.copy()
        if self.listing:
            self.next_source(sources)
        elif self.waiting:
            self.next_post(complete=False, again=True)
        else:
            self.older_pages = OLDER_PAGES
            self._turn()
        self.failures = failures

    def next_post(self, *, complete: bool, again: bool = False) -> None:
        """Done with the post being read; its mark moves only if it was read to its end. `again`: another round must."""
        post, comments, created = self.waiting.pop(0)
        self.failures.pop(post, None)
        if again and post not in self.listed:
            self.left.append((post, comments, created))
        if complete and post in self.listed:
            self.marks[post] = (comments, max(self.newest, self.marks.get(post, (None, 0))[1]))
        self.again, self.torn, self.newest, self.began = False, False, 0, None
        self._turn()

    def end_round(self, sources: Sequence[str]) -> CrawlState:
        """The next call starts another round; marks of posts that a whole round does not list are forgotten."""
        marks = {post: mark for post, mark in self.marks.items() if self.cut or post in self.listed}
        known = {*sources, *self.listed, *(post for post, _, _ in self.left)}
        failures = {name: times for name, times in self.failures.items() if name in known}
        older = {source: self.older[source] for source in sources if source in self.older}
        state = CrawlState(self.round + 1, marks=marks, failures=failures, waiting=self.left, older=older)
        state.refused, state.older_posts = self.refused if state.round % WHOLE_EVERY else [], self.older_posts
        return state

    def oldest(self) -> tuple[str, str | None, int]:
        """The source whose older posts are read, where its listing stands, and after how many pages."""
        return next((source, *place) for source, place in self.older.items() if place)

    def next_older(self, source: str, place: tuple[str | None, int] | None) -> None:
        """Done with one page of older posts."""
        self.older[source] = place
        self.failures.pop(source, None)
        self.older_pages += 1
        self._turn()

    def _turn(self) -> None:
        self.after, self.pages, self.halved = None, 0, 0

    def _whole(self, created: int, now: datetime) -> bool:
        return self.round % WHOLE_EVERY == 0 or created > (now - YOUNG).timestamp()


def crawl_step(
    cursor: str | None,
    budget: int,
    *,
    sources: Sequence[str],
    list_posts: ListPosts,
    read_thread: ReadThread,
    usage: Callable[[], Usage | None] = lambda: None,
    page_size: int = 100,
    proven: Collection[str] = (),
) -> Page:
    """One step of at most `budget` calls, in rounds: the posts of every source, newest first, then their threads. It
    ends early when the network says that enough is spent.

    A round reads whole the posts that are younger than `YOUNG`, and of the others only what was written since the
    last time, if their number of comments changed; one round out of `WHOLE_EVERY` reads all of them whole. Posts beyond
    the `POSTS` newest are read once: some pages of them end each round, until there are no more.

    `more=False` ends a round, which is `whole` unless something in it was left before its end: where the network gave
    the same page again, lost its place too often, or failed at it `TRIES` times while it gave the account's posts. What
    the network refuses is left out; only the first source, the account's own posts, must be given. An error after
    something was read ends the step early, and the next step meets it.

    `proven` is filled meanwhile with the permissions that calls needed and had; what the whole round proved, and met no
    lack of, is said at its end.
    """
    state = resumed(CrawlState, cursor)
    step = _Step(state, budget, sources, list_posts, usage)
    posts, older, comments, threads = list[PostSeen](), list[PostSeen](), list[CommentSeen](), list[ThreadRead]()
    more = going = True
    while more and going and step.calls < budget:
        step.calls += 1
        size = max(1, page_size >> state.halved)
        try:
            if state.listing:
                listed = _list(state, sources, list_posts, size, step.missing)
                posts += listed.posts
                comments += listed.comments
            elif not state.waiting:
                listed = _list_older(state, list_posts, size)
                older += listed.posts
                comments += listed.comments
            else:
                read, thread = _read(state, read_thread, size, step.missing)
                comments += read
                threads += thread
            step.answered = True
        except FarSideError as error:
            going = step.failed(error, size)
        more = state.more
        going = going and not _enough(usage())
    spent = usage()
    if step.until is not None:
        # Not every network says it in a header too, and a call made meanwhile would count.
        spent = Usage(100.0, max(step.until, (spent and spent.resume_at) or step.until))
    total = len(state.listed) + state.older_posts
    progress = Progress(total - len(state.waiting) - len(state.left), total)
    whole, backfilling, had = not state.cut, state.backfilling, frozenset[str]()
    lacked = [step.error.name] if isinstance(step.error, PermissionMissing) else []
    state.proven = sorted({*state.proven, *proven})
    state.lacking = sorted({*state.lacking, *step.missing, *lacked})
    if not more:
        had = frozenset(state.proven).difference(state.lacking)
        state = state.end_round(sources)
    known = tuple(posts), tuple(comments), json.dumps(asdict(state)), more, step.calls, spent, tuple(threads), progress
    return Page(*known, whole, step.error, tuple(dict.fromkeys(step.missing)), tuple(older), backfilling, had)


@dataclass
class _Step:
    """What one step meets that is no page."""

    state: CrawlState
    budget: int
    sources: Sequence[str]
    list_posts: ListPosts
    usage: Callable[[], Usage | None]
    calls: int = 0
    answered: bool = False
    """Something was read, and nothing was passed over since."""
    until: datetime | None = None
    """When calls may go on, after a refusal for too many."""
    error: FarSideError | None = None
    missing: list[str] = field(default_factory=list)

    def failed(self, error: FarSideError, size: int) -> bool:
        """A call failed. Gives whether the step goes on; what stops the account at its first call is raised."""
        state, name = self.state, self.state.current(self.sources)
        if isinstance(error, TooMuch) and size > 1:
            state.halved += 1
            return True
        if name is None or isinstance(error, Throttled | TokenInvalid):
            if self.calls == 1:
                raise error
            self.error, self.until = error, error.until if isinstance(error, Throttled) else None
            return False
        lacking = error.name if isinstance(error, PermissionMissing) and not state.listing else None
        times = state.failures.get(name, 0)
        if lacking is None and self.answered and times < TRIES:
            return False  # The next step begins with it.
        state.failures[name] = times + 1
        if lacking is None and not self.answered:
            self.error = error if times + 1 < TRIES else self._outage(error)
            if self.error is not None:
                return False
        logger.warning("%s is passed over in this round: %s", name, repr(error))
        state.skip(self.sources)
        self.answered = False
        if lacking is not None:
            self.missing.append(lacking)
            self.error = None if state.readable else error
        return self.error is None

    def _outage(self, error: FarSideError) -> FarSideError | None:
        """Something failed again and again. None: it alone does, for the network gives the account's own posts."""
        if self.calls >= self.budget or _enough(self.usage()):
            return error
        self.calls += 1
        try:
            self.list_posts(self.sources[0], None, 1)
        except FarSideError as outage:
            return outage
        return None


def _enough(spent: Usage | None) -> bool:
    """Whether the network asks for a pause, or has so little left that it belongs to what people decided."""
    now = datetime.now(UTC)
    return spent is not None and (spent.percent >= STOP or (spent.resume_at or now) > now)


def _list(state: CrawlState, sources: Sequence[str], list_posts: ListPosts, size: int, missing: list[str]) -> PostPage:
    """One page of the source being listed; what it had given before is left out."""
    now, source = datetime.now(UTC), sources[state.source]
    state.pages += 1
    try:
        given = list_posts(source, state.after, size)
    except (Rejected, PermissionMissing, Gone) as error:
        if isinstance(error, Rejected) and state.after:
            state.after = None  # The post that the cursor pointed at was deleted: the listing starts again.
            if state.pages >= POST_PAGES:
                state.cut = True
                state.next_source(sources)
            return PostPage()
        if state.source == 0:
            raise
        logger.warning("%s is not read: %s", source, repr(error))
        state.refused.append(source)
        state.older.pop(source, None)
        state.next_source(sources)
        return PostPage()
    if given.unnamed is not None:
        state.cut = True
        missing += [given.unnamed] if given.unnamed else []
    posts = tuple(seen for post in given.posts if (seen := state.post(post, now)) is not None)
    pages = (COMMENT_PAGES if given.events else POST_PAGES) << state.halved
    if given.after is None or (len(state.here) >= POSTS and not given.events):
        state.older.setdefault(source, (given.after, 0) if given.after is not None else None)
        state.next_source(sources)
    elif given.after == state.after or state.pages >= pages:
        # Of a side source (advertisements of somebody else) the newest are enough; the account's own posts end before.
        state.cut = state.cut or given.after == state.after or given.events or state.source == 0
        state.next_source(sources)
    else:
        state.after = given.after
    return PostPage((*given.seen, *posts), given.after, given.comments)


def _list_older(state: CrawlState, list_posts: ListPosts, size: int) -> PostPage:
    """One page of posts that a round does not look at; their threads are read next, and nothing of them is kept."""
    source, after, pages = state.oldest()
    try:
        given = list_posts(source, after, size)
    except Rejected:
        if after is None:
            raise
        given = PostPage(after=after)
    posts = tuple(post for post in given.posts if post.external_id not in state.listed)
    for post in posts:
        if post.kind is not PostKind.MENTIONING:
            state.waiting.append((post.external_id, post.comments, 0))
            state.older_posts += 1
    lost = after is not None and given.after == after
    state.cut = state.cut or lost or pages >= OLDEST_PAGE
    # A place that was lost is looked for from the newest on, but not for ever.
    place = (None, pages + OLDEST_PAGE // 10) if lost else (given.after, pages + 1)
    state.next_older(source, place if (lost or given.after is not None) and pages < OLDEST_PAGE else None)
    return PostPage((*given.seen, *posts), given.after, given.comments)


def _read(
    state: CrawlState, read_thread: ReadThread, size: int, missing: list[str]
) -> tuple[tuple[CommentSeen, ...], tuple[ThreadRead, ...]]:
    """One page of the first waiting post. A post that went away or cannot be read is left out until the next round."""
    post, now = state.waiting[0][0], datetime.now(UTC)
    since = state.since(now)
    if since is None and state.after is None:
        state.began = now.isoformat()
    state.pages += 1
    try:
        given = read_thread(post, state.after, since, size)
    except (Gone, Rejected, PermissionMissing) as error:
        if isinstance(error, PermissionMissing) and state.listed.get(post) != PostKind.MENTIONING:
            raise
        if state.after and not state.again:
            state.after, state.again = None, True  # The row that the cursor pointed at was deleted.
        else:
            state.cut = state.cut or state.after is not None
            state.next_post(complete=False, again=state.after is not None)
        return (), ()
    state.readable = True
    if given.unnamed is not None:
        state.torn = state.cut = True
        missing += [given.unnamed] if given.unnamed else []
    said = (int(seen.said_at.timestamp()) for seen in given.comments if seen.said_at)
    state.newest = max(state.newest, *said, 0)
    if given.after is not None and given.after != state.after and state.pages < COMMENT_PAGES << state.halved:
        state.after = given.after
        return given.comments, ()
    began, complete = state.began, given.after is None and not state.torn
    state.cut = state.cut or not complete
    state.next_post(complete=complete, again=not complete)
    threads = (ThreadRead(post, datetime.fromisoformat(began)),) if complete and began is not None else ()
    return given.comments, threads
