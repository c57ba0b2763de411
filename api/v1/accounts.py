"""The city's accounts on the networks: whether they can be used, and until when all that is there was read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field
from sqlalchemy import select

from api.deps import ReadSession, require
from api.v1.contract import NEXT_LINK, READS, After, Limit, Moment, Page, Shown, listed
from models.accounts import Account
from models.keyset import Keyset
from models.scope import Action, Viewer, visible
from models.vocabulary import ChannelState, Pause

router = APIRouter(prefix="/accounts", tags=["accounts"])

OLDEST = Keyset(Account.id)


class AccountShown(Shown):
    """One account; its token is never told."""

    id: int
    network: str
    external_id: str
    name: str
    borough_id: int | None
    state: ChannelState
    state_reason: Annotated[str | None, Field(validation_alias="reason")]
    """Code of why, or of why nothing is read all the same."""
    state_since: Annotated[Moment, Field(validation_alias="token_since")]
    pause: Pause | None
    """Why nothing is called until `throttled_until`."""
    throttled_until: Annotated[Moment | None, Field(validation_alias="paused_until")]
    usage_percent: float | None
    """Of what the network allows to be called, as it last said."""
    expires_at: Annotated[Moment | None, Field(validation_alias="token_expires_at")]
    """When somebody must have connected it again; None: no end is known."""
    missing: list[str]
    """Permissions that the work needs and that were not given."""
    checked_at: Moment | None
    """When the network was last asked whether the account can be used."""
    pulled_at: Moment | None
    """Coverage: all that was on the page at that moment is here. None: the first reading goes on."""
    backfill_done: int | None
    """Posts that the first reading has read, of `backfill_total`."""
    backfill_total: int | None


@router.get("", operation_id="listAccounts", responses={200: {"headers": NEXT_LINK}, **READS})
def accounts(
    request: Request,
    response: Response,
    session: ReadSession,
    viewer: Annotated[Viewer, require(Action.SEE_ACCOUNTS)],
    limit: Limit = 50,
    after: After = None,
) -> Page[AccountShown]:
    """Accounts, oldest first."""
    statement = visible(select(Account), viewer, Action.SEE_ACCOUNTS, Account)
    shown, following = OLDEST.read(session, statement, after, limit)
    return listed(request, response, [AccountShown.model_validate(row) for row in shown], following)
