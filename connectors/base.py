"""The contract of a social network: one network is one folder with its descriptor, and one line of the registry.

All values are frozen and aware of time zones (UTC). Connectors hold no state that matters: cursors go out and come
back as opaque strings, and what was done is known by reading the network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from connectors.limits import Limit
from models.errors import FarSideError
from models.vocabulary import AttachmentKind, CommentKind, MediaKind, OperationKind, PostKind, PublicationForm


@dataclass(frozen=True)
class AccountRef:
    """One account of the city, as a connector needs it. The token never appears in `repr`."""

    network: str
    """The name of its descriptor."""
    external_id: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Capabilities:
    """What can be done on this account; `why_not` gives a reason code for what cannot, other than `not_supported`."""

    operations: frozenset[OperationKind]
    why_not: Mapping[OperationKind, str] = field(default_factory=dict)
    longest_text: int = 0
    """Characters of a publication; 0 where nothing is published."""
    longest_reply: int = 0
    """Characters of a reply to a comment; 0 where none is given."""
    longest_message: int = 0
    """Characters of a private message; 0 where none is answered."""
    private_days: int = 0
    """How long after a comment its author can be written to in private, once."""
    answer_hours: int = 0
    """How long after what somebody wrote in private they can be answered."""
    person_days: int = 0
    """How long a person, and no machine, can still answer them."""
    media: frozenset[MediaKind] = frozenset()
    most_photos: int = 0
    needs_media: bool = False
    """A text alone cannot be published."""
    ratios: tuple[float, float] | None = None
    """The highest and the widest picture that is shown, as width by height; None: any."""
    film_seconds: tuple[float, float] | None = None
    """How long a film may be, at least and at most; None: nobody says."""
    film_megabytes: int | None = None
    """How heavy a film may be; None: nobody says."""
    film_ratios: tuple[float, float] | None = None
    """The highest and the widest film that is taken, as width by height; None: any."""
    most_hashtags: int | None = None
    fold: tuple[int, int] | None = None
    """After how many characters a post is folded ("see more"), on a telephone and on a desktop; None: it is not."""
    links: bool = True
    """Whether an address in the words can be followed."""
    reads_links: bool = False
    """What the page behind a link says of itself, its picture too, is shown under the words."""
    card_headline: int | None = None
    """How many characters of a post's first line stand as the title of its link's card; None: the page's own title."""
    carousel: bool = False
    """Several pictures are shown one at a time, in the shape of the first."""


@dataclass(frozen=True)
class Health:
    """What the network says of the token. `missing` names permissions that the work needs and the token lacks."""

    valid: bool
    reason: str | None = None
    expires_at: datetime | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class PostSeen:
    """A post of the city (or one it is mentioned in) under which citizens write."""

    external_id: str
    text: str | None
    permalink: str | None
    created_at: datetime | None
    kind: PostKind = PostKind.POST
    comments: int | None = None
    """How many comments the network counts under it, hidden ones included; None: it did not say."""
    ad: AdSeen | None = None
    visitor: bool = False
    """Somebody else's, on the account's own page."""

    @property
    def has_thread(self) -> bool:
        """Whether what stands under it is for the account to read; of most posts of others it is not."""
        return self.kind is not PostKind.MENTIONING or self.visitor


@dataclass(frozen=True)
class AdSeen:
    """An advertisement, bought elsewhere: its ids, and what it cost so far (None: the token may not read it)."""

    ad_id: str
    campaign_id: str | None
    spend: Decimal | None
    currency: str | None


