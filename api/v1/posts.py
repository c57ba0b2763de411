"""Posts of the city: written, submitted, approved by somebody else and given an hour by a person's own program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Self

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field
from sqlalchemy.orm import Session

from api.deps import Now, ReadSession, WriteSession, require
from api.v1.contract import (
    CHANGES,
    CREATES,
    LARGEST,
    NEXT_LINK,
    READS,
    READS_ONE,
    VERSION_HEADER,
    After,
    Key,
    Limit,
    Matching,
    Moment,
    Number,
    Page,
    PathId,
    Sent,
    Shown,
    changed,
    listed,
    once,
    tagged,
    version_in,
    words,
)
from api.v1.values import AccountName, Named, NotDone
from models.amendments import Amendment
from models.approving import Remark
from models.posts import Post, Variant
from models.scope import Action, Viewer
from models.vocabulary import EffectState, LanguageException, Outcome, PostState
from publishing import amending, drafting, library, planning, remarks

router = APIRouter(prefix="/posts", tags=["posts"])


class PictureShown(Shown):
    """A picture in its place, or the film: `media_id` as in `/media`."""

    media_id: int
    alt_text: str


class VariantShown(Shown):
    """The form of a post for one account, and what became of it there; `id` stays while the post is edited.

    `publish_at` is its own time (null: the post's), `published_at` the network's.
    """

    id: int
    account: AccountName
    text: str
    link: str | None
    pictures: list[PictureShown]
    first_comment: str | None
    publish_at: Moment | None
    published_at: Moment | None
    permalink: str | None
    taken_down_at: Moment | None
    """When it was taken off its network again."""
    failure: NotDone | None


class PostShown(Shown):
    """One message of the city; the title is for colleagues and is never published."""

    id: int
    title: str
    state: PostState
    campaign_id: int | None
    author: Named
    contributors: list[Named]
    publish_at: Moment | None
    late_after_minutes: int
    embargo_until: Moment | None
    """Before then it does not go out."""
    language_exception: LanguageException | None
    """Why it may say something in another language than French."""
    created_at: Moment
    version: int
    variants: list[VariantShown]


class ApprovalShown(Shown):
    """A yes or a no about the exact content whose hash it carries."""

    approved: bool
    final: bool
    """False: a yes that somebody else's must follow."""
    comment: str | None
    content_hash: str
    person: Named
    at: Moment


class Ahead(Shown):
    """How far the files are that are sent ahead of their time: `since` when the first of them was sent, `ready` once
    the network has taken in all of them, `due_at` when Parvis sends them or asks again. `outcome`: why the last try
    came to nothing.
    """

    ready: bool
    since: Moment | None
    due_at: Moment | None
    outcome: Outcome | None
    detail: str | None


class Sending(Shown):
    """Where the outward call for one account stands; `ahead` null: no file of it is sent ahead."""

    account_id: int
    state: EffectState
    due_at: Moment
    outcome: Outcome | None
    detail: str | None
    ahead: Ahead | None


class Owed(Shown):
    """Where an outward call stands."""

    state: EffectState
    outcome: Outcome | None
    detail: str | None


class AgreedTo(Shown):
    """A yes that another person must follow."""

    person: Named
    at: Moment
    answer: str | None


class AmendmentShown(Shown):
    """A change of what is out: other words, which somebody else approves, or (`text` null) that it be taken away, for a
    motive. `approved` null: nobody has answered yet. `sending` says where the outward call stands.
    """

    id: int
    variant_id: int
    before: str
    text: str | None
    motive: str | None
    content_hash: str
    person: Named
    at: Moment
    yeses: list[AgreedTo]
    approved: bool | None
    answer: str | None
    answered_by: Named | None
    answered_at: Moment | None
    effect: Owed | None


class RemarkShown(Shown):
    """What is said of a passage, as one account has it."""

    id: int
    account_id: int
    quote: str
    text: str
    person: Named
    at: Moment


class PostWhole(PostShown):
    """One post with its approvals, what is under way, and what was asked about what is out."""

    approvals: list[ApprovalShown]
    sending: list[Sending]
    amendments: list[AmendmentShown]
    remarks: list[RemarkShown]
    """Those that hold: they are over once their passage is not there any more, or when somebody says so."""

    @classmethod
    def of(cls, detail: planning.PostDetail, amendments: Sequence[Amendment], said: Sequence[Remark]) -> Self:
        accounts: dict[int, Variant] = {variant.id: variant for variant in detail.post.variants}
        return cls(
            **dict(PostShown.model_validate(detail.post)),
            approvals=[ApprovalShown.model_validate(approval) for approval in detail.approvals],
            sending=[
                Sending(
                    account_id=accounts[variant_id].account_id,
                    state=EffectState(effect.state),
                    due_at=effect.due_at,
                    outcome=Outcome(effect.outcome) if effect.outcome else None,
                    detail=effect.detail,
                    ahead=Ahead.model_validate(detail.ahead[variant_id]) if variant_id in detail.ahead else None,
                )
                for variant_id, effect in sorted(detail.effects.items())
            ],
            amendments=[AmendmentShown.model_validate(one) for one in amendments],
            remarks=[RemarkShown.model_validate(one) for one in said],
        )


def _plausible(value: datetime) -> datetime:
    if not 2000 <= value.year < 2100:
        raise ValueError("a year from 2000 to 2099")
    return value.astimezone(UTC)


Time = Annotated[AwareDatetime, AfterValidator(_plausible)]
"""With its zone."""


class NewVariant(Sent):
    """The text for one account, and its own time where it is not the post's; `pictured` false: without the pictures or
    the film.
    """

    account_id: Number
    text: Annotated[str, words(63_206)]
    publish_at: Time | None = None
    first_comment: Annotated[str, words(8_000)] = ""
    """Written under it by the account itself, once it is out."""
    pictured: bool = True


def _each_account_once(variants: list[NewVariant]) -> list[NewVariant]:
    if len({variant.account_id for variant in variants}) < len(variants):
        raise ValueError("one text for each account")
    return variants


class NewPicture(Sent):
    """A picture or a film of the library, and what is said of it to who does not see it."""

    media_id: Number
    alt_text: Annotated[str, words(library.LONGEST_ALT)] = ""


class NewPost(Sent):
    """A draft: one text for each account, one link and pictures for all. A time is approved with it, or given to it
    afterwards.
    """

    title: Annotated[str, words(200)]
    variants: Annotated[list[NewVariant], Field(max_length=200), AfterValidator(_each_account_once)]
    link: Annotated[str, words(500)] | None = None
    campaign_id: Number | None = None
    """What the campaign calls itself in links is added to the link of each account."""
    pictures: Annotated[list[NewPicture], Field(max_length=50)] = []  # noqa: RUF012  # Pydantic copies it.
    """In the order in which they are shown; or one film alone."""
    publish_at: Time | None = None
    late_after_minutes: Annotated[int, Field(ge=1, le=drafting.LONGEST_WINDOW)] = drafting.WINDOW
    embargo_until: Time | None = None
    language_exception: LanguageException | None = None

    def draft(self) -> drafting.Draft:
        """As the trade writes it."""
        return drafting.Draft(
            title=self.title,
            variants={
                one.account_id: drafting.Written(one.text, one.publish_at, one.first_comment, one.pictured)
                for one in self.variants
            },
            link=self.link,
            campaign_id=self.campaign_id,
            pictures=[drafting.Pictured(one.media_id, one.alt_text) for one in self.pictures],
            publish_at=self.publish_at,
            late_after_minutes=self.late_after_minutes,
            embargo_until=self.embargo_until,
            language_exception=self.language_exception,
        )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"title": "Collecte", "variants": [{"account_id": 1, "text": "Collecte jeudi."}]}]
        }
    )


