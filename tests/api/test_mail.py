"""Letters from the settings to the mailbox: asked for by a page, owed by the clock, worded in the reader's language."""

from __future__ import annotations

import pytest

from api.settings import SettingsError, load
from models.people import Person
from models.vocabulary import MailChoice, Role
from publishing import planning
from publishing.drafting import Draft, Written
from scheduler.jobs import handlers, ticks
from tests.mailserver import pretend_mail

PASSWORD = "a-mail-password-that-must-never-be-seen"


class Now:
    """An engine that does at once what it is given to carry."""

    def __init__(self, city) -> None:
        self._handlers = handlers(city)

    def send(self, handler: str, row_id: int) -> None:
        self._handlers[handler](row_id)


def tick(parvis, *names: str) -> None:
    looks = {one.name: one.look for one in ticks(parvis.city, Now(parvis.city))}
    for name in names:
        looks[name]()


def test_an_approver_gets_a_letter_in_their_language(database_url, open_parvis, seed_city, visit, sign_in_as, clock):
    with pretend_mail() as mail:
        url = f"smtp://parvis:{PASSWORD}@127.0.0.1:{mail.port}"
        parvis = open_parvis(database_url, smtp_url=url, smtp_from="parvis@ville.example")
        city = seed_city(parvis)
        approver, other = city.person(Role.APPROVER, "city"), city.person(Role.MANAGER, "city")
        client = sign_in_as(parvis, visit(parvis), approver)
        assert "Aucun courriel ne part" not in client.get("/compte").text
        assert client.post("/compte/preferences", data={"language": "en", "mail": "each"}).status_code == 303
        assert client.post("/compte/preferences", data={"language": "en", "mail": "pigeon"}).status_code == 303
        with parvis.database.write() as session:
            session.get_one(Person, other).mail = MailChoice.NONE
            writer = city.people[f"{Role.COMMUNICATIONS} city"]
            draft = Draft("Un titre", {city.accounts["city"]: Written("Des mots de la ville")})
            post = planning.create(session, writer, draft, now=clock())
            planning.submit(session, writer, post.id, version=post.version, now=clock())
        tick(parvis, "remind", "write_letters", "deliver")
        assert mail.letters == []
        clock.pass_(minutes=3)
        tick(parvis, "write_letters", "deliver", "deliver")
        (letter,) = mail.letters
        assert letter["To"] == "approver.city@ville.example"
        assert letter["Subject"] == "Parvis: A post waits for your approval"
        text = letter.get_content()
        assert f"http://127.0.0.1:8000/publications/{post.id}" in text
        assert "mots" not in text
        assert "titre" not in text
        client.get(f"/publications/{post.id}")
        assert "A post waits for your approval" in client.get("/avis").text


def test_the_server_of_before_takes_no_letter(sqlite_parvis, open_parvis, seed_city, clock):
    with pretend_mail() as mail:
        url = sqlite_parvis.settings.url
        parvis = open_parvis(url, smtp_url=f"smtp://127.0.0.1:{mail.port}", smtp_from="parvis@ville.example")
        city = seed_city(parvis)
        with parvis.database.write() as session:
            writer = city.people[f"{Role.COMMUNICATIONS} city"]
            draft = Draft("Un titre", {city.accounts["city"]: Written("Des mots de la ville")})
            post = planning.create(session, writer, draft, now=clock())
            planning.submit(session, writer, post.id, version=post.version, now=clock())
        clock.pass_(minutes=3)
        tick(parvis, "write_letters")
        tick(sqlite_parvis, "deliver")
        tick(parvis, "deliver")
        assert mail.letters == []


@pytest.mark.parametrize(
    "url",
    ["ville.example", "http://ville.example", "smtp://", "smtp://ville.example/boite", "smtp://ville.example:port"],
)
def test_a_mail_server_that_cannot_be_used_is_said(url):
    with pytest.raises(SettingsError, match="PARVIS_SMTP_URL"):
        load(_env_file=None, smtp_url=url)


def test_who_letters_are_from():
    def mail(**given):
        return load(_env_file=None, **given).mail

    assert mail() is None
    assert mail(smtp_url="smtp://smtp.ville.example") is None
    found = mail(smtp_url="smtps://parvis%40ville.example:p%2Fw@smtp.ville.example")
    assert (found.sender, found.user, found.password) == ("parvis@ville.example", "parvis@ville.example", "p/w")
    assert (found.port, found.wrapped, found.here) == (465, True, False)
    found = mail(smtp_url="smtp://localhost", smtp_from="avis@ville.example")
    assert (found.sender, found.user, found.port, found.here) == ("avis@ville.example", None, 587, True)
    for sender in ("ville.example", "a@b@c", "a@b\r\nBcc: c@d", "é@ville.example"):
        with pytest.raises(SettingsError, match="PARVIS_SMTP_FROM"):
            mail(smtp_url="smtp://localhost", smtp_from=sender)


def test_doctor_says_whether_mail_is_set_and_never_its_password(command):
    assert "pas réglé" in command.run("doctor").out
    with pretend_mail() as mail:
        command.set(smtp_url=f"smtp://parvis:{PASSWORD}@127.0.0.1:{mail.port}")
        assert "réglez PARVIS_SMTP_FROM" in command.run("doctor").out
        command.set(smtp_from="parvis@ville.example")
        out = command.run("doctor").out
        assert f"127.0.0.1:{mail.port} nous laisse entrer" in out
        assert PASSWORD not in out
        mail.says["AUTH"] = [b"535 no", b"535 no"]
        ran = command.run("doctor")
        assert (ran.code, "ne nous laisse pas entrer\N{NO-BREAK SPACE}: 535" in ran.out) == (1, True)
    assert mail.letters == []