@dataclass(frozen=True)
class AttachmentSeen:
    """What stands in a comment beside its words. Addresses are the network's, and expire; None: it told none.

    `address` is where a person sees it, `picture` where a still picture of it can be fetched (`connectors.pictures`).
    `description` is what the network says of it: its alternative text, its title.
    """

    kind: AttachmentKind
    external_id: str | None = None
    address: str | None = None
    picture: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class CommentSeen:
    """One observation of a comment: a pull read it, or a webhook said that it was added or edited.

    `source` is "add", "edit" or "pull". `said_at` is the time that the network writes in the observation (for an
    edit, networks disagree whether it is the creation or the edit); `seen_at` is when it was noticed: a webhook's
    entry time, or the moment *before* the request that read it. `text` None means that the network did not say
    (field missing), "" that the comment has no text (a photo alone). None in another field: the network did not say.
    """

    external_id: str
    source: str
    seen_at: datetime
    said_at: datetime | None = None
    post_external_id: str | None = None
    parent_external_id: str | None = None
    author_external_id: str | None = None
    author_name: str | None = None
    text: str | None = None
    permalink: str | None = None
    hidden: bool | None = None
    by_account: bool = False
    """Written by the city's own account."""
    kind: CommentKind = CommentKind.COMMENT
    rating: int | None = None
    """Of a review: 1 to 5; a recommendation is 5, its contrary 1."""
    attachments: tuple[AttachmentSeen, ...] | None = None
    """In their order; None: the network did not say whether there is any."""


@dataclass(frozen=True)
class CommentRemoved:
    """A comment is not there any more; it may come before its own add."""

    external_id: str
    at: datetime
    post_external_id: str | None = None


@dataclass(frozen=True)
class VisibilityChanged:
    """A comment was hidden or shown again, by us, by the network, or by somebody in its own application."""

    external_id: str
    hidden: bool
    at: datetime
    post_external_id: str | None = None
    by_account: bool = False
    """The network says that the account itself did it: Parvis, or somebody in the network's own application."""


@dataclass(frozen=True)
class MessageSeen:
    """One private message, or that its author took it back (`taken_back`); a webhook or a pull told of it.

    `conversation` is the connector's own name of all that the account and one person write to each other; what is
    written there (`OperationKind.MESSAGE`) has it as its target. None in a field: the network did not say.
    """

    conversation: str
    external_id: str
    seen_at: datetime
    said_at: datetime | None = None
    by_account: bool = False
    """Written by the account: by Parvis, by somebody in the network's own application, or by an answering machine."""
    person_external_id: str | None = None
    person_name: str | None = None
    """The one who is not the account, whoever wrote."""
    text: str | None = None
    attachments: tuple[AttachmentSeen, ...] = ()
    taken_back: bool = False


@dataclass(frozen=True)
class MessagesMarked:
    """The person of a conversation received, or has seen, all that was written to them until then."""

    conversation: str
    delivered_until: datetime | None = None
    seen_until: datetime | None = None


Talk = MessageSeen | MessagesMarked
"""What is told of private conversations."""


@dataclass(frozen=True)
class Unreadable:
    """One change that could not be understood: it is kept alone, and the rest of its batch goes on."""

    reason: str
    raw: str

    @classmethod
    def of(cls, reason: str, raw: object) -> Unreadable:
        """As much of it as is kept: 4,000 characters of JSON in ASCII."""
        return cls(reason, json.dumps(raw)[:4000])


Public = CommentSeen | CommentRemoved | VisibilityChanged | PostSeen | Unreadable
Change = Public | Talk


@dataclass(frozen=True)
class Event:
    """One change of a webhook body, and the account that it is about (None: the body did not say)."""

    account_external_id: str | None
    change: Change
    network: str | None = None
    """Where networks of one company post to one address: whose change it is. None: the address's own network."""


@dataclass(frozen=True)
class Usage:
    """How much of the network's budget is spent, in percent, and when calls may go on (None: now)."""

    percent: float
    resume_at: datetime | None


@dataclass(frozen=True)
class ThreadRead:
    """The thread under a post was read whole, from its first comment to its last, by a reading that began at
    `began_at`: what was there before then and was not met since is suspected to be gone (`Network.probe` decides).
    """

    post_external_id: str
    began_at: datetime


@dataclass(frozen=True)
class Progress:
    """How far the round is, in posts; `total` grows while they are still being listed."""

    done: int
    total: int