class Judgement(Sent):
    """What the approver says; sending back needs a reason."""

    comment: Annotated[str, words(4000)] = ""


class NewRemark(Sent):
    """Something to be said of a passage that stands in the words of one account."""

    account_id: Number
    quote: Annotated[str, words(remarks.LONGEST_QUOTE)]
    text: Annotated[str, words(remarks.LONGEST)]


class NewWords(Sent):
    """Other words for what is out on one account."""

    variant_id: Number
    text: Annotated[str, words(63_206)]


class Answer(Sent):
    """What the approver says of other words; no needs a reason."""

    approved: bool
    answer: Annotated[str, words(amending.LONGEST)] = ""


class TakingDown(Sent):
    """Why what is out on one account is taken off its network."""

    variant_id: Number
    motive: Annotated[str, words(amending.LONGEST)]


class NewTime(Sent):
    """When it goes out; null: at the times that were approved with it. `despite_hold`: an emergency pause does not hold
    it, where the person may pause.
    """

    publish_at: Time | None
    despite_hold: bool = False

    model_config = ConfigDict(json_schema_extra={"examples": [{"publish_at": "2026-11-02T09:00:00-05:00"}]})


Writer = Annotated[Viewer, require(Action.WRITE_POSTS)]
Approver = Annotated[Viewer, require(Action.APPROVE_POSTS)]
CHANGED = {200: {"headers": VERSION_HEADER}, **CHANGES}


