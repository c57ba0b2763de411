"""People, roles, links and keys on their pages: what one administrator does alone, and what takes two."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from administration import keys, people
from models.audit import AuditEntry
from models.people import Membership, Person
from models.posts import Approval, Post, Variant
from models.vocabulary import Role

PASSWORD = "une phrase assez longue"


@pytest.fixture
def parvis(database_url, open_parvis):
    return open_parvis(database_url, second_factor="off")


@pytest.fixture
def enter(parvis, visit, employ):
    """Adds somebody who has a password, and gives their browser, signed in."""

    def add(name, *roles):
        employ(parvis, name, PASSWORD, *roles)
        return sign_in(name)

    def sign_in(name, password=PASSWORD):
        client = visit(parvis)
        client.signed = client.post("/connexion", data={"email": f"{name}@ville.example", "password": password})
        return client

    add.again = sign_in
    return add


def number(parvis, name) -> int:
    with parvis.database.read() as session:
        return session.scalars(select(Person.id).where(Person.email == f"{name}@ville.example")).one()


def roles(parvis, name) -> list[str]:
    with parvis.database.read() as session:
        statement = select(Membership.role).where(Membership.person_id == number(parvis, name))
        return sorted(session.scalars(statement))


def invited(client, name, role):
    form = {"email": f"{name}@ville.example", "name": name, "role": role, "scope": "city"}
    return client.post("/personnes", data=form)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"email": "luc", "role": "pape", "scope": "lune"}, ["adresse courriel", "un rôle", "s’applique"]),
        ({"email": "eve@ville.example", "role": "admin", "scope": "borough:1"}, ["déjà", "toute la ville"]),
    ],
)
def test_all_that_is_wrong_with_an_invitation_is_said_at_once(enter, form, said):
    page = enter("eve", Role.ADMIN).post("/personnes", data={"name": "Luc", **form})
    assert page.status_code == 422
    wrong = re.findall(r'class="wrong"[^>]*>([^<]+)<', page.text)
    assert len(wrong) == len(said)
    assert [one for one, text in zip(said, wrong, strict=True) if one not in text.lower()] == [], wrong
    assert 'value="Luc"' in page.text


def link_on(page) -> str | None:
    found = re.search(r"/invitation/([\w-]{43})", page.text)
    return found and found[1]


def answered(client, granted):
    """Answers the one request that the page shows."""
    (request,) = re.findall(r"/personnes/demandes/(\d+)", client.get("/personnes").text)
    return client.post(f"/personnes/demandes/{request}", data={"granted": granted})


def chosen(client, token, password):
    return client.post(f"/invitation/{token}", data={"password": password, "again": password})


# ---------------------------------------------------------------------------------------------- a second administrator
def test_one_administrator_alone_cannot_come_to_publish(parvis, enter):
    """By the passwords of two people, by two invented ones, or by a second administrator of one's own making."""
    eve, _ = enter("eve", Role.ADMIN), enter("zoe", Role.ADMIN)
    enter("luc", Role.APPROVER)
    enter("mona", Role.MODERATOR)
    assert link_on(eve.post(f"/personnes/{number(parvis, 'mona')}/lien")), "whoever approves nothing is no danger"
    assert link_on(eve.post(f"/personnes/{number(parvis, 'luc')}/lien")) is None
    for name, role in (("faux", "approver"), ("paul", "manager"), ("double", "admin")):
        answer = invited(eve, name, role)
        assert (answer.status_code, link_on(answer)) == (303, None)
        assert roles(parvis, name) == []
        assert link_on(eve.post(f"/personnes/{number(parvis, name)}/lien")) is None
    eve.post(f"/personnes/{number(parvis, 'mona')}/roles", data={"role": "approver", "scope": "city"})
    assert roles(parvis, "mona") == ["moderator"]
    page = eve.get("/personnes").text
    assert page.count("Retirer la demande") == 5
    assert "Accepter" not in page
    for request in re.findall(r"/personnes/demandes/(\d+)", page):
        answer = eve.post(f"/personnes/demandes/{request}", data={"granted": "yes"})
        assert (answer.status_code, "autre personne" in answer.text) == (409, True)