@dataclass(frozen=True)
class Page:
    """One step of a pull: store `posts` and `comments` with `cursor` in one transaction; call again while `more`.

    `calls` is how many requests this step made; `threads` the threads whose whole reading ended in it. With `more`
    False, `whole` says whether the round came to the end of all that it read; if not, nobody knows what is missing.

    `error`: one thread or source failed, and the cursor remembers it; like an error that is raised it ends the pull,
    which is tried again later. `missing`: permissions for whose lack single threads were passed over. `proven`, at
    the end of a round: those that its calls needed and had.

    `older` are posts that were read once and that no later round lists; while `backfilling`, more of them are to come,
    and nothing is claimed.
    """

    posts: tuple[PostSeen, ...]
    comments: tuple[CommentSeen, ...]
    cursor: str
    more: bool
    calls: int
    usage: Usage | None = None
    threads: tuple[ThreadRead, ...] = ()
    progress: Progress | None = None
    whole: bool = True
    error: FarSideError | None = None
    missing: tuple[str, ...] = ()
    older: tuple[PostSeen, ...] = ()
    backfilling: bool = False
    proven: frozenset[str] = field(default=frozenset(), compare=False)


@dataclass(frozen=True)
class Talks:
    """One step of reading private conversations: store `messages` with `cursor` in one transaction; call again while
    `more`. `history`: they are of the first round, so that what the account answered since was answered there.
    """

    messages: tuple[MessageSeen, ...]
    cursor: str
    more: bool
    calls: int
    usage: Usage | None = None
    history: bool = False
    proven: frozenset[str] = field(default=frozenset(), compare=False)


@dataclass(frozen=True)
class Operation:
    """One act on `target` (`OperationKind` says what that is). `text` is the reply's, or the post's new words."""

    kind: OperationKind
    target: str
    text: str | None = None


@dataclass(frozen=True)
class Publication:
    """One message to publish on one account."""

    text: str
    link: str | None = None
    media: tuple[Media, ...] = ()
    form: PublicationForm = PublicationForm.POST


@dataclass(frozen=True)
class Media:
    """A file to publish. `url` is where the network itself can fetch it, for those that do; None: nowhere."""

    kind: MediaKind
    path: Path
    mime: str
    alt_text: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Prepared:
    """What a network gave for the files of a publication that were sent ahead of its time: nobody sees them.

    `things` are its own names for them, in an order of the connector's. `ready` False: the network is still at work on
    them. The rest is as in `Receipt`.
    """

    things: tuple[str, ...]
    ready: bool = True
    resume_at: datetime | None = None
    proven: frozenset[str] = field(default=frozenset(), compare=False)


@dataclass(frozen=True)
class PostCounts:
    """Counts since the post was published; None: the network does not say."""

    reach: int | None = None
    views: int | None = None
    reactions: int | None = None
    comments: int | None = None
    shares: int | None = None
    clicks: int | None = None


@dataclass(frozen=True)
class Figures:
    """What the network counts now, for the account and for the posts asked about (a post that is gone is absent)."""

    followers: int | None
    posts: Mapping[str, PostCounts]


@dataclass(frozen=True)
class Receipt:
    """Proof that something is on the network. `remote_id` is the id of what now exists (reply, post), or of the
    target for an act that creates nothing (hide). `resume_at`: it is there, and the network asked right after it that
    nothing be called before then. `proven`: permissions that its calls needed, and so had.
    """

    remote_id: str
    permalink: str | None = None
    at: datetime | None = None
    resume_at: datetime | None = None
    proven: frozenset[str] = field(default=frozenset(), compare=False)


@dataclass(frozen=True)
class Told:
    """What the network tells us by itself. `told` False: nothing, or nobody here could check its signature; then all is
    learned by reading. `refused`: what it does not tell of although it was asked, as it calls that; "app:…" where the
    application's own settings are what lacks.
    """

    told: bool
    refused: tuple[str, ...] = ()


