"""What a text becomes on each account; its language, its days, its embargo, and how easily it is read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from models.dossiers import KeyDate
from models.errors import NotFound, Refused
from models.vocabulary import LanguageException
from publishing import checks, planning, signatures, timing
from publishing.wording import unsigned

ZONE = ZoneInfo("America/Toronto")
ENGLISH = "The outdoor rink opens on Saturday morning at ten o’clock, and everybody is welcome to come and skate."


def codes(city, post) -> set[str]:
    found = checks.look(planning.sketches(city.post(post)), now=city.now, zone=ZONE)
    return {one.code for one in found}


def refused(call, *args, **more) -> str:
    with pytest.raises(Refused) as caught:
        call(*args, **more)
    return caught.value.code


def test_an_account_signs_what_it_says_once_and_places_are_filled(city):
    with city.database.write() as session:
        signatures.sign(session, city.people["Claire"], city.accounts["sud"], "  – Le Sud\n", now=city.now)
    post = city.act("Claire", "create", city.draft("{compte} : collecte mardi. {autre}"))
    said = {one.account.name: one.text for one in city.post(post).variants}
    assert said == {"nord": "nord : collecte mardi. {autre}", "sud": "sud : collecte mardi. {autre}\n\n– Le Sud"}
    assert "blank_left" in codes(city, post), "nothing fills that place"
    again = planning.copied(city.post(post))
    with city.database.write() as session:
        copy = planning.create(session, city.people["Claire"], again, now=city.now)
        assert {one.text for one in copy.variants} == set(said.values()), "signed once"
    whole = next(one for one in city.post(post).variants if one.account.name == "sud")
    assert unsigned(whole.text, whole.account) == "sud : collecte mardi. {autre}"
    assert city.act("Claire", "create", city.draft(" ", "sud")).variants[0].text == ""


def test_who_may_sign_and_how_long(city):
    with city.database.write() as session, pytest.raises(NotFound):
        signatures.sign(session, city.people["Sylvie"], city.accounts["nord"], "x", now=city.now)
    with city.database.write() as session:
        given = (session, city.people["Claire"], city.accounts["nord"])
        assert refused(signatures.sign, *given, "x" * 201, now=city.now) == "longer_than_kept"
        assert "vitrine" not in {one.name for one in signatures.accounts(session, city.people["Claire"])}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ENGLISH, True),
        (f"La patinoire ouvre samedi matin à dix heures, venez nombreux.\n\n{ENGLISH}", True),
        ("La patinoire extérieure ouvre samedi matin à dix heures; tout le monde est bienvenu.", False),
        ("Skate Park #Wow", False),
        ("Spectacle de Simple Plan samedi au parc Jean-Drapeau, à 20 h : entrée libre.", False),
    ],
)
def test_what_is_not_french_is_held_back_unless_an_exception_is_named(city, text, found):
    post = city.act("Claire", "create", city.draft(text, "nord"))
    assert ("not_french" in codes(city, post)) is found
    if found:
        assert refused(city.act, "Claire", "submit", post.id, version=post.version) == "not_french"
    named = city.draft(text, "nord", language_exception=LanguageException.SAFETY)
    post = city.act("Claire", "edit", post.id, named, version=post.version)
    assert "not_french" not in codes(city, post)
    assert city.act("Claire", "submit", post.id, version=post.version).state == "submitted"


def test_an_approval_covers_the_exception_and_the_embargo(city):
    post = city.approved("nord")
    for more in ({"language_exception": LanguageException.HEALTH}, {"embargo_until": city.now}):
        version = city.post(post).version
        draft = city.draft("Collecte reportée à mardi.", "nord", **more)
        changed = city.act("Claire", "edit", post.id, draft, version=version)
        with city.database.read() as session:
            assert not planning.approval_stands(session, city.post(changed))


def test_nothing_goes_out_before_its_embargo(city):
    until = city.now + timedelta(hours=3)
    early = city.draft("Annonce", "nord", embargo_until=until, publish_at=city.now + timedelta(hours=1))
    post = city.act("Claire", "create", early)
    assert refused(city.act, "Claire", "submit", post.id, version=post.version) == "embargoed"
    timeless = city.draft("Annonce", "nord", embargo_until=until)
    post = city.act("Claire", "edit", post.id, timeless, version=post.version)
    post = city.judge("Gilles", city.act("Claire", "submit", post.id, version=post.version))
    assert refused(city.schedule, post, hours=2) == "embargoed"
    city.schedule(post, hours=3)
    city.deliver(hours=3)
    assert city.published("nord") == ["Annonce"]


def test_the_day_of_a_post_is_looked_at(city):
    with city.database.write() as session:
        days = {"Séance du conseil": date(2026, 12, 25), "Élection partielle": date(2027, 1, 20)}
        session.add_all(KeyDate(name=name, day=day) for name, day in days.items())
    at = datetime(2026, 12, 25, 15, tzinfo=UTC)
    post = city.act("Claire", "create", city.draft("Joyeux Noël!", "nord", publish_at=at))
    with city.database.read() as session:
        sketches = planning.sketches(city.post(post))
        found = [(one.code, one.params["name"]) for one in timing.look(session, sketches, ZONE, "fr")]
    assert found == [
        ("holiday", "Jour de Noël"),
        ("key_date", "Séance du conseil"),
        ("election_near", "Élection partielle"),
    ]
    with city.database.read() as session:
        assert timing.look(session, [], ZONE, "fr") == []


PLAIN = (
    "La rue est fermée lundi. Prenez la rue voisine. Le bus passe par la rue du Parc. Les feux sont en panne. "
    "Merci de rouler bien doucement ce jour."
)
HEAVY = (
    "Conformément aux dispositions réglementaires applicables, l’administration municipale procédera ultérieurement "
    "à la réhabilitation fonctionnelle des infrastructures souterraines d’approvisionnement, nonobstant les "
    "perturbations occasionnées."
)


def test_a_text_for_readers_with_a_degree_is_said_to_be(city):
    easy, hard = checks.readability(PLAIN), checks.readability(f"{HEAVY} {HEAVY}")
    assert hard < checks.READABLE < easy <= 100
    assert checks.readability("Ouvert samedi.") is None
    assert "hard_to_read" in codes(city, city.act("Claire", "create", city.draft(f"{HEAVY} {HEAVY}", "nord")))
    assert "hard_to_read" not in codes(city, city.act("Claire", "create", city.draft(PLAIN, "nord")))


def test_a_blank_of_a_ready_text_is_found(city):
    assert "blank_left" in codes(city, city.act("Claire", "create", city.draft("Fermeture : [RUE].", "nord")))
    assert "blank_left" not in codes(city, city.act("Claire", "create", city.draft("[Vidéo] La fête", "nord")))
