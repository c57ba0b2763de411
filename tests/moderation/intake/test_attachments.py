"""What a comment shows: kept whatever the order in which it was told, and a picture of it fetched by ourselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from administration import retention
from connectors.base import AttachmentSeen, CommentSeen
from models.accounts import Account
from models.comments import Attachment, Comment
from models.errors import Gone, Rejected, Transient
from models.vocabulary import AttachmentKind, PictureState
from moderation.intake import fetching, upserting

BORN = datetime(2026, 11, 2, 9, tzinfo=UTC)
NAMES = count()
PHOTO, OTHER_PHOTO, STICKER = (
    AttachmentSeen(kind, name, f"https://reseau.example/{name}", f"https://images.example/{name}")
    for kind, name in (
        (AttachmentKind.PHOTO, "un"),
        (AttachmentKind.PHOTO, "deux"),
        (AttachmentKind.STICKER, "coeur"),
    )
)


def as_told_by_a_webhook(one):
    """The address alone; of a sticker nothing."""
    told = AttachmentSeen(AttachmentKind.PHOTO, None, one.picture, one.picture)
    return (told,) if one.kind is AttachmentKind.PHOTO else None


def seen(source, minutes, attachments, text="", **more):
    at = BORN + timedelta(minutes=minutes)
    return CommentSeen("?", source, at, BORN if source == "add" else at, text=text, attachments=attachments, **more)


def tell(city, *observations):
    """Store them one by one about a comment of their own; its id."""
    name = f"shows-{next(NAMES)}"
    for one in observations:
        change = CommentSeen(**{**vars(one), "external_id": name})
        with city.database.write() as session:
            account = session.get_one(Account, city.accounts["nord"])
            upserting.store(session, account, [change], now=city.now)
    with city.database.read() as session:
        return session.scalars(select(Comment.id).where(Comment.external_id == name)).one()


def shown(city, comment_id):
    with city.database.read() as session:
        rows = session.scalars(select(Attachment).where(Attachment.comment_id == comment_id).order_by(Attachment.id))
        return list(rows)


def standing(city, comment_id):
    return [(one.kind, one.external_id) for one in shown(city, comment_id) if one.gone_at is None]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_a_comment_shows_is_what_was_last_seen_in_whatever_order(city, data):
    truths = data.draw(st.lists(st.sampled_from([(), (PHOTO,), (OTHER_PHOTO,), (STICKER,)]), min_size=1, max_size=3))
    told = [seen("add", 0, as_told_by_a_webhook(truths[0][0]) if truths[0] else None)]
    told += [seen("pull", 10 * place + 5, truth) for place, truth in enumerate(truths)]
    comment_id = tell(city, *data.draw(st.permutations(told)))
    assert standing(city, comment_id) == [(one.kind, one.external_id) for one in truths[-1]]


def test_what_a_webhook_told_by_its_address_is_the_same_that_a_pull_names(city):
    comment_id = tell(city, seen("add", 0, as_told_by_a_webhook(PHOTO)), seen("pull", 1, (PHOTO,)))
    (one,) = shown(city, comment_id)
    assert (one.external_id, one.description, one.position) == ("un", None, 0)
    with city.database.read() as session:
        assert session.get_one(Comment, comment_id).version == 1, "nothing changed"


def test_what_was_replaced_stays_known_and_the_comment_is_read_again(city):
    comment_id = tell(city, seen("pull", 1, (PHOTO,)), seen("pull", 2, (OTHER_PHOTO,)))
    assert [(one.external_id, one.gone_at) for one in shown(city, comment_id)] == [
        ("un", BORN + timedelta(minutes=2)),
        ("deux", None),
    ]
    with city.database.read() as session:
        assert session.get_one(Comment, comment_id).version == 2


def test_a_comment_of_which_a_webhook_told_nothing_at_all_is_looked_at(city):
    comment_id = tell(city, seen("add", 0, None, text=None))
    with city.database.read() as session:
        assert session.get_one(Comment, comment_id).recheck_due_at is not None
    comment_id = tell(city, seen("add", 0, None, text=None), seen("pull", 1, (STICKER,)))
    with city.database.read() as session:
        assert session.get_one(Comment, comment_id).recheck_due_at is None
    assert standing(city, comment_id) == [(AttachmentKind.STICKER, "coeur")]


# ------------------------------------------------------------------------------------------ our own picture
class Far:
    """Where pictures are: bytes, or what is raised, by address."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def __call__(self, network, address):
        self.asked.append((network, address))
        answer = self.answers[address.rpartition("/")[2]]
        if isinstance(answer, Exception):
            raise answer
        return answer


def fetch(city, far):
    """All that is due; how many accounts had something."""
    with city.database.read() as session:
        due = fetching.accounts_to_fetch(session, now=city.now)
    for account_id in due:
        fetching.fetch(city.database, city.locks, far, account_id, clock=city.clock)
    return len(due)


def test_a_picture_is_fetched_once_and_its_new_addresses_change_nothing(city):
    comment_id, far = tell(city, seen("pull", 1, (PHOTO,))), Far(un=b"jpeg")
    assert fetch(city, far) == 1
    assert fetch(city, far) == 0
    assert far.asked == [("facebook", "https://images.example/un")]
    (one,) = shown(city, comment_id)
    assert one.pictured == PictureState.KEPT
    with city.database.read() as session:
        assert session.scalar(select(Attachment.picture).where(Attachment.id == one.id)) == b"jpeg"


@pytest.mark.parametrize(
    ("error", "tries", "failure"),
    [(Rejected("not_a_picture"), 1, "not_a_picture"), (Gone(), 3, "gone"), (Transient(), 3, "unreachable")],
)
def test_a_picture_that_cannot_be_had_is_said_to_be_so(city, error, tries, failure):
    comment_id, far = tell(city, seen("pull", 1, (PHOTO,))), Far(un=error)
    for _ in range(tries):
        assert shown(city, comment_id)[0].pictured == PictureState.AWAITED
        assert fetch(city, far) == 1
        city.clock.pass_(days=1)
    (one,) = shown(city, comment_id)
    assert (fetch(city, far), one.pictured, one.failure) == (0, PictureState.MISSING, failure)


def test_an_address_that_expired_is_asked_for_again(city):
    comment_id, far = tell(city, seen("pull", 1, (PHOTO,))), Far(un=Gone(), neuf=b"jpeg")
    fetch(city, far)
    with city.database.read() as session:
        assert session.get_one(Comment, comment_id).recheck_due_at == city.now
    city.clock.pass_(hours=1)
    with city.database.write() as session:
        comment = session.get_one(Comment, comment_id)
        again = AttachmentSeen(PHOTO.kind, "un", PHOTO.address, "https://images.example/neuf")
        change = CommentSeen(comment.external_id, "pull", city.now, text="", attachments=(again,))
        upserting.store(session, session.get_one(Account, city.accounts["nord"]), [change], now=city.now)
    fetch(city, far)
    assert shown(city, comment_id)[0].pictured == PictureState.KEPT


def test_what_a_comment_shows_is_disposed_of_with_it(city):
    comment_id = tell(city, seen("pull", 1, (PHOTO,)))
    fetch(city, Far(un=b"jpeg"))
    with city.database.write() as session:
        retention.dispose(session, [comment_id], now=city.now, person_id=None)
    with city.database.read() as session:
        (row,) = session.execute(select(Attachment.__table__).where(Attachment.comment_id == comment_id)).mappings()
    kept = {name for name, value in row.items() if value is not None}
    assert kept == {"id", "comment_id", "position", "kind", "seen_at", "tries"}
