"""The city's posts: written, submitted, approved by somebody else, given their hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from api import account_words, i18n
from api.deps import Installation, Now, ReadSession, Sent, WriteSession, require, whole
from api.pages import render
from api.web.accounts import alarm_values
from api.web.media import limits
from api.web.queue import Words
from api.wiring import Parvis
from connectors.registry import capabilities
from models.accounts import Account
from models.campaigns import Campaign
from models.errors import NotFound, Refused
from models.figures import COUNTS
from models.media import Media
from models.people import resets
from models.posts import Post
from models.scope import Action, Viewer, visible
from models.templates import FRENCH, MessageTemplate
from models.vocabulary import TAKE_BACK, LanguageException, PostState
from publishing import (
    amending,
    approval,
    campaigns,
    checks,
    drafting,
    holding,
    library,
    links,
    news,
    planning,
    remarks,
    timing,
    urgent,
)
from publishing import steps as approving
from publishing.amending import ACTS
from publishing.campaigns import untagged
from publishing.checks import Finding
from publishing.preview import Sketch, of_variant
from publishing.wall import instant
from publishing.wording import unsigned

router = APIRouter(prefix="/publications", include_in_schema=False)

Reader = Annotated[Viewer, require(Action.SEE_POSTS)]
Writer = Annotated[Viewer, require(Action.WRITE_POSTS)]
Approver = Annotated[Viewer, require(Action.APPROVE_POSTS)]
Urgent = Annotated[Viewer, require(Action.PUBLISH_URGENT)]

ORDER = (
    PostState.TO_REVIEW,
    PostState.SUBMITTED,
    PostState.DRAFT,
    PostState.APPROVED,
    PostState.SCHEDULED,
    PostState.PUBLISHED,
)
"""What waits for somebody comes first."""

Version = Annotated[int, Form()]
AUTOSAVE = "parvis-autosave"
"""Sent with what a page keeps by itself while somebody types."""


def _draft(form: FormData, chosen: list[str], zone: ZoneInfo) -> drafting.Draft:
    """One text and one time for all the chosen accounts, or an account's own where they were written."""

    def field(name: str) -> str:
        value = form.get(name, "")
        return value.replace("\0", "").replace("\r\n", "\n") if isinstance(value, str) else ""

    def time(name: str) -> datetime | None:
        return instant(field(name), zone, field=name) if field(name) else None

    accounts = [number for one in chosen if (number := whole(one)) is not None]
    window = field("late_after_minutes") or str(drafting.WINDOW)
    return drafting.Draft(
        title=field("title"),
        variants={
            account: drafting.Written(
                field(f"text-{account}").strip() or field("text"),
                time(f"publish_at-{account}"),
                first_comment=field(f"first_comment-{account}"),
                pictured=not field(f"bare-{account}"),
            )
            for account in accounts
        },
        link=field("link") or None,
        pictures=[drafting.Pictured(id_, field(f"alt-{id_}")) for id_ in _picked(form)],
        campaign_id=whole(field("campaign")),
        publish_at=time("publish_at"),
        late_after_minutes=whole(window) or 0,
        embargo_until=time("embargo_until"),
        language_exception=_exception(field("language_exception")),
    )


def _exception(said: str) -> LanguageException | None:
    if said and said not in set(LanguageException):
        raise Refused("exception_unknown", field="language_exception")
    return LanguageException(said) if said else None


def _picked(form: FormData) -> list[int]:
    """Ids of pictures, in their order."""
    return [id_ for one in form.getlist("pictures") if (id_ := whole(str(one))) is not None]


def day_of(said: str) -> date | None:
    """The day that an address or a form names ("2026-11-30"); None: it names none, or one that nobody works on."""
    try:
        day = date.fromisoformat(said)
    except ValueError:
        return None
    return day if 2000 <= day.year < 2100 else None


def _wall(at: datetime | None, zone: ZoneInfo) -> str:
    """A moment as a form's field shows it; the inverse of `instant`."""
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if at else ""


# ------------------------------------------------------------------------------------------------- looking
@router.get("")
def show_posts(request: Request, viewer: Reader, parvis: Installation, session: ReadSession, now: Now) -> Response:
    """Every post that the viewer may see, by state; those of the last while."""
    found, _ = planning.posts(session, viewer)
    groups = [(state, [post for post in found if post.state == state]) for state in ORDER]
    return render(
        request,
        "posts/list.html",
        groups=[(state, some) for state, some in groups if some],
        holds=holding.live(session, viewer),
        unread=urgent.unread(session, viewer),
        news=parvis.settings.news_url is not None and viewer.may(Action.WRITE_POSTS),
        today=now.astimezone(parvis.settings.zone).date(),
        may_write=viewer.may(Action.WRITE_POSTS),
        may_sign=viewer.may_on(Action.WRITE_POSTS, borough_id=None, account_id=None),
        may_set_steps=viewer.may_on(Action.SET_STEPS, borough_id=None, account_id=None),
        **alarm_values(parvis, session, viewer),
    )


