"""What networks post to us: the signature is checked, the body is kept as it came, and work parses it later.

Nothing of a body is read here. One that is signed but is no JSON, or speaks of something that we do not know
(another kind of object, an account that nobody added), is kept all the same: the parse
tick sets it aside where people see it, so nothing that a citizen wrote is lost to a mistake of ours.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.deps import Installation, Now, RawBody
from api.problems import Forbidden
from connectors.registry import routes
from models.errors import NotFound
from moderation.intake import deliveries

router = APIRouter(prefix="/webhooks", include_in_schema=False)

LONGEST_QUESTION = 4000


@router.get("/{route}")
def verify(request: Request, parvis: Installation, route: str) -> Response:
    """What the network expects of whoever shares its secret; 403 to anybody else."""
    if len(request.url.query) > LONGEST_QUESTION:
        raise Forbidden
    challenge = parvis.webhook_of(_network(route)).challenge(request.query_params)
    if challenge is None:
        raise Forbidden
    return Response(challenge.body, media_type=challenge.content_type)


@router.post("/{route}")
def receive(request: Request, parvis: Installation, route: str, raw: RawBody, now: Now) -> Response:
    """200 is said only once the body is on the disk. 403: not signed with the secret, nothing kept.

    The session is opened here instead of being asked for: these are the addresses that a network calls thousands of
    times an hour, and a dependency that closes costs two more changes of thread.
    """
    network = _network(route)
    if not parvis.webhook_of(network).authentic(request.headers, raw):
        raise Forbidden
    with parvis.database.write() as session:
        deliveries.receive(session, network, raw, now=now)
    return Response()


def _network(route: str) -> str:
    network = routes().get(route)
    if network is None:
        raise NotFound(f"webhook {route}")
    return network
