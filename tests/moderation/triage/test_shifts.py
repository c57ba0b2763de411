"""The end of a shift: one's own figures, comments given back to the team, and words that the next one reads."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from models.errors import Refused
from models.notes import ShiftNote
from models.notices import Notice, see
from moderation.triage import deciding, shifts, teamwork

ZONE = ZoneInfo("America/Toronto")
KEY = "a-form-of-the-end-of-a-shift"


def end(city, who="Ariane", text="", key=KEY):
    with city.database.write() as session:
        return shifts.end(session, city.people[who], text, give_back=False, form_key=key, now=city.now)


def give_back(city, who="Ariane", text="", key=KEY):
    with city.database.write() as session:
        return shifts.end(session, city.people[who], text, give_back=True, form_key=key, now=city.now)


def assign(city, who, comment):
    with city.database.write() as session:
        teamwork.assign(
            session, city.people[who], comment.id, city.people[who].person_id,
            before_id=None, form_key=f"assigned-to-{comment.external_id}", now=city.now,
        )  # fmt: skip


def mine(city, who="Ariane"):
    with city.database.read() as session:
        return shifts.shift(session, city.people[who], ZONE, now=city.now)


def handed(city, who):
    with city.database.read() as session:
        return [(one.by.name, one.shift_note.text) for one in shifts.unread(session, city.people[who])]


def test_a_shift_is_what_one_person_did_and_still_has(city):
    for name in "abc":
        city.says(name, f"Texte {name}")
    city.decide("Ariane", city.comment("a"), "nothing")
    city.decide("Bruno", city.comment("b"), "nothing")
    assign(city, "Ariane", city.comment("c"))
    shift = mine(city)
    assert shift.closing.decided == 1
    assert [one.external_id for one in shift.theirs] == ["c"]


def test_words_stay_on_top_of_the_next_ones_queue_until_they_are_read(city):
    end(city, text="Le bris de la rue Wolfe n’est pas réglé.")
    assert handed(city, "Bruno") == [("Ariane", "Le bris de la rue Wolfe n’est pas réglé.")]
    assert handed(city, "Chantal") != [], "she decides on an account of the south, as Ariane does"
    assert (handed(city, "Ariane"), handed(city, "Denis")) == ([], [])
    with city.database.write() as session:
        see(session, city.people["Bruno"].person_id, now=city.now)
    assert handed(city, "Bruno") == []


def test_one_form_is_one_note(city):
    first, second = end(city, text="Bonne nuit"), end(city, text="Bonne nuit")
    assert first.id == second.id
    with pytest.raises(Refused) as caught:
        end(city, "Bruno", text="Bonne nuit")
    assert caught.value.code == "form_key_reused"
    assert len(handed(city, "Bruno")) == 1


def test_one_form_that_is_sent_twice_at_once_is_one_note(city, race):
    assert len({one.id for one in race(*[lambda: end(city, text="Bonne nuit")] * 3)}) == 1
    assert len(handed(city, "Bruno")) == 1


def test_what_one_had_goes_back_to_the_team_but_for_what_a_colleague_has_open(city):
    for name in "ab":
        city.says(name, f"Texte {name}")
        assign(city, "Ariane", city.comment(name))
    with city.database.write() as session:
        deciding.claim(session, city.people["Bruno"], city.comment("b").id, now=city.now)
    give_back(city)
    assert (city.item("a").assignee_id, city.item("b").assignee_id) == (None, city.people["Ariane"].person_id)


@pytest.mark.parametrize(("text", "code"), [(" \n ", "shift_empty"), ("x" * 4001, "longer_than_kept")])
def test_what_cannot_be_kept_is_refused(city, text, code):
    with pytest.raises(Refused) as caught:
        end(city, text=text)
    assert caught.value.code == code


def test_words_are_forgotten_after_a_month(city):
    end(city, text="Bonne nuit")
    city.clock.pass_(days=31)
    end(city, text="Encore", key=KEY + "-2")
    with city.database.write() as session:
        shifts.forget_due(session, now=city.now)
        assert session.scalar(select(func.count()).select_from(ShiftNote)) == 1
        assert session.scalars(select(Notice.key)).all() != []
    city.clock.pass_(days=31)
    with city.database.write() as session:
        shifts.forget_due(session, now=city.now + timedelta(seconds=1))
        assert session.scalars(select(Notice.id)).all() == []
