"""How many people approve a post, by its accounts and the theme of its campaign, and how many have."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from models import audit
from models.accounts import Account
from models.amendments import Amendment
from models.approving import ApprovalRule
from models.errors import NotFound, Refused
from models.posts import Approval, Post
from models.scope import Viewer
from models.session import take_turn
from models.vocabulary import Role
from publishing import approval
from publishing.drafting import author
from publishing.rules import folded

MOST = 3
"""People who approve one post."""
LONGEST_THEME = 100


@dataclass(frozen=True)
class Steps:
    """How far an approval is. `given` are the ids of the different people who said yes to what it is about as it is."""

    people: int
    manager_last: bool
    given: Sequence[int]

    @property
    def left(self) -> int:
        """How many people have yet to say yes."""
        return max(0, self.people - len(self.given))

    def refusal(self, viewer: Viewer) -> Refused | None:
        """Why the next yes is not this person's to say: `approved_already`, `manager_last`; None: it is."""
        if viewer.person_id in self.given:
            return Refused("approved_already")
        if self.left <= 1 and self.manager_last and Role.MANAGER not in viewer.roles:
            return Refused("manager_last")
        return None


def of_post(session: Session, post: Post) -> Steps:
    """The steps of a post that is loaded whole."""
    return _wanted(session, post, [variant.account_id for variant in post.variants], _given(session, post))


def of_amendment(session: Session, post: Post, amendment: Amendment) -> Steps:
    """The steps of a change on one account of a post that is loaded whole: those of a post that goes there alone."""
    account = next(one.account_id for one in post.variants if one.id == amendment.variant_id)
    return _wanted(session, post, [account], [one.person_id for one in amendment.yeses])


def _wanted(session: Session, post: Post, accounts: Collection[int], given: Sequence[int]) -> Steps:
    theme = folded(post.campaign.theme) if post.campaign else ""
    wanted = or_(ApprovalRule.account_id.is_(None), ApprovalRule.account_id.in_(accounts))
    rules = [
        one
        for one in session.scalars(select(ApprovalRule).where(wanted))
        if one.account_id is not None or not one.theme or folded(one.theme) == theme
    ]
    people = max((one.people for one in rules), default=1)
    return Steps(people, any(one.manager_last for one in rules), given)


def _given(session: Session, post: Post) -> list[int]:
    """The last yeses in a row to this very content that were not enough alone."""
    content, found = approval.content_hash(post), list[int]()
    last = select(Approval).where(Approval.post_id == post.id).order_by(Approval.id.desc()).limit(MOST)
    for one in session.scalars(last):
        if not one.approved or one.final or one.content_hash != content:
            break
        found.append(one.person_id)
    return found[::-1]


def rules(session: Session) -> Sequence[ApprovalRule]:
    """All that were made, those of every post first."""
    found = session.scalars(select(ApprovalRule).options(joinedload(ApprovalRule.account))).all()
    return sorted(found, key=lambda one: (one.account.name if one.account else "", folded(one.theme), one.id))


def add(
    session: Session,
    viewer: Viewer,
    *,
    account_id: int | None,
    theme: str,
    people: int,
    manager_last: bool,
    now: datetime,
) -> ApprovalRule:
    """A rule of one account, of one theme, or (neither) of every post; it takes the place of the one that was about the
    same. Refused: `people_count`, `theme_long`, `one_of_both`, `account_unknown`.
    """
    theme = " ".join(theme.split())
    if not 1 <= people <= MOST:
        raise Refused("people_count", field="people", most=str(MOST))
    if len(theme) > LONGEST_THEME:
        raise Refused("theme_long", field="theme", most=str(LONGEST_THEME))
    if account_id is not None and theme:
        raise Refused("one_of_both", field="theme")
    if account_id is not None and session.get(Account, account_id) is None:
        raise Refused("account_unknown", field="account")
    take_turn(session, "approval_rules")
    rule = next(
        (one for one in rules(session) if (one.account_id, folded(one.theme)) == (account_id, folded(theme))), None
    )
    if rule is None:
        rule = ApprovalRule(account_id=account_id)
        session.add(rule)
    rule.theme, rule.people, rule.manager_last = theme, people, manager_last
    rule.person_id, rule.at = author(viewer), now
    session.flush()
    said = {"account": account_id, "people": people, "manager_last": str(manager_last)}
    audit.note(session, "approval_rule.set", f"approval_rule:{rule.id}", now=now, person_id=viewer.person_id, **said)
    return rule


def remove(session: Session, viewer: Viewer, rule_id: int, *, now: datetime) -> None:
    """One person is enough there again, as far as this rule goes."""
    rule = session.get(ApprovalRule, rule_id)
    if rule is None:
        raise NotFound
    session.delete(rule)
    audit.note(session, "approval_rule.removed", f"approval_rule:{rule_id}", now=now, person_id=viewer.person_id)