@router.get("/nouvelle")
def show_new(
    request: Request,
    viewer: Writer,
    session: ReadSession,
    now: Now,
    campagne: str = "",
    jour: str = "",
    gabarit: str = "",
    communique: str = "",
) -> Response:
    """An empty composer; `campagne` and `jour` say for which campaign and day, `gabarit` and `communique` which ready
    text or piece of news to begin with.
    """
    at = f"{day}T09:00" if (day := day_of(jour)) else ""
    said = {"campaign": campagne, "publish_at": at}
    ready, starters = urgent.ready(session, FRENCH), urgent.ready(session, FRENCH, urgent.STARTERS)
    if (chosen := next((one for one in (*ready, *starters) if one.code == gabarit), None)) is not None:
        said |= {"title": chosen.title or "", "text": chosen.body}
    if (entry_id := whole(communique)) is not None:
        piece = news.entry(session, entry_id)
        said |= {"title": piece.title, "text": news.words_of(piece), "link": piece.link or "", "communique": communique}
    return _composer(request, session, viewer, None, said, now=now, ready=ready, starters=starters)


@router.get("/{post_id}")
def show_post(
    request: Request, viewer: Reader, parvis: Installation, session: ReadSession, now: Now, post_id: int
) -> Response:
    """One post, exactly as it goes out, and what can be done with it."""
    return post_page(request, parvis, session, viewer, post_id, now=now)


@router.get("/{post_id}/modifier")
def show_edit(
    request: Request, viewer: Writer, parvis: Installation, session: ReadSession, now: Now, post_id: int
) -> Response:
    """The composer with what was written."""
    post = planning.detail(session, viewer, post_id).post
    if post.state not in planning.EDITABLE:
        raise Refused("post_not_editable")
    zone = parvis.settings.zone
    left = [variant for variant in post.variants if variant.published_at is None]
    texts = {variant.account_id: unsigned(variant.text, variant.account) for variant in left}
    common = texts[left[0].account_id]
    values: dict[str, Any] = {"title": post.title, "text": common, "link": untagged(post) or ""}
    values |= {"campaign": str(post.campaign_id or "")}
    values |= {"publish_at": _wall(post.publish_at, zone), "late_after_minutes": post.late_after_minutes}
    values |= {"embargo_until": _wall(post.embargo_until, zone), "language_exception": post.language_exception or ""}
    values |= {f"text-{account_id}": text for account_id, text in texts.items() if text != common}
    values |= {f"publish_at-{variant.account_id}": _wall(variant.publish_at, zone) for variant in left}
    values |= {f"first_comment-{variant.account_id}": variant.first_comment or "" for variant in left}
    shown = next((variant.pictures for variant in left if variant.pictures), [])
    values |= {f"bare-{variant.account_id}": "1" for variant in left if shown and not variant.pictures}
    pictures = [(one.media, one.alt_text) for one in shown]
    chosen = [str(variant.account_id) for variant in left]
    return _composer(request, session, viewer, post, values, chosen=chosen, pictures=pictures, now=now)


# ------------------------------------------------------------------------------------------------- writing
@router.post("")
def create(request: Request, viewer: Writer, parvis: Installation, now: Now, form: Sent) -> Response:
    """Keep a new draft; a refused one comes back as it was written."""
    chosen = [str(one) for one in form.getlist("accounts")]
    try:
        draft = _draft(form, chosen, parvis.settings.zone)
        with parvis.database.write() as session:
            post = planning.create(session, viewer, draft, now=now)
            session.flush()
            if (entry_id := whole(str(form.get("communique", "")))) is not None:
                news.take(session, entry_id, post.id)
    except Refused as error:
        with parvis.database.read() as session:
            pictures = _pictures(session, viewer, None, form)
            return _composer(
                request, session, viewer, None, form, chosen=chosen, pictures=pictures, error=error, now=now
            )
    return _saved(request, post)


