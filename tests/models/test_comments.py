"""What a comment says of itself is what a query says of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

from sqlalchemy import insert, select

from models.comments import Comment

START = datetime(2026, 11, 2, 14, tzinfo=UTC)


def test_a_row_and_a_query_say_the_same(database, accounts):
    times = [None, START, START + timedelta(hours=1), START + timedelta(hours=2)]
    rows = [
        {
            "account_id": accounts[0],
            "external_id": str(number),
            "created_at": START,
            "received_at": START,
            "removed_at": removed_at,
            "present_at": present_at,
            "hidden_at": hidden_at,
            "disposed_at": disposed_at,
            "version": version,
        }
        for number, (removed_at, present_at, hidden_at, disposed_at, version) in enumerate(
            product(times, times, times[:2], times[:2], [0, 1])
        )
    ]
    with database.write() as session:
        session.execute(insert(Comment), rows)
    with database.read() as session:
        comments = session.scalars(select(Comment)).all()
        removed = set(session.scalars(select(Comment.id).where(Comment.removed)))
        assert removed == {comment.id for comment in comments if comment.removed}
        assert {comment.id for comment in comments} - removed == set(
            session.scalars(select(Comment.id).where(~Comment.removed))
        )
        for read_at in times[1:]:
            missed = set(session.scalars(select(Comment.id).where(Comment.missed(read_at))))
            assert missed == {comment.id for comment in comments if comment.missed(read_at)}
