"""The page of the programs that are told what happens, from the form to a signed message on the wire."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

from sqlalchemy import select
from standardwebhooks import Webhook

from administration.hooks import announce_due
from models import audit
from models.hooks import Hook
from models.vocabulary import Role
from tests.pagerserver import pretend_pager


def test_a_program_is_told_and_can_check_who_told_it(sqlite_parvis, seed_city, visit, sign_in_as, clock):
    parvis = sqlite_parvis
    clock.now = datetime.now(UTC)  # A signature says when.
    city = seed_city(parvis)
    admin = sign_in_as(parvis, visit(parvis), city.person(Role.ADMIN, "city"))
    refused = admin.post("/personnes/crochets", data={"name": "Entrepôt", "address": "http://x.example"})
    assert (refused.status_code, "Entrepôt" in refused.text, refused.text.count('class="wrong"')) == (422, True, 2)
    with pretend_pager() as got:
        form = {"name": "Entrepôt", "address": got.url, "nouns": ["comment", "hold"]}
        page = admin.post("/personnes/crochets", data=form)
        (secret,) = re.findall(r"<code>(whsec_[^<]+)</code>", page.text)
        assert secret not in admin.get("/personnes/crochets").text
        with parvis.database.write() as session:
            assert secret not in session.scalars(select(Hook.secret_closed)).one()
            audit.note(session, "comment.hide", "comment:1", now=clock.now, person_id=None)
            audit.seal_due(session)
        announce_due(parvis.database, now=clock.now)
        for effect_id in parvis.work.due():
            parvis.work.deliver(effect_id)
        ((headers, body),) = [one for one in got if b"comment.hide" in one[1]]
        told = Webhook(html.unescape(secret)).verify(body, headers)
        assert (told["type"], told["data"]["subject"]) == ("comment.hide", "comment:1")
        (path,) = re.findall(r'href="(/personnes/crochets/\d+)"', admin.get("/personnes/crochets").text)
        messages = admin.get(path).text
        (again,) = set(re.findall(r"/personnes/crochets/messages/\d+/renvoi", messages))
        assert admin.post(again).status_code == 303
        for effect_id in parvis.work.due():
            parvis.work.deliver(effect_id)
        names = [headers["webhook-id"] for headers, body in got if b"comment.hide" in body]
        assert len(names) == 2
        assert len(set(names)) == 1
    assert admin.post(f"{path}/retrait").status_code == 303
    assert "Entrepôt" not in admin.get("/personnes/crochets").text