@router.post("/apercu")
def preview(
    request: Request, viewer: Writer, parvis: Installation, session: ReadSession, now: Now, form: Sent
) -> Response:
    """What each account would show of what is being written, and what is found in it."""
    chosen, zone, unreadable = [str(one) for one in form.getlist("accounts")], parvis.settings.zone, list[Finding]()
    try:
        draft = _draft(form, chosen, zone)
    except Refused as error:
        # A time that cannot be read; without it, all else can.
        unreadable.append(Finding(error.code, error.params.get("field", ""), blocking=True))
        timeless = FormData([(name, value) for name, value in form.multi_items() if not name.startswith("publish_at")])
        draft = _draft(timeless, chosen, zone)
    post_id = whole(str(form.get("post", "")))
    sketches = drafting.drafted(session, viewer, post_id, draft)
    found = [*unreadable, *_look(session, viewer, sketches, post_id, zone=zone, now=now)]
    return render(
        request, "posts/preview.html", sketches=sketches, found=found, **_links(parvis, session, sketches, now)
    )


def _links(parvis: Parvis, session: Session, sketches: Sequence[Sketch], now: datetime) -> dict[str, Any]:
    """What the pages say to which a post leads, and whether that is to be known soon."""
    if parvis.settings.look_at_links == "off":
        return {"linked": {}, "looking": False}
    addresses = links.linked(sketches)
    if wanted := links.stale(session, addresses, now=now):
        with parvis.database.write() as writing:
            links.ask(writing, wanted, now=now)
    known = links.seen(session, addresses)
    return {"linked": known, "looking": bool(wanted) or any(one.due_at is not None for one in known.values())}


@router.post("/{post_id}")
def edit(
    request: Request, viewer: Writer, parvis: Installation, now: Now, form: Sent, post_id: int, version: Version
) -> Response:
    """Change a post that has not left; any approval of the old words is void."""
    chosen = [str(one) for one in form.getlist("accounts")]
    try:
        draft = _draft(form, chosen, parvis.settings.zone)
        with parvis.database.write() as session:
            post = planning.edit(session, viewer, post_id, draft, version=version, now=now)
    except Refused as error:
        with parvis.database.read() as session:
            post = planning.detail(session, viewer, post_id).post
            pictures = _pictures(session, viewer, post, form)
            return _composer(
                request, session, viewer, post, form, chosen=chosen, pictures=pictures, error=error, now=now
            )
    return _saved(request, post)


@router.post("/{post_id}/copie")
def duplicate(viewer: Writer, session: WriteSession, now: Now, post_id: int) -> Response:
    """A new draft of the same words and pictures."""
    post = planning.duplicate(session, viewer, post_id, now=now)
    return RedirectResponse(f"/publications/{post.id}/modifier", 303)


@router.post("/{post_id}/soumettre")
def submit(
    request: Request, viewer: Writer, parvis: Installation, now: Now, post_id: int, version: Version
) -> Response:
    """Ask for approval, or say what is to be mended first."""
    try:
        with parvis.database.write() as session:
            planning.submit(session, viewer, post_id, version=version, now=now)
    except Refused as error:
        with parvis.database.read() as session:
            return post_page(request, parvis, session, viewer, post_id, now=now, error=error)
    return RedirectResponse(f"/publications/{post_id}?fait=submitted", 303)


@router.post("/{post_id}/avis")
def judge(
    request: Request,
    viewer: Approver,
    parvis: Installation,
    now: Now,
    post_id: int,
    version: Version,
    approved: Annotated[bool, Form()],
    comment: Words = "",
) -> Response:
    """Approve, or send back with a word for whoever wrote it."""
    try:
        with parvis.database.write() as session:
            post = planning.judge(
                session, viewer, post_id, approved=approved, comment=comment, version=version, now=now
            )
            done = "approved-next" if post.state == PostState.SUBMITTED else "approved" if approved else "sent-back"
    except Refused as error:
        with parvis.database.read() as session:
            return post_page(request, parvis, session, viewer, post_id, now=now, error=error, comment=comment)
    return RedirectResponse(f"/publications/{post_id}?fait={done}", 303)


@router.post("/{post_id}/urgence")
def publish_urgent(
    request: Request,
    viewer: Urgent,
    parvis: Installation,
    now: Now,
    post_id: int,
    version: Version,
    motive: Words = "",
    despite_hold: Words = "",
) -> Response:
    """Send it out at once, without a second person, and say why."""
    today, despite = now.astimezone(parvis.settings.zone).date(), bool(despite_hold)
    try:
        with parvis.database.write() as session:
            urgent.publish(
                session, viewer, post_id, motive, version=version, today=today, now=now, despite_hold=despite
            )
    except Refused as error:
        with parvis.database.read() as session:
            return post_page(request, parvis, session, viewer, post_id, now=now, error=error, motive=motive)
    return RedirectResponse(f"/publications/{post_id}?fait=urgent", 303)


