"""What the pretend Instagram remembers beside the pretend Facebook: accounts, media, and containers that wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from connectors.standin.state import Comment, Fault, Form, PageOfCity, Person, Post, Standin
from connectors.standin.wire import Call, GraphError

SCOPES = (
    "instagram_basic",
    "instagram_manage_comments",
    "instagram_content_publish",
    "instagram_manage_insights",
    "instagram_manage_messages",
    "instagram_manage_contents",
)
DAY = 86_400.0
Product = Literal["FEED", "REELS", "STORY"]


def identity(number: int, kind: str = "178") -> str:
    """Ids on Instagram are seventeen digits, whatever the thing is."""
    return f"{kind}{number:014d}"


@dataclass(eq=False)
class Profile(PageOfCity):
    """A professional account; `name` is its user name. Calls to it carry the token of the Page that it is linked to.

    `polls` is how many times the status of a new container is IN_PROGRESS, and `slow` for how many seconds. With
    `discreet`, comments come without `from`; with `old_webhooks`, changes have the shape of before 2021; with
    `total_values`, insights come as `total_value` instead of `values`.
    """

    topic: ClassVar[str] = "instagram"
    page: PageOfCity = field(default_factory=lambda: PageOfCity("", ""))
    followers: int = 0
    quota: int = 50
    polls: int = 0
    slow: float = 0.0
    discreet: bool = False
    old_webhooks: bool = False
    total_values: bool = False
    private: bool = False
    """Its public pages show nothing."""
    containers: dict[str, Container] = field(default_factory=dict, repr=False)

    def told(self, field: str) -> bool:
        """The fields of Instagram are the app's own; of the Page that the account is linked to any field will do."""
        del field
        return bool(self.subscribed_fields and self.page.subscribed_fields)

    def mention(self, state: Standin, by: Person, text: str, *, age: float = 0.0, tell: bool = True) -> Media:
        """Somebody publishes on an account of their own a picture whose words may name the city."""
        with state.lock:
            media = self.new_post(state.number(), text, state.now() - age, None)
            media.owner = by
            state.put(media, tell=tell)
            return media

    def new_post(self, number: int, text: str, at: float, link: str | None) -> Media:
        del link  # A caption has none.
        return Media(identity(number), self, text, at, owner=self)

    @property
    def pk(self) -> str:
        """Its number on the web, which is not that of Graph."""
        return self.id[-10:]

    def published_since(self, moment: float) -> int:
        return sum(one.published_at > moment for one in self.containers.values())


@dataclass(eq=False)
class Media(Post):
    """A publication: one of ours, or one of somebody else (`owner`) in which we are named."""

    owner: Person = field(default_factory=lambda: Person("", ""))
    product: Product = "FEED"
    kind: str = "IMAGE"
    alt: str | None = None
    url: str | None = None
    open: bool = True
    children: tuple[str, ...] = ()
    figures: dict[str, int] = field(default_factory=dict)

    @property
    def profile(self) -> Profile:
        assert isinstance(self.page, Profile)  # noqa: S101  Only `Profile.new_post` makes one.
        return self.page

    @property
    def ours(self) -> bool:
        return self.owner is self.page

    @property
    def code(self) -> str:
        """What stands for it in addresses."""
        return f"C{self.id[-9:]}"

    def become(self, form: Form, number: Callable[[], int]) -> None:
        del number
        if form in {"reel", "video"}:
            self.product = "REELS"

    def comment_id(self, number: int) -> str:
        return identity(number)

    def tell(self, heard: Callable[..., None]) -> None:
        """Of media only somebody else's is told, when it names us."""
        if not self.ours and names(self.text, self.profile):
            heard(self.page.id, {"media_id": self.id}, "mentions", "instagram")

    def tell_comment(
        self,
        heard: Callable[..., None],
        comment: Comment,
        verb: str,
        by: Person,  # noqa: ARG002  The signature is every network's.
        more: Mapping[str, str],  # noqa: ARG002
        now: float,  # noqa: ARG002
    ) -> None:
        """Only what is written: nothing tells that a comment was hidden or deleted."""
        if verb != "add":
            return
        if not self.ours:
            if comment.author is not self.page and names(comment.text, self.profile):
                heard(self.page.id, {"media_id": self.id, "comment_id": comment.id}, "mentions", "instagram")
            return
        value: dict[str, object] = {"id": comment.id, "text": comment.text}
        if not self.profile.old_webhooks:
            value |= {
                "from": {"id": comment.author.id, "username": comment.author.name},
                "media": {"id": self.id, "media_product_type": self.product},
            }
            if comment.parent is not None:
                value["parent_id"] = comment.parent.id
        heard(self.page.id, value, "comments", "instagram")


@dataclass(eq=False)
class Container:
    """What is prepared before it is published; `error` is the subcode with which its preparation ends."""

    id: str
    media: Media
    at: float
    polls: int
    ready_at: float
    item: bool = False
    """One of the pictures of a carousel, never published alone."""
    error: int | None = None
    upload: bool = False
    """Its bytes are still to come."""
    published_at: float = 0.0

    def status(self, now: float) -> str:
        """As Meta says it; being asked brings the end of the preparation nearer."""
        if self.published_at:
            return "PUBLISHED"
        if now >= self.at + DAY:
            return "EXPIRED"
        if self.polls > 0 or now < self.ready_at or self.upload:
            self.polls -= 1
            return "IN_PROGRESS"
        return "FINISHED" if self.error is None else "ERROR"


def profile(state: Standin, page: PageOfCity, id: str, name: str, **more: object) -> Profile:  # noqa: A002
    """An account linked to a Page, whose token may from now on do on it all that Parvis does."""
    with state.lock:
        made = Profile(id, name, page=page, **more)  # type: ignore[arg-type]
        page.scopes = (*page.scopes, *(scope for scope in SCOPES if scope not in page.scopes))
        known = state.pages.get(id)
        if isinstance(known, Profile):  # Given again, it keeps its media.
            vars(known).update(vars(made) | {"containers": known.containers, "letters": known.letters})
            return known
        state.pages[id] = made
        return made


def names(text: str, account: Profile) -> bool:
    return f"@{account.name}".lower() in text.lower()


@dataclass(frozen=True)
class Asked:
    """One call, by the Page whose token it carries."""

    state: Standin
    call: Call
    page: PageOfCity
    fault: Fault | None

    @property
    def lag(self) -> float:
        return self.fault.seconds if self.fault is not None and self.fault.kind == "lag" else 0.0

    def need(self, scope: str) -> None:
        if scope not in self.page.scopes:
            raise GraphError(403, 10, f"(#10) Application does not have permission for this action: {scope}")

    def text(self) -> str:
        text = self.call.params.get("message", "")
        if not text.strip():
            raise GraphError(400, 100, "(#100) The parameter message is required")
        return text
