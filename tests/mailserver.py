"""A small mail server on loopback: what it took, and what it says when told to say otherwise."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast


class PretendMail(socketserver.ThreadingTCPServer):
    """Takes every letter, unless `says` answers a command otherwise; `drops` names when it hangs up."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, certificate: ssl.SSLContext | None = None, *, wrapped: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.certificate, self.wrapped = certificate, wrapped
        self.letters: list[EmailMessage] = []
        self.heard: list[str] = []
        """Commands, in order; of a command that came over TLS, with a star."""
        self.says: dict[str, list[bytes]] = {}
        self.drops: str | None = None
        """The command after which it hangs up; "words": after it took a letter, before it says so."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        if self.wrapped and self.certificate is not None:
            connection = self.certificate.wrap_socket(connection, server_side=True)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what some tests are about."""


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = cast("PretendMail", self.server)
        secure = server.wrapped
        self._say(b"220 pretend")
        while line := self.rfile.readline():
            command = line.decode().strip()
            verb = command.upper().split(" ")[0].partition(":")[0]
            server.heard.append(f"{command}{'*' if secure else ''}")
            if server.drops == verb:
                return
            if server.says.get(verb):
                self._say(server.says[verb].pop(0))
            elif verb == "EHLO":
                extensions = [b"pretend", b"AUTH PLAIN"]
                extensions += [b"STARTTLS"] if server.certificate is not None and not secure else []
                for one in extensions[:-1]:
                    self._say(b"250-" + one)
                self._say(b"250 " + extensions[-1])
            elif verb == "STARTTLS" and server.certificate is not None:
                self._say(b"220 go on")
                self.connection = server.certificate.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
                secure = True
            elif verb == "AUTH":
                self._say(b"235 come in")
            elif verb == "DATA":
                self._say(b"354 go on")
                raw = b""
                while (line := self.rfile.readline()) != b".\r\n":
                    if not line:
                        return
                    raw += line
                if server.says.get("WORDS"):
                    self._say(server.says["WORDS"].pop(0))
                    continue
                server.letters.append(cast("EmailMessage", message_from_bytes(raw, policy=policy.SMTP)))
                if server.drops == "words":
                    return
                self._say(b"250 taken")
            elif verb == "QUIT":
                self._say(b"221 bye")
                return
            else:
                self._say(b"250 ok")

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        self.connection.close()

    def _say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")
        self.wfile.flush()


@contextmanager
def pretend_mail(certificate: ssl.SSLContext | None = None, *, wrapped: bool = False) -> Iterator[PretendMail]:
    with PretendMail(certificate, wrapped=wrapped) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
