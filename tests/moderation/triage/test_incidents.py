"""Events: found in what comes in, shown as one line, decided about as one; nothing is merged by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from classifiers.base import Scored
from classifiers.places import Place
from connectors.registry import capabilities
from models.effects import Effect
from models.errors import NotFound, Refused
from models.incidents import Incident, IncidentComment
from models.people import Borough
from models.requests311 import Requester, ServiceRequest
from models.vocabulary import EffectState, Group311, Intention, ItemState, PlaceKind, RequestStatus
from moderation import places
from moderation.requests import escalation
from moderation.triage import incidents, listing, queue, together
from moderation.triage.deciding import Terms
from moderation.triage.incidents import Wanted
from moderation.triage.listing import Filter

TERMS = Terms(timedelta(seconds=10), "STR", capabilities)
NUMBER = "STR-2026-000001"
WANTED = Wanted("bris-aqueduc", "rue Wolfe", text="Merci! C'est connu ({numero}).")


def named(name="rue Wolfe", kind=PlaceKind.STREET):
    return Place(kind, name, 0, len(name), 0.9, (name,), None, None)


def writes(city, number, leak, *, who=None, place="rue Wolfe", account="nord", post="post-1", look=True, **more):
    text, given = f"Pas d'eau {number}", {"place": named(place)} | leak | more
    city.classifier.says[text] = replace(city.classifier.classify([""], None)[0], **given)
    who = who or f"c{number}"
    seen = city.seen(str(number), text, author_external_id=who, author_name=who, post_external_id=post)
    seen = replace(seen, said_at=city.now)
    city.store(seen, account=account)
    city.classify()
    if look:
        incidents.gather_due(city.database, now=city.now)


def events(city):
    with city.database.read() as session:
        return session.scalars(select(Incident).order_by(Incident.id)).all()


def line(city, who="Ariane"):
    with city.database.read() as session:
        return [(one.people, one.event.place, one.comments) for one in incidents.lines(session, city.people[who])]


def seen(city, incident_id=1, who="Ariane"):
    with city.database.read() as session:
        return incidents.seen(session, city.people[who], incident_id, capabilities, now=city.now)


def read(city, incident_id=1):
    return {one.comment.id: one.comment.version for one, _ in seen(city, incident_id).waiting}


def decide(city, versions, wanted=WANTED, *, who="Ariane", key="k" * 20, incident_id=1):
    with city.database.write() as session:
        return incidents.decide(
            session, city.people[who], incident_id, versions, wanted, TERMS, form_key=key, now=city.now
        )


def waiting(city, *, gathered=True, who="Ariane"):
    with city.database.read() as session:
        page = queue.page(session, city.people[who], Filter(gathered=gathered), now=city.now)
        return [one.comment.external_id for one in page.lines]


@pytest.fixture
def broken(city, leak):
    for number in range(5):
        writes(city, number, leak, post=f"post-{number % 3}")
    return city


# ------------------------------------------------------------------------------------------ what is found
def test_three_people_about_one_thing_are_an_event_and_later_ones_join_it(city, leak):
    writes(city, 1, leak, who="a")
    writes(city, 2, leak, who="a")
    writes(city, 3, leak, who="b")
    assert events(city) == []
    writes(city, 4, leak, who="c", place="Rue  WOLFE")
    assert line(city) == [(3, "rue Wolfe", 4)]
    assert waiting(city) == []
    assert len(waiting(city, gathered=False)) == 4
    city.clock.pass_(hours=1)
    writes(city, 5, leak, who="d")
    assert line(city) == [(4, "rue Wolfe", 5)]
    with city.database.read() as session:
        assert listing.counts(session, city.people["Ariane"], now=city.now).waiting == 0


@pytest.mark.parametrize(
    "more",
    [
        {"place": "rue Cartier"},
        {"place": None},
        {"intention": None, "group": None},
        {"account": "sud"},
        {"later": 13},
    ],
)
def test_what_differs_is_no_part_of_it(city, leak, more):
    writes(city, 1, leak)
    writes(city, 2, leak)
    more = dict(more)
    city.clock.pass_(hours=more.pop("later", 0))
    if "place" in more and more["place"] is None:
        city.says("3", "Pas d'eau", **leak)
        incidents.gather_due(city.database, now=city.now)
    else:
        writes(city, 3, leak, **more)
    assert events(city) == []


def test_praise_and_ideas_are_about_no_event(city, leak):
    for number in range(4):
        writes(city, number, leak, intention=Scored(Intention.PRAISE, 0.9))
    assert events(city) == []


def test_two_networks_and_three_posts_are_one_event(city, leak):
    city.add_account("insta", "instagram", borough_id=city.boroughs["nord"])
    for number in range(6):
        writes(city, number, leak, account="insta" if number % 2 else "nord", post=f"post-{number % 3}")
    assert line(city) == [(6, "rue Wolfe", 6)]


def test_looking_is_bounded_and_looking_again_changes_nothing(city, leak):
    for number in range(8):
        writes(city, number, leak, look=False)
    with city.counting() as statements:
        assert incidents.gather_due(city.database, now=city.now) == 8
    assert len([one for one in statements if one.startswith("SELECT")]) <= 8 + 8
    with city.counting() as statements:
        assert incidents.gather_due(city.database, now=city.now) == 0
    assert len(statements) <= 4
    assert line(city) == [(8, "rue Wolfe", 8)]


def test_an_immediate_danger_stands_by_itself_too(city, leak):
    from classifiers.base import Urgency

    for number in range(3):
        writes(city, number, leak)
    writes(city, 9, leak, urgency=Urgency(2, 0.99))
    assert waiting(city) == ["9"]
    outcome = decide(city, read(city))
    assert [error.code for error in outcome.left.values()] == ["danger_alone"]


def test_who_has_another_borough_or_one_account_sees_what_is_theirs(broken):
    assert line(broken, "Chantal") == []
    with pytest.raises(NotFound):
        seen(broken, who="Chantal")
    with pytest.raises(NotFound):
        decide(broken, {}, who="Chantal")
    from models.people import Membership
    from models.vocabulary import Role

    broken.hire("Gilles", Membership(role=Role.MODERATOR, account_id=broken.accounts["nord"]))
    assert len(waiting(broken, who="Gilles")) == 5


def test_the_same_street_however_it_is_written():
    def key(name):
        return places.keys({"names": [], "text": name})[0]

    assert key("rue Wolfe") == key("Wolfe") == key("la rue WOLFE") == key("12 rue Wolfe")
    assert key("rue Wolfe") != key("rue Cartier")
    assert key("rue du Pont") is not None
    assert key("Boulevard Gouin Est") == key("Gouin") == key("Boulevard Gouin Ouest")
    assert key("rue de l’Est") not in {key("rue de l’Ouest"), None}
    assert places.keys(None) == (None, None)
    assert not places.written("Rue Wolfe / Rue Morin").isdisjoint(places.written("12, rue Morin"))
    assert places.written("Rue Wolfe / Rue Morin").isdisjoint(places.written("rue Cartier"))
    assert places.written(" ") == frozenset()


WOLFE, CORNER, REVERSED, OTHER = (
    ("Rue Wolfe",), ("Rue Wolfe", "Rue Saint-Laurent"), ("Rue Saint-Laurent", "Rue Wolfe"), ("Rue Wolfe", "Rue Morin"),
)  # fmt: skip
LAURENT = ("Rue Saint-Laurent",)


@pytest.mark.parametrize(
    ("said", "people", "late"),
    [
        ((WOLFE, WOLFE, CORNER), [3], None),
        ((WOLFE, REVERSED, WOLFE), [3], None),
        ((CORNER, REVERSED, OTHER), [3], None),
        # Two streets have but the corner in common: nobody knows on which it is.
        ((WOLFE, CORNER, LAURENT), [], None),
        ((WOLFE, LAURENT, WOLFE, LAURENT), [], None),
        # Who joins an event of one street, and one of a corner.
        ((WOLFE, WOLFE, WOLFE), [4], REVERSED),
        ((WOLFE, WOLFE, CORNER), [3], LAURENT),
        ((WOLFE, WOLFE, WOLFE), [3], LAURENT),
        ((CORNER, REVERSED, CORNER), [4], LAURENT),
        ((CORNER, REVERSED, CORNER), [4], WOLFE),
        ((CORNER, OTHER, WOLFE), [3], LAURENT),
    ],
)
def test_a_crossing_is_on_either_street(city, leak, said, people, late):
    def tell(number, names):
        kind = PlaceKind.INTERSECTION if len(names) > 1 else PlaceKind.STREET
        there = Place(kind, "là", 0, 2, 0.9, names, None, None)
        writes(city, number, leak | {"place": there})

    for number, names in enumerate(said):
        tell(number, names)
    if late is not None:
        tell(99, late)
    assert [one[0] for one in line(city)] == people


def says(city, texts, *, group=Group311.WATER, apart=timedelta(minutes=5), account="nord", first=0):
    """As many people, one after the other, who name no place that the city's gazetteer has."""
    for number, text in enumerate(texts, first):
        given = {"intention": Scored(Intention.SERVICE_REQUEST, 0.9), "group": Scored(group, 0.9)}
        city.classifier.says[text] = replace(city.classifier.classify([""], None)[0], **given)
        who = f"p{number}"
        seen = city.seen(f"w{number}", text, author_external_id=who, author_name=who, post_external_id=f"{number % 3}")
        city.store(replace(seen, said_at=city.now), account=account)
        city.classify()
        city.clock.pass_(seconds=apart.total_seconds())
        incidents.gather_due(city.database, now=city.now)


