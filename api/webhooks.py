"""What networks post to us: the signature is checked, the body is kept as it came, and work parses it later.

Nothing of a body is read here. One that is signed but is no JSON, or speaks of something that we do not know
(another `object` than a Page, an account that nobody added), is kept all the same: the parse tick sets it aside where
people see it, so nothing that a citizen wrote is lost to a mistake of ours.
https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse, Response

from api.deps import Installation, Now, RawBody
from api.problems import Forbidden
from models.vocabulary import NetworkName
from moderation import ingest

router = APIRouter(prefix="/webhooks", include_in_schema=False)

Asked = Annotated[str, Query(max_length=1000)]


@router.get("/meta")
def verify(
    parvis: Installation,
    mode: Annotated[Asked, Query(alias="hub.mode")] = "",
    token: Annotated[Asked, Query(alias="hub.verify_token")] = "",
    challenge: Annotated[Asked, Query(alias="hub.challenge")] = "",
) -> PlainTextResponse:
    """Meta asks whether this address is ours: the challenge goes back to whoever knows the verify token."""
    expected = parvis.settings.meta_verify_token
    if expected is None or mode != "subscribe":
        raise Forbidden
    if not hmac.compare_digest(expected.get_secret_value().encode(), token.encode("utf-8", "replace")):
        raise Forbidden
    return PlainTextResponse(challenge)


@router.post("/meta")
def receive(request: Request, parvis: Installation, raw: RawBody, now: Now) -> Response:
    """Keep one body; 200 is said only once it is on the disk. 403: not signed with the app's secret, nothing kept.

    The session is opened here instead of being asked for: this is the one address that a network calls thousands of
    times an hour, and a dependency that closes costs two more changes of thread.
    """
    if not parvis.webhook_of(NetworkName.FACEBOOK).authentic(request.headers, raw):
        raise Forbidden
    with parvis.database.write() as session:
        ingest.receive(session, NetworkName.FACEBOOK, raw, now=now)
    return Response()
