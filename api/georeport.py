"""Answers in the two forms of GeoReport v2, and its errors.

https://wiki.open311.org/GeoReport_v2: XML is UTF-8 without a namespace; JSON is the same by the Spark convention, in
which a container of equal elements is an array and the root's name disappears.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from starlette.responses import Response

PREFIX = "/open311/v2"

EACH = {
    "services": "service",
    "service_requests": "request",
    "service_request_updates": "request_update",
    "attributes": "attribute",
    "values": "value",
    "endpoints": "endpoint",
    "formats": "format",
    "errors": "error",
}
"""What one element of a container is called in XML."""

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no place for, whatever somebody sent (https://www.w3.org/TR/xml/#charsets)."""


class Form(StrEnum):
    """How an answer is written; the end of the address says it."""

    XML = "xml"
    JSON = "json"


_TYPES = {Form.XML: "text/xml; charset=utf-8", Form.JSON: "application/json; charset=utf-8"}


def form_of(path: str) -> Form:
    """The form that an address asks for; XML, which every client reads, where it asks for none."""
    return Form.JSON if path.endswith(".json") else Form.XML


def answer(form: Form, root: str, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`value` as the element `root`: dictionaries, lists, texts, numbers, booleans, None."""
    if form is Form.JSON:
        body = json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    else:
        body = ET.tostring(_element(root, value), encoding="utf-8", xml_declaration=True)
    return Response(body, status, headers, media_type=_TYPES[form])


def failed(path: str, status: int, sentences: Sequence[str], headers: Mapping[str, str] | None = None) -> Response:
    """Errors as GeoReport writes them: 404 for what does not exist, 403 for a missing or wrong key, 400 for whatever
    else is wrong with what was asked.
    """
    status = {401: 403, 405: 400, 409: 400, 422: 400}.get(status, status)
    errors = [{"code": str(status), "description": sentence} for sentence in sentences]
    return answer(form_of(path), "errors", errors, status, headers)


def _element(name: str, value: Any) -> ET.Element:
    element = ET.Element(name)
    if isinstance(value, Mapping):
        element.extend([_element(key, part) for key, part in value.items()])
    elif isinstance(value, list):
        element.extend([_element(EACH[name], part) for part in value])
    elif isinstance(value, bool):
        element.text = "true" if value else "false"
    elif value is not None:
        element.text = _NO_XML.sub("\N{REPLACEMENT CHARACTER}", str(value))
    return element