DRY = (
    "plus d'eau à Pintendre", "Panne d'eau à Pintendre??", "Y'a pu d'eau dans le coin de Pintendre",
    "Pas d’eau chez nous (Pintendre)", "L'eau est revenue à PINTENDRE?",
)  # fmt: skip
ANYWHERE = (
    "plus d'eau!",
    "Pas d'eau ici non plus",
    "Y'a pu d'eau?",
    "panne d'eau??",
    "Moi aussi, plus une goutte d'eau",
)


@pytest.fixture
def sectors(city):
    with city.database.write() as session:
        session.add(Borough(code="pintendre", name="Pintendre"))
        session.add(Borough(code="lauzon", name="Lauzon"))
    return city


@pytest.mark.parametrize(("texts", "place"), [(DRY, "Pintendre"), (ANYWHERE, None)])
def test_five_people_within_an_hour_who_name_no_street_are_an_event(sectors, texts, place):
    says(sectors, texts[:4])
    assert line(sectors) == []
    says(sectors, texts[4:], first=4)
    assert line(sectors) == [(5, place, 5)]
    # What says another thing stays in the queue, and whoever says the same joins.
    says(sectors, ["Un puisard bouché" + (" à Pintendre" if place else "")], first=5)
    assert line(sectors) == [(5, place, 5)]
    says(sectors, [texts[0].replace("plus", "pas")], first=6)
    assert line(sectors) == [(6, place, 6)]