@router.post("/{post_id}/relecture")
def review(
    request: Request, viewer: Approver, parvis: Installation, now: Now, post_id: int, review: Words = ""
) -> Response:
    """Somebody else has read it again."""
    try:
        with parvis.database.write() as session:
            urgent.review(session, viewer, post_id, review, now=now)
    except Refused as error:
        with parvis.database.read() as session:
            return post_page(request, parvis, session, viewer, post_id, now=now, error=error)
    return RedirectResponse(f"/publications/{post_id}?fait=reviewed", 303)


@router.post("/{post_id}/planification")
def schedule(
    request: Request,
    viewer: Writer,
    parvis: Installation,
    now: Now,
    post_id: int,
    version: Version,
    publish_at: Words = "",
    despite_hold: Words = "",
) -> Response:
    """Give an approved post its hour, as the city's clocks show it; none: the one that was approved with it."""
    try:
        at = instant(publish_at, parvis.settings.zone) if publish_at else None
        with parvis.database.write() as session:
            planning.schedule(session, viewer, post_id, at, version=version, now=now, despite_hold=bool(despite_hold))
    except Refused as error:
        with parvis.database.read() as session:
            return post_page(request, parvis, session, viewer, post_id, now=now, error=error, publish_at=publish_at)
    return RedirectResponse(f"/publications/{post_id}?fait=scheduled", 303)


@router.post("/{post_id}/deplanification")
def unschedule(viewer: Writer, session: WriteSession, now: Now, post_id: int, version: Version) -> Response:
    """Take the hour away, as long as nothing has left."""
    planning.unschedule(session, viewer, post_id, version=version, now=now)
    return RedirectResponse(f"/publications/{post_id}?fait=unscheduled", 303)


@router.post("/{post_id}/double")
def settle_second(
    viewer: Writer,
    session: WriteSession,
    now: Now,
    post_id: int,
    version: Version,
    variant: Annotated[int, Form(gt=0, lt=2**63)],
    take_back: Annotated[bool, Form()] = False,  # noqa: FBT002
) -> Response:
    """Say what becomes of a post that stands twice on an account."""
    planning.settle_second(session, viewer, post_id, variant, take_back=take_back, version=version, now=now)
    return RedirectResponse(f"/publications/{post_id}?fait={'second-taken' if take_back else 'second-kept'}", 303)


@router.post("/{post_id}/brouillon")
def put_back(viewer: Writer, session: WriteSession, now: Now, post_id: int, version: Version) -> Response:
    """What came back for review is not to go out as it is."""
    planning.put_back(session, viewer, post_id, version=version, now=now)
    return RedirectResponse(f"/publications/{post_id}?fait=put-back", 303)


# ------------------------------------------------------------------------------------------------- pages
def _composer(
    request: Request,
    session: Session,
    viewer: Viewer,
    post: Post | None,
    form: Mapping[str, Any],
    *,
    now: datetime,
    chosen: list[str] | None = None,
    pictures: Sequence[tuple[Media, str]] = (),
    ready: Sequence[MessageTemplate] = (),
    starters: Sequence[MessageTemplate] = (),
    error: Refused | None = None,
) -> Response:
    parvis: Parvis = request.app.state.parvis
    statement = visible(select(Account).order_by(Account.name), viewer, Action.WRITE_POSTS, Account)
    out = {variant.account_id for variant in post.variants if variant.published_at is not None} if post else set()
    ours = [(account, drafting.closed(account)) for account in session.scalars(statement) if account.id not in out]
    accounts = [account for account, why_not in ours if why_not is None]
    return render(
        request,
        "posts/composer.html",
        status=refused_status(error),
        post=post,
        form=form,
        accounts=accounts,
        chosen=set(chosen or []),
        closed=[why_not for _, why_not in ours if why_not is not None],
        pictures=pictures,
        today=now.astimezone(parvis.settings.zone).date(),
        campaigns=_campaigns(session, viewer, post),
        window=drafting.WINDOW,
        exceptions=list(LanguageException),
        ready=ready,
        starters=starters,
        **limits(parvis),
        error=error,
    )


def _campaigns(session: Session, viewer: Viewer, post: Post | None) -> Sequence[Campaign]:
    """Those that a post may belong to, the one that it belongs to among them."""
    theirs = list(campaigns.writable(session, viewer))
    if post is not None and post.campaign is not None and post.campaign not in theirs:
        theirs.append(post.campaign)
    return theirs


def _pictures(session: Session, viewer: Viewer, post: Post | None, form: FormData) -> list[tuple[Media, str]]:
    """What a form that comes back had picked, and what was written of each."""
    known = {one.media_id: one.media for variant in post.variants for one in variant.pictures} if post else {}
    known |= {one.id: one for one in library.some(session, viewer, _picked(form))}
    return [(known[id_], str(form.get(f"alt-{id_}", ""))) for id_ in _picked(form) if id_ in known]


