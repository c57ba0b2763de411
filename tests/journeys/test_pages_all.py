"""Every page, in light and dark and at every width: nothing that axe objects to, nothing that scrolls sideways."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from administration.keys import add_key
from connectors.pictures import drawn
from connectors.registry import capabilities
from connectors.standin.people import drawing
from models import work
from models.comments import Attachment, SourcePost
from models.completions import Completion
from models.desks import Handover
from models.effects import Effect
from models.figures import PostFigures, PostMark
from models.incidents import Incident, IncidentComment
from models.items import Item
from models.media import Film, FilmPart
from models.people import AccessRequest, Person
from models.posts import Preparation
from models.requests311 import Requester
from models.secrets import fingerprint
from models.surveys import Survey
from models.vocabulary import (
    DateRule,
    DecisionKind,
    EffectState,
    Group311,
    MonthEnd,
    OperationKind,
    Outcome,
    OutsideTask,
    PostState,
    RequestStatus,
    Role,
)
from moderation import clocks, items, sensitive
from moderation.requests import escalation, handover
from moderation.triage import away, deciding, proposals, teamwork, views
from moderation.triage.delivery import effect_handler
from publishing import (
    amending,
    campaigns,
    dossiers,
    drafting,
    holding,
    library,
    occurrences,
    planning,
    remarks,
    steps,
    urgent,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def busy(served) -> dict[str, int]:
    """A city in the middle of its day: requests open and closed, a text for two people to hide, posts of all kinds."""
    ids = served.tells()
    served.hire("Alain Admin", Role.ADMIN)
    beatrice = served.hire("Béatrice Admin", Role.ADMIN)
    nadia, samuel, camille, karim = (
        served.people[name] for name in ("Nadia Roy", "Samuel Côté", "Camille Lévesque", "Karim Haddad")
    )
    city, late = list(served.accounts.values()), served.now - timedelta(days=4)
    terms = deciding.Terms(timedelta(0), "SRV", capabilities)
    with served.parvis.database.write() as session:

        def decide(who, what, kind, *, now=served.now, **choice):
            return deciding.decide(session, who, ids[what], deciding.Choice(kind, 1, **choice), terms, now=now)

        request = {"service_code": "deneigement-rue", "text": "Bonjour, no {numero}."}
        decide(samuel, "wolfe", DecisionKind.REQUEST, place="Rue Wolfe", now=late, **request)
        decide(samuel, "cyclable", DecisionKind.REQUEST, place="", **request)
        decide(samuel, "boite", DecisionKind.REQUEST, place="rue Wolfe", **request)
        asked = deciding.Choice(DecisionKind.HIDE, 1, rule_code="N2")
        proposals.propose(session, samuel, ids["critique_maire"], asked, terms, now=served.now)
        decide(samuel, "insulte", DecisionKind.HIDE, rule_code="N2")
        deciding.undo(session, nadia, decide(nadia, "bravo", DecisionKind.NOTHING).id, now=served.now)
        deciding.claim(session, samuel, ids["trottoir"], now=served.now)
        escalation.progress(
            session, karim, "SRV-2026-000002", RequestStatus.DONE, "Déneigée à 9 h.", version=1, now=served.now
        )
        # An outside 311 that refused one of them, and has the other one.
        desk_id = handover.keep_desk(session, handover.Given("https://311.example/v2", None), now=late)
        handover.hand_over_due(session, desk_id, now=served.now, undo=timedelta(0))
        ways = session.scalars(select(Handover).options(joinedload(Handover.effect)).order_by(Handover.id)).all()
        ways[0].effect.state, ways[0].effect.outcome = EffectState.FAILED, Outcome.REJECTED
        ways[0].effect.detail = "service_code was not found"
        ways[1].effect.state, ways[1].effect.remote_id = EffectState.DONE, "number:T-2026-77"
        handover.number(session, ways[1], "T-2026-77", now=served.now)
        session.execute(update(Requester).where(Requester.request_id == 2).values(code="a-code-of-the-tests"))
        # Somebody is asked for more, by a link.
        form = Completion(request_id=2, comment_id=ids["cyclable"], print=fingerprint("a-link-of-the-tests"))
        form.person_id, form.made_at = samuel.person_id, served.now
        form.expires_at = served.now + timedelta(days=14)
        session.add(form)
        requester = session.scalars(select(Requester.id).where(Requester.request_id == 2)).one()
        score = Survey(request_id=2, requester_id=requester, comment_id=ids["cyclable"], at=served.now)
        score.print = fingerprint("a-link-of-the-tests")
        session.add(score)
        # An event of which two wait.
        event = Incident(group_311=Group311.SNOW, place="rue Wolfe", first_at=late, last_at=served.now)
        session.add(event)
        session.flush()
        for name in ("trottoir", "bravo"):
            session.add(IncidentComment(incident_id=event.id, comment_id=ids[name], added_at=served.now))
            items.gather(items.of_comment(session, ids[name]), event.id)
        # What colleagues say to each other.
        given = {"before_id": None, "text": "@Samuel Côté @Hélène: à voir avec les Travaux publics", "now": served.now}
        teamwork.assign(session, nadia, ids["bravo"], samuel.person_id, form_key="a" * 16, **given)
        later = served.now + timedelta(hours=2)
        teamwork.snooze(session, nadia, ids["cyclable"], later, form_key="s" * 16, now=served.now)
        views.save(session, nadia, "Remerciements", {"intention": "eloge"}, team=True, now=served.now)
        # What two comments show: a picture that is blurred first, and one that could not be had.
        session.get_one(Person, nadia.person_id).blurs_pictures = True
        # The clocks of the service: one comment is late, another nearly; one topic takes two people.
        helene = served.people["Hélène Martel"]
        day = clocks.Day(date(2026, 12, 24), None, "Veille de Noël")
        hands = clocks.Hands(((510, 990),) * 5 + (None, None), (day,), respond={"question": 4, "same_day": 2})
        row = clocks.set_hands(session, helene, hands, seen=0, now=late)
        away.adopt(session, helene, adopted=True, now=late)
        sensitive.add(session, helene, "groupe", Group311.SNOW, now=late)
        for name, by in (("critique_maire", late), ("bravo", served.now + timedelta(minutes=20))):
            due = {"clock_id": row.id, "answer_by": by, "warn_at": late}
            session.execute(update(Item).where(Item.comment_id == ids[name]).values(**due))
        of = {"position": 0, "kind": "photo", "seen_at": late, "picture_address": "https://x", "address": "https://x"}
        picture = drawn(drawing("photo", "Trottoir"))
        session.add_all(
            [
                Attachment(**of, comment_id=ids["trottoir"], picture=picture, description="Un trottoir"),
                Attachment(**of, comment_id=ids["cyclable"], failure="gone"),
            ]
        )
        asked = {"person_id": samuel.person_id, "asked_by_id": beatrice.person_id, "asked_at": served.now}
        session.add_all([AccessRequest(**asked, role=Role.APPROVER), AccessRequest(**asked)])
        add_key(session, "tableau de bord", ["comments:read"], now=served.now)
        named = [library.read(f"{title}.jpg", drawing("photo", title)) for title in ("Wolfe", "Trottoir")]
        media = [library.add(session, camille, one, now=served.now) for one in named]
        said = library.Said("Une rue", "A street", "Ville", served.now.date() - timedelta(days=9))
        library.describe(session, camille, media[0].id, said, version=1, now=served.now)
        shown = [drafting.Pictured(one.id, "Une rue de la ville") for one in media]
        # A film with captions.
        reel = Film(created_at=served.now)
        session.add(reel)
        session.flush()
        session.add(FilmPart(film_id=reel.id, position=0, content=b"film"))
        poster = library.Filmed("eau.mp4", named[0].content, named[0].small, 640, 360, Path(__file__), 61_000, "f" * 64)
        moving = library.add(session, camille, poster, film_id=reel.id, now=served.now)
        library.caption(session, camille, moving.id, "00:00.000 --> 00:04.000\nBonjour", version=1, now=served.now)

        summer = campaigns.Outline(
            "Piscines", served.now.date(), served.now.date(), "Nager", "Loisirs", "Parcs", 900, "ete"
        )
        effort = campaigns.create(session, camille, summer, now=served.now)

        def said(title, text):
            words = {
                city[0]: drafting.Written(text, first_comment="Info : 311"),
                city[1]: drafting.Written(f"{text} #VieuxMoulin"),
            }
            return drafting.Draft(title, words, pictures=shown, campaign_id=effort.id)

        drafts = [
            planning.create(session, camille, said(title, text), now=served.now)
            for title, text in (
                ("Collecte du bac brun", "Cette semaine, le bac brun passe mardi au lieu de lundi."),
                (
                    "Fermeture de la rue Wolfe",
                    "La rue Wolfe est fermée jeudi, de 8 h à 16 h, pour la réparation de l’aqueduc.",
                ),
                ("Fête des neiges", "Glissades, tire et chocolat chaud : la Fête des neiges commence samedi à 10 h."),
            )
        ]
        for post in drafts[1:]:
            planning.submit(session, camille, post.id, version=post.version, now=served.now)
        two = {"account_id": None, "people": 2, "manager_last": False}
        steps.add(session, served.people["Hélène Martel"], theme="Élections", **two, now=served.now)
        said_of = (drafts[1].id, city[0], "rue Wolfe est fermée", "Toute la rue?")
        remarks.add(session, served.people["Hélène Martel"], *said_of, now=served.now)
        holding.begin(session, camille, "Deuil national", account_id=city[0], now=served.now)
        approver = served.people["Hélène Martel"]
        post = drafts[2]
        planning.judge(
            session, approver, post.id, approved=True, comment="Parfait.", version=post.version, now=served.now
        )
        # What stands twice in public: a reply, and a post on one of its accounts.
        reply = decide(samuel, "merci", DecisionKind.REPLY, text="Merci!").effect_id
        post = planning.create(
            session, camille, said("Patinoire", "La patinoire des Érables ouvre samedi."), now=served.now
        )
        owed = {"operation": OperationKind.PUBLISH, "target": None, "payload": {}, "due_at": late}
        effect = work.enqueue(session, key="twice", channel_id=city[1], **owed)
        post.variants[1].effect, post.variants[1].published_at, post.state = effect, late, PostState.TO_REVIEW
        for one in (effect, session.get_one(Effect, reply)):
            one.state, one.outcome, one.remote_id, one.second_id = EffectState.DONE, Outcome.DOUBLED, "r1", f"r{one.id}"
            one.second_link = "https://facebook.example/r2"
        session.flush()
        effect_handler(lambda _: None).record(session, session.get_one(Effect, reply), served.now)
        # What the network counted of it.
        there = SourcePost(account_id=city[1], external_id="twice", text="Patinoire", created_at=late)
        session.add(there)
        session.flush()
        post.variants[1].source_post_id = there.id
        session.add_all(PostMark(source_post_id=there.id, hours=hours, at=late, reach=90 * hours) for hours in (1, 24))
        session.add(PostFigures(source_post_id=there.id, day=late.date(), at=late, reach=2400, reactions=31))
        # What stands there is to be worded anew.
        post.variants[1].remote_id = "r1"
        session.flush()
        given = {"version": post.version, "now": served.now}
        amending.propose(session, camille, post.id, post.variants[1].id, "La patinoire ouvre dimanche.", **given)
        # Recurring files: one that has come and is late, one counted from a key date.
        today = served.now.date()
        dated = {"today": today, "now": served.now}
        for name, day in (("Versement des taxes", today + timedelta(days=40)), ("Séance du conseil", today)):
            dossiers.add_key_date(session, camille, name, day, **dated)
        weekly = dossiers.Outline(
            "Collecte des feuilles",
            starts_on=today,
            rule=DateRule.REPEATS,
            rrule="FREQ=MONTHLY;BYMONTHDAY=31",
            month_end=MonthEnd.SKIP,
            text="Les feuilles sont ramassées lundi.",
            purpose="Les sacs de papier seulement.",
            account_ids=city[:2],
            tasks=(OutsideTask.WEB_PAGE, OutsideTask.POSTER),
        )
        file = dossiers.create(session, camille, weekly, **dated)
        taxes = {"rule": DateRule.ANCHORED, "anchor": "Versement des taxes", "offset_days": -21}
        dossiers.create(session, camille, replace(weekly, name="Rappel des taxes", **taxes), **dated)
        occurrences.make(session, camille, file.id, today, served.parvis.settings.zone, now=served.now)
        # What went out without a second person, in spite of the pause.
        water = planning.create(session, camille, said("Ébullition", "Faites bouillir l’eau."), now=served.now)
        sent = {"version": water.version, "today": today, "now": served.now, "despite_hold": True}
        urgent.publish(session, approver, water.id, "Eau impropre au centre-ville", **sent)
        # Its pictures were sent ahead to one account, and could not be to the other.
        for variant, why in zip(water.variants, (None, Outcome.REJECTED), strict=True):
            of = {"effect_id": variant.effect.id, "account_id": variant.account_id, "ready": why is None}
            session.add(Preparation(**of, outcome=why, detail=why and "aspect_ratio"))
    return ids


def _visits(ids: dict[str, int]) -> list[tuple[str | None, str, list[str]]]:
    """Who, where, and keys that open something there."""
    return [
        (None, "/connexion", []),
        ("Nadia Roy", "/", []),
        ("Nadia Roy", "/", ["m"]),
        ("Nadia Roy", "/", ["q"]),
        ("Nadia Roy", "/", ["?"]),
        ("Nadia Roy", f"/commentaires/{ids['critique_maire']}", ["w"]),
        ("Nadia Roy", f"/commentaires/{ids['trottoir']}", []),
        ("Nadia Roy", f"/commentaires/{ids['cyclable']}", ["r"]),
        ("Nadia Roy", f"/commentaires/{ids['merci']}", []),
        ("Nadia Roy", f"/commentaires/{ids['insulte']}?etat=traites", []),
        ("Nadia Roy", "/?etat=traites", []),
        ("Nadia Roy", "/?mots=introuvable", []),
        ("Nadia Roy", "/commentaires/999999", []),
        ("Nadia Roy", f"/commentaires/{ids['bravo']}", ["a"]),
        ("Nadia Roy", f"/commentaires/{ids['bravo']}", ["p"]),
        ("Nadia Roy", f"/commentaires/{ids['bravo']}", ["n"]),
        ("Nadia Roy", "/?voie=retard", []),
        ("Nadia Roy", "/?voie=reportes", []),
        ("Nadia Roy", "/", ["j", "=", "r"]),
        ("Nadia Roy", f"/groupe?kind=hide&ids={ids['insulte']}&ids={ids['pas_bons']}&ids={ids['danger']}", []),
        ("Samuel Côté", "/avis", []),
        ("Nadia Roy", "/vues?intention=eloge", []),
        ("Hélène Martel", "/reponses", []),
        ("Hélène Martel", "/facon-de-repondre", []),
        ("Nadia Roy", "/entrainement", []),
        ("Hélène Martel", "/equipe", []),
        ("Hélène Martel", "/equipe/garde", []),
        ("Hélène Martel", "/equipe/delais", []),
        ("Nadia Roy", "/fin-de-quart", []),
        ("Nadia Roy", f"/commentaires/{ids['numero']}", ["e"]),
        ("Nadia Roy", "/compte", []),
        ("Nadia Roy", "/compte/touches", []),
        ("Hélène Martel", "/exportation", []),
        ("Alain Admin", "/personnes/crochets", []),
        ("Alain Admin", "/exploitation", []),
        ("Nadia Roy", "/", ["c"]),
        ("Hélène Martel", "/analyse", []),
        ("Karim Haddad", "/requetes", []),
        ("Karim Haddad", "/requetes?statut=refused", []),
        ("Karim Haddad", "/requetes/SRV-2026-000001", []),
        ("Karim Haddad", "/requetes/SRV-2026-000002", []),
        ("Karim Haddad", "/requetes/SRV-2026-000001/fiche", []),
        ("Karim Haddad", "/requetes/SRV-2026-000003", []),
        ("Karim Haddad", "/services", []),
        ("Karim Haddad", "/requetes/transmission/fichiers", []),
        ("Karim Haddad", "/services/nid-de-poule", []),
        ("Karim Haddad", "/services/nouveau", []),
        ("Nadia Roy", "/requetes/SRV-2026-000002/reponses", []),
        ("Nadia Roy", "/requetes/SRV-2026-000002", []),
        ("Nadia Roy", "/evenements", []),
        ("Nadia Roy", "/evenements/1", []),
        (None, "/suivi", []),
        (None, "/completer/a-link-of-the-tests", []),
        (None, "/completer/another", []),
        (None, "/satisfaction/a-link-of-the-tests", []),
        (None, "/suivi/SRV-2026-000001", []),
        (None, "/suivi/SRV-2026-999999", []),
        (None, "/suivi/T-2026-77?code=a-code-of-the-tests", []),
        ("Camille Lévesque", "/publications", []),
        ("Camille Lévesque", "/publications/nouvelle", []),
        ("Camille Lévesque", "/publications/3", []),
        ("Camille Lévesque", "/publications/4", []),
        ("Camille Lévesque", "/publications/1/modifier", []),
        ("Hélène Martel", "/publications/2", []),
        ("Camille Lévesque", "/medias", []),
        ("Camille Lévesque", "/medias/1", []),
        ("Hélène Martel", "/medias/2", []),
        ("Camille Lévesque", "/medias/3", []),
        ("Camille Lévesque", "/pause", []),
        ("Hélène Martel", "/approbation", []),
        ("Camille Lévesque", "/signatures", []),
        ("Camille Lévesque", "/campagnes", []),
        ("Camille Lévesque", "/publications/6", []),
        ("Hélène Martel", "/publications/6", []),
        ("Camille Lévesque", "/communiques", []),
        ("Camille Lévesque", "/dossiers", []),
        ("Camille Lévesque", "/dossiers/1", []),
        ("Camille Lévesque", "/dossiers/2/modifier", []),
        ("Camille Lévesque", "/dossiers/nouveau", []),
        ("Hélène Martel", "/dossiers/dates-cles", []),
        ("Camille Lévesque", "/calendrier", []),
        ("Camille Lévesque", "/calendrier/abonnement", []),
        ("Camille Lévesque", "/campagnes/plan", []),
        ("Hélène Martel", "/comptes/importation", []),
        ("Hélène Martel", "/calendrier?vue=semaine", []),
        ("Camille Lévesque", "/calendrier?vue=liste", []),
        ("Camille Lévesque", "/calendrier/1/deplacement", []),
        ("Camille Lévesque", "/campagnes/nouvelle", []),
        ("Hélène Martel", "/campagnes/1", []),
        ("Hélène Martel", "/campagnes/1/bilan", []),
        ("Alain Admin", "/personnes", []),
        ("Alain Admin", "/personnes/cles", []),
        ("Alain Admin", "/compte/avant", []),
        (None, "/netiquette", []),
    ]


DESK, PHONE, SMALL, WIDE, ZOOMED = (1280, 800), (360, 740), (1366, 768), (1920, 1080), (683, 384)
"""`ZOOMED` is a screen of 1366 × 768 at 200 %."""
LOOKS = [("light", DESK)]
OTHERS = [(scheme, size) for size in (DESK, PHONE, SMALL, WIDE, ZOOMED) for scheme in ("light", "dark")]


@pytest.mark.parametrize(
    ("scheme", "size"), [*LOOKS, *(pytest.param(*look, marks=pytest.mark.long) for look in OTHERS if look not in LOOKS)]
)
def test_every_page_is_accessible_and_fits(served, busy, browser_page, faults, scheme, size):
    """Nothing that axe objects to; no sideways scroll, nor at 320 pixels, which is 1280 at 400 %."""
    found: list[str] = []
    width, height = size
    for who, path, keys in _visits(busy):
        page = browser_page(who, scheme)
        page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
        page.goto(path)
        if path == "/":
            expect(page.locator("#pane .words")).to_be_visible()
        for key in keys:
            page.keyboard.press(key)
        at = f"{path} {''.join(keys)}"
        for narrow in (width, 320) if size == PHONE else (width,):
            page.set_viewport_size({"width": narrow, "height": height})
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > narrow:
                found.append(f"{at}: {wide} pixels wide on a screen of {narrow}")
        if width < DESK[0]:
            # As tall as any page: what is scrolled half under a bar that stays in place is no small target.
            page.set_viewport_size({"width": width, "height": 2400})
        found += [f"{at}: {fault}" for fault in faults(page)]
        if path in ("/publications/4", f"/commentaires/{busy['merci']}"):
            expect(page.get_by_role("button", name="Supprimer le second exemplaire")).to_be_visible()
    assert not found, "\n".join(found)


def test_the_theme_switch_wins_over_the_system_and_is_kept(served, busy, sign_in):
    page = sign_in("Nadia Roy", "/compte", color_scheme="light")
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Thème sombre").click()
    dark = page.evaluate(background)
    assert dark != light
    page.goto("/requetes")
    assert page.evaluate(background) == dark
    expect(page.get_by_role("button", name="Thème sombre")).to_have_attribute("aria-pressed", "true")


def test_targets_are_large_enough(served, busy, sign_in):
    """24 pixels at least (WCAG 2.5.8), but for links inside a sentence."""
    page = sign_in("Nadia Roy", f"/commentaires/{busy['critique_maire']}", width=360, height=740)
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, summary, select, input, nav a, .button, .rows a')]
            .filter(e => e.checkVisibility() && e.type !== 'hidden' && e.type !== 'radio' && e.type !== 'checkbox')
            .map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
            .filter(([, box]) => box.width && (box.width < 24 || box.height < 24)).map(([html]) => html)"""
    )
    assert small == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("who", "path", "name"),
    [
        ("Camille Lévesque", "/publications", "publications"),
        ("Camille Lévesque", "/dossiers/1", "dossier"),
        ("Hélène Martel", "/campagnes/1/bilan", "bilan"),
        ("Hélène Martel", "/equipe/delais", "delais"),
    ],
)
def test_the_pictures_in_the_guide(served, busy, sign_in, pictures, who, path, name):
    page = sign_in(who, path, width=1280, height=800)
    picture = pictures / f"{name}.png"
    page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 20_000
