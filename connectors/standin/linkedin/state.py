"""What the pretend LinkedIn remembers beside the pretend Facebook: organisations, what members do, uploads, grants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.standin.state import Comment, PageOfCity, Person, Post, Standin

SCOPES = (
    "r_organization_social",
    "w_organization_social",
    "r_organization_social_feed",
    "w_organization_social_feed",
    "rw_organization_admin",
)
CLIENT_ID = "77parvis"
CLIENT_SECRET = "secret-of-the-pretend-linkedin-app"  # noqa: S105  It protects nothing.
RESERVED = "\\|{}@[]()<>#*_~"
"""Of little text, https://learn.microsoft.com/linkedin/marketing/community-management/shares/little-text-format."""
FIRST = 7_400_000_000_000_000_000
"""LinkedIn's numbers have nineteen digits; ours stand above this one."""
EXPIRED, REVOKED = 65602, 65601
"""`serviceErrorCode` of a token that ended, and of one that its member took back; any other is an invalid one."""
MONTH = 30 * 86_400


@dataclass(eq=False)
class Organization(PageOfCity):
    """A company page. `dead` is the `serviceErrorCode` that its token meets.

    `polls` is how many times a new image or video is still PROCESSING. With `urn_field`, comments come with `$URN`
    instead of `commentUrn`; with `names_hidden`, without `actor`; without `deletes`, what members wrote cannot be
    deleted by the page; `old_errors` are those of before the versions.
    """

    scopes: tuple[str, ...] = SCOPES
    role: str = "ADMINISTRATOR"
    followers: int = 0
    polls: int = 0
    urn_field: str = "commentUrn"
    names_hidden: bool = False
    deletes: bool = True
    old_errors: bool = False
    refreshable: bool = False
    """The app may refresh what a member consented to; most may not."""
    refused: bool = False
    """The member may not read it, although their role says so; nor any batch with it."""
    failing: bool = False
    """What is sent is not taken in."""
    upload_base: str | None = None
    """Where files are to be sent; None: here."""
    assets: dict[str, Asset] = field(default_factory=dict, repr=False)
    notifications: list[dict[str, Any]] = field(default_factory=list, repr=False)
    likes: set[str] = field(default_factory=set, repr=False)
    """What the page likes, by URN."""
    grants: dict[str, Grant] = field(default_factory=dict, repr=False)
    """By token: what members consented to, beside the token that the page was seeded with."""
    subscription: str | None = None

    @property
    def urn(self) -> str:
        return f"urn:li:organization:{self.id}"

    def told(self, field: str) -> bool:
        """LinkedIn has one kind of notification."""
        del field
        return bool(self.subscribed_fields)

    def new_post(self, number: int, text: str, at: float, link: str | None) -> Share:
        content = {"article": {"source": link, "title": link}} if link else {}
        return Share(f"urn:li:share:{FIRST + 10 * number}", self, text, at, link, little=escaped(text), content=content)


@dataclass(eq=False)
class Share(Post):
    """A post of the page; `text` is what people read, `little` how LinkedIn keeps it."""

    little: str = ""
    content: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, int] = field(default_factory=dict)
    edited_at: float | None = None
    open: bool = True

    @property
    def organization(self) -> Organization:
        assert isinstance(self.page, Organization)  # noqa: S101  Only `Organization.new_post` makes one.
        return self.page

    @property
    def activity(self) -> str:
        """Another number than the share's: comments and notifications name the activity."""
        return f"urn:li:activity:{int(self.id.rpartition(':')[2]) + 1}"

    def comment_id(self, number: int) -> str:
        return f"urn:li:comment:({self.activity},{FIRST + number})"

    def tell(self, heard: Callable[..., None]) -> None:
        """Nobody is told what the page itself publishes."""

    def tell_comment(
        self, heard: Callable[..., None], comment: Comment, verb: str, by: Person, more: Mapping[str, str], now: float
    ) -> None:
        """One notification, for the webhooks and for whoever asks later; there is nothing like hiding here."""
        del by, more  # LinkedIn says neither who deleted nor anything beside the comment itself.
        action = {
            "add": "ADMIN_COMMENT" if comment.author is self.page else "COMMENT",
            "edited": "COMMENT_EDIT",
            "remove": "COMMENT_DELETE",
        }.get(verb)
        if action is None:
            return
        told: dict[str, Any] = {
            "entity": comment.id,
            "owner": urn_of(comment.author),
            "object": self.activity,
            "text": comment.text,
        } | ({"content": content_of(comment)} if comment.shown else {})
        notification = self._notification(action, comment.id.replace("urn:li:activity", "activity"), now)
        if verb != "remove":
            notification["decoratedGeneratedActivity"] = {"comment": told}
        heard(self.page.id, notification, "", "linkedin")

    def _notification(self, action: str, generated: str, now: float) -> dict[str, Any]:
        known = self.organization.notifications
        known.append(
            {
                "notificationId": FIRST + 1_000_000 * int(self.organization.id) + len(known),
                "organizationalEntity": self.organization.urn,
                "action": action,
                "sourcePost": self.activity,
                "decoratedSourcePost": {
                    "entity": self.id,
                    "owner": self.organization.urn,
                    "text": self.text,
                    "mediaCategory": "NONE",
                },
                "generatedActivity": generated,
                "lastModifiedAt": int(now * 1000),
                "subscriber": "urn:li:person:subscriber",
            }
        )
        return known[-1]