def test_the_second_one_says_yes_and_gets_the_link(parvis, enter):
    eve, zoe = enter("eve", Role.ADMIN), enter("zoe", Role.ADMIN)
    invited(eve, "luc", "approver")
    answer = answered(zoe, "yes")
    assert (answer.status_code, roles(parvis, "luc")) == (201, ["approver"])
    assert chosen(zoe, link_on(answer), PASSWORD).status_code == 303
    eve.post(f"/personnes/{number(parvis, 'luc')}/lien")
    assert link_on(answered(zoe, "yes"))
    assert "demande" not in zoe.get("/personnes").text.lower()
    with parvis.database.read() as session:
        given = session.scalars(select(AuditEntry).where(AuditEntry.action == "membership_given")).all()[-1]
        assert (given.person_id, given.data["confirmed_by"]) == (number(parvis, "eve"), number(parvis, "zoe"))


def test_a_no_gives_nothing_and_who_asked_may_take_it_back(parvis, enter):
    eve, zoe = enter("eve", Role.ADMIN), enter("zoe", Role.ADMIN)
    invited(eve, "luc", "approver")
    assert answered(zoe, "no").status_code == 303
    eve.post(f"/personnes/{number(parvis, 'luc')}/roles", data={"role": "approver", "scope": "city"})
    (request,) = re.findall(r"/personnes/demandes/(\d+)", eve.get("/personnes").text)
    assert answered(eve, "no").status_code == 303
    assert zoe.post(f"/personnes/demandes/{request}", data={"granted": "yes"}).status_code == 404
    assert roles(parvis, "luc") == []


def test_nobody_says_yes_to_their_own_role(parvis, enter):
    eve, zoe = enter("eve", Role.ADMIN), enter("zoe", Role.ADMIN)
    eve.post(f"/personnes/{number(parvis, 'zoe')}/roles", data={"role": "approver", "scope": "city"})
    assert answered(zoe, "yes").status_code == 409
    assert roles(parvis, "zoe") == ["admin"]


def test_the_only_administrator_goes_on_alone_but_not_by_putting_the_other_out(parvis, enter, clock):
    eve = enter("eve", Role.ADMIN)
    assert link_on(invited(eve, "luc", "approver"))
    assert roles(parvis, "luc") == ["approver"]
    enter("zoe", Role.ADMIN)
    eve.post(f"/personnes/{number(parvis, 'zoe')}/acces", data={"active": "off"})
    answer = eve.post(f"/personnes/{number(parvis, 'luc')}/lien")
    assert (answer.status_code, "7\N{NO-BREAK SPACE}jours" in answer.text) == (409, True)
    clock.pass_(days=8)
    assert link_on(enter.again("eve").post(f"/personnes/{number(parvis, 'luc')}/lien"))


# ---------------------------------------------------------------------------------------------- who replaced a password
def test_who_replaced_a_password_is_told_at_the_next_sign_in_and_kept(parvis, enter, clock):
    eve, luc = enter("eve", Role.ADMIN), enter("luc", Role.MODERATOR)
    assert luc.signed.headers["location"] == "/"
    token = link_on(eve.post(f"/personnes/{number(parvis, 'luc')}/lien"))
    chosen(eve, token, "une autre phrase longue")
    assert luc.get("/compte").status_code == 303, "every session ends"
    luc = enter.again("luc", "une autre phrase longue")
    where = luc.signed.headers["location"]
    assert where == "/compte/avant?suite=%2F"
    page = luc.get(where).text
    assert "par un lien fait par eve" in page
    assert luc.post("/compte/avant", data={"suite": "/compte"}).headers["location"] == "/compte/avant?suite=%2Fcompte"
    assert luc.get("/compte/avant?suite=/compte").headers["location"] == "/compte"
    assert "par un lien fait par eve" in luc.get("/compte").text
    assert enter.again("luc", "une autre phrase longue").signed.headers["location"] == "/"


