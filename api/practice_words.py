"""Why something is right to decide about a card of the practice, in words."""

from __future__ import annotations

from collections.abc import Mapping

from api.i18n import N_

WHYS: Mapping[str, str] = {
    "thanks": N_("Thanks need nothing more; a like, where the network has it, is welcome."),
    "repair": N_("There is something to repair, and a place: it becomes a 311 request, with the citizen’s own words."),
    "question": N_("A question that a sentence answers is answered where it was asked."),
    "criticism": N_(
        "Criticism of the City, however sharp, stays: nobody hides it alone. A reply is possible, hiding is not."
    ),
    "spam": N_("Advertising has nothing to do under a post of the City."),
    "insult": N_("It insults a person, and criticizes nothing that they did: the article on insults applies."),
    "private": N_("The number of a private person is not for everybody to read."),
    "distress": N_(
        "Somebody in distress needs a person at once, and never a hidden comment: answer with the distress lines, and "
        "tell whoever is on call."
    ),
    "suggestion": N_("A suggestion is criticism too: it stays. Thanking is a good habit."),
    "hate": N_("It calls a group of people vermin: the article on hate applies, whatever the subject."),
}
"""By `moderation.learning.practice.Card.why`."""
