"""What letters say: to colleagues, what waits and where, never what somebody wrote; to a unit whose system takes
nothing else, a 311 request, and never who asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from administration.mailing import TO_ALL, Invitation, Told
from api import i18n
from api.i18n import N_, Dates, _, ngettext
from api.messages import label
from models.attributes import asked
from models.effects import Effect
from models.requests311 import ServiceRequest
from models.vocabulary import EffectState, Outcome


def worded(base_url: str, language: str, told: Sequence[Told]) -> tuple[str, str]:
    """The subject and the text of a letter about these things."""
    before = i18n.language.set(language)
    try:
        # An immediate danger is said first, whatever else there is.
        told = sorted(told, key=lambda each: each.kind not in TO_ALL)
        one = label("notice", told[0].kind)
        alone = len(told) == 1 or told[0].kind in TO_ALL
        subject = one if alone else ngettext("%(n)s notice", "%(n)s notices", len(told))
        lines = [f"- {label('notice', each.kind)}\n  {base_url}{each.path}" for each in told]
        ends = [
            _("All your notices: %(link)s", link=f"{base_url}/avis"),
            _("You choose how you get these letters in your account: %(link)s", link=f"{base_url}/compte"),
        ]
        return f"Parvis{_(': ')}{subject}", "\n".join([_("Hello,"), "", *lines, "", *ends, ""])
    finally:
        i18n.language.reset(before)


def invited(base_url: str, dates: Dates, language: str, invitation: Invitation) -> tuple[str, str]:
    """The subject and the text of the letter that brings a link."""
    before = i18n.language.set(language)
    try:
        lines = [
            _("Hello %(name)s,", name=invitation.name),
            "",
            _("You are invited to work in Parvis, where the City works on its social networks."),
            _("Open this link and choose how you sign in:"),
            "",
            f"{base_url}/invitation/{invitation.token}",
            "",
            _(
                "It serves once, until %(moment)s. Give it to nobody: whoever has it becomes you.",
                moment=dates.moment(invitation.expires_at),
            ),
            _("If you do not expect this letter, do nothing: the link ends by itself."),
            "",
        ]
        subject = _("Your invitation")
        return f"Parvis{_(': ')}{subject}", "\n".join(lines)
    finally:
        i18n.language.reset(before)


def not_mailed(letter: Effect) -> str:
    """Why a letter did not leave; a clause that follows a colon."""
    if letter.state == EffectState.CANCELLED:
        return _("it was withdrawn")
    said = {
        Outcome.REJECTED: N_("the mail server refuses it (code %(code)s)"),
        Outcome.LATE: N_("the mail server did not take it within a day"),
        Outcome.GONE: N_("nobody knows whether it left"),
    }
    sentence = said.get(letter.outcome or Outcome.UNREACHABLE, N_("the mail server does not answer"))
    return _(sentence, code=letter.detail or "–")


def called(names: Sequence[str]) -> str:
    """What a pager shows when somebody is called about an immediate danger; in French, as the city works."""
    before = i18n.language.set(i18n.FRENCH)
    try:
        return _("Parvis, immediate danger. Called: %(names)s", names=", ".join(names) or "–")
    finally:
        i18n.language.reset(before)


def handed_over(base_url: str, dates: Dates, request: ServiceRequest) -> tuple[str, str]:
    """The subject and the text of the letter by which a unit gets a request; in French, as the city works."""
    before = i18n.language.set(i18n.FRENCH)
    try:
        answers, colon = request.attributes or {}, _(": ")
        point = (request.latitude, request.longitude)
        said = [
            (_("Number"), request.number),
            (_("Service"), request.service.name),
            (_("Borough"), request.borough.name if request.borough else None),
            (_("Place"), request.place),
            (_("Point"), f"{point[0]}, {point[1]}" if None not in point else None),
            (_("Opened"), dates.moment(request.opened_at)),
            (_("Due"), dates.day(request.due_at)),
            *(
                (one.fr, one.shown(answers[one.code], "fr"))
                for one in asked(request.service.attributes)
                if one.code in answers
            ),
            (_("Picture"), request.media_url),
        ]
        lines = [f"{name}{colon}{value}" for name, value in said if value]
        ends = [
            _(
                "Who works on it in Parvis says there that you have it, and writes its number with you: %(link)s",
                link=f"{base_url}/requetes/{request.number}",
            ),
        ]
        words = ["", request.description] if request.description else []
        subject = f"{_('311 request')} {request.number}{colon}{request.service.name}"
        return subject, "\n".join([*lines, *words, "", *ends, ""])
    finally:
        i18n.language.reset(before)