class Network(Protocol):
    """One account on one network. Every method may raise the errors of `models.errors`, and nothing else."""

    def health(self) -> Health:
        """Ask the network about the token. A dead token is an answer (`valid=False`), not an error."""

    def pull(self, cursor: str | None, budget: int) -> Page:
        """Read the next comments, oldest first, with at most `budget` requests. `cursor` None: from the start."""

    def converse(self, cursor: str | None, budget: int) -> Talks:
        """Read what was written in private since, with at most `budget` requests. `cursor` None: of the last days.

        `Rejected("not_supported")`: what `capabilities` does not promise (`OperationKind.MESSAGE`).
        """

    def probe(self, comment: str) -> CommentSeen:
        """Read one comment. `Gone`: it is not there any more, or cannot be seen."""

    def apply(self, operation: Operation, key: str) -> Receipt:
        """Do it, once. `key` names this effect in logs (no network accepts one). Lost answer: `Ambiguous`.

        `Rejected("not_supported")`: what `capabilities` does not promise.
        """

    def prepare(self, publication: Publication, so_far: Prepared | None = None) -> Prepared:
        """Send its files ahead, so that `publish` is one call; `so_far` is what an earlier call gave, not ready
        yet: then no file is read. Sending all of it again harms nothing: a lost answer is `Transient`.

        `Rejected`: what `publish` would say of the files; `not_supported` where `Descriptor.kept` is None.
        """

    def publish(self, publication: Publication, key: str, prepared: Prepared | None = None) -> Receipt:
        """Publish now. Lost answer of the step that makes it public: `Ambiguous`; of a step before it (an upload, a
        container): `Transient`, since nothing can be seen and nothing needs to be taken back.

        With `prepared`, which is ready, that step is the first call, and the files are not looked at.
        `Rejected("prepared_gone")`: it is not there any more, or stands in another publication already.
        """

    def find(self, sought: Operation | Publication, since: datetime, taken: Collection[str]) -> Receipt | None:
        """Was it applied? Read the network and match by normalised text since `since`, leaving out the remote ids in
        `taken` (already bound to other effects). None: it is not there now. Reading failed: the usual errors; `Gone`
        where what words were written under cannot be read any more, which says nothing of them.
        """

    def figures(self, posts: Sequence[str]) -> Figures:
        """What the network counts for the account and for these posts of it."""

    def listen(self) -> Told:
        """Ask the network to tell us what happens on the account (webhooks); asked again, it changes nothing."""


@dataclass(frozen=True)
class Challenge:
    """What is answered to a network that asks whether an address is ours."""

    body: str
    content_type: str


class Webhook(Protocol):
    """What a network posts to us."""

    def challenge(self, asked: Mapping[str, str]) -> Challenge | None:
        """The answer to the network's question (its query string). None: it is not the network that asks."""

    def authentic(self, headers: Mapping[str, str], raw: bytes) -> bool:
        """Whether the signature over the raw bytes is right (header names in lower case)."""

    def parse(self, raw: bytes) -> tuple[Event, ...]:
        """The changes of one body, in its order. A part that cannot be understood becomes `Unreadable`; a body that
        is not JSON at all raises ValueError.
        """


@dataclass(frozen=True)
class Offered:
    """An account that the person who consented may connect. The tokens never appear in `repr`.

    `expires_at` None: the token has no end. `missing` names permissions that the work needs and that were not given.
    """

    network: str
    external_id: str
    name: str
    token: str = field(repr=False)
    expires_at: datetime | None
    missing: tuple[str, ...]
    refresh_token: str | None = field(repr=False, default=None)
    refresh_expires_at: datetime | None = None


class Consent(Protocol):
    """How a person connects accounts of the city: the network's own dialog, then an exchange of its code (OAuth 2)."""

    def address(self, *, redirect_uri: str, state: str, verifier: str) -> str:
        """Where the browser is sent. `verifier` is the PKCE secret; a network without PKCE leaves it out."""

    def exchange(self, *, code: str, redirect_uri: str, verifier: str) -> tuple[Offered, ...]:
        """The accounts that may be connected. `Rejected`: the network refuses the code (used, expired, not ours)."""

    def refresh(self, account: AccountRef, refresh_token: str | None) -> Offered | None:
        """A newer token for this account, without a person. None: this network or this token cannot; a person must
        consent again. The old token stays good until the caller has stored the new one.
        """


