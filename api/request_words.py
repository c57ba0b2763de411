"""The words about 311 requests and their way to another system (`api.messages` has the others)."""

from __future__ import annotations

from collections.abc import Mapping

from api.i18n import N_, _
from models.effects import Effect
from models.vocabulary import EffectState, HandoverState, Outcome

REFUSALS: Mapping[str, str] = {
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
    "place_needed": N_("Say where: lat and long, or address_string."),
    "place_unreadable": N_("lat and long must be degrees: at most 90 and 180, in figures."),
    "span_too_long": N_("A listing spans at most %(days)s days."),
    "status_unknown": N_("status is open, closed, or both."),
    "request_changed": N_("Somebody has changed this request since you opened it."),
    "request_closed": N_("Request %(number)s is closed."),
    "request_unknown": N_("There is no such request."),
    "service_needed": N_("Choose a service."),
    "service_unknown": N_("There is no such service."),
    "status_not_next": N_("A request cannot go from its status to that one."),
}

HANDOVER: Mapping[str, str] = {
    HandoverState.WAITING: N_("Leaves for the other system"),
    HandoverState.CHECKED: N_("Being checked in the other system"),
    HandoverState.NUMBERLESS: N_("Taken, without a number yet"),
    HandoverState.CONFIRMED: N_("In the other system"),
    HandoverState.BY_HAND: N_("In the other system, carried by hand"),
    HandoverState.FAILED: N_("Not taken by the other system"),
    HandoverState.DOUBTFUL: N_("To be looked up in the other system"),
}

REJECTIONS: Mapping[str, str] = {
    "place_missing": N_("the other system takes no request without a place"),
    "desk_hides_words": N_("the other system shows no description, so that only a person can see whether it is there"),
}
"""Why a desk refused, where a person can do something about it."""


def not_taken(effect: Effect) -> str:
    """Why a request is not in the other system, or not surely."""
    if effect.detail in REJECTIONS:
        return _(REJECTIONS[str(effect.detail)])
    if effect.state == EffectState.CANCELLED:
        return _("it was taken back before it left")
    if effect.doubled:
        return _("it has it twice: one of them is to be closed there")
    if effect.outcome == Outcome.REJECTED:
        return _("it answered: %(said)s", said=effect.detail or "")
    return _("it does not say whether it has it")