@pytest.mark.parametrize(
    ("texts", "more"),
    [
        (DRY[:4], {}),
        # Two sectors, or one and nowhere.
        ((*DRY[:3], "plus d'eau à Lauzon", "pas d'eau à Lauzon"), {}),
        ((*DRY[:3], *ANYWHERE[:2]), {}),
        # Spread over a morning.
        (ANYWHERE, {"apart": timedelta(minutes=16)}),
        # Of one kind, and about different things.
        (("plus d'eau", "un puisard bouché", "couvercle bruyant", "refoulement chez nous", "borne d'incendie"), {}),
        (("c'est long", "ça coule", "aucune réponse", "réglez ça", "encore!"), {}),
        # Snow and holes are everybody's own street.
        (("Déneigez notre rue!", "Pas encore déneigé", "La rue pas déneigée", "déneigement nul", "rue à déneiger"),
         {"group": Group311.SNOW}),
        (("Un nid-de-poule", "encore un nid-de-poule", "nid-de-poule!", "un nid-de-poule énorme", "nids-de-poule"),
         {"group": Group311.ROADS}),
    ],
)  # fmt: skip
def test_unrelated_people_who_name_no_street_are_none(sectors, texts, more):
    says(sectors, texts, **more)
    assert line(sectors) == []


def test_what_people_write_every_hour_is_no_event(sectors):
    says(sectors, [f"{text} ({number})" for number in range(2) for text in ANYWHERE], apart=timedelta(minutes=20))
    says(sectors, [f"{text} (vite)" for text in ANYWHERE], first=20)
    assert line(sectors) == []
    # More in one hour than in all those before.
    says(sectors, [f"{text} (encore)" for text in ANYWHERE], first=30)
    assert line(sectors)[0][0] >= 10


# ------------------------------------------------------------------------------------------ what is decided
def test_one_request_for_all_and_one_reply_to_each(broken):
    outcome = decide(broken, read(broken))
    assert (len(outcome.decisions), outcome.left) == (5, {})
    with broken.database.read() as session:
        (request,) = session.scalars(select(ServiceRequest)).all()
        assert session.scalar(select(func.count()).select_from(Requester)) == 5
        effects = session.scalars(select(Effect).order_by(Effect.due_at)).all()
    assert (request.number, request.place) == (NUMBER, "rue Wolfe")
    assert [one.payload["text"] for one in effects] == ["Merci! C'est connu (STR-2026-000001)."] * 5
    assert len({one.due_at for one in effects}) == 5
    assert line(broken) == []
    assert len(seen(broken).decided) == 5


