"""GeoReport v2 (https://wiki.open311.org/GeoReport_v2), for the apps and the other 311 systems of the city.

Requests are sent and read whole with a key of the scope `open311`; who has none reads what the public may.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import func, select
from starlette.datastructures import FormData

from administration import sign_in
from api.deps import Installation, Now, ReadSession, Sent
from api.georeport import PREFIX, Form, answer
from api.i18n import _, language
from api.messages import label
from api.problems import Forbidden
from models.attributes import asked
from models.errors import NotFound, Refused
from models.requests311 import Service
from models.scope import Action, Viewer
from models.vocabulary import CLOSED_STATUSES
from moderation.requests import escalation, exchange
from moderation.requests.exchange import Known

router = APIRouter(prefix=PREFIX, include_in_schema=False)

UNCHANGED = datetime(2026, 1, 1, tzinfo=UTC)
"""What a city without services says of when they changed."""
FIRST_YEAR, LAST_YEAR = 1900, 9000
"""Of a time that is meant: with others, a span of 90 days leads out of the calendar."""
_ATTRIBUTE = re.compile(r"attribute\[([^\[\]]{1,60})\](?:\[\])?")
LONGEST_PAGE = 1_000_000
"""No page beyond it is asked for in earnest; it keeps the offset a number that databases take."""


def _key(request: Request, parvis: Installation) -> Viewer | None:
    """Who asks, by `api_key` in the address or by `Authorization: Bearer`; None: no key is given.

    Forbidden: the key is not one that serves, or not for this.
    """
    scheme, _space, bearer = request.headers.get("authorization", "").partition(" ")
    given = request.query_params.get("api_key") or (bearer.strip() if scheme.lower() == "bearer" else "")
    return known(parvis, given) if given else None


def known(parvis: Installation, key: str) -> Viewer:
    """The program of a key. Forbidden: the key is not one that serves, or not for this."""
    identity = sign_in.identify_key(parvis.database, key, now=parvis.clock())
    if identity is None or not identity.viewer.may(Action.EXCHANGE_REQUESTS):
        raise Forbidden
    return identity.viewer


Reader = Annotated[Viewer | None, Depends(_key)]


@router.get("/discovery.{form}")
def discovery(form: Form, parvis: Installation, session: ReadSession) -> Response:
    """Where this server is, and how to get a key (https://wiki.open311.org/Service_Discovery)."""
    changed = _said(session.scalar(select(func.max(Service.changed_at))) or UNCHANGED)
    endpoint = {
        "specification": "http://wiki.open311.org/GeoReport_v2",
        "url": parvis.settings.base_url + PREFIX,
        "changeset": changed,
        "type": "production",
        "formats": ["text/xml", "application/json"],
    }
    said = {
        "changeset": changed,
        "contact": _("The City’s 311 centre"),
        "key_service": _("The people who administer Parvis give keys: parvis key add --scope open311"),
        "endpoints": [endpoint],
    }
    return answer(form, "discovery", said)


@router.get("/services.{form}")
def services(form: Form, session: ReadSession) -> Response:
    """What can be asked for."""
    return answer(form, "services", [_service(one) for one in escalation.services(session)])


@router.get("/services/{code}.{form}")
def definition(code: str, form: Form, session: ReadSession) -> Response:
    """What a service asks beside the place and the words."""
    service = session.get(Service, code)
    if service is None or not service.active:
        raise NotFound
    return answer(form, "service_definition", {"service_code": service.code, "attributes": _questions(service)})


@router.post("/requests.{form}")
def submit(form: Form, parvis: Installation, now: Now, reader: Reader, sent: Sent) -> Response:
    """Open a request. Its number is given at once, to the program alone."""
    said = {name: value.strip() for name, value in sent.items() if isinstance(value, str)}
    viewer = known(parvis, said["api_key"]) if said.get("api_key") else reader
    if viewer is None:
        raise Forbidden
    name = " ".join(filter(None, (said.get("first_name"), said.get("last_name"))))
    asked = exchange.Sent(
        service_code=said.get("service_code", ""),
        latitude=said.get("lat", ""),
        longitude=said.get("long", ""),
        address=said.get("address_string", "") or said.get("address_id", ""),
        description=said.get("description", ""),
        media_url=said.get("media_url", ""),
        name=name,
        email=said.get("email", ""),
        phone=said.get("phone", ""),
        attributes=given(sent),
    )
    with parvis.database.write() as session:
        opened = exchange.submit(
            session, viewer, asked, now=now, prefix=parvis.settings.request_prefix, zone=parvis.settings.zone
        )
        number = opened.number
    notice = _("Your request is registered. Keep its number.")
    receipt = {"service_request_id": number, "service_notice": notice, "account_id": None}
    return answer(form, "service_requests", [receipt])


@router.get("/tokens/{token}.{form}")
def token(token: str, form: Form) -> Response:
    """Every request has its number at once, so that no token was ever given."""
    raise NotFound


@router.get("/requests.{form}")
def listed(form: Form, request: Request, session: ReadSession, now: Now, reader: Reader) -> Response:
    """Requests of at most 90 days and at most 1,000, the newest first."""
    asked = request.query_params
    wanted = exchange.Wanted(
        numbers=_several(asked.get("service_request_id")),
        services=_several(asked.get("service_code")),
        closed=_closed(asked.get("status")),
        start=_time("start_date", asked.get("start_date")),
        end=_time("end_date", asked.get("end_date")),
    )
    page, size = _count(asked.get("page"), 1), _count(asked.get("page_size"), exchange.MOST)
    extended = asked.get("extensions", "").lower() == "true"
    found = exchange.listed(session, reader, wanted, now=now, page=page, size=size)
    return answer(form, "service_requests", [_shown(one, reader, extended=extended) for one in found])


@router.get("/requests/{number}.{form}")
def one(number: str, form: Form, request: Request, session: ReadSession, reader: Reader) -> Response:
    """One request, in a list."""
    extended = request.query_params.get("extensions", "").lower() == "true"
    found = exchange.one(session, reader, number)
    return answer(form, "service_requests", [_shown(found, reader, extended=extended)])


@router.get("/servicerequestupdates.{form}")
def updates(form: Form, request: Request, session: ReadSession, now: Now, reader: Reader) -> Response:
    """What became of requests, for a program that keeps its own copy (mySociety's extension)."""
    if reader is None:
        raise Forbidden
    asked = request.query_params
    start, end = (_time(name, asked.get(name)) for name in ("start_date", "end_date"))
    found = [
        {
            "update_id": str(change.id),
            "service_request_id": number,
            "status": "CLOSED" if change.status in CLOSED_STATUSES else "OPEN",  # Its words, in capitals.
            "updated_datetime": _said(change.at),
            "description": change.note or "",
        }
        for change, number in exchange.changes(session, reader, start=start, end=end, now=now)
    ]
    return answer(form, "service_request_updates", found)


# ------------------------------------------------------------------------------------------ what is written and read
def _service(service: Service) -> dict[str, Any]:
    name, group = service.called(language.get()), label("groupe", service.group)
    return {
        "service_code": service.code,
        "service_name": name,
        "description": name,
        "metadata": bool(service.attributes),
        "type": "realtime",
        "keywords": service.keywords,
        "group": group,
    }


def _questions(service: Service) -> list[dict[str, Any]]:
    spoken = language.get()
    return [
        {
            "variable": True,
            "code": one.code,
            "datatype": str(one.datatype),
            "required": one.required,
            "datatype_description": label("datatype", one.datatype),
            "order": place,
            "description": one.question(spoken),
            "values": [{"key": value.key, "name": value.name(spoken)} for value in one.values],
        }
        for place, one in enumerate(asked(service.attributes), start=1)
    ]


def given(sent: FormData) -> dict[str, list[str]]:
    """What was answered, by the attribute's code: `attribute[code]`, or `attribute[code][]` for several values."""
    found: dict[str, list[str]] = {}
    for name, value in sent.multi_items():
        if isinstance(value, str) and (named := _ATTRIBUTE.fullmatch(name)) is not None:
            found.setdefault(named.group(1), []).append(value)
    return found


def _shown(known: Known, reader: Viewer | None, *, extended: bool) -> dict[str, Any]:
    """Without a key: what `/suivi` shows anybody. What a citizen wrote, where, and the answer are for programs of the
    city; who asked is for nobody.
    """
    request, whole = known.request, reader is not None
    shown: dict[str, Any] = {
        "service_request_id": request.number,
        "status": "closed" if request.status in CLOSED_STATUSES else "open",
        "status_notes": request.citizen_note if whole else None,
        "service_name": request.service.called(language.get()),
        "service_code": request.service_code,
        "description": request.description if whole else None,
        "agency_responsible": request.borough.name if request.borough else None,
        "service_notice": None,
        "requested_datetime": _said(request.opened_at),
        "updated_datetime": _said(known.changed_at),
        "expected_datetime": _said(request.due_at),
        "address": request.place if whole else None,
        "address_id": None,
        "zipcode": None,
        "lat": request.latitude if whole else None,
        "long": request.longitude if whole else None,
        "media_url": request.media_url if whole else None,
    }
    if extended:
        shown["extended_attributes"] = {"detailed_status": str(request.status)}
        if whole:
            shown["attributes"] = [
                {"code": one.code, "value": ", ".join(value) if isinstance(value, list) else value}
                for one in asked(request.service.attributes)
                if (value := (request.attributes or {}).get(one.code)) is not None
            ]
    return shown


def _said(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _several(said: str | None) -> list[str]:
    return [part for part in (one.strip() for one in (said or "").split(",")) if part]


def _closed(said: str | None) -> bool | None:
    """Whether closed ones are wanted, open ones, or (None) both. Refused: `status_unknown`."""
    wanted = set(_several((said or "").lower()))
    if wanted - {"open", "closed"}:
        raise Refused("status_unknown", field="status")
    return None if len(wanted) != 1 else wanted == {"closed"}


def _time(name: str, said: str | None) -> datetime | None:
    """A time of the W3C's profile of ISO 8601. Refused: `moment_unreadable`, also where it has no zone.

    A `+` that nobody escaped comes as a blank.
    """
    said = (said or "").strip().replace(" ", "+")
    if not said:
        return None
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise Refused("moment_unreadable", field=name)
    return at


def _count(said: str | None, usual: int) -> int:
    """A number of pages or of requests; whatever is no number asks for nothing."""
    return min(int(said), LONGEST_PAGE) if said and said.isdecimal() and len(said) < 10 and int(said) else usual
