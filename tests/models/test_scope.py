"""What the database shows is exactly what the rule allows, row by row."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from models.accounts import Account
from models.comments import Comment
from models.people import Borough, Membership, Person
from models.posts import Post, Variant
from models.requests311 import ServiceRequest
from models.scope import ALLOWED, Action, Viewer, grants_of, visible
from models.vocabulary import Role

NOW = datetime(2026, 11, 2, 14, tzinfo=UTC)


@pytest.fixture
def city(database):
    """Two boroughs; accounts of each and of the whole city; rows of every scope; posts on every set of accounts."""
    with database.write() as session:
        boroughs = [Borough(code=code, name=code) for code in ("a", "b")]
        person = Person(email="x@ville.example", name="X", created_at=NOW)
        session.add_all([*boroughs, person])
        session.flush()
        accounts = [
            Account(
                network="facebook",
                external_id=str(number),
                name=str(number),
                borough_id=borough_id,
                token_closed="",
                token_since=NOW,
                pull_due_at=NOW,
                created_at=NOW,
            )
            for number, borough_id in enumerate([boroughs[0].id, boroughs[1].id, None, None])
        ]
        session.add_all(accounts)
        session.flush()
        for account in accounts:
            for borough_id in (None, boroughs[0].id, boroughs[1].id):
                session.add(
                    Comment(
                        account_id=account.id,
                        borough_id=borough_id,
                        external_id=f"c{account.id}-{borough_id}",
                        created_at=NOW,
                        received_at=NOW,
                    )
                )
        for size in (1, 2, 3, 4):
            for chosen in combinations(accounts, size):
                post = Post(title="t", author_id=person.id, created_at=NOW)
                session.add(post)
                session.flush()
                session.add_all(Variant(post_id=post.id, account_id=account.id, text="t") for account in chosen)
    return [borough.id for borough in boroughs], [account.id for account in accounts]


def memberships(boroughs, accounts):
    scopes = st.one_of(
        st.just((None, None)),
        st.sampled_from(boroughs).map(lambda borough: (borough, None)),
        st.sampled_from(accounts).map(lambda account: (None, account)),
    )
    return st.lists(st.tuples(st.sampled_from(Role), scopes), max_size=4)


def test_visible_is_may_on_row_by_row(database, city):
    @settings(
        max_examples=settings().max_examples if database.sqlite else 30,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(memberships(*city), st.sampled_from(Action))
    def same(held, action):
        roles = [Membership(role=role, borough_id=borough, account_id=account) for role, (borough, account) in held]
        viewer = Viewer(1, "X", frozenset(role for role, _ in held), grants_of(roles))
        with database.read() as session:
            accounts = {account.id: account for account in session.scalars(select(Account))}
            comments = session.scalars(select(Comment)).all()
            parts: dict[int, list[Account]] = {}
            for variant in session.scalars(select(Variant)):
                parts.setdefault(variant.post_id, []).append(accounts[variant.account_id])

            def seen(entity):
                return set(session.scalars(visible(select(entity.id), viewer, action, entity)))

            def may(borough_id, account_id):
                return viewer.may_on(action, borough_id=borough_id, account_id=account_id)

            assert seen(Comment) == {one.id for one in comments if may(one.borough_id, one.account_id)}
            assert seen(Account) == {one.id for one in accounts.values() if may(one.borough_id, one.id)}
            assert seen(Post) == {post for post, on in parts.items() if all(may(one.borough_id, one.id) for one in on)}
            assert seen(ServiceRequest) == set()

    same()


@pytest.mark.parametrize("role", list(Role))
def test_a_role_gives_its_actions_and_no_other(role):
    viewer = Viewer(1, "X", frozenset({role}), grants_of([Membership(role=role)]))
    assert {action for action in Action if viewer.may(action)} == ALLOWED[role]


def test_somebody_without_a_membership_sees_nothing(database, city):
    viewer = Viewer(1, "X", frozenset(), frozenset())
    with database.read() as session:
        for entity in (Comment, Account, Post, ServiceRequest):
            for action in Action:
                assert session.scalars(visible(select(entity.id), viewer, action, entity)).all() == []
