"""What the pretend networks remember: Pages, citizens, posts, comments, faults to come, and a journal of all writes.

Everything is in memory under one lock, in one process, whatever the number of processes that call it. Nothing here
knows Parvis. What a network does in its own way it overrides; ids, words and shapes here are Graph's.
"""

from __future__ import annotations

import math
import random
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from connectors.standin.desk import PretendDesk
from connectors.standin.faults import Applied, Fault, Kind
from connectors.standin.people import Ad, Draft, Grant, Letter, Person, Review, Shown, ShownKind, drawing

__all__ = ["SCOPES", "Applied", "Comment", "Fault", "Kind", "PageOfCity", "Person", "Post", "Standin"]

CENTURY = 100 * 365 * 86_400
Form = Literal["post", "reel", "video", "ad", "visitor", "wall", "story"]
SCOPES = (
    "pages_show_list",
    "pages_read_engagement",
    "pages_read_user_content",
    "pages_manage_engagement",
    "pages_manage_posts",
    "pages_manage_metadata",
    "pages_messaging",
    "pages_manage_ads",
    "read_insights",
    "ads_read",
)


MESSAGING = ("messages", "message_echoes", "message_deliveries", "message_reads")
"""Fields whose events stand apart from the changes of a body."""
FIELDS = ("feed", "mention", "ratings", *MESSAGING)


@dataclass
class PageOfCity(Person):
    """A Page and its token. `dead` is the subcode of error 190 that the token now meets; times in unix seconds."""

    topic: ClassVar[str] = "page"
    """Of its webhooks."""

    token: str = ""
    scopes: tuple[str, ...] = SCOPES
    expires_at: int = 0
    dead: int | None = None
    subscribed_fields: tuple[str, ...] = FIELDS
    """What the app is told of, in the words of the webhooks."""
    followers: int = 0
    blocked: dict[str, Person] = field(default_factory=dict, init=False, repr=False)
    letters: list[Letter] = field(default_factory=list, init=False, repr=False)
    reviews: list[Review] = field(default_factory=list, init=False, repr=False)
    drafts: dict[str, Draft] = field(default_factory=dict, init=False, repr=False)

    def told(self, field: str) -> bool:
        """Whether the app is told of what happens here, of that kind."""
        return field in self.subscribed_fields

    def mention(self, state: Standin, by: Person, text: str, *, tell: bool = True) -> Post:
        """Somebody names it in a post of their own."""
        return state.post(self, text, writer=by, tell=tell)

    def new_post(self, number: int, text: str, at: float, link: str | None) -> Post:
        return Post(f"{self.id}_{number}", self, text, at, link)


