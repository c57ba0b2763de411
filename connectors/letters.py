"""Letters to those who work here, and the mail server that takes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from connectors.base import Receipt


@dataclass(frozen=True)
class MailSettings:
    """The mail server as the settings name it. `here`: it is on this machine, and TLS is not insisted on."""

    host: str
    port: int
    sender: str
    wrapped: bool = False
    """TLS from the first byte (`smtps`); otherwise it is asked for (STARTTLS)."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    here: bool = False

    @property
    def address(self) -> str:
        """What tells one server from another."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Letter:
    """Plain words for one person. `key` names the letter: a mailbox can tell two copies of it."""

    to: str
    subject: str
    text: str
    key: str


class PostOffice(Protocol):
    """What takes letters."""

    def send(self, letter: Letter) -> Receipt:
        """Give it one letter. Transient: it did not leave; Rejected: that address or letter is refused for good;
        Ambiguous: the answer to its words is lost, and it cannot be asked.
        """
        ...

    def check(self) -> None:
        """Be let in and leave again. Transient: why not."""
        ...
