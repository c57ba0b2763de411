"""Posts that citizens write under, as they come to be known: by a reading, or because they were published from here."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from models.base import SOUGHT
from models.comments import SourcePost
from models.session import upsert
from models.vocabulary import PostKind


def meet(session: Session, account_id: int, external_ids: Collection[str]) -> dict[str, SourcePost]:
    """The posts of an account by their external ids; a row is made for each that was not known."""
    if not external_ids:
        return {}
    given = {"account_id": account_id, "external_ids": sorted(external_ids)}
    met = {one.external_id: one for one in session.scalars(_of_account(), given)}
    unknown = sorted(set(external_ids) - met.keys())
    if unknown:
        # What has just left may be read at the same instant: the database decides who makes its row.
        rows = [{"account_id": account_id, "external_id": one, "kind": PostKind.POST} for one in unknown]
        session.execute(upsert(session, SourcePost).values(rows).on_conflict_do_nothing())
        met |= {one.external_id: one for one in session.scalars(_of_account(), given)}
    return met


@cache
def _of_account() -> Select[SourcePost]:
    named = SourcePost.external_id.in_(bindparam("external_ids", expanding=True))
    return select(SourcePost).where(SourcePost.account_id == bindparam("account_id", type_=SOUGHT), named)
