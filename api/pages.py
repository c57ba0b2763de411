"""Pages: Jinja templates with what every one of them knows: words, dates, icons, who reads, where they may go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from api import i18n, keyboard, mail_words, messages, request_words
from api.i18n import N_, Dates
from connectors.registry import descriptor
from models.errors import Refused
from models.people import reset_before
from models.scope import Action
from publishing import remarks

HERE = Path(__file__).parent


@dataclass(frozen=True)
class NavItem:
    """One entry of the navigation; shown to whoever may do `action` somewhere."""

    path: str
    name: str
    icon: str
    action: Action


PLACES = (
    NavItem("/", N_("Queue"), "inbox", Action.SEE_COMMENTS),
    NavItem("/requetes", N_("311 requests"), "wrench", Action.SEE_REQUESTS),
    NavItem("/publications", N_("Posts"), "megaphone", Action.SEE_POSTS),
    NavItem("/calendrier", N_("Calendar"), "calendar", Action.SEE_POSTS),
    NavItem("/equipe", N_("Team"), "clock", Action.SEE_TEAM),
    NavItem("/analyse", N_("Analysis"), "chart-column", Action.SEE_ANALYSIS),
    NavItem("/comptes", N_("Accounts"), "link", Action.SEE_ACCOUNTS),
    NavItem("/personnes", N_("People"), "users", Action.MANAGE_PEOPLE),
    NavItem("/exploitation", N_("Operations"), "settings", Action.MANAGE_ACCOUNTS),
)
"""In the order in which they are shown. A new page adds its line."""


@cache
def icon(name: str) -> Markup:
    """A drawing of `static/vendor/icons`, decorative: what it means is said in words beside it."""
    path = HERE / "static" / "vendor" / "icons" / f"{name}.svg"
    if not path.is_file():
        return Markup("")
    drawing = path.read_text(encoding="utf-8")
    drawing = drawing[drawing.index("<svg") :]
    return Markup(drawing.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1))  # noqa: S704  # From our own files.


def environment(zone: ZoneInfo) -> Environment:
    """The templates; everything is escaped, and a name that is not given is an error."""
    dates = Dates(zone)
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(
        _=_sentence,
        ngettext=_agreeing,
        icon=icon,
        label=messages.label,
        network=descriptor,
        reason=messages.reason,
        refusal=messages.refusal,
        finding=messages.finding,
        about=_about,
        failure=messages.failure,
        not_published=messages.not_published,
        passages=remarks.passages,
        not_heard=messages.not_heard,
        not_mailed=mail_words.not_mailed,
        problem=messages.problem,
        not_taken=request_words.not_taken,
        service_sections=request_words.sections,
        service_days=request_words.days,
        head=messages.head,
        said=messages.said,
        places=PLACES,
        reset_before=reset_before,
    )
    templates.filters.update(
        day=dates.day,
        weekday=dates.weekday,
        time=dates.time,
        moment=dates.moment,
        machine=dates.machine,
        meanings=keyboard.meanings,
        number=i18n.format_number,
        quoted=lambda words: ", ".join(i18n._("“%(word)s”", word=one) for one in words),
    )
    return templates


# A page says three hundred sentences. Jinja's own extension looks each of them up through the context of the template,
# which takes as long as a tenth of the page.
def _sentence(message: str, /, **params: object) -> Markup:
    """A sentence in the reader's language; what it is given is escaped."""
    said = _in_language(i18n.language.get(), message)
    return said % params if params else _bare(said)


def _agreeing(one: str, many: str, n: int, /, **params: object) -> Markup:
    """A sentence that agrees with the number `n`, which is also the place `%(num)s`."""
    said = i18n.catalogue(i18n.language.get()).ngettext(one, many, n)
    return Markup(said) % {"num": n, **params}  # noqa: S704  # From our own catalogue.


@lru_cache(maxsize=4096)
def _in_language(language: str, message: str) -> Markup:
    return Markup(i18n.catalogue(language).gettext(message))  # noqa: S704  # As above.


@lru_cache(maxsize=4096)
def _bare(said: Markup) -> Markup:
    """Without places, a lone % is written %% as in every other sentence."""
    return said % {}


def _about(error: Refused | None, field: str) -> Refused | None:
    """What a refusal, or one of those that came with it, says of one field of a form."""
    several = (error, *error.others) if error else ()
    return next((one for one in several if one.params.get("field") == field), None)


def render(
    request: Request, name: str, /, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """One page. Every template has `request`, `identity` (None: nobody is signed in), `language`, `theme`, `notice`,
    `has_names` (whether passkeys can be used here) and `key_for`, which gives a person's key for the usual one.
    """
    templates: Environment = request.app.state.templates
    identity = getattr(request.state, "identity", None)
    keys = identity.keys if identity else {}
    html = templates.get_template(name).render(
        request=request,
        identity=identity,
        key_for=lambda usual: keys.get(usual, usual),
        language=i18n.language.get(),
        theme=request.cookies.get(request.app.state.parvis.settings.cookie("parvis_theme")),
        has_names=request.app.state.parvis.party is not None,
        notice=messages.notice(request.query_params.get("fait")),
        **values,
    )
    return HTMLResponse(html, status, headers)
