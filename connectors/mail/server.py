"""One letter to the city's mail server (SMTP), over TLS, on a connection of its own.

What the server says before it has the words proves that nothing left. Once the words are on their way (DATA), only its
own answer says what became of them: without one, nobody knows, and it cannot be asked.
"""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP

from connectors.base import Receipt
from connectors.letters import Letter, MailSettings
from models.errors import Ambiguous, Rejected, Transient

CONNECT, ANSWER = 10.0, 30.0
"""Seconds: to be let in, and for each answer."""
LATER = timedelta(minutes=15)
"""When what the city must mend first is tried again."""


class MailServer:
    """Sends letters, one connection each."""

    def __init__(self, settings: MailSettings, *, trust: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._trust = trust or ssl.create_default_context()

    def send(self, letter: Letter) -> Receipt:
        """Give one letter to the server. Transient: it did not leave; Rejected: that address or letter is refused for
        good; Ambiguous: the answer to its words is lost.
        """
        message = self._written(letter)
        try:
            server = self._open()
        except smtplib.SMTPAuthenticationError as error:
            raise Transient(LATER, reason=f"auth_{error.smtp_code}") from error
        except smtplib.SMTPResponseException as error:
            raise Transient(LATER, reason=str(error.smtp_code)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Transient(reason="unreachable") from error
        try:
            self._envelope(server, letter)
            self._words(server, message.as_bytes())
        finally:
            _leave(server)
        return Receipt(str(message["Message-ID"]))

    def check(self) -> None:
        """Be let in and leave again. Transient: why not."""
        try:
            _leave(self._open())
        except smtplib.SMTPResponseException as error:
            raise Transient(LATER, reason=str(error.smtp_code)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Transient(reason="unreachable") from error

    def _open(self) -> smtplib.SMTP:
        given = self._settings
        if given.wrapped:
            server: smtplib.SMTP = smtplib.SMTP_SSL(given.host, given.port, timeout=CONNECT, context=self._trust)
        else:
            server = smtplib.SMTP(given.host, given.port, timeout=CONNECT)
        try:
            server.ehlo()
            if not given.wrapped and (server.has_extn("starttls") or not given.here):
                # Without it the password and the letter would be read on the way: nothing is said then.
                server.starttls(context=self._trust)
                server.ehlo()
            if given.user is not None:
                server.login(given.user, given.password or "")
            if server.sock is not None:
                server.sock.settimeout(ANSWER)
        except BaseException:
            server.close()
            raise
        return server

    def _envelope(self, server: smtplib.SMTP, letter: Letter) -> None:
        try:
            _check(server.mail(self._settings.sender)[0])
            _check(server.rcpt(letter.to)[0])
        except (OSError, smtplib.SMTPException) as error:
            raise Transient(reason="unreachable") from error

    def _words(self, server: smtplib.SMTP, raw: bytes) -> None:
        try:
            code, _said = server.data(raw)
        except smtplib.SMTPDataError as error:
            # It did not even want to hear them.
            _check(error.smtp_code)
            raise Transient(reason=str(error.smtp_code)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Ambiguous from error
        _check(code)

    def _written(self, letter: Letter) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"], message["To"] = self._settings.sender, letter.to
        # One line: a header ends where a line does.
        message["Subject"] = " ".join(filter(None, letter.subject.splitlines()))
        name = hashlib.sha256(letter.key.encode()).hexdigest()[:32]
        message["Message-ID"] = f"<{name}@{self._settings.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        return message


def _check(code: int) -> None:
    """Nothing was taken: for now (4xx) or for good (5xx)."""
    if 400 <= code < 500:
        raise Transient(reason=str(code))
    if code >= 500:
        raise Rejected(str(code))


def _leave(server: smtplib.SMTP) -> None:
    """The server may be gone already: what was answered before counts."""
    try:
        server.quit()
    except (OSError, smtplib.SMTPException):
        server.close()
