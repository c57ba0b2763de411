"""The words about 311 requests and their way to another system (`api.messages` has the others)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from api.i18n import N_, _, ngettext
from models.effects import Effect
from models.requests311 import Service
from models.vocabulary import EffectState, HandoverState, Outcome

REFUSALS: Mapping[str, str] = {
    "attribute_needed": N_("%(question)s An answer is needed."),
    "attribute_unreadable": N_("%(question)s This answer cannot be read."),
    "attribute_unknown": N_("%(field)s is not a question of this service."),
    "completion_empty": N_("Write where it is, or show it, or say how to reach you."),
    "outlines_unreadable": N_("The file must be GeoJSON, with polygons in degrees and the boroughs’ names."),
    "not_exported": N_("This request has left in no file."),
    "sheet_columns": N_(
        "The file must be a table with a column number, and status or outside_number; at most 1,000 lines."
    ),
    "status_word": N_("“%(said)s” is no status: in_progress, done, refused, open or closed."),
    "score_unreadable": N_("Choose a number from 0 to 10."),
    "nobody_to_ask": N_("Nobody of a network asked for this request: there is nobody to ask."),
    "link_used": N_("This link has served already: what you sent was received."),
    "link_expired": N_("This link does not serve any more: dial 311."),
    "days_unreadable": N_("Write a number of days, from 1 to %(most)s."),
    "group_unknown": N_("The group is one of these: %(known)s."),
    "question_code": N_("A question needs a code of its own: letters, figures, hyphens, at most 60."),
    "question_values": N_("A list needs choices, one a line and each once, at most %(most)s: key = French = English."),
    "question_words": N_("Write the question in French, in at most %(most)s characters."),
    "questions_too_many": N_("A service asks at most %(most)s questions."),
    "service_changed": N_("Somebody has changed this service since you opened it."),
    "service_code_unreadable": N_("A code has letters, figures and hyphens, at most 60."),
    "service_taken": N_("Another service has this code."),
    "services_columns": N_("The file must be a table with these columns: %(columns)s."),
    "yes_or_no": N_("%(field)s is yes or no."),
    "assignee_unknown": N_("This person does not work on these requests."),
    "note_too_long": N_("Write at most %(most)s characters."),
    "transfer_nowhere": N_("Say to which unit or borough."),
    "note_needed": N_("Write a note for the citizen."),
    "moment_unreadable": N_("%(field)s must be a date and time with its zone, as in 2026-01-05T12:00:00-05:00."),
    "description_too_long": N_("The description must have at most %(most)s characters."),
    "media_unreadable": N_("media_url must be an address on the web, of at most 500 characters."),
    "reopened_before": N_("That was said already, or this request was closed too long ago: dial 311."),
    "incident_closed": N_("This event is closed: what waited of it is in the queue."),
    "same_request": N_("This is the same request."),
    "not_joined": N_("This request is not joined to another one."),
    "number_confidential": N_("This service is confidential: its number is not given in public."),
    "number_needed": N_("Give the number as the other system writes it, without a space."),
    "number_taken": N_("Another request has this number there already."),
    "not_failed": N_("This request is on its way, or there already."),
    "on_its_way": N_("This request is being sent right now: wait until its state is known."),
    "place_too_long": N_("The place must have at most %(most)s characters."),
    "place_needed": N_("Say where: lat and long, or address_string."),
    "place_unreadable": N_("lat and long must be degrees: at most 90 and 180, in figures."),
    "span_too_long": N_("A listing spans at most %(days)s days."),
    "status_unknown": N_("status is open, closed, or both."),
    "request_changed": N_("Somebody has changed this request since you opened it."),
    "request_closed": N_("Request %(number)s is closed."),
    "request_unknown": N_("There is no such request."),
    "service_needed": N_("Choose a service."),
    "service_unknown": N_("There is no such service."),
    "status_needed": N_("Choose what the request becomes."),
    "status_not_next": N_("A request cannot go from its status to that one."),
}

HANDOVER: Mapping[str, str] = {
    HandoverState.WAITING: N_("Leaves for the other system"),
    HandoverState.CHECKED: N_("Being checked in the other system"),
    HandoverState.NUMBERLESS: N_("Taken, without a number yet"),
    HandoverState.CONFIRMED: N_("In the other system"),
    HandoverState.EXPORTED: N_("Left, not acknowledged yet"),
    HandoverState.ACKNOWLEDGED: N_("Acknowledged, without a number yet"),
    HandoverState.BY_HAND: N_("In the other system, carried by hand"),
    HandoverState.FAILED: N_("Not taken by the other system"),
    HandoverState.DOUBTFUL: N_("To be looked up in the other system"),
}

REJECTIONS: Mapping[str, str] = {
    "place_missing": N_("the other system takes no request without a place"),
    "letter_lost": N_("nobody knows whether its letter left: ask the unit, or send it again"),
    "address_unset": N_("its service has no address any more"),
    "mail_unset": N_("it was owed to another mail server"),
    "desk_hides_words": N_("the other system shows no description, so that only a person can see whether it is there"),
}
"""Why a desk refused, where a person can do something about it."""


def answered(effect: Effect) -> str:
    """What a far side said as it refused; a clause that follows a colon."""
    return _("it answered: %(said)s", said=effect.detail or "")


def not_taken(effect: Effect) -> str:
    """Why a request is not in the other system, or not surely."""
    if effect.detail in REJECTIONS:
        return _(REJECTIONS[str(effect.detail)])
    if effect.state == EffectState.CANCELLED:
        return _("it was taken back before it left")
    if effect.doubled:
        return _("it has it twice: one of them is to be closed there")
    if effect.outcome == Outcome.REJECTED:
        return answered(effect)
    return _("it does not say whether it has it")


SHARES = "shares"
"""Of a section: its services share words with what a citizen wrote."""


def sections(
    services: Sequence[Service],
    likely: Sequence[tuple[Service, Sequence[str]]],
    first: str | None,
    gone: Service | None,
) -> list[tuple[str, list[tuple[Service, Sequence[str]]]]]:
    """The services of a list as it shows them, each with the words that it shares with what a citizen wrote: one that
    is offered no more, but chosen (a section without a name); then `SHARES`; then the others by group, one of these
    `first`. `services` come by group.
    """
    top = {one.code for one, words in likely}
    parted: list[tuple[str, list[tuple[Service, Sequence[str]]]]] = [
        (group, [(one, ()) for one in several if one.code not in top])
        for group, several in groupby(services, key=lambda one: one.group)
    ]
    parted.sort(key=lambda section: section[0] != first)
    chosen: list[tuple[Service, Sequence[str]]] = [(gone, ())] if gone is not None else []
    offered = [("", chosen), (SHARES, list(likely)), *parted]
    return [section for section in offered if section[1]]


def days(service: Service) -> str:
    """In how many days a service answers."""
    if service.working_days:
        return ngettext("%(n)s working day", "%(n)s working days", service.days)
    return ngettext("%(n)s day", "%(n)s days", service.days)
