"""Sentences that citizens receive: versioned templates, filled by one pure function."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from models import audit
from models.decisions import Decision
from models.errors import NotFound, Refused
from models.requests311 import Service
from models.scope import Viewer
from models.session import take_turn
from models.templates import FRENCH, MessageTemplate, newest
from models.text import cleaned
from models.vocabulary import RequestStatus, Tone

LONGEST, LONGEST_TITLE = 2000, 80
"""Characters."""

NAMED = ("reply_", "urgent_", "post_", "note_")
"""How the codes begin of what people pick by its name."""

PLACES = ("prenom", "numero", "service", "heures", "note", "lien")
"""What a template may leave to be filled."""
POST_PLACES = ("compte", "campagne")
"""What the text of a post may leave: publishing fills it for each account."""
NOTE_PLACES = ("service",)
"""What a note about a request may leave: what is said in the thread beside it, its answer says already."""
NOTED = (RequestStatus.IN_PROGRESS, RequestStatus.DONE, RequestStatus.REFUSED)
"""What a request may become with a note."""
PLACE = re.compile(rf"\{{(?:{'|'.join(PLACES)})\}}")
"""One that nothing filled: no citizen receives it."""


def render(body: str, values: Mapping[str, str]) -> str:
    """Fill the places of a body. One that nothing fills stays as it is, so that a person sees what is missing."""
    return PLACE.sub(lambda found: values.get(found.group()[1:-1]) or found.group(), body).strip()


def leaving(text: str, longest: int, signature: str = "") -> str:
    """The words of a reply as they leave, signed once. Refused: `reply_empty`, `place_blank`, `reply_too_long`."""
    text = (cleaned(text) or "").replace("\r\n", "\n").strip()
    if not text:
        raise Refused("reply_empty", field="text")
    if (blank := PLACE.search(text)) is not None:
        raise Refused("place_blank", field="text", place=blank.group())
    if signature and not text.endswith(signature):
        text = f"{text}\n\n{signature}"
    if len(text) > longest:
        raise Refused("reply_too_long", field="text", most=str(longest))
    return text


def first_name(name: str | None) -> str:
    """The first name of an author as the network says it; empty: none is known."""
    return (name or "").strip().partition(" ")[0]


def template(session: Session, code: str, language: str) -> str:
    """The newest wording of a template, in the language if there is one and in French otherwise."""
    return wording(newest(session, language, MessageTemplate.code == code), code)


def wording(found: Mapping[str, MessageTemplate], code: str) -> str:
    """How one of the templates that were found reads."""
    if code not in found:
        raise NotFound
    return found[code].body


def kept(session: Session, template_id: int | None) -> int | None:
    """The id of a wording, if there is one of it."""
    return template_id if template_id is not None and session.get(MessageTemplate, template_id) is not None else None


def saved(
    found: Mapping[str, MessageTemplate],
    intention: str | None = None,
    *,
    network: str | None = None,
    tone: str | None = None,
) -> list[MessageTemplate]:
    """Of the templates that were found, every reply that a moderator may pick on a network, for an account of a tone
    (None: on several, so that only those for any are given): first those for what the comment wants,
    then those for any, by title.
    """

    def place(one: MessageTemplate) -> tuple[int, str, str]:
        nearness = 1 if one.intention is None else 0 if one.intention == intention else 2
        return nearness, name_of(one).casefold(), one.code

    replies = (
        one
        for code, one in found.items()
        if code.startswith("reply_") and not one.retired and one.network in (None, network) and one.tone in (None, tone)
    )
    return sorted(replies, key=place)


@dataclass(frozen=True)
class ReadyNote:
    """What may be said to the citizen when a request becomes what `status` says."""

    code: str
    title: str
    status: RequestStatus
    text: str


def notes(session: Session, service: Service, statuses: Collection[RequestStatus]) -> list[ReadyNote]:
    """The ready notes for what a request of a service may become: first those for that service, then those for any,
    by title. In French, which is how the city writes.
    """
    found = newest(session, FRENCH, MessageTemplate.code.startswith("note_", autoescape=True)).values()
    ours = [one for one in found if not one.retired and one.service_code in {None, service.code}]
    ours.sort(key=lambda one: (one.service_code is None, name_of(one).casefold(), one.code))
    return [
        ReadyNote(one.code, name_of(one), one.status, render(one.body, {"service": service.name}))
        for one in ours
        if one.status is not None and one.status in statuses
    ]


def name_of(one: MessageTemplate) -> str:
    """What it is found by."""
    kind = next((begins for begins in NAMED if one.code.startswith(begins)), "")
    return one.title or one.code.removeprefix(kind)


def every_version(session: Session) -> dict[str, list[MessageTemplate]]:
    """All wordings of every template by its code, the newest first, each with who worded it."""
    statement = select(MessageTemplate).options(joinedload(MessageTemplate.person))
    found: dict[str, list[MessageTemplate]] = {}
    for one in session.scalars(statement.order_by(MessageTemplate.code, MessageTemplate.id.desc())):
        found.setdefault(one.code, []).append(one)
    return found


def uses(session: Session) -> dict[str, int]:
    """How many answers that stand were made of each reply, by its code."""
    undone = select(Decision.cancels_id).where(Decision.cancels_id.is_not(None))
    statement = (
        select(MessageTemplate.code, func.count(Decision.id))
        .join(Decision, Decision.template_id == MessageTemplate.id)
        .where(Decision.id.not_in(undone))
        .group_by(MessageTemplate.code)
    )
    return {code: count for code, count in session.execute(statement)}  # noqa: C416  # Rows are not pairs for the types.


@dataclass(frozen=True)
class Wording:
    """How a template shall read, in each language."""

    title: str
    bodies: Mapping[str, str]
    intention: str | None = None
    status: str | None = None
    """Of a note about a request, with the service that it is about; an empty one: any."""
    service_code: str | None = None
    retired: bool = False
    network: str | None = None
    tone: Tone | None = None


def word(
    session: Session,
    viewer: Viewer,
    code: str | None,
    wording: Wording,
    *,
    seen: int,
    now: datetime,
    new: str = "reply_",
) -> str:
    """Word a template anew, or (no `code`) a new one whose code begins as `new` says: each language that reads
    otherwise has a version more. `seen` is the id of the newest version that the form showed (0: a new one). Gives the
    code.

    Refused: `name_needed`, `text_empty`, `longer_than_kept`, `place_unknown`, `template_changed`, `status_needed`,
    `service_unknown`.
    """
    title, intention = (cleaned(wording.title) or "").strip(), wording.intention or None
    of_request = (code or new).startswith("note_")
    places = POST_PLACES if (code or new).startswith("post_") else NOTE_PLACES if of_request else PLACES
    bodies = {language: _body(text, places) for language, text in wording.bodies.items() if text.strip()}
    take_turn(session, "templates")
    before = every_version(session).get(code or "", [])
    if code is not None and not before:
        raise NotFound
    if before and before[0].id != seen:
        raise Refused("template_changed")
    if (not before or before[0].code.startswith(NAMED)) and not 0 < len(title) <= LONGEST_TITLE:
        raise Refused("name_needed", field="title")
    if FRENCH not in bodies:
        raise Refused("text_empty", field=FRENCH)
    status = wording.status if of_request else None
    service_code = (wording.service_code or None) if of_request else None
    if of_request and status not in NOTED:
        raise Refused("status_needed", field="status")
    if service_code is not None and session.get(Service, service_code) is None:
        raise Refused("service_unknown", field="service_code")
    code = code or f"{new}{secrets.token_hex(6)}"
    said = {"title": title or None, "intention": intention, "retired": wording.retired}
    said |= {"status": status, "service_code": service_code}
    said |= {"network": wording.network or None, "tone": wording.tone or None}
    for language, body in bodies.items():
        last = next((one for one in before if one.language == language), None)
        if last is not None and {"body": last.body, **{name: getattr(last, name) for name in said}} == {
            "body": body,
            **said,
        }:
            continue
        version = last.version + 1 if last else 1
        who = {"person_id": viewer.person_id, "created_at": now}
        session.add(MessageTemplate(code=code, language=language, version=version, body=body, **said, **who))
        audit.note(
            session, "template.word", f"template:{code}", now=now, person_id=viewer.person_id,
            language=language, version=version, retired=wording.retired,
        )  # fmt: skip
    return code


def _body(text: str, places: tuple[str, ...]) -> str:
    body = (cleaned(text) or "").replace("\r\n", "\n").strip()
    if len(body) > LONGEST:
        raise Refused("longer_than_kept", field=FRENCH, most=str(LONGEST))
    for name in re.findall(r"\{([^{}]*)\}", body):
        if name not in places:
            raise Refused("place_unknown", field=FRENCH, place=name, known=", ".join(places))
    return body