@router.get("", operation_id="listPosts", responses={200: {"headers": NEXT_LINK}, **READS})
def posts(
    request: Request,
    response: Response,
    session: ReadSession,
    viewer: Annotated[Viewer, require(Action.SEE_POSTS)],
    state: PostState | None = None,
    campaign: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
    limit: Limit = 50,
    after: After = None,
) -> Page[PostShown]:
    """Posts, newest first."""
    shown, following = planning.posts(session, viewer, state=state, campaign_id=campaign, after=after, limit=limit)
    return listed(request, response, [PostShown.model_validate(row) for row in shown], following)


@router.get("/{post_id}", operation_id="getPost", responses={200: {"headers": VERSION_HEADER}, **READS_ONE})
def one(
    post_id: PathId,
    response: Response,
    session: ReadSession,
    viewer: Annotated[Viewer, require(Action.SEE_POSTS)],
) -> PostWhole:
    """One post with its approvals, and where it stands on each account."""
    return _shown(session, response, viewer, post_id)


@router.post("", status_code=201, operation_id="createPost", responses={201: {"headers": VERSION_HEADER}, **CREATES})
def create(
    body: NewPost, response: Response, session: WriteSession, viewer: Writer, now: Now, key: Key = None
) -> PostWhole:
    """Keep a new draft, as the person who is signed in."""

    def make() -> int:
        return planning.create(session, viewer, body.draft(), now=now).id

    post_id = once(session, viewer.person_id, key, "createPost", body, make, now=now)
    response.headers["Location"] = f"/api/v1/posts/{post_id}"
    return _shown(session, response, viewer, post_id)


@router.put("/{post_id}", operation_id="editPost", responses=CHANGED)
def edit(
    post_id: PathId,
    body: NewPost,
    response: Response,
    session: WriteSession,
    viewer: Writer,
    now: Now,
    matching: Matching = None,
) -> PostWhole:
    """Write it anew; variants stay those of their accounts, and any approval of other content is void."""
    version = version_in(matching)
    return _after(
        lambda: planning.edit(session, viewer, post_id, body.draft(), version=version, now=now),
        session,
        response,
        viewer,
    )


@router.post("/{post_id}/submit", operation_id="submitPost", responses=CHANGED)
def submit(
    post_id: PathId, response: Response, session: WriteSession, viewer: Writer, now: Now, matching: Matching = None
) -> PostWhole:
    """Ask for approval."""
    version = version_in(matching)
    return _after(
        lambda: planning.submit(session, viewer, post_id, version=version, now=now), session, response, viewer
    )


@router.post("/{post_id}/approve", operation_id="approvePost", responses=CHANGED)
def approve(
    post_id: PathId,
    response: Response,
    session: WriteSession,
    viewer: Approver,
    now: Now,
    body: Judgement | None = None,
    matching: Matching = None,
) -> PostWhole:
    """Say yes to this exact content; never to one's own."""
    return _judge(post_id, body, response, session, viewer, matching, approved=True, now=now)


@router.post("/{post_id}/send-back", operation_id="sendPostBack", responses=CHANGED)
def send_back(
    post_id: PathId,
    body: Judgement,
    response: Response,
    session: WriteSession,
    viewer: Approver,
    now: Now,
    matching: Matching = None,
) -> PostWhole:
    """Say no, and why."""
    return _judge(post_id, body, response, session, viewer, matching, approved=False, now=now)