def test_what_was_decided_after_somebody_elses_reset_is_marked(parvis, enter, clock):
    """By the only administrator, who needs nobody's yes, and could then decide as Luc."""
    eve, mark = enter("eve", Role.ADMIN), "par un lien fait par eve"
    enter("luc", Role.APPROVER)
    with parvis.database.write() as session:
        about = {"name": "Ville", "token": "jeton", "borough_id": None}
        account = people.add_account(session, parvis.vault, "facebook", "1", **about, now=clock.now)
        post = Post(title="Collecte", author_id=1, created_at=clock.now)
        session.add(post)
        session.flush()
        session.add(Variant(post_id=post.id, account_id=account.id, text="Bonjour!"))

    def said(name):
        with parvis.database.write() as session:
            about = {"post_id": post.id, "content_hash": "0" * 64, "content": {}, "approved": False, "comment": "Non"}
            session.add(Approval(**about, person_id=number(parvis, name), at=clock.now))
        reader = enter.again("luc", "une autre phrase longue" if clock.now > began else PASSWORD)
        reader.post("/compte/avant")
        return reader.get(f"/publications/{post.id}").text.count(mark)

    began = clock.now
    assert said("luc") == 0, "before"
    clock.pass_(minutes=1)
    chosen(eve, link_on(eve.post(f"/personnes/{number(parvis, 'luc')}/lien")), "une autre phrase longue")
    clock.pass_(hours=1)
    assert said("luc") == 1
    assert said("eve") == 1, "only what Luc decided"
    clock.pass_(days=7)
    assert said("luc") == 1, "a week later Luc is Luc"


def test_an_invitation_or_a_newer_link_replaces_nothing(parvis, enter):
    eve = enter("eve", Role.ADMIN)
    token = link_on(invited(eve, "luc", "moderator"))
    chosen(eve, token, PASSWORD)
    assert enter.again("luc").signed.headers["location"] == "/"
    eve.post(f"/personnes/{number(parvis, 'luc')}/lien")
    eve.post(f"/personnes/{number(parvis, 'luc')}/lien")
    assert enter.again("luc").signed.headers["location"] == "/", "a link that nobody used replaced nothing"


# ---------------------------------------------------------------------------------------------- roles
def test_a_role_is_taken_after_a_second_click(parvis, enter):
    eve = enter("eve", Role.ADMIN)
    enter("luc", Role.MODERATOR)
    page = eve.get("/personnes").text
    taking = re.search(r"<details class=\"sure\">.*?</details>", page, re.DOTALL)[0]
    assert "Retirer ce rôle" in taking
    path = re.search(r"/personnes/\d+/roles/\d+/retirer", taking)[0]
    assert eve.post(path).status_code == 303
    assert roles(parvis, "luc") == []


# ---------------------------------------------------------------------------------------------- keys
def test_keys_are_listed_with_their_end_and_last_use_and_revoked(parvis, enter, visit, clock):
    eve = enter("eve", Role.ADMIN)
    with parvis.database.write() as session:
        key = keys.add_key(session, "tableau", ["comments:read"], now=clock.now)
    assert "jamais" in eve.get("/personnes/cles").text
    client = visit(parvis, authorization=f"Bearer {key}")
    assert client.get("/api/v1/comments").status_code == 200
    page = eve.get("/personnes/cles").text
    assert "jamais" not in page
    assert "comments:read" in page
    assert key not in page
    eve.post("/personnes/cles/revocation", data={"name": "tableau"})
    assert client.get("/api/v1/comments").status_code == 401
    assert "révoquée le" in eve.get("/personnes/cles").text
    assert eve.post("/personnes/cles/revocation", data={"name": "tableau"}).status_code == 404
