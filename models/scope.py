"""Who may see and do what, and where. Every read of scoped rows passes `visible`.

A membership is a role in a scope: the whole city, one borough, or one account. A row without a borough belongs to
the whole city, and only people of the whole city see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, Select, exists, false, inspect, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

from models.accounts import Account
from models.campaigns import Campaign
from models.comments import Comment
from models.dossiers import Dossier
from models.holds import Hold
from models.incidents import Incident
from models.items import Item
from models.media import Media
from models.people import Membership, Person
from models.posts import Post, Variant
from models.requests311 import ServiceRequest
from models.vocabulary import CommentKind, Role


class Action(StrEnum):
    """What a route asks leave for."""

    SEE_COMMENTS = "see_comments"
    SEE_MESSAGES = "see_messages"
    """Private conversations too, where comments are seen, decided about or written of."""
    DECIDE = "decide"
    WRITE_NOTES = "write_notes"
    """Tell colleagues something about an item, and say whose it is."""
    SEE_TEAM = "see_team"
    """What each person of the team carries today."""
    SET_ON_CALL = "set_on_call"
    """Say who is reached for an immediate danger."""
    SET_HOURS = "set_hours"
    """Say when the service is open, by when it answers, and whether it says so by itself."""
    EDIT_REPLIES = "edit_replies"
    """Word the sentences that citizens receive."""
    SEE_REQUESTS = "see_requests"
    WORK_REQUESTS = "work_requests"
    EDIT_SERVICES = "edit_services"
    """Say what can be asked for, in how many days, and with which questions."""
    EXCHANGE_REQUESTS = "exchange_requests"
    """Of a program of the city's 311: send requests, and read them whole, through Open311."""
    SEE_POSTS = "see_posts"
    WRITE_POSTS = "write_posts"
    APPROVE_POSTS = "approve_posts"
    PUBLISH_URGENT = "publish_urgent"
    """Send a post out at once without a second person, one's own too, with a motive; somebody else reads it after."""
    SET_STEPS = "set_steps"
    """Say how many people approve a post."""
    TAKE_DOWN_POSTS = "take_down_posts"
    """Take off its network what is out already, with a motive."""
    HOLD_POSTS = "hold_posts"
    """The emergency pause: stop what is scheduled, and publish in spite of it."""
    SEE_ACCOUNTS = "see_accounts"
    MANAGE_ACCOUNTS = "manage_accounts"
    IMPORT_COMMENTS = "import_comments"
    """Bring in what an account received before, from a file."""
    MANAGE_PEOPLE = "manage_people"
    SEE_JOURNAL = "see_journal"
    SEE_ANALYSIS = "see_analysis"
    """How well the classifier does: its abstentions, its corrections, what its labels are worth here."""


ALLOWED: Mapping[Role, frozenset[Action]] = {
    Role.MODERATOR: frozenset(
        {
            Action.SEE_COMMENTS,
            Action.SEE_MESSAGES,
            Action.DECIDE,
            Action.WRITE_NOTES,
            Action.SEE_REQUESTS,
            Action.SEE_ACCOUNTS,
            Action.SEE_ANALYSIS,
        }
    ),
    Role.COMMUNICATIONS: frozenset(
        {
            Action.SEE_COMMENTS,
            Action.WRITE_NOTES,
            Action.EDIT_REPLIES,
            Action.SEE_POSTS,
            Action.WRITE_POSTS,
            Action.HOLD_POSTS,
            Action.SEE_ACCOUNTS,
        },
    ),
    Role.APPROVER: frozenset({Action.SEE_POSTS, Action.APPROVE_POSTS, Action.PUBLISH_URGENT, Action.TAKE_DOWN_POSTS}),
    Role.AGENT311: frozenset({Action.SEE_REQUESTS, Action.WORK_REQUESTS, Action.EDIT_SERVICES}),
    Role.MANAGER: frozenset(
        {
            Action.SEE_COMMENTS,
            Action.SEE_MESSAGES,
            Action.WRITE_NOTES,
            Action.SEE_TEAM,
            Action.SET_ON_CALL,
            Action.SET_HOURS,
            Action.EDIT_REPLIES,
            Action.EDIT_SERVICES,
            Action.IMPORT_COMMENTS,
            Action.SEE_REQUESTS,
            Action.SEE_POSTS,
            Action.APPROVE_POSTS,
            Action.PUBLISH_URGENT,
            Action.SET_STEPS,
            Action.TAKE_DOWN_POSTS,
            Action.HOLD_POSTS,
            Action.SEE_ACCOUNTS,
            Action.SEE_JOURNAL,
            Action.SEE_ANALYSIS,
        }
    ),
    Role.RECORDS: frozenset({Action.SEE_COMMENTS, Action.SEE_REQUESTS, Action.SEE_POSTS, Action.SEE_JOURNAL}),
    Role.ADMIN: frozenset({Action.SEE_ACCOUNTS, Action.MANAGE_ACCOUNTS, Action.IMPORT_COMMENTS, Action.MANAGE_PEOPLE}),
}

KEY_SCOPES: Mapping[str, Action] = {
    "comments:read": Action.SEE_COMMENTS,
    "requests:read": Action.SEE_REQUESTS,
    "posts:read": Action.SEE_POSTS,
    "accounts:read": Action.SEE_ACCOUNTS,
    "figures:read": Action.SEE_ANALYSIS,
    "open311": Action.EXCHANGE_REQUESTS,
}
"""What `parvis key add --scope` knows, over the whole city. Keys read, and send 311 requests; decisions belong to
people.
"""


