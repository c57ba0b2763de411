"""The journal says so when anybody has touched it, and stays whole when texts are lawfully disposed of."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from administration import retention
from models import audit
from models.audit import AuditEntry
from models.comments import Author, Comment, CommentVersion
from models.secrets import Vault
from models.session import Database

LENGTH = 8


def note(database, clock, *actions, **data):
    with database.write() as session:
        for action in actions:
            clock.pass_(1.5)
            audit.note(session, action, "comment:1", now=clock.now, person_id=None, **data)


def seal(database, limit=1000):
    with database.write() as session:
        return audit.seal_due(session, limit=limit)


def verify(database):
    with database.read() as session:
        return audit.verify(session)


def rows(database):
    with database.read() as session:
        return [
            {column.name: getattr(entry, column.name) for column in AuditEntry.__table__.columns}
            for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        ]


def test_an_empty_journal_verifies(database):
    assert verify(database) == audit.Verification(sealed=0, unsealed=0, broken_at=None, head=audit.FIRST)


def test_entries_are_sealed_in_their_order_a_few_at_a_time(database, clock):
    note(database, clock, *"abcde")
    assert (seal(database, 2), verify(database).sealed, verify(database).unsealed) == (2, 2, 3)
    assert (seal(database, 2), seal(database), seal(database)) == (2, 1, 0)
    said = verify(database)
    assert (said.sealed, said.unsealed, said.broken_at) == (5, 0, None)
    assert [(row["action"], row["sequence"]) for row in rows(database)] == list(zip("abcde", range(1, 6), strict=True))
    assert said.head == rows(database)[-1]["seal"]


def test_the_tail_that_waits_is_shown_and_breaks_nothing(database, clock):
    note(database, clock, "a")
    seal(database)
    note(database, clock, "b", "c")
    said = verify(database)
    assert (said.sealed, said.unsealed, said.broken_at) == (1, 2, None)


def test_what_is_sealed_is_what_the_database_keeps(database, clock):
    """Sealed in the very transaction that wrote it, with values that a database writes its own way."""
    with database.write() as session:
        data = {"float": 1e16, "small": 1e-7, "tuple": (1, 2), "accents": "é\N{SNOWMAN}", "none": None, "b": 1, "a": 2}
        audit.note(session, "a", "comment:1", now=clock.now, person_id=None, **data)
        audit.seal_due(session)
    assert verify(database).broken_at is None


def test_a_rotated_key_still_verifies_and_a_lost_one_does_not(database, database_url, clock):
    note(database, clock, "a", "b")
    seal(database)
    old = "a secret of the tests, long enough to be one"
    for secrets, unread in ((["n" * 32, old], 0), (["n" * 32], 2)):
        rotated = Database(database_url, Vault(secrets))
        # A seal that no key at hand made says nothing: it is not said to be broken.
        assert (verify(rotated).broken_at, verify(rotated).unread) == (None, unread)
        if not unread:
            note(rotated, clock, "c")
            seal(rotated)
            assert (verify(rotated).sealed, verify(rotated).broken_at) == (3, None)
        rotated.close()


CHANGES = st.one_of(
    st.tuples(
        st.just("edit"),
        st.integers(0, LENGTH - 1),
        st.sampled_from(
            [
                ("action", "x"),
                ("subject", "comment:2"),
                ("data", {"rule": 4}),
                ("data", {}),
                ("at", timedelta(microseconds=1)),
                ("id", 1000),
                ("seal", "f" * 64),
                ("seal", None),
                ("sequence", 1000),
                ("sequence", 0),
            ]
        ),
    ),
    st.tuples(st.just("delete"), st.integers(0, LENGTH - 2), st.none()),
    st.tuples(st.just("unseal"), st.integers(0, LENGTH - 2), st.none()),
    st.tuples(st.just("swap"), st.integers(0, LENGTH - 1), st.integers(0, LENGTH - 1)),
    st.tuples(st.just("swap contents"), st.integers(0, LENGTH - 1), st.integers(0, LENGTH - 1)),
    st.tuples(st.just("insert"), st.integers(0, LENGTH), st.none()),
    st.tuples(st.just("copy"), st.integers(0, LENGTH - 1), st.none()),
)


def change(session, before, how, where, what):
    """One change behind the product's back; False when it changes nothing."""
    table = AuditEntry.__table__
    row = before[where] if where < len(before) else None
    here = table.c.id == row["id"] if row else None
    match how:
        case "edit":
            name, value = what
            value = row["at"] + value if name == "at" else value
            session.execute(update(table).where(here).values({name: value}))
        case "delete":
            session.execute(delete(table).where(here))
        case "unseal":
            session.execute(update(table).where(here).values(sequence=None, seal=None))
        case "swap" | "swap contents" if where == what:
            return False
        case "swap" | "swap contents":
            other = before[what]
            names = ("sequence", "seal") if how == "swap" else ("at", "action", "subject", "data")
            session.execute(update(table).where(here).values(sequence=-1))
            session.execute(
                update(table)
                .where(table.c.id == other["id"])
                .values({"sequence": other["sequence"], **{name: row[name] for name in names}})
            )
            session.execute(
                update(table).where(here).values({"sequence": row["sequence"], **{name: other[name] for name in names}})
            )
        case "insert" | "copy":
            # Room is made for it, as somebody who hides a change would.
            for later in reversed(before[where:]):
                session.execute(update(table).where(table.c.id == later["id"]).values(sequence=later["sequence"] + 1))
            source = before[min(where, len(before) - 1)]
            session.execute(insert(table).values({**source, "id": 5000, "sequence": where + 1}))
    return True


