"""Posts that citizens write under, as they come to be known: by a reading, or because they were published from here."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from models.base import SOUGHT
from models.comments import SourcePost
from models.session import upsert
from models.vocabulary import PostKind


def meet(session: Session, account_id: int, external_ids: Collection[str], **new: Any) -> dict[str, SourcePost]:
    """The posts of an account by their external ids; a row is made for each that was not known, and says `new`."""
    if not external_ids:
        return {}
    wanted = sorted(set(external_ids))
    given = {"account_id": account_id, "external_ids": wanted}
    met = {one.external_id: one for one in session.scalars(_of_account(), given)}
    unknown = [one for one in wanted if one not in met]
    if unknown:
        # What has just left may be read at the same instant: the database decides who makes its row.
        rows = [{"account_id": account_id, "external_id": one, "kind": PostKind.POST, **new} for one in unknown]
        made = session.scalars(upsert(session, SourcePost).on_conflict_do_nothing().returning(SourcePost), rows)
        met |= {one.external_id: one for one in made}
        if len(met) < len(wanted):
            met |= {one.external_id: one for one in session.scalars(_of_account(), given)}
    return met


@cache
def _of_account() -> Select[SourcePost]:
    named = SourcePost.external_id.in_(bindparam("external_ids", expanding=True))
    return select(SourcePost).where(SourcePost.account_id == bindparam("account_id", type_=SOUGHT), named)