@dataclass(frozen=True)
class Grant:
    """Leave for one action in one scope (both null: the whole city)."""

    action: Action
    borough_id: int | None = None
    account_id: int | None = None


@dataclass(frozen=True)
class Viewer:
    """Who asks: a person signed in, or an API key (`person_id` None)."""

    person_id: int | None
    name: str
    roles: frozenset[Role]
    grants: frozenset[Grant]
    key_id: int | None = None

    def may(self, action: Action) -> bool:
        """Whether the action is allowed in at least one scope."""
        return any(grant.action == action for grant in self.grants)

    def may_on(self, action: Action, *, borough_id: int | None, account_id: int | None) -> bool:
        """Whether the action is allowed on a row that carries these two scopes."""
        for grant in self.grants:
            if grant.action != action:
                continue
            if grant.borough_id is None and grant.account_id is None:
                return True
            if grant.borough_id is not None and grant.borough_id == borough_id:
                return True
            if grant.account_id is not None and grant.account_id == account_id:
                return True
        return False

    @property
    def sight(self) -> Viewer:
        """Whoever sees the same: the key of a statement that is made once for all of them, because to make it takes
        longer than to have it executed.
        """
        return replace(self, person_id=None, name="")


def reads(viewer: Viewer, *, private: bool, borough_id: int | None, account_id: int | None) -> bool:
    """Whether somebody who sees comments of this scope sees one that is (`private`) a private conversation."""
    return not private or viewer.may_on(Action.SEE_MESSAGES, borough_id=borough_id, account_id=account_id)


def grants_of(memberships: Iterable[Membership]) -> frozenset[Grant]:
    """The leaves that memberships give."""
    return frozenset(
        Grant(action, membership.borough_id, membership.account_id)
        for membership in memberships
        for action in ALLOWED[Role(membership.role)]
    )


def viewer_of(person: Person) -> Viewer:
    """Who somebody is, whose memberships are loaded, outside of any sign-in."""
    roles = frozenset(Role(one.role) for one in person.memberships)
    return Viewer(person.id, person.name, roles, grants_of(person.memberships))


def staff(session: Session) -> list[Viewer]:
    """Everybody who works here now, by name."""
    people = select(Person).options(joinedload(Person.memberships)).where(Person.active)
    return sorted(
        map(viewer_of, session.scalars(people).unique()), key=lambda one: (one.name.casefold(), one.person_id)
    )


def within(
    viewer: Viewer,
    action: Action,
    account_id: InstrumentedAttribute[Any],
    borough_id: InstrumentedAttribute[Any],
) -> ColumnElement[bool]:
    """The condition under which a row with these two columns is in the viewer's scope for the action."""
    grants = [grant for grant in viewer.grants if grant.action == action]
    if any(grant.borough_id is None and grant.account_id is None for grant in grants):
        return true()
    boroughs = sorted({grant.borough_id for grant in grants if grant.borough_id is not None})
    accounts = sorted({grant.account_id for grant in grants if grant.account_id is not None})
    conditions: list[ColumnElement[bool]] = []
    if boroughs:
        conditions.append(borough_id.in_(boroughs))
    if accounts:
        conditions.append(account_id.in_(accounts))
    return or_(*conditions) if conditions else false()


S = TypeVar("S", bound=Select[*tuple[Any, ...]])

Scoped = (
    type[Comment]
    | type[Item]
    | type[ServiceRequest]
    | type[Account]
    | type[Campaign]
    | type[Dossier]
    | type[Post]
    | type[Media]
    | type[Hold]
    | type[Incident]
)


def visible(statement: S, viewer: Viewer, action: Action, entity: Scoped) -> S:
    """Narrow a statement to the rows of `entity` that the viewer may see for this action.

    A post is in scope when every account it goes to is: somebody of one borough does not see half of a city's post.
    """
    if entity is Post:
        # "Is not true" and not "not": an account of the whole city has no borough, and null is neither in nor out.
        outside = (
            select(Variant.id)
            .join(Account, Account.id == Variant.account_id)
            .where(
                Variant.post_id == Post.id,
                within(viewer, action, Variant.account_id, Account.borough_id).is_not(true()),
            )
        )
        return statement.where(~exists(outside)) if viewer.may(action) else statement.where(false())
    if entity is Account:
        return statement.where(within(viewer, action, Account.id, Account.borough_id))
    scoped: Any = entity
    statement = statement.where(within(viewer, action, scoped.account_id, scoped.borough_id))
    return statement if _private(entity) is None else statement.where(readable(viewer, entity))


def readable(viewer: Viewer, entity: Scoped) -> ColumnElement[bool]:
    """Whether a comment or an item that the viewer may see for what it is about is theirs to read: a private
    conversation asks for a leave of its own, whatever the action.
    """
    scoped: Any = entity
    private = _private(entity)
    if private is None:
        return true()
    return or_(~private, within(viewer, Action.SEE_MESSAGES, scoped.account_id, scoped.borough_id))


def _private(entity: Scoped) -> ColumnElement[bool] | None:
    """Whether a row is a private conversation; None: of such entities none is."""
    scoped: Any = entity
    table = inspect(scoped).mapper.class_  # Of an alias too.
    if table is Comment:
        return cast("ColumnElement[bool]", scoped.kind == CommentKind.MESSAGE)
    return cast("ColumnElement[bool]", scoped.private) if table is Item else None
