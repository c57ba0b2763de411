"""What a page shows to somebody who sets up a second factor."""

from __future__ import annotations

from dataclasses import dataclass

import pyotp
import segno

from administration import people
from api.wiring import Parvis
from models.people import Person
from models.secrets import SecretUnreadable


@dataclass(frozen=True)
class Enrolment:
    """The secret that the telephone reads; `sealed` comes back with the form, so that a wrong code changes nothing."""

    secret: str
    sealed: str
    qr: str
    """A `data:` address of the drawing, dark on white whatever the theme: a camera reads no other."""


def enrolment(parvis: Parvis, person: Person, sealed: str | None = None) -> Enrolment:
    """A new secret, or the one that the form sent back."""
    try:
        secret = parvis.vault.open(sealed or "")
    except SecretUnreadable:
        secret = pyotp.random_base32()
        sealed = parvis.vault.close(secret)
    drawing = segno.make(people.totp_address(secret, person.email), micro=False)
    return Enrolment(secret, sealed or "", drawing.svg_data_uri(scale=5, dark="#000", light="#fff"))
