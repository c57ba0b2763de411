"""What the pretend outside 311 answers: GeoReport v2 in XML and JSON, with the standard's errors and its own faults."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.standin.desk import Asked, PretendDesk
from connectors.standin.state import Fault, Standin
from connectors.standin.wire import Answer, Call, seconds

BUSY = b"<!DOCTYPE html><html><body><h1>503 Service Unavailable</h1></body></html>"
CLOSED = ("closed", "refused", "done")
EACH = {"service_requests": "request", "services": "service", "errors": "error"}


class Wrong(Exception):  # An answer and no fault of ours.
    """An error as the standard writes it."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


def answer(state: Standin, call: Call, fault: Fault | None) -> Answer:
    """One request. Faults that only spoil the way back are the server's business."""
    path, _, form = call.path.removeprefix("v2/").rpartition(".")
    with state.lock:
        state.settle()
        state.calls += 1
        kind = fault.kind if fault is not None else ""
        if kind in ("503", "500_before"):
            return Answer(int(kind[:3]), None, raw=BUSY, content_type="text/html")
        if kind == "throttle":
            return Answer(429, None, {"Retry-After": "60"}, raw=b"", content_type="text/plain")
        lag = fault.seconds if fault is not None and kind == "lag" else 0.0
        try:
            return _written(form, state.desk, *_answered(state, call, path, lag))
        except Wrong as wrong:
            errors = [{"code": str(wrong.status), "description": str(wrong)}]
            return _written(form, state.desk, "errors", errors, wrong.status)


def _answered(state: Standin, call: Call, path: str, lag: float) -> tuple[str, Any]:
    desk = state.desk
    match (call.method, *path.split("/")):
        case ("GET", "services"):
            known = [{"service_code": code, "service_name": name} for code, name in desk.services.items()]
            return "services", known
        case ("POST", "requests"):
            return "service_requests", [_taken(state, call.params, lag)]
        case ("GET", "requests"):
            return "service_requests", _listed(state, call.params)
        case ("GET", "requests", number) if number in desk.asked:
            return "service_requests", [_row(desk, desk.asked[number])]
        case ("GET", "tokens", token):
            for one in desk.asked.values():
                if one.token == token and state.now() >= one.numbered_at:
                    return "service_requests", [{"token": token, "service_request_id": _number(desk, one)}]
    raise Wrong(404, "not found")


def _taken(state: Standin, sent: Mapping[str, str], lag: float) -> dict[str, Any]:
    desk = state.desk
    if sent.get("api_key") != desk.key:
        raise Wrong(403, "api_key is missing or wrong")
    if desk.services and sent.get("service_code") not in desk.services:
        raise Wrong(404, "service_code was not found")
    if not sent.get("address_string") and not (sent.get("lat") and sent.get("long")):
        raise Wrong(400, "a location is needed")
    now, number = state.now(), str(state.number())
    asked = Asked(
        number,
        sent.get("service_code", ""),
        sent.get("description", ""),
        sent.get("address_string"),
        float(sent["lat"]) if sent.get("lat") else None,
        float(sent["long"]) if sent.get("long") else None,
        sent.get("media_url"),
        now,
        now + lag,
        history=[(now, "open", "")],
    )
    desk.asked[number] = asked
    if desk.kind == "batch":
        asked.token, asked.numbered_at = f"t-{number}", now + desk.token_seconds
        return {"token": asked.token, "service_notice": "Soon.", "account_id": None}
    given = _number(desk, asked) if desk.kind == "realtime" else None
    return {"service_request_id": given, "service_notice": "Thank you.", "account_id": None}


def _listed(state: Standin, asked: Mapping[str, str]) -> list[dict[str, Any]]:
    desk, now = state.desk, state.now()
    rows = [one for one in desk.asked.values() if one.listed_at <= now]
    if (numbers := asked.get("service_request_id")) and not desk.ignores_list:
        rows = [one for one in rows if one.number in numbers.split(",")]
    elif start := asked.get("start_date"):
        rows = [one for one in rows if one.at >= datetime.fromisoformat(start).timestamp()]
    rows.sort(key=lambda one: one.at, reverse=True)
    size = min(seconds(asked.get("page_size")) or desk.page_size, desk.page_size)
    first = ((seconds(asked.get("page")) or 1) - 1) * size
    return [_row(desk, one) for one in rows[first : first + size]]


def _row(desk: PretendDesk, one: Asked) -> dict[str, Any]:
    at, status, note = one.history[0 if desk.replays else -1]
    shown = not desk.hides_words
    return {
        "service_request_id": _number(desk, one),
        "status": "closed" if status in CLOSED else "open",
        "status_notes": note or None,
        "service_code": one.code,
        "description": one.description if shown else None,
        "requested_datetime": _said(one.at),
        "updated_datetime": _said(at),
        "address": one.address if shown else None,
        "lat": one.latitude,
        "long": one.longitude,
        "extended_attributes": {"detailed_status": status},
    }


def _number(desk: PretendDesk, one: Asked) -> str | int:
    return int(one.number) if desk.numbers_are_numbers else one.number


def _said(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def _written(form: str, desk: PretendDesk, root: str, value: Any, status: int = 200) -> Answer:
    if form == "json":
        body = json.dumps({root: value} if desk.rooted else value).encode()
        return Answer(status, None, raw=body, content_type="application/json")
    body = ET.tostring(_element(root, value), encoding="utf-8", xml_declaration=True)
    return Answer(status, None, raw=body, content_type="text/xml")


def _element(name: str, value: Any) -> ET.Element:
    element = ET.Element(name)
    if isinstance(value, Mapping):
        element.extend([_element(key, part) for key, part in value.items()])
    elif isinstance(value, list):
        element.extend([_element(EACH[name], part) for part in value])
    elif value is not None:
        element.text = str(value)
    return element