@router.post("/{post_id}/schedule", operation_id="schedulePost", responses=CHANGED)
def schedule(
    post_id: PathId,
    body: NewTime,
    response: Response,
    session: WriteSession,
    viewer: Writer,
    now: Now,
    matching: Matching = None,
) -> PostWhole:
    """Give an approved post its time."""
    version = version_in(matching)
    return _after(
        lambda: planning.schedule(
            session, viewer, post_id, body.publish_at, version=version, now=now, despite_hold=body.despite_hold
        ),
        session,
        response,
        viewer,
    )


@router.post("/{post_id}/unschedule", operation_id="unschedulePost", responses=CHANGED)
def unschedule(
    post_id: PathId, response: Response, session: WriteSession, viewer: Writer, now: Now, matching: Matching = None
) -> PostWhole:
    """Take a scheduled post back; refused once a part of it is on its way."""
    version = version_in(matching)
    return _after(
        lambda: planning.unschedule(session, viewer, post_id, version=version, now=now), session, response, viewer
    )


@router.post("/{post_id}/remarks", operation_id="remarkOnPost", responses=CHANGED)
def remark(
    post_id: PathId, body: NewRemark, response: Response, session: WriteSession, viewer: Approver, now: Now
) -> PostWhole:
    """Say something of a passage."""
    remarks.add(session, viewer, post_id, body.account_id, body.quote, body.text, now=now)
    return _shown(session, response, viewer, post_id)


@router.post("/{post_id}/amendments", operation_id="amendPost", responses=CHANGED)
def amend(
    post_id: PathId,
    body: NewWords,
    response: Response,
    session: WriteSession,
    viewer: Writer,
    now: Now,
    matching: Matching = None,
) -> PostWhole:
    """Ask for other words where a post is out already."""
    version = version_in(matching)
    changed(lambda: amending.propose(session, viewer, post_id, body.variant_id, body.text, version=version, now=now))
    return _shown(session, response, viewer, post_id)


@router.post("/{post_id}/amendments/{amendment_id}/answer", operation_id="answerAmendment", responses=CHANGED)
def answer(
    post_id: PathId,
    amendment_id: PathId,
    body: Answer,
    response: Response,
    session: WriteSession,
    viewer: Approver,
    now: Now,
    matching: Matching = None,
) -> PostWhole:
    """Say yes to these very words, or no and why; never to one's own."""
    version, said = version_in(matching), body.answer
    changed(
        lambda: amending.judge(
            session, viewer, post_id, amendment_id, approved=body.approved, comment=said, version=version, now=now
        )
    )
    return _shown(session, response, viewer, post_id)


@router.post("/{post_id}/take-down", operation_id="takePostDown", responses=CHANGED)
def take_down(
    post_id: PathId,
    body: TakingDown,
    response: Response,
    session: WriteSession,
    viewer: Annotated[Viewer, require(Action.TAKE_DOWN_POSTS)],
    now: Now,
    matching: Matching = None,
) -> PostWhole:
    """Take it off one network, for good; what it said is kept here."""
    version, of = version_in(matching), (body.variant_id, body.motive)
    changed(lambda: amending.take_down(session, viewer, post_id, *of, version=version, now=now))
    return _shown(session, response, viewer, post_id)


def _judge(
    post_id: int,
    body: Judgement | None,
    response: Response,
    session: Session,
    viewer: Viewer,
    matching: str | None,
    *,
    approved: bool,
    now: datetime,
) -> PostWhole:
    version, comment = version_in(matching), body.comment if body else ""
    return _after(
        lambda: planning.judge(session, viewer, post_id, approved=approved, comment=comment, version=version, now=now),
        session,
        response,
        viewer,
    )


def _after(change: Callable[[], Post], session: Session, response: Response, viewer: Viewer) -> PostWhole:
    post = changed(change)
    session.flush()
    return _shown(session, response, viewer, post.id)


def _shown(session: Session, response: Response, viewer: Viewer, post_id: int) -> PostWhole:
    detail = planning.detail(session, viewer, post_id)
    tagged(response, detail.post.version)
    asked, (said, _) = amending.amendments(session, detail.post), remarks.remarks(session, detail.post)
    return PostWhole.of(detail, asked, said)