def test_whatever_is_changed_behind_its_back_is_seen(database, clock):
    for number in range(LENGTH):
        note(database, clock, f"act {number}", rule=number)
    seal(database)
    whole = rows(database)
    table = AuditEntry.__table__

    @settings(
        max_examples=settings().max_examples if database.sqlite else 30,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(CHANGES)
    def changed(how):
        with database.write() as session:
            session.execute(delete(table))
            session.execute(insert(table), whole)
            did = change(session, whole, *how)
        assert (verify(database).broken_at is None) is not did

    changed()


def test_a_cut_end_is_seen_by_whoever_noted_the_head(database, clock):
    """The chain cannot know what came after its last link: `sealed` and `head` are to be noted elsewhere."""
    note(database, clock, "a", "b", "c")
    seal(database)
    noted = verify(database)
    with database.write() as session:
        session.execute(delete(AuditEntry).where(AuditEntry.sequence == 3))
    said = verify(database)
    assert said.broken_at is None
    assert (said.sealed, said.head) != (noted.sealed, noted.head)


def test_disposal_leaves_the_journal_whole(database, clock, accounts):
    with database.write() as session:
        author = Author(network="facebook", external_id="7", name="Citoyen Tremblay")
        session.add(author)
        session.flush()
        comment = Comment(
            account_id=accounts[0],
            external_id="c1",
            author_id=author.id,
            text="Mon adresse est le 12, rue des Érables",
            created_at=clock.now,
            received_at=clock.now,
        )
        session.add(comment)
        session.flush()
        session.add(CommentVersion(comment_id=comment.id, source="add", text=comment.text, seen_at=clock.now))
        proof = audit.digest(session, comment.text)
        audit.note(session, "comment.hide", f"comment:{comment.id}", now=clock.now, person_id=None, text=proof)
    seal(database)
    with database.write() as session:
        retention.dispose(session, [comment.id], now=clock.now, person_id=None)
    seal(database)
    said = verify(database)
    assert (said.sealed, said.unsealed, said.broken_at) == (2, 0, None)
    assert "rables" not in str(rows(database))
    with database.read() as session:
        assert session.scalars(select(CommentVersion.text)).all() == [None]
        assert audit.digest(session, "Mon adresse est le 12, rue des Érables") == proof


@pytest.mark.parametrize("text", [None, "", "é"])
def test_a_digest_proves_a_text_and_no_other(database, text):
    with database.read() as session:
        made = audit.digest(session, text)
        assert (made is None) is (text is None)
        assert audit.digest(session, "another") != made
