"""Sentences that citizens receive: versioned templates, filled by one pure function."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.templates import MessageTemplate

FRENCH = "fr"


class _Blank(dict[str, str]):
    """A place that nothing fills stays visible in the draft, so that a person sees what is missing."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def render(body: str, values: Mapping[str, str]) -> str:
    """Fill `{name}` places. Only plain names are places: a template cannot reach into objects."""
    filled = _Blank({name: value for name, value in values.items() if value})
    return "".join(
        literal + (filled[name] if name is not None else "")
        for literal, name, _spec, _conversion in Formatter().parse(body)
    ).strip()


def template(session: Session, code: str, language: str) -> str:
    """The newest wording of a template, in the language if there is one and in French otherwise."""
    found = _newest(session, language, MessageTemplate.code == code)
    if not found:
        raise NotFound
    return found[code]


def drafts(session: Session, language: str) -> list[tuple[str, str]]:
    """The newest wording of every template that a moderator may pick for a reply: (code, body), by code."""
    return sorted(_newest(session, language, MessageTemplate.code.like("reply_%")).items())


def _newest(session: Session, language: str, which: ColumnElement[bool]) -> dict[str, str]:
    statement = (
        select(MessageTemplate.code, MessageTemplate.body)
        .where(which, MessageTemplate.language.in_([language, FRENCH]))
        .order_by(MessageTemplate.language == language, MessageTemplate.version)
    )
    return {code: body for code, body in session.execute(statement)}  # noqa: C416  # Rows are not pairs for the types.
