"""What is refused of the hours of the service, of how it answers, and of who is on call."""

from __future__ import annotations

from collections.abc import Mapping

from api.i18n import N_

REFUSALS: Mapping[str, str] = {
    "clocks_changed": N_("Somebody has changed the hours since you opened this page: open it again."),
    "day_twice": N_("Each day is said once."),
    "hours_first": N_("Say first when the service is open."),
    "reply_asks": N_("This topic is sensitive for the City: ask a second person to say yes to your reply."),
    "tone_unknown": N_("Choose a tone."),
    "topic_unknown": N_("Choose a topic of the list."),
    "hours_backwards": N_("A day closes after it opens; closing at 00:00 is at midnight."),
    "hours_count": N_("Give hours of opening from 1 to %(most)s, or none."),
    "too_many_days": N_("At most %(most)s days are otherwise: take out those that are over."),
    "on_call_twice": N_("Each person is on call once."),
    "on_call_who": N_("Whoever is on call must see every comment of the City."),
    "phone_too_long": N_("A telephone has at most %(most)s characters."),
    "no_alarm": N_("No alarm is open for this comment."),
    "alarm_answered": N_("%(by)s sees to it already."),
    "shift_empty": N_("Write a note, or give your comments back."),
}