@dataclass(eq=False)
class Post:
    """`comments` is the whole thread under it, by id. What a network does in its own way is a method here."""

    id: str
    page: PageOfCity
    text: str
    at: float
    link: str | None = None
    comments: dict[str, Comment] = field(default_factory=dict, repr=False)
    form: Form = "post"
    """An "ad" is never published; a "visitor" wrote it elsewhere and named the Page, or on the Page itself: "wall"."""
    photos: tuple[Draft, ...] = ()
    film: str | None = None
    """Id of the video that it shows."""
    writer: Person | None = None
    """Who wrote it, when it is not the Page."""
    figures: dict[str, int] = field(default_factory=dict)

    def become(self, form: Form, number: Callable[[], int]) -> None:
        self.form = form
        if form in {"reel", "video"}:
            self.film = str(number())
            self.id = self.film if form == "reel" else self.id

    def comment_id(self, number: int) -> str:
        return f"{self.id.rpartition('_')[2]}_{number}"

    def tell(self, heard: Callable[..., None]) -> None:
        """The webhooks say that it was published."""
        heard(self.page.id, *self.change("add"))

    def change(self, verb: str) -> tuple[dict[str, Any], str]:
        """A value, and its field; what somebody else wrote is a mention."""
        if self.writer is not None and self.form != "wall":
            about = {"post_id": self.id, "item": "post", "verb": verb, "message": self.text}
            return about | {"sender_id": self.writer.id, "sender_name": self.writer.name}, "mention"
        by = self.writer or self.page
        value = {
            "from": {"id": by.id, "name": by.name},
            "message": self.text,
            "post_id": self.id,
            "created_time": int(self.at),
            "item": self._item(),
            "published": 1,
            "verb": verb,
        }
        return value | ({"link": self.link} if self.link else {}), "feed"

    def _item(self) -> str:
        if self.film is not None:
            return "video"
        return "photo" if self.photos else "status" if self.link is None else "share"

    def tell_comment(
        self, heard: Callable[..., None], comment: Comment, verb: str, by: Person, more: Mapping[str, str], now: float
    ) -> None:
        """One change of the field `feed`. A `remove` carries no text; the time is the comment's, as Graph writes it."""
        heard(
            self.page.id,
            {
                "from": {"id": by.id, "name": by.name},
                "post_id": self.id,
                "comment_id": comment.id,
                "parent_id": comment.parent.id if comment.parent else self.id,
                "created_time": int(now if verb == "remove" else comment.at),
                "item": "comment",
                "verb": verb,
                **more,
                # Of stickers nothing is told here.
                **{one.kind: one.address for one in comment.shown if one.kind in ("photo", "video")},
            },
        )


@dataclass(eq=False)
class Comment:
    """`id` is POST_COMMENT with the post's own number; `parent` is None for a comment on the post itself."""

    id: str
    post: Post
    parent: Comment | None
    author: Person
    text: str
    at: float
    order: int
    hidden: bool = False
    answers: int = 0
    """How many stand under it."""
    liked: bool = False
    """By the Page."""
    shown: tuple[Shown, ...] = ()