def headline(text: str, longest: int) -> str | None:
    """The first line of a text that says something, of at most `longest` characters; None: there is none."""
    first = next((line.strip() for line in text.splitlines() if line.strip()), None)
    return first if first is None or len(first) <= longest else first[: longest - 1].rstrip() + "…"


def setting(
    name: str, default: Any = None, *, read: Callable[[Any], Any] = lambda value: value, secret: bool = False
) -> Any:
    """A field of a class of settings that each installation gives, as `PARVIS_<NAME>`; or that the house gives under
    that name (`home`, `outward`). `read` makes its value of the text; ValueError says what it must be, marked by `N_`.
    """
    return field(default=default, repr=not secret, metadata={"setting": name, "read": read})


@dataclass(frozen=True)
class Permission:
    """A permission of a network's, by what is not done without it: a sentence marked by `N_`."""

    lack: str
    reads: bool = False
    """Without it some comments, or all, are not read."""


S = TypeVar("S")


@dataclass(frozen=True)
class Descriptor(Generic[S]):
    """All that the rest of the house knows about one network. `S` is the class of its settings; networks of one company
    share it.
    """

    name: str
    """What is stored and asked for: small letters and underscores, at most 20."""
    label: str
    """As people read it; marked by `N_`."""
    icon: str
    """One or two letters, white on `colour`."""
    colour: str
    """Like "#0a5c94"; white letters on it have a contrast of 4.5 or more."""
    settings: type[S]
    capabilities: Capabilities
    """The same on all its accounts, so that no token is needed to say it."""
    permissions: Mapping[str, Permission]
    """All that may be missing, by the network's own names."""
    words: Callable[[Publication], str] = field(default=lambda publication: publication.text, kw_only=True)
    """What stands in the words of a publication: a link too, where nothing else shows it."""
    length: Callable[[str], int] = field(default=len, kw_only=True)
    """How the network counts the characters of a text, as `longest_text` and `longest_reply` mean them."""
    limits: Mapping[str, Limit] = field(default_factory=dict, kw_only=True)
    """Where the numbers of `capabilities` were read."""
    open: Callable[[S, AccountRef], Network]
    """Nothing is called yet. An instance serves one thread at a time."""
    pull_every: timedelta = timedelta(0)
    """The shortest wait between two rounds, where calls are counted by the day and nobody says how many are left."""
    settle: timedelta = timedelta(seconds=15)
    """How soon after a lost answer its listing is read to see whether the act was applied, and how long between two
    readings.
    """
    reads: int = 3
    """Readings that must all find nothing before it is done again."""
    patience: timedelta = timedelta(minutes=10)
    """How long words that its listing does not show may still appear: a reply was seen to be listed after two minutes.
    """
    kept: timedelta | None = None
    """How long files that were sent ahead of a publication (`Network.prepare`) can be published; None: none are."""
    route: str | None = None
    """The end of its address, `/webhooks/…`; networks of one company share it. None: it posts nothing."""
    webhook: Callable[[S], Webhook] | None = None
    """What understands all that comes to `route`. Without a secret in the settings no body is authentic."""
    pictures: tuple[str, ...] = ()
    """Ends of the names of the hosts where it keeps the pictures of comments; none is fetched from elsewhere. Where
    there are any, its settings have the `base_url` that it is spoken to at.
    """
    consent: Callable[[S], Consent] | None = None
    """Raises NotFound where the city's application is not in the settings."""
    coverage: str | None = None
    """What is said of an account that was read to the end, where that is not all comments: a sentence with a place for
    `%(moment)s`, marked by `N_`.
    """
    dead: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Reasons of its own for which a token does not work (`Health.reason`): why, and what to do, marked by `N_`."""
    caution: str | None = None
    """What whoever adds an account by hand is told before, marked by `N_`."""
    justification: Callable[[S], str] | None = None
    """Who allowed it to be read, where the network itself does not: the journal keeps it. `Refused`: the settings do
    not say.
    """
