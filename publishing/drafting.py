"""What an officer writes, read into a post: words, pictures, link and times for each account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload, selectinload

from connectors.registry import capabilities
from models import work
from models.accounts import Account
from models.campaigns import Campaign
from models.effects import OPEN_STATES, Effect
from models.errors import Refusals, Refused
from models.media import Media
from models.people import Person
from models.posts import Post, Variant, VariantPicture
from models.scope import Action, Viewer, visible
from models.text import web_link
from models.vocabulary import LanguageException, OperationKind
from publishing.campaigns import tagged
from publishing.library import LONGEST_ALT
from publishing.preview import Sketch, sketch
from publishing.wording import worded

WINDOW, LONGEST_WINDOW = 60, 7 * 24 * 60
"""Minutes after its time in which a post may still leave: unless somebody says otherwise, and at most."""


@dataclass(frozen=True)
class Pictured:
    """A picture or a film of the library in a post, with what is said of it there to who does not see it."""

    media_id: int
    alt_text: str = ""


@dataclass(frozen=True)
class Written:
    """What one account publishes, and when if that is not when the others do."""

    text: str
    publish_at: datetime | None = None
    first_comment: str = ""
    """Written under it by the account itself, once it is out."""
    pictured: bool = True
    """Whether it shows the post's pictures."""


@dataclass(frozen=True)
class Draft:
    """What an officer writes, by the account's id. `publish_at` None: the time is given once the post is approved."""

    title: str
    variants: Mapping[int, Written]
    link: str | None = None
    """As it was typed: what a campaign adds to it is added for each account."""
    campaign_id: int | None = None
    pictures: Sequence[Pictured] = ()
    """In the order in which they are shown."""
    publish_at: datetime | None = None
    late_after_minutes: int = WINDOW
    embargo_until: datetime | None = None
    language_exception: LanguageException | None = None
    """Why something in it is in another language than French."""


def closed(account: Account) -> Refused | None:
    """Why nothing can be published on an account: `read_only`; None: it can."""
    if OperationKind.PUBLISH not in capabilities(account.network).operations:
        return Refused("read_only", field="accounts", name=account.name)
    return None


def write(session: Session, viewer: Viewer, post: Post, draft: Draft) -> None:
    """Make a post what the draft says, each account's part in place; what is published stays as it is."""
    left = {variant.account_id: variant for variant in post.variants if variant.published_at is None}
    out = {variant.account_id: variant for variant in post.variants if variant.published_at is not None}
    wrong = Refusals()
    with wrong.collect():
        if not 1 <= draft.late_after_minutes <= LONGEST_WINDOW:
            raise Refused("window_unreadable", field="late_after_minutes", most=str(LONGEST_WINDOW))
    link, campaign, accounts, pictures = None, None, dict[int, Account](), list[VariantPicture]()
    with wrong.collect():
        link = link_of(draft.link)
    with wrong.collect():
        campaign = _campaign(session, viewer, post, draft)
    with wrong.collect():
        pictures = _pictures(session, viewer, post, draft)
    with wrong.collect():
        accounts = _accounts(session, viewer, draft)
        if not draft.variants.keys() - out:
            raise Refused("no_account", field="accounts")
    wrong.say()
    shown, said = [(one.media_id, one.alt_text) for one in pictures], dict[int, _Said]()
    for id_, written in draft.variants.items():
        comment = _typed(written.first_comment) or None
        leads = tagged(link, campaign, accounts[id_])
        said[id_] = _Said(
            worded(written.text, accounts[id_], campaign), leads, shown if written.pictured else [], comment
        )
    if any(said[id_] != _Said.of(there) for id_, there in out.items() if id_ in said):
        raise Refused("post_not_editable")
    post.campaign = campaign
    post.title = draft.title.strip()[:200] or _titled(said)
    post.publish_at, post.late_after_minutes = draft.publish_at, draft.late_after_minutes
    post.embargo_until, post.language_exception = draft.embargo_until, draft.language_exception
    for account_id, variant in left.items():
        take_back(session, variant)
        if account_id not in draft.variants:
            post.variants.remove(variant)
            session.delete(variant)
    for account_id in (one for one in draft.variants if one not in out):
        if account_id not in left:
            left[account_id] = Variant(account_id=account_id, account=accounts[account_id], pictures=[])
            post.variants.append(left[account_id])
        variant, saying = left[account_id], said[account_id]
        variant.publish_at = draft.variants[account_id].publish_at
        variant.text, variant.link, variant.first_comment = saying.text, saying.link, saying.first_comment
        if saying.pictures != _Said.of(variant).pictures:
            variant.pictures.clear()
            session.flush()
            variant.pictures = [
                VariantPicture(position=place, media_id=one.media_id, media=one.media, alt_text=one.alt_text)
                for place, one in enumerate(pictures)
                if saying.pictures
            ]
    writer = session.get_one(Person, author(viewer))
    if writer not in post.contributors:
        post.contributors.append(writer)


def take_back(session: Session, variant: Variant) -> None:
    """What a variant still owed will not leave any more; refused `post_leaving` when nobody can say that."""
    if variant.effect_id is None:
        return
    effect = session.get_one(Effect, variant.effect_id, with_for_update=True)
    if effect.state in OPEN_STATES and not work.cancel(session, effect.id):
        raise Refused("post_leaving")
    variant.effect = None