@dataclass
class Standin:
    """All of it. Hold `lock` for anything longer than one method; `heard` is told each change for the webhooks."""

    app_id: str = "1001"
    app_secret: str = "secret-of-the-pretend-app"  # noqa: S105  It protects nothing.
    verify_token: str = "token-of-the-pretend-webhooks"  # noqa: S105
    """What a network says when it asks whether an address is the city's."""
    seed: int = 0
    heard: Callable[..., None] | None = None
    address: str = ""
    """Where it is served."""
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self, seed: int | None = None) -> None:
        """Forget everything but the app and the webhooks."""
        with self.lock:
            self.seed = self.seed if seed is None else seed
            self.chance = random.Random(self.seed)
            self.pages: dict[str, PageOfCity] = {}
            self.citizens: dict[str, Person] = {}
            self.posts: dict[str, Post] = {}
            self.comments: dict[str, Comment] = {}
            self.faults: list[Fault] = []
            self.app_lacks: set[str] = set()
            """What the app's own settings do not have it told of, like "page:mention"."""
            self.refused_fields: set[str] = set()
            """What no Page can be subscribed to."""
            self.human_agent = True
            """Whether the app may answer as a human agent."""
            self.journal: list[Applied] = []
            self.requests: deque[dict[str, Any]] = deque(maxlen=50_000)
            self.later: list[tuple[float, str, Callable[[], object]]] = []
            self.calls = 0
            self.ads: list[Ad] = []
            self.files: dict[str, bytes] = {}
            self.grants: dict[str, Grant] = {}  # By code and by user's token.
            self.desk = PretendDesk()
            self.percent: float | None = None
            self._regain_at: float | None = None
            self.ahead = 0.0
            self._number = 10_000

    # ------------------------------------------------------------------------------------- what time it is
    def now(self) -> float:
        """The one clock of the networks, in unix seconds: the machine's, and what it was moved forward by."""
        return time.time() + self.ahead

    def advance(self, seconds: float) -> None:
        """Let that much time pass. ValueError: not forward, or farther than a date can be written."""
        with self.lock:
            if not math.isfinite(seconds) or seconds <= 0 or self.ahead + seconds > CENTURY:
                raise ValueError("the clock moves forward only, by a century at most: seconds must be more than 0")
            self.ahead += seconds
            self.settle()

    @property
    def regain_minutes(self) -> int:
        """How long the usage headers still say to wait, in minutes; when that is over, what they said of the budget is
        over too.
        """
        return 0 if self._regain_at is None else max(0, math.ceil((self._regain_at - self.now()) / 60))

    @regain_minutes.setter
    def regain_minutes(self, minutes: int) -> None:
        self._regain_at = self.now() + 60 * minutes if minutes else None

    def spent(self) -> float:
        """Percent of the budget, as the usage headers say it: what was set, else counted from the calls."""
        if self._regain_at is not None and self._regain_at <= self.now():
            self.percent = self._regain_at = None
        return min(99, self.calls // 5_000) if self.percent is None else self.percent

    # ------------------------------------------------------------------------------------- what there is
    def page(self, id: str, name: str, token: str, **more: Any) -> PageOfCity:  # noqa: A002  Graph's word.
        """Given again, the Page has this token and these rights from now on; its posts stay its own."""
        with self.lock:
            page = PageOfCity(id, name, token, **more)
            known = self.pages.setdefault(id, page)
            vars(known).update({one.name: getattr(page, one.name) for one in fields(page) if one.init})
            return known

    def citizen(self, name: str, id: str | None = None) -> Person:  # noqa: A002
        with self.lock:
            person = Person(id or f"7{self.number()}", name)
            self.citizens[person.id] = person
            return person

    def person(self, who: str) -> Person:
        """A citizen by id or by name, or a Page by its id; nobody of that name: a new citizen."""
        with self.lock:
            known = self.citizens.get(who) or self.pages.get(who)
            same_name = next((one for one in self.citizens.values() if one.name == who), None)
            return known or same_name or self.citizen(who)

    def post(
        self,
        page: PageOfCity,
        text: str,
        *,
        link: str | None = None,
        at: float | None = None,
        tell: bool = False,
        form: Form = "post",
        writer: Person | None = None,
    ) -> Post:
        """A post of the Page, as if a person had written it on the network itself; or one of somebody else (`writer`)
        who names the Page, or writes on it ("wall").
        """
        with self.lock:
            post = page.new_post(self.number(), text, self.now() if at is None else at, link)
            post.writer = writer
            post.become("visitor" if writer is not None and form == "post" else form, self.number)
            self.put(post, tell=tell)
            return post

    def show(self, kind: ShownKind, title: str = "", content: bytes | None = None) -> Shown:
        """Something for a comment to show, its file served until it is taken out of `files`."""
        with self.lock:
            number = str(self.number())
            self.files[number] = drawing(kind, title) if content is None else content
            return Shown(kind, number, f"{self.address}/_files/{number}", title)

    def comment(
        self,
        on: Post | Comment,
        author: Person,
        text: str,
        *,
        at: float | None = None,
        tell: bool = True,
        shown: tuple[Shown, ...] = (),
    ) -> Comment:
        """A citizen writes; an answer to an answer joins the thread of the first comment."""
        with self.lock:
            comment = self.new_comment(on, author, text, at)
            comment.shown = shown
            self._add_comment(comment, tell=tell)
            return comment

    def edit(self, comment: Comment, text: str, shown: tuple[Shown, ...] | None = None) -> None:
        """`shown` None: as before."""
        with self.lock:
            comment.text, comment.shown = text, comment.shown if shown is None else shown
            self._tell(comment, "edited", by=comment.author, message=text)

    def remove(self, comment: Comment, by: Person | None = None) -> None:
        """The answers go with it."""
        with self.lock:
            for gone in [one for one in comment.post.comments.values() if one is comment or one.parent is comment]:
                del self.comments[gone.id], comment.post.comments[gone.id]
            if comment.parent is not None:
                comment.parent.answers -= 1
            self._tell(comment, "remove", by=by or comment.author)

    def hide(self, comment: Comment, by: Person, *, hidden: bool) -> None:
        with self.lock:
            if comment.hidden is not hidden:
                comment.hidden = hidden
                self._tell(comment, "hide" if hidden else "unhide", by=by)

    def review(self, page: PageOfCity, by: Person, text: str, *, positive: bool = True, tell: bool = True) -> Review:
        """Somebody recommends the Page, or does the contrary; since v22 only webhooks say it."""
        with self.lock:
            review = Review(str(self.number()), by, text, positive, self.now())
            page.reviews.append(review)
            value = {
                "item": "rating",
                "verb": "add",
                "open_graph_story_id": review.id,
                "recommendation_type": "POSITIVE" if positive else "NEGATIVE",
                "review_text": text,
                "reviewer_id": by.id,
                "reviewer_name": by.name,
                "created_time": int(review.at),
            }
            if tell:
                self.tell(page.id, value, "ratings")
            return review

    def letter(
        self,
        page: PageOfCity,
        person: Person,
        text: str,
        *,
        by_page: bool = False,
        at: float | None = None,
        tell: bool = True,
        shown: tuple[Shown, ...] = (),
    ) -> Letter:
        """Somebody writes to the Page in private, or the Page to them from the network itself."""
        with self.lock:
            at = self.now() if at is None else at
            letter = Letter(f"m_{self.number()}", None, person, text, at, None if by_page else person, shown)
            self.put_letter(page, letter, tell=tell)
            return letter

    def put_letter(self, page: PageOfCity, letter: Letter, *, tell: bool = True) -> None:
        """It stands in its conversation from now on, and is told, or echoed where the Page wrote it."""
        page.letters.append(letter)
        message: dict[str, Any] = {"mid": letter.id}
        if letter.text:
            message["text"] = letter.text
        if letter.shown:
            message["attachments"] = [
                {"type": "video" if one.kind == "video" else "image", "payload": {"url": one.address}}
                for one in letter.shown
            ]
        if letter.by is None:
            message |= {"is_echo": True, "app_id": self.app_id}
        if tell:
            self._tell_in_private(page, letter, "messages" if letter.by else "message_echoes", message=message)

    def take_back(self, page: PageOfCity, letter: Letter) -> None:
        """Whoever wrote it takes it back."""
        with self.lock:
            page.letters.remove(letter)
            self._tell_in_private(page, letter, "messages", message={"mid": letter.id, "is_deleted": True})

    def read_letters(self, page: PageOfCity, letter: Letter) -> None:
        """The citizen sees a message, and all before it."""
        with self.lock:
            watermark = {"watermark": int(letter.at * 1000)}
            seen = Letter("", None, letter.to, "", self.now(), letter.to)
            self._tell_in_private(page, seen, "message_reads", read=watermark)

    def _tell_in_private(self, page: PageOfCity, letter: Letter, field: str, **what: dict[str, Any]) -> None:
        sender, recipient = (page, letter.to) if letter.by is None else (letter.to, page)
        value = {"sender": {"id": sender.id}, "recipient": {"id": recipient.id}, "timestamp": int(letter.at * 1000)}
        self.tell(page.id, {**value, **what}, field, page.topic)

    def reword(self, post: Post, text: str) -> None:
        """The Page corrects its post."""
        with self.lock:
            post.text = text
            self.tell(post.page.id, *post.change("edited"))

    def withdraw(self, post: Post) -> None:
        """A post goes, and all that is under it."""
        with self.lock:
            self.posts.pop(post.id, None)
            for gone in post.comments:
                self.comments.pop(gone, None)

    def replace_page_token(self, page: PageOfCity, token: str) -> None:
        """The city connected the Page again."""
        with self.lock:
            page.token, page.dead = token, None

    # ------------------------------------------------------------------------------------- writes by the Page
    def new_comment(self, on: Post | Comment, author: Person, text: str, at: float | None = None) -> Comment:
        """A comment with its id, in no thread yet."""
        number = self.number()
        post = on if isinstance(on, Post) else on.post
        parent = None if isinstance(on, Post) else (on.parent or on)
        return Comment(post.comment_id(number), post, parent, author, text, self.now() if at is None else at, number)

    def reply(self, on: Post | Comment, page: PageOfCity, text: str, lag: float) -> Comment:
        comment = self.new_comment(on, page, text)
        self.apply("reply", page, on.id, comment.id, lag, lambda: self._add_comment(comment, tell=True), text)
        return comment

    def publish(self, page: PageOfCity, text: str, link: str | None, lag: float) -> Post:
        post = page.new_post(self.number(), text, self.now(), link)
        self.apply("publish", page, page.id, post.id, lag, lambda: self.put(post, tell=True), text, link)
        return post

    def set_hidden(self, comment: Comment, page: PageOfCity, lag: float, *, hidden: bool) -> None:
        verb = "hide" if hidden else "unhide"
        self.apply(verb, page, comment.id, comment.id, lag, lambda: self.hide(comment, page, hidden=hidden))

    def delete(self, comment: Comment, page: PageOfCity, lag: float) -> None:
        self.apply("delete", page, comment.id, comment.id, lag, lambda: self.remove(comment, page))

    def apply(
        self,
        operation: str,
        page: PageOfCity,
        target: str,
        identity: str,
        lag: float,
        act: Callable[[], object],
        text: str | None = None,
        link: str | None = None,
    ) -> None:
        """It is applied now; with a lag, reads and webhooks see it later, and what follows it on the same thing too."""
        at = datetime.fromtimestamp(self.now(), UTC).isoformat()
        self.journal.append(Applied(len(self.journal) + 1, operation, page.id, target, identity, text, link, at))
        waiting = [seen_at for seen_at, of, _ in self.later if of == identity]
        if lag or waiting:
            self.later.append((max([self.now() + lag, *waiting]), identity, act))
        else:
            act()

    def settle(self) -> None:
        """Let what was late be seen, if its time has come."""
        with self.lock:
            due = [act for seen_at, _, act in self.later if seen_at <= self.now()]
            self.later = [entry for entry in self.later if entry[0] > self.now()]
            for act in due:
                act()

    def fault_for(self, method: str, path: str, params: Mapping[str, str]) -> Fault | None:
        """The first fault that this call meets, used up."""
        with self.lock:
            for fault in self.faults:
                if fault.times == 0 or (fault.method and fault.method != method) or not re.search(fault.path, path):
                    continue
                if not fault.params.items() <= params.items():
                    continue
                if fault.probability < 1 and self.chance.random() >= fault.probability:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                return fault
            return None

    # ------------------------------------------------------------------------------------- inside
    def number(self) -> int:
        self._number += 1
        return self._number

    def tell(self, account: str, value: dict[str, Any], field: str = "feed", *topic: str) -> None:
        """One change, to the webhooks, if the app is subscribed to such changes of the account."""
        if self.heard and self.pages[account].told(field):
            self.heard(account, value, field, *topic)

    def put(self, post: Post, *, tell: bool) -> None:
        self.posts[post.id] = post
        if tell:
            post.tell(self.tell)

    def _add_comment(self, comment: Comment, *, tell: bool) -> None:
        self.comments[comment.id] = comment.post.comments[comment.id] = comment
        if comment.parent is not None:
            comment.parent.answers += 1
        if tell:
            self._tell(comment, "add", by=comment.author, message=comment.text)

    def _tell(self, comment: Comment, verb: str, *, by: Person, **more: str) -> None:
        comment.post.tell_comment(self.tell, comment, verb, by, more, self.now())