@dataclass(eq=False)
class Asset:
    """An image, a video or a document; bytes come by parts, in order of their number."""

    urn: str
    upload: str
    size: int
    polls: int
    parts: dict[int, bytes] = field(default_factory=dict, repr=False)
    finalized: bool = False
    failed: bool = False

    @property
    def kind(self) -> str:
        return self.urn.split(":")[2]

    def status(self) -> str:
        """As LinkedIn says it; being asked brings the end of the processing nearer."""
        if not self.parts or not self.finalized:
            return "WAITING_UPLOAD"
        self.polls -= 1
        if self.polls >= 0:
            return "PROCESSING"
        return "PROCESSING_FAILED" if self.failed else "AVAILABLE"


@dataclass(eq=False)
class Grant:
    """What a member consented to. `refresh_token` None: the app may not refresh. Times in unix seconds."""

    token: str
    scopes: tuple[str, ...]
    expires_at: int
    refresh_token: str | None = None
    refresh_expires_at: int = 0


def organization(state: Standin, id: str, name: str, token: str, **more: object) -> Organization:  # noqa: A002
    """A company page; given again, it has this token and these rights from now on, and its posts stay its own."""
    with state.lock:
        made = Organization(id, name, token, **more)  # type: ignore[arg-type]
        known = state.pages.get(id)
        if not isinstance(known, Organization):
            state.pages[id] = made
            return made
        kept = {key: getattr(known, key) for key in ("assets", "notifications", "likes", "grants")}
        vars(known).update(vars(made) | kept)
        return known


def mention(state: Standin, page: Organization, by: Person, text: str) -> dict[str, Any]:
    """A member publishes a post that names the page: only a notification tells of it."""
    with state.lock:
        share = page.new_post(state.number(), text, state.now(), None)
        notification = share._notification("SHARE_MENTION", share.id, share.at)  # noqa: SLF001  A member's post, told as ours are.
        shared = {"entity": share.id, "owner": urn_of(by), "text": text}
        notification |= {"sourcePost": share.id, "decoratedSourcePost": shared}
        notification["decoratedGeneratedActivity"] = {"share": shared}
        state.tell(page.id, notification, "", "linkedin")
        return notification


def organizations(state: Standin) -> list[Organization]:
    return [page for page in state.pages.values() if isinstance(page, Organization)]


def grant_of(state: Standin, token: str) -> tuple[Grant, list[Organization], int | None] | None:
    """The grant of a token, the pages that it reaches, and the error that it meets."""
    for page in organizations(state):
        if page.token == token:
            ended = page.expires_at and page.expires_at <= state.now()
            return Grant(token, page.scopes, page.expires_at), [page], EXPIRED if ended else page.dead
    pages = [page for page in organizations(state) if token in page.grants]
    if not pages:
        return None
    grant = pages[0].grants[token]
    return grant, pages, EXPIRED if grant.expires_at <= state.now() else None


def grants(state: Standin) -> list[Grant]:
    return [grant for page in organizations(state) for grant in page.grants.values()]


def new_grant(state: Standin, token: str, scopes: tuple[str, ...], *, keep: Grant | None = None) -> Grant:
    """Two months for every page that the member administers. A refresh keeps its own end, of a year."""
    now = int(state.now())
    grant = Grant(f"AQ-{token}", scopes, now + 2 * MONTH)
    if keep is not None:
        grant.refresh_token, grant.refresh_expires_at = keep.refresh_token, keep.refresh_expires_at
    elif any(page.refreshable for page in organizations(state)):
        grant.refresh_token, grant.refresh_expires_at = f"AQR-{token}", now + 365 * 86_400
    for page in organizations(state):
        page.grants[grant.token] = grant
    return grant


def urn_of(person: Person) -> str:
    return person.urn if isinstance(person, Organization) else f"urn:li:person:{person.id}"


def escaped(text: str) -> str:
    """Little text of a text that a person wrote in LinkedIn itself."""
    return "".join("\\" + letter if letter in RESERVED else letter for letter in text)


def content_of(comment: Comment) -> list[dict[str, Any]]:
    """What a comment shows: a sticker or a GIF is an image too."""
    return [
        {"entity": {"image": f"urn:li:image:{one.id}"}, "type": "IMAGE", "url": one.address}
        if one.kind in ("photo", "sticker", "gif")
        else {"entity": f"urn:li:digitalmediaAsset:{one.id}", "type": "VIDEO" if one.kind == "video" else "ARTICLE"}
        | {"url": one.address, "title": one.title}
        for one in comment.shown
    ]
