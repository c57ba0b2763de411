"""One letter to a mail server: what proves that it left, that it did not, and that nobody knows."""

from __future__ import annotations

import ssl
from dataclasses import replace

import pytest
import trustme

from connectors.letters import Letter, MailSettings
from connectors.mail.server import MailServer
from models.errors import Ambiguous, Rejected, Transient
from tests.mailserver import PretendMail, pretend_mail

LETTER = Letter(
    "gilles@ville.example", "Parvis : une publication attend", "Bonjour,\n\nÀ lire : https://x\n", "mail:1:2"
)


@pytest.fixture
def mail():
    with pretend_mail() as server:
        yield server


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trust(authority) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def certificate(authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def settings(server: PretendMail, **given) -> MailSettings:
    return replace(MailSettings("127.0.0.1", server.port, "parvis@ville.example", here=True), **given)


def send(server: PretendMail, letter: Letter = LETTER, **given):
    return MailServer(settings(server, **given)).send(letter)


def test_a_letter_is_plain_words_for_one_person(mail):
    receipt = send(mail)
    (letter,) = mail.letters
    assert (letter["To"], letter["From"]) == ("gilles@ville.example", "parvis@ville.example")
    assert letter["Subject"] == "Parvis : une publication attend"
    assert letter.get_content().replace("\r\n", "\n") == LETTER.text
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Message-ID"] == receipt.remote_id
    send(mail)
    assert {one["Message-ID"] for one in mail.letters} == {receipt.remote_id}, "two copies are one letter to a mailbox"
    send(mail, replace(LETTER, key="mail:1:3"))
    assert mail.letters[-1]["Message-ID"] != receipt.remote_id


def test_no_word_becomes_a_header_or_a_command(mail):
    wicked = "Bonjour\r\nBcc: tous@ville.example\n\n.\r\nMAIL FROM:<x@y>"
    send(mail, replace(LETTER, subject=wicked, text=wicked))
    (letter,) = mail.letters
    assert "Bcc" not in letter
    assert letter["Subject"] == "Bonjour Bcc: tous@ville.example . MAIL FROM:<x@y>"
    assert len([one for one in mail.heard if one.upper().startswith("MAIL")]) == 1
    with pytest.raises(ValueError, match=r"header|linefeed|newline"):
        send(mail, replace(LETTER, to="gilles@ville.example\r\nBcc: tous@ville.example"))
    assert len(mail.letters) == 1


def test_tls_is_asked_for_and_its_certificate_is_checked(certificate, trust):
    with pretend_mail(certificate) as mail:
        given = settings(mail, user="parvis", password="a secret of the pretend mail")
        MailServer(given, trust=trust).send(LETTER)
        assert len(mail.letters) == 1
        said = [one for one in mail.heard if not one.endswith("*")]
        assert [one.split(" ")[0].upper() for one in said] == ["EHLO", "STARTTLS"], "nothing else is said in the open"
        with pytest.raises(Transient):
            MailServer(given).send(LETTER)
    with pretend_mail(certificate, wrapped=True) as mail:
        MailServer(settings(mail, wrapped=True), trust=trust).send(LETTER)
        assert len(mail.letters) == 1


def test_without_tls_nothing_is_said_to_a_server_elsewhere(mail):
    with pytest.raises(Transient) as caught:
        send(mail, here=False, user="parvis", password="a secret of the pretend mail")
    assert caught.value.reason == "unreachable"
    assert [one.split(" ")[0].upper() for one in mail.heard] == ["EHLO"]


@pytest.mark.parametrize(
    ("verb", "said", "error", "code"),
    [
        ("MAIL", b"451 later", Transient, "451"),
        ("MAIL", b"550 not you", Rejected, "550"),
        ("RCPT", b"450 busy", Transient, "450"),
        ("RCPT", b"550 nobody", Rejected, "550"),
        ("DATA", b"421 closing", Transient, "421"),
        ("WORDS", b"451 later", Transient, "451"),
        ("WORDS", b"554 spam", Rejected, "554"),
    ],
)
def test_what_a_server_refuses(mail, verb, said, error, code):
    mail.says[verb] = [said]
    with pytest.raises(error) as caught:
        send(mail)
    assert caught.value.reason == code
    assert mail.letters == []


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT"])
def test_a_server_that_hangs_up_before_the_words_took_nothing(mail, verb):
    mail.drops = verb
    with pytest.raises(Transient):
        send(mail)


@pytest.mark.parametrize(("verb", "took"), [("DATA", 0), ("words", 1)])
def test_once_the_words_are_on_their_way_nobody_knows(mail, verb, took):
    mail.drops = verb
    with pytest.raises(Ambiguous):
        send(mail)
    assert len(mail.letters) == took


def test_a_wrong_password_is_tried_again_later_and_said(mail):
    mail.says["AUTH"] = [b"535 no", b"535 no"]
    with pytest.raises(Transient) as caught:
        send(mail, user="parvis", password="a secret of the pretend mail")
    assert caught.value.reason == "auth_535"
    assert caught.value.after.total_seconds() == 900
    with pytest.raises(Transient):
        MailServer(settings(mail, user="parvis", password="a secret of the pretend mail")).check()
    assert "a secret" not in repr(settings(mail, password="a secret of the pretend mail"))


def test_nobody_listens():
    with pretend_mail() as mail:
        port = mail.port
    with pytest.raises(Transient):
        MailServer(MailSettings("127.0.0.1", port, "parvis@ville.example", here=True)).send(LETTER)
