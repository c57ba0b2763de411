"""The other 311 on the pages: what it refused is said, the sheet is to be copied, the number comes back."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from models import channels
from models.channels import Channel
from models.desks import Handover
from models.effects import Effect
from models.mail import MailServer
from models.requests311 import ServiceRequest
from models.vocabulary import EffectState, Outcome, Role
from moderation.requests import handover

BASE = "/requetes/PAR-2026-000003"


def agent(parvis, seed_city, visit, sign_in_as):
    city = seed_city(parvis)
    return city, sign_in_as(parvis, visit(parvis), city.person(Role.AGENT311, "city"))


def failed(parvis):
    with parvis.database.write() as session:
        for row in session.scalars(select(ServiceRequest)):
            row.hand_over, row.place = True, "12, rue <Wolfe>"
        desk_id = handover.keep_desk(session, handover.Given("https://311.example/v2", None), now=parvis.clock())
        handover.hand_over_due(session, desk_id, now=parvis.clock(), undo=parvis.terms.undo)
        for effect in session.scalars(select(Effect)):
            effect.state, effect.outcome, effect.detail = EffectState.FAILED, Outcome.REJECTED, "<b>no such service</b>"
    return desk_id


def test_what_was_refused_is_said_and_sent_again(sqlite_parvis, seed_city, visit, sign_in_as):
    _, client = agent(sqlite_parvis, seed_city, visit, sign_in_as)
    failed(sqlite_parvis)
    page = client.get(BASE).text
    assert "Pas prise par l’autre système" in page
    assert "il a répondu\N{NO-BREAK SPACE}: &lt;b&gt;no such service&lt;/b&gt;" in page
    assert client.get("/requetes").text.count("Pas prise par l’autre système") == 3
    assert client.post(f"{BASE}/transmission").headers["location"] == f"{BASE}?fait=sent-again"
    with sqlite_parvis.database.read() as session:
        assert session.scalars(select(Effect.key).where(Effect.state == EffectState.READY)).all() == [
            "submit:request:3:2"
        ]


def test_the_sheet_and_the_number_that_comes_back(sqlite_parvis, seed_city, visit, sign_in_as):
    _, client = agent(sqlite_parvis, seed_city, visit, sign_in_as)
    failed(sqlite_parvis)
    sheet = client.get(f"{BASE}/fiche").text
    assert "12, rue &lt;Wolfe&gt;" in sheet
    assert "data-copy=" in sheet
    wrong = client.post(f"{BASE}/transmission/numero", data={"version": 1, "outside_number": "deux mots"})
    assert wrong.status_code == 422
    assert 'value="deux mots"' in wrong.text
    sent = {"version": 1, "outside_number": "T-2026-9"}
    assert client.post(f"{BASE}/transmission/numero", data=sent).status_code == 303
    assert "T-2026-9" in client.get(BASE).text
    assert client.get("/requetes/T-2026-9").status_code == 200
    taken = {"version": 1, "outside_number": "T-2026-9"}
    assert client.post("/requetes/PAR-2026-000001/transmission/numero", data=taken).status_code == 422
    late = client.post(f"{BASE}/transmission/numero", data={"version": 1, "outside_number": "T-2026-10"})
    assert late.status_code == 409


def test_a_desk_whose_key_is_refused_is_said_and_tried_again(sqlite_parvis, seed_city, visit, sign_in_as):
    _, client = agent(sqlite_parvis, seed_city, visit, sign_in_as)
    desk_id = failed(sqlite_parvis)
    with sqlite_parvis.database.write() as session:
        session.scalars(select(Effect)).first().state = EffectState.READY
        session.get_one(Channel, desk_id).token_lost = "api_key"
    assert "n’accepte plus notre clé" in client.get("/requetes").text
    assert client.post("/requetes/transmission/reprise").status_code == 303
    assert "n’accepte plus notre clé" not in client.get("/requetes").text


def test_another_that_is_not_there_to_join_is_said(sqlite_parvis, seed_city, visit, sign_in_as):
    _, client = agent(sqlite_parvis, seed_city, visit, sign_in_as)
    page = client.post(f"{BASE}/reunion", data={"version": 1, "into": "PAR-2026-000099"})
    assert page.status_code == 422
    assert 'role="alert"' in page.text


def test_what_left_in_a_letter_and_nobody_acknowledged_is_counted_and_found(
    sqlite_parvis, seed_city, visit, sign_in_as
):
    _, client = agent(sqlite_parvis, seed_city, visit, sign_in_as)
    now = sqlite_parvis.clock()
    with sqlite_parvis.database.write() as session:
        for row in session.scalars(select(ServiceRequest).options(joinedload(ServiceRequest.service))):
            row.hand_over, row.service.mail = True, "eaux@ville.example"
        mail_id = channels.at_address(session, MailServer, "smtp.ville.example:587", now=now)
        handover.hand_over_due(session, None, mail_id=mail_id, now=now, undo=sqlite_parvis.terms.undo)
    sent = select(Handover).options(joinedload(Handover.effect)).order_by(Handover.id)
    with sqlite_parvis.database.write() as session:
        first, *others = session.scalars(sent)
        for row in others:
            row.effect.state, row.effect.outcome, row.effect.detail = (
                EffectState.NEEDS_PERSON, Outcome.UNREADABLE, "letter_lost",
            )  # fmt: skip
        first.effect.state, first.exported_at = EffectState.DONE, now - timedelta(days=3)
        number = session.get_one(ServiceRequest, first.request_id).number
        unsure = session.get_one(ServiceRequest, others[0].request_id).number
    page = client.get("/requetes").text
    assert "1 partie sans accusé de réception depuis deux jours" in page
    assert page.count('class="card"') + page.count('class="card card-late"') == 3
    found = client.get("/requetes?accuse=1").text
    assert f'href="/requetes/{number}"' in found
    assert f'href="/requetes/{unsure}"' not in found
    assert "demandez à l’unité, ou renvoyez-la" in client.get(f"/requetes/{unsure}").text
    assert client.post(f"/requetes/{unsure}/transmission").status_code == 303
    assert client.post(f"/requetes/{number}/transmission/accuse").status_code == 303
    assert "sans accusé de réception depuis" not in client.get("/requetes").text
