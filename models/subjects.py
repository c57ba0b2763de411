"""What an item, a draft or a decision is about, said in one way by all of them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column


class OfSubject:
    """A row that is about exactly one subject. A new kind of subject is one more column here and in `SUBJECTS`."""

    comment_id: Mapped[int | None] = mapped_column(ForeignKey("comment.id"))


SUBJECTS = ("comment_id",)


def one_subject() -> CheckConstraint:
    """The constraint of every table of `OfSubject`."""
    set_ones = " + ".join(f"CASE WHEN {name} IS NULL THEN 0 ELSE 1 END" for name in SUBJECTS)
    return CheckConstraint(f"{set_ones} = 1", name="one_subject")
