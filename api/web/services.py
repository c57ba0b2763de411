"""The catalogue of 311 services: what can be asked for, in how many days, and with which questions."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from administration import services
from administration.services import Question, Wording
from api.deps import Now, ReadSession, Sent, WriteSession, require, whole
from api.pages import render
from models.attributes import asked
from models.errors import Refused
from models.requests311 import Service
from models.scope import Action, Viewer
from models.vocabulary import Datatype, Group311

router = APIRouter(prefix="/services", include_in_schema=False)

Reader = Annotated[Viewer, require(Action.SEE_REQUESTS)]
Editor = Annotated[Viewer, require(Action.EDIT_SERVICES, whole_city=True)]
BLANKS = 1
"""Empty questions at the end of the form, for a new one."""
UNIT = "unit-"
"""How the field begins of a borough's unit, whose code follows."""


@router.get("")
def show(request: Request, viewer: Reader, session: ReadSession) -> Response:
    """All services by group."""
    return _list(request, session, viewer)


@router.post("/importation")
def take(request: Request, viewer: Editor, session: WriteSession, now: Now, sent: Sent) -> Response:
    """Add and change the services of a spreadsheet, and say of each line that was left why."""
    file = sent.get("file")
    raw = file.file.read(services.LARGEST + 1) if isinstance(file, UploadFile) else b""
    report, error = None, None
    try:
        report = services.take_csv(session, raw, person_id=viewer.person_id, now=now)
    except Refused as refused:
        error = refused
    session.flush()
    return _list(request, session, viewer, report=report, error=error)


@router.get("/nouveau")
def show_new(request: Request, viewer: Editor, session: ReadSession) -> Response:
    """Where a new one is written."""
    return _form(request, session, viewer, None, _BLANK)


@router.post("/nouveau")
def make(request: Request, viewer: Editor, session: WriteSession, now: Now, sent: Sent) -> Response:
    """Make a service; what was refused is shown again with what was typed."""
    wording, code = _typed(sent), str(sent.get("code", "")).strip()
    try:
        services.word(session, viewer.person_id, code, wording, seen=None, now=now)
    except Refused as error:
        return _form(request, session, viewer, None, wording, code=code, error=error)
    return RedirectResponse("/services?fait=saved", 303)


@router.get("/{code}")
def show_one(request: Request, viewer: Reader, session: ReadSession, code: str) -> Response:
    """One service, with what its standard was before."""
    service = services.one(session, code)
    wording = _of(service, services.units(session, code))
    return _form(request, session, viewer, service, wording, standards=services.standards(session, code))


@router.post("/{code}")
def word(request: Request, viewer: Editor, session: WriteSession, now: Now, sent: Sent, code: str) -> Response:
    """Say a service anew. What is open keeps its due date."""
    service, wording = services.one(session, code), _typed(sent)
    try:
        services.word(session, viewer.person_id, code, wording, seen=whole(str(sent.get("version", ""))) or 0, now=now)
    except Refused as error:
        return _form(
            request, session, viewer, service, wording, error=error, standards=services.standards(session, code),
            version=whole(str(sent.get("version", ""))),
        )  # fmt: skip
    return RedirectResponse(f"/services/{code}?fait=saved", 303)


def _list(
    request: Request,
    session: Session,
    viewer: Viewer,
    *,
    report: services.Report | None = None,
    error: Refused | None = None,
) -> Response:
    return render(
        request,
        "services/list.html",
        status=422 if error else 200,
        services=services.every(session),
        may_edit=_may_edit(viewer),
        report=report,
        error=error,
        columns=services.NEEDED,
        often=services.OFTEN,
    )


def _form(
    request: Request,
    session: Session,
    viewer: Viewer,
    service: Service | None,
    wording: Wording,
    *,
    code: str = "",
    error: Refused | None = None,
    standards: Any = (),
    version: int | None = None,
) -> Response:
    field = error.params.get("field") if error else None
    return render(
        request,
        "services/one.html",
        status=200 if error is None else 422 if field else 409,
        service=service,
        wording=wording,
        questions=[*wording.questions, *[Question("", Datatype.STRING, "")] * BLANKS],
        code=code,
        version=version or (service.version if service else 0),
        error=error,
        standards=standards,
        groups=list(Group311),
        datatypes=list(Datatype),
        boroughs=services.boroughs(session),
        may_edit=_may_edit(viewer),
    )


def _may_edit(viewer: Viewer) -> bool:
    return viewer.may_on(Action.EDIT_SERVICES, borough_id=None, account_id=None)


_BLANK = Wording("", Group311.OTHER, "5")


def _of(service: Service, units: dict[str, str]) -> Wording:
    questions = [
        Question(one.code, one.datatype, one.fr, one.en, one.required, services.typed_values(one))
        for one in asked(service.attributes)
    ]
    return Wording(
        service.name,
        service.group,
        str(service.days),
        service.working_days,
        service.confidential,
        service.active,
        questions,
        service.name_en,
        service.keywords,
        service.unit or "",
        service.mail or "",
        units,
    )


def _typed(sent: FormData) -> Wording:
    def said(name: str) -> str:
        value = sent.get(name, "")
        return value if isinstance(value, str) else ""

    count = min(whole(said("questions")) or 0, services.MOST_ATTRIBUTES + BLANKS)
    questions = [
        Question(
            said(f"question-{n}-code"),
            said(f"question-{n}-datatype"),
            said(f"question-{n}-fr"),
            said(f"question-{n}-en"),
            bool(said(f"question-{n}-required")),
            said(f"question-{n}-values"),
        )
        for n in range(count)
    ]
    kept = [one for one in questions if one.code.strip() or one.fr.strip()]
    working, confidential, active = (bool(said(name)) for name in ("working_days", "confidential", "active"))
    words = (said("name_en"), said("keywords"), said("unit"), said("mail"))
    units = {name.removeprefix(UNIT): said(name) for name in sent if name.startswith(UNIT)}
    return Wording(said("name"), said("group"), said("days"), working, confidential, active, kept, *words, units)
