"""GeoReport v2 as a client. The standard is small and servers differ: numbers that are no texts, booleans that are,
containers with and without their root, pages of HTML where something is wrong, filters that are not read.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import requests

from connectors.base import Receipt
from connectors.desks import NEITHER, NUMBER, TOKEN, DeskSettings, ServiceThere, StatusSeen, Submission
from connectors.wire import as_id, as_text, as_time, never_sent, over_kept_connections, whole
from models.attributes import Attribute, Choice
from models.errors import Ambiguous, FarSideError, Gone, Rejected, Throttled, TokenInvalid, Transient
from models.vocabulary import Datatype

SKEW = timedelta(minutes=10)
"""How far the clocks of two systems are apart at most."""
PAGE, MOST_PAGES, MOST = 500, 20, 1000
"""Requests in a page that is asked for, pages of one look, and what a server gives at most that reads no pages."""
LARGEST = 10 << 20
"""Bytes of an answer."""
PAUSE = timedelta(minutes=1)
"""After too many calls, where nothing is said of how long."""

_ROWS = re.compile(r"(?i)^(service_requests?|requests?|errors?|services?|service_request_tokens?)$")
_KEY = re.compile(r"(?i)api.?key|credential|authori[sz]")


class Open311Desk:
    """One GeoReport v2 server (`connectors.desks.Desk`)."""

    def __init__(self, settings: DeskSettings) -> None:
        self._settings = settings

    def services(self) -> dict[str, str]:
        rows = self._read("services", {})
        named = [(as_id(row.get("service_code")), as_text(row.get("service_name"))) for row in rows]
        return {code: name or "" for code, name in named if code is not None}

    def definition(self, code: str) -> list[Attribute]:
        try:
            answer = self._call("GET", f"services/{quote(code, safe='')}", {}, None)
        except Gone:
            return []
        found = (_attribute(row) for row in _attribute_rows(_parsed(answer)))
        return [one for one in found if one is not None]

    def catalogue(self) -> list[ServiceThere]:
        found = list[ServiceThere]()
        for row in self._read("services", {}):
            code, name = as_id(row.get("service_code")), (as_text(row.get("service_name")) or "").strip()
            if code is None or not name:
                continue
            asks = str(row.get("metadata")).lower() == "true"
            attributes = tuple(self.definition(code)) if asks else ()
            found.append(ServiceThere(code, name, (as_text(row.get("group")) or "").strip(), attributes))
        return found

    def submit(self, submission: Submission) -> Receipt:
        form: dict[str, str | list[str]] = {"service_code": submission.service_code, "description": submission.words}
        if submission.latitude is not None and submission.longitude is not None:
            form |= {"lat": repr(submission.latitude), "long": repr(submission.longitude)}
        if submission.address:
            form["address_string"] = submission.address
        if submission.media_url:
            form["media_url"] = submission.media_url
        # What it does not ask for, some refuse; the words say it in any case.
        wanted = {one.code for one in self.definition(submission.service_code)} if submission.answers else set()
        for one in submission.answers:
            if one.code in wanted:
                form[f"attribute[{one.code}]" + ("[]" if one.several else "")] = list(one.values)
        if self._settings.key is not None:
            form["api_key"] = self._settings.key
        answer = self._call("POST", "requests", {}, form)
        rows = self._rows(answer)
        # An answer that cannot be read is no refusal, and an error in the words of a success is neither.
        if rows is None or len(rows) > 1 or any("code" in row and "description" in row for row in rows):
            raise Ambiguous
        return _receipt(rows[0] if rows else {}, submission)

    def find(self, submission: Submission, since: datetime, taken: Collection[str]) -> Receipt | None:
        hidden: list[Mapping[str, Any]] = []
        for row in self._since(since - SKEW):
            number, words = as_id(row.get("service_request_id")), as_text(row.get("description")) or ""
            if words.rstrip().endswith(submission.mark) and (number is None or NUMBER + number not in taken):
                # Some list what they have yet to number.
                return Receipt(NUMBER + number if number is not None else NEITHER + submission.reference)
            if number is None or NUMBER + number in taken:
                continue
            if not words.strip() and as_id(row.get("service_code")) in (None, submission.service_code):
                hidden.append(row)
        there = [row for row in hidden if submission.address and as_text(row.get("address")) == submission.address]
        if len(there) == 1 and len(hidden) == 1:
            return Receipt(NUMBER + str(as_id(there[0]["service_request_id"])))
        if hidden:
            raise Rejected("desk_hides_words")
        return None

    def statuses(self, numbers: Sequence[str]) -> list[StatusSeen]:
        if not numbers:
            return []
        asked = {"service_request_id": ",".join(numbers), "extensions": "true"}
        wanted = set(numbers)
        seen = [_status(row) for row in self._read("requests", asked)]
        return [one for one in seen if one is not None and one.number in wanted]

    def number_for(self, token: str) -> str | None:
        try:
            rows = self._read(f"tokens/{quote(token, safe='')}", {})
        except Gone:
            return None
        return next((number for row in rows if (number := as_id(row.get("service_request_id"))) is not None), None)

    # ------------------------------------------------------------------------------------------------------- reading
    def _since(self, start: datetime) -> Iterator[Mapping[str, Any]]:
        """All that was asked for from then on. Transient: it could not be read whole."""
        asked = {"start_date": start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "page_size": str(PAGE)}
        met = set[str]()
        for page in range(1, MOST_PAGES + 1):
            rows = self._read("requests", asked | {"page": str(page)})
            fresh = [row for row in rows if _name(row) not in met]
            yield from fresh
            if not fresh:
                # The same page again: this server turns none, and gives at most so many.
                if page == 2 and len(rows) >= MOST:
                    break
                return
            met |= {_name(row) for row in rows}
        raise Transient(reason="list_not_whole")

    def _read(self, path: str, asked: Mapping[str, str]) -> list[Mapping[str, Any]]:
        rows = self._rows(self._call("GET", path, asked, None))
        if rows is None:
            raise Transient(reason="unreadable")
        return rows

    def _rows(self, answer: requests.Response) -> list[Mapping[str, Any]] | None:
        value = _parsed(answer)
        return None if value is None else list(_rows_of(value))

    # --------------------------------------------------------------------------------------------------------- calls
    def _call(
        self, method: str, path: str, asked: Mapping[str, str], form: Mapping[str, str | list[str]] | None
    ) -> requests.Response:
        settings, writes = self._settings, method != "GET"
        if settings.jurisdiction:
            asked = {**asked, "jurisdiction_id": settings.jurisdiction}
        # In a header, where no log of addresses has it: the standard asks for a key in what is sent alone.
        headers = {"Authorization": f"Bearer {settings.key}"} if settings.key and not writes else {}
        session = over_kept_connections(requests.Session())
        failure: FarSideError
        try:
            answer = session.request(
                method,
                f"{settings.url.rstrip('/')}/{path}.{settings.form}",
                params=asked,
                data=form,
                headers=headers,
                timeout=settings.timeout,
                allow_redirects=False,
                stream=True,
            )
            answer = whole(answer, sum(settings.timeout), LARGEST)
            if 200 <= answer.status_code < 300:
                return answer
            failure = self._failure(answer, writes=writes)
        except requests.RequestException as error:
            failure = Ambiguous() if writes and not never_sent(error) else Transient()
        raise failure

    def _failure(self, answer: requests.Response, *, writes: bool) -> FarSideError:
        status, said = answer.status_code, self._rows(answer)
        words = "; ".join(as_text(row.get("description")) or "" for row in said or ())[:180]
        if status == 429:
            return Throttled(datetime.now(UTC) + _after(answer, PAUSE))
        if status == 401 or (status == 403 and (not words or _KEY.search(words))):
            return TokenInvalid("api_key")
        if status >= 500:
            return Ambiguous() if writes else Transient(_after(answer, timedelta(seconds=30)), reason=str(status))
        if status in (404, 410) and not writes:
            return Gone()
        return Rejected(words or f"http_{status}")


# ----------------------------------------------------------------------------------------------- what answers look like
def _parsed(answer: requests.Response) -> Any:
    """The body as dictionaries, lists and texts; None: it is nothing of the kind, like a page of HTML."""
    body = answer.content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if body[:1] in (b"{", b"["):
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            return None
    # A document type is in no answer of this standard; it is how entities are told that never end.
    if body[:1] != b"<" or b"\0" in body or b"<!" in body.replace(b"<!--", b"").replace(b"<![CDATA[", b""):
        return None
    try:
        root = ET.fromstring(body)  # noqa: S314  What makes it dangerous was refused.
    except (ET.ParseError, ValueError, RecursionError):
        return None
    return {root.tag: _plain(root)} if root.tag.lower() != "html" else None


def _plain(element: ET.Element, depth: int = 0) -> Any:
    if not len(element) or depth > 8:
        return (element.text or "").strip() or None
    children = list(element)
    if len({child.tag for child in children}) == 1 and _ROWS.match(children[0].tag):
        return [_plain(child, depth + 1) for child in children]
    return {child.tag: _plain(child, depth + 1) for child in children}


def _rows_of(value: Any) -> Iterator[Mapping[str, Any]]:
    """The rows of an answer, whatever containers stand around them."""
    if isinstance(value, list):
        for one in value:
            yield from _rows_of(one)
    elif isinstance(value, Mapping):
        inside = [part for name, part in value.items() if _ROWS.match(name) and isinstance(part, list | Mapping)]
        if inside:
            for part in inside:
                yield from _rows_of(part)
        elif not all(_ROWS.match(name) for name in value):
            yield value


def _attribute_rows(value: Any) -> Iterator[Mapping[str, Any]]:
    """The questions of a definition: in XML, a container with one element has no list around it."""
    if isinstance(value, list):
        for one in value:
            yield from _attribute_rows(one)
    elif isinstance(value, Mapping):
        if "code" in value and "datatype" in value:
            yield value
        else:
            for name, part in value.items():
                if name in ("service_definition", "attributes", "attribute"):
                    yield from _attribute_rows(part)


def _attribute(row: Mapping[str, Any]) -> Attribute | None:
    code, words = as_id(row.get("code")), (as_text(row.get("description")) or "").strip()
    datatype = (as_text(row.get("datatype")) or "").strip().lower()
    # What is no variable is a text to read, and asks nothing.
    if code is None or datatype not in set(Datatype) or str(row.get("variable", "true")).lower() == "false":
        return None
    values = row.get("values")
    rows = values.get("value", values) if isinstance(values, Mapping) else values
    choices = [
        Choice(key, (as_text(one.get("name")) or "").strip() or key)
        for one in (rows if isinstance(rows, list) else [rows])
        if isinstance(one, Mapping) and (key := as_id(one.get("key"))) is not None
    ]
    required = str(row.get("required")).lower() == "true"
    return Attribute(code, Datatype(datatype), words or code, required=required, values=tuple(choices))


def _receipt(row: Mapping[str, Any], submission: Submission) -> Receipt:
    number, token = as_id(row.get("service_request_id")), as_id(row.get("token"))
    if number is not None:
        return Receipt(NUMBER + number[:100])
    return Receipt(TOKEN + token[:190]) if token is not None else Receipt(NEITHER + submission.reference)


def _status(row: Mapping[str, Any]) -> StatusSeen | None:
    number, status = as_id(row.get("service_request_id")), (as_text(row.get("status")) or "").strip().lower()
    if number is None or not status:
        return None
    extended = row.get("extended_attributes")
    detail = row.get("detailed_status") or (extended.get("detailed_status") if isinstance(extended, Mapping) else None)
    return StatusSeen(
        number=number,
        closed=status in ("closed", "close", "fixed", "resolved"),
        detail=(as_text(detail) or "").strip().lower()[:60],
        note=(as_text(row.get("status_notes")) or "").strip()[:2000],
        at=as_time(row.get("updated_datetime")),
    )


def _name(row: Mapping[str, Any]) -> str:
    return as_id(row.get("service_request_id")) or as_text(row.get("description")) or ""


def _after(answer: requests.Response, usual: timedelta) -> timedelta:
    said = answer.headers.get("retry-after", "")
    return min(timedelta(seconds=int(said)), timedelta(hours=1)) if said.isdecimal() and len(said) < 7 else usual
