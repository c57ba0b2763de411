"""What networks post to us: the signature is checked, the body is kept as it came, and work parses it later.

Nothing of a body is read here. One that is signed but is no JSON, or speaks of something that we do not know
(another `object` than a Page or an Instagram account, an account that nobody added), is kept all the same: the parse
tick sets it aside where people see it, so nothing that a citizen wrote is lost to a mistake of ours.
"""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.deps import Installation, Now, RawBody
from api.problems import Forbidden
from api.wiring import Parvis
from models.vocabulary import NetworkName
from moderation.intake import deliveries

router = APIRouter(prefix="/webhooks", include_in_schema=False)

META = NetworkName.FACEBOOK
"""Meta has one address for all that it runs; each change says whose it is."""
LONGEST_QUESTION = 4000


@router.get("/meta")
def verify_meta(request: Request, parvis: Installation) -> Response:
    """Meta asks whether this address is ours: https://developers.facebook.com/docs/graph-api/webhooks/getting-started."""
    return _answer(request, parvis, META)


@router.get("/linkedin")
def verify_linkedin(request: Request, parvis: Installation) -> Response:
    """LinkedIn asks the same: https://learn.microsoft.com/linkedin/shared/api-guide/webhook-validation."""
    return _answer(request, parvis, NetworkName.LINKEDIN)


@router.post("/meta")
def receive_meta(request: Request, parvis: Installation, raw: RawBody, now: Now) -> Response:
    """Keep one body that Meta's app signed."""
    return _keep(request, parvis, META, raw, now)


@router.post("/linkedin")
def receive_linkedin(request: Request, parvis: Installation, raw: RawBody, now: Now) -> Response:
    """Keep one body that LinkedIn's application signed."""
    return _keep(request, parvis, NetworkName.LINKEDIN, raw, now)


def _keep(request: Request, parvis: Parvis, name: NetworkName, raw: bytes, now: datetime) -> Response:
    """200 is said only once the body is on the disk. 403: not signed with the secret, nothing kept.

    The session is opened here instead of being asked for: these are the addresses that a network calls thousands of
    times an hour, and a dependency that closes costs two more changes of thread.
    """
    if not parvis.webhook_of(name).authentic(request.headers, raw):
        raise Forbidden
    with parvis.database.write() as session:
        deliveries.receive(session, name, raw, now=now)
    return Response()


def _answer(request: Request, parvis: Parvis, name: NetworkName) -> Response:
    """What the network expects of whoever shares its secret; 403 to anybody else."""
    if len(request.url.query) > LONGEST_QUESTION:
        raise Forbidden
    challenge = parvis.webhook_of(name).challenge(request.query_params)
    if challenge is None:
        raise Forbidden
    return Response(challenge.body, media_type=challenge.content_type)