def test_one_undo_takes_all_back(broken):
    outcome = decide(broken, read(broken))
    with broken.database.write() as session:
        together.undo_all(session, broken.people["Ariane"], outcome.batch.id, now=broken.now)
    with broken.database.read() as session:
        assert session.scalars(select(ServiceRequest.status)).all() == [RequestStatus.CANCELLED]
        assert set(session.scalars(select(Effect.state))) == {EffectState.CANCELLED}
    assert incidents.close_due(broken.database, now=broken.now) == 0
    assert line(broken) == [(5, "rue Wolfe", 5)]
    again = decide(broken, read(broken), key="l" * 20)
    assert len(again.decisions) == 5


def test_the_same_form_twice_is_one_request(broken):
    what = read(broken)
    first, second = decide(broken, what), decide(broken, what)
    assert first.batch.id == second.batch.id
    with broken.database.read() as session:
        assert session.scalar(select(func.count()).select_from(ServiceRequest)) == 1


def test_late_comers_join_the_same_request(broken, leak):
    decide(broken, read(broken))
    writes(broken, 9, leak)
    assert line(broken) == [(1, "rue Wolfe", 1)]
    decide(broken, read(broken), Wanted(text="Merci, {numero}."), key="l" * 20)
    with broken.database.read() as session:
        assert session.scalar(select(func.count()).select_from(ServiceRequest)) == 1
        assert session.scalar(select(func.count()).select_from(Requester)) == 6


def test_what_is_wrong_with_the_form_is_said_and_nothing_is_done(broken):
    with pytest.raises(Refused) as caught:
        decide(broken, read(broken), Wanted("no-such-service", "rue Wolfe"))
    assert caught.value.code == "service_unknown"
    with broken.database.read() as session:
        assert session.scalar(select(func.count()).select_from(ServiceRequest)) == 0
    with pytest.raises(Refused, match="nothing_selected"):
        decide(broken, {10**6: 1})


def test_one_is_taken_out_and_stays_out(broken, leak):
    first = next(iter(read(broken)))
    with broken.database.write() as session:
        incidents.take_out(session, broken.people["Ariane"], 1, first, now=broken.now)
    assert waiting(broken) == ["0"]
    writes(broken, 9, leak)
    assert line(broken) == [(5, "rue Wolfe", 5)]
    assert first not in read(broken)
    with broken.database.write() as session, pytest.raises(NotFound):
        incidents.take_out(session, broken.people["Ariane"], 1, first, now=broken.now)
    outcome = decide(broken, {first: 1} | read(broken))
    assert first not in {one.comment_id for one in outcome.decisions}


def test_it_closes_as_one(broken):
    decide(broken, read(broken))
    with broken.database.write() as session:
        escalation.progress(
            session, broken.people["Denis"], NUMBER, RequestStatus.DONE, "Réparé.", version=1, now=broken.now
        )
    assert incidents.close_due(broken.database, now=broken.now) == 1
    assert events(broken)[0].closed_at is not None
    assert len(waiting(broken)) == 5
    assert len(broken.drafts("0")) == 1


def test_a_person_says_that_it_is_none(broken):
    with broken.database.write() as session:
        incidents.close(session, broken.people["Ariane"], 1, now=broken.now)
    assert line(broken) == []
    assert len(waiting(broken)) == 5
    assert broken.item("0").state == ItemState.WAITING
    with pytest.raises(Refused, match="incident_closed"):
        decide(broken, {1: 1})


def test_one_that_nobody_writes_of_any_more_ends_by_itself(broken):
    assert incidents.close_due(broken.database, now=broken.now) == 0
    broken.clock.pass_(hours=25)
    assert incidents.close_due(broken.database, now=broken.now) == 1
    assert len(waiting(broken)) == 5


def test_two_at_once_make_one_event(city, leak, race):
    for number in range(6):
        writes(city, number, leak, look=False)
    race(*[lambda: incidents.gather_due(city.database, now=city.now)] * 3)
    assert len(events(city)) == 1
    with city.database.read() as session:
        assert session.scalar(select(func.count()).select_from(IncidentComment)) == 6