def post_page(
    request: Request,
    parvis: Parvis,
    session: Session,
    viewer: Viewer,
    post_id: int,
    *,
    now: datetime,
    error: Refused | None = None,
    comment: str = "",
    motive: str = "",
    publish_at: str = "",
    amending_of: int | None = None,
    typed: str = "",
    remarking: int | None = None,
    quote: str = "",
) -> Response:
    """The page of a post. `typed`: what was written, and refused, of the change of one variant (`amending_of`) or
    of a passage (`quote`) of one account (`remarking`).
    """
    detail = planning.detail(session, viewer, post_id)
    if not detail.post.variants:
        raise NotFound
    post = detail.post
    steps, (said_of, over) = approving.of_post(session, post), remarks.remarks(session, post)
    last, stands = approval.last_approved(detail.approvals), planning.approval_stands(session, post)
    asked = amending.amendments(session, post)
    amended = {one.id: approving.of_amendment(session, post, one) for one in asked if one.waits}
    own = viewer.person_id in {person.id for person in post.contributors}
    return render(
        request,
        "posts/detail.html",
        status=refused_status(error),
        detail=detail,
        resets=session.scalars(resets({one.person_id for one in detail.approvals})).all(),
        post=post,
        own=own,
        since=last,
        changed=approval.changes(post, last) if last is not None and not stands else [],
        may_delete={
            variant.id: TAKE_BACK[variant.doubled.operation] in capabilities(variant.account.network).operations
            for variant in post.variants
            if variant.doubled is not None
        },
        may_write=viewer.may(Action.WRITE_POSTS),
        may_approve=viewer.may(Action.APPROVE_POSTS),
        may_hold=viewer.may(Action.HOLD_POSTS),
        holds=holding.live(session, viewer),
        held=holding.holding(session, [one.account_id for one in post.variants if one.published_at is None]),
        stands=stands,
        times_given=planning.time_approved(session, post) or all(variant.publish_at for variant in post.variants),
        editable=post.state in planning.EDITABLE,
        sketches={variant.id: of_variant(variant, post) for variant in post.variants},
        found=_found(parvis, session, viewer, post, now) if post.state in planning.EDITABLE else [],
        earliest=_wall(now, parvis.settings.zone),
        zone=parvis.settings.timezone,
        error=error,
        comment=comment,
        motive=motive,
        publish_at=publish_at,
        counts=COUNTS,
        account_words=account_words,
        steps=steps,
        not_mine=steps.refusal(viewer),
        remarks=said_of,
        remarks_over=over,
        remarking=remarking,
        quote=quote,
        asked=asked,
        asked_steps={one: (there, there.refusal(viewer)) for one, there in amended.items()},
        compared=approval.compared,
        closed={(variant.id, act): amending.closed(variant, act) for variant in post.variants for act in ACTS.values()},
        may_take_down=viewer.may(Action.TAKE_DOWN_POSTS),
        amending_of=amending_of,
        typed=typed,
        may_urge=all(
            viewer.may_on(Action.PUBLISH_URGENT, borough_id=one.account.borough_id, account_id=one.account_id)
            for one in post.variants
        ),
        unread=next((one for one in detail.approvals if one.review_on and not one.reviewed_at), None),
    )


def _found(parvis: Parvis, session: Session, viewer: Viewer, post: Post, now: datetime) -> list[Finding]:
    return _look(session, viewer, planning.sketches(post), post.id, zone=parvis.settings.zone, now=now)


def _look(
    session: Session, viewer: Viewer, sketches: Sequence[Sketch], post_id: int | None, *, zone: ZoneInfo, now: datetime
) -> list[Finding]:
    """All that is found: in the post itself, in the posts around it, and in its days."""
    found = checks.look(sketches, now=now, zone=zone)
    found += checks.around(session, viewer, sketches, post_id=post_id, now=now)
    found += links.findings(session, sketches)
    return [*found, *timing.look(session, sketches, zone, i18n.of_holidays())]


def _saved(request: Request, post: Post) -> Response:
    """The post's page; or, where a page keeps by itself what is typed, where it stands and its version."""
    if AUTOSAVE in request.headers:
        return Response(status_code=204, headers={"location": f"/publications/{post.id}", "etag": f'"{post.version}"'})
    return RedirectResponse(f"/publications/{post.id}?fait=saved", 303)


def refused_status(error: Refused | None) -> int:
    return 200 if error is None else 422 if error.params.get("field") else 409