@dataclass(frozen=True)
class _Said:
    """What a variant shows a reader."""

    text: str
    link: str | None
    pictures: list[tuple[int, str]]
    first_comment: str | None

    @classmethod
    def of(cls, variant: Variant) -> _Said:
        pictures = [(picture.media_id, picture.alt_text) for picture in variant.pictures]
        return cls(variant.text, variant.link, pictures, variant.first_comment)


def _pictures(session: Session, viewer: Viewer, post: Post | None, draft: Draft) -> list[VariantPicture]:
    """The pictures of a draft, in order. One that a colleague put in may be kept by who does not see it elsewhere."""
    wanted = {one.media_id for one in draft.pictures}
    if len(wanted) < len(draft.pictures):
        raise Refused("media_twice", field="pictures")
    if any(len(one.alt_text.strip()) > LONGEST_ALT for one in draft.pictures):
        raise Refused("alt_too_long", field="pictures", most=str(LONGEST_ALT))
    known = {one.media_id: one.media for variant in post.variants for one in variant.pictures} if post else {}
    statement = visible(select(Media).where(Media.id.in_(wanted)), viewer, Action.WRITE_POSTS, Media)
    known |= {media.id: media for media in session.scalars(statement)}
    if wanted - known.keys():
        raise Refused("media_unknown", field="pictures")
    return [
        VariantPicture(media_id=one.media_id, media=known[one.media_id], alt_text=one.alt_text.strip())
        for one in draft.pictures
    ]


def link_of(typed: str | None) -> str | None:
    """The address as it is kept: what people write without its scheme is meant to be secure. Refused:
    `link_invalid`.
    """
    link = (typed or "").strip()
    if not link:
        return None
    if "://" not in link:
        link = f"https://{link}"
    if web_link(link) is None or "." not in (urlsplit(link).hostname or ""):
        raise Refused("link_invalid", field="link")
    return link


def _campaign(session: Session, viewer: Viewer, post: Post | None, draft: Draft) -> Campaign | None:
    """That of a draft. One that a colleague chose may be kept by who does not see it."""
    if draft.campaign_id is None:
        return None
    if post is not None and post.campaign_id == draft.campaign_id:
        return post.campaign
    statement = select(Campaign).where(Campaign.id == draft.campaign_id)
    campaign = session.scalar(visible(statement, viewer, Action.WRITE_POSTS, Campaign))
    if campaign is None:
        raise Refused("campaign_unknown", field="campaign")
    return campaign


def _accounts(session: Session, viewer: Viewer, draft: Draft) -> dict[int, Account]:
    """The accounts of a draft, each of which can publish it."""
    statement = visible(select(Account).where(Account.id.in_(draft.variants)), viewer, Action.WRITE_POSTS, Account)
    accounts = {account.id: account for account in session.scalars(statement)}
    if draft.variants.keys() - accounts:
        raise Refused("account_unknown", field="accounts")
    for account in accounts.values():
        if (why_not := closed(account)) is not None:
            raise why_not
    return accounts


def _typed(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _titled(said: Mapping[int, _Said]) -> str:
    """Of a post that was given no title: how its words begin."""
    first = next((one.text for one in said.values() if one.text), "")
    return first.partition("\n")[0][:60].strip() or "–"


def drafted(session: Session, viewer: Viewer, post_id: int | None, draft: Draft) -> list[Sketch]:
    """What each account would show of what is being written, as far as it can be read: nothing is refused."""
    post = session.scalar(visible(whole(select(Post)).where(Post.id == post_id), viewer, Action.SEE_POSTS, Post))
    pictures, link, campaign, accounts = list[tuple[Media, str]](), None, None, dict[int, Account]()
    with suppress(Refused):
        pictures = [(one.media, one.alt_text) for one in _pictures(session, viewer, post, draft)]
    with suppress(Refused):
        link = link_of(draft.link)
    with suppress(Refused):
        campaign = _campaign(session, viewer, post, draft)
    with suppress(Refused):
        accounts = _accounts(session, viewer, draft)
    return [
        sketch(
            accounts[id_],
            worded(written.text, accounts[id_], campaign),
            link=tagged(link, campaign, accounts[id_]),
            campaign=campaign,
            pictures=pictures if written.pictured else (),
            first_comment=_typed(written.first_comment),
            publish_at=written.publish_at or draft.publish_at,
            embargo_until=draft.embargo_until,
            in_french=draft.language_exception is None,
        )
        for id_, written in draft.variants.items()
        if id_ in accounts
    ]


def whole(statement: Select[Post]) -> Select[Post]:
    return statement.options(
        joinedload(Post.author),
        joinedload(Post.campaign),
        joinedload(Post.hold),
        selectinload(Post.contributors),
        selectinload(Post.variants).options(
            joinedload(Variant.account),
            joinedload(Variant.effect),
            joinedload(Variant.comment_effect),
            selectinload(Variant.pictures).joinedload(VariantPicture.media),
        ),
    )


def author(viewer: Viewer) -> int:
    if viewer.person_id is None:
        raise Refused("people_decide")
    return viewer.person_id
