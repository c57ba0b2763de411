"""The city's mail server, which carries notices to those who work here."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.base import NOBODY, String
from models.channels import Channel


class MailServer(Channel):
    """One server that letters are given to: a channel, whose health is in `models.channels`."""

    __tablename__ = "mail_server"
    __mapper_args__ = {"polymorphic_identity": "mail"}  # noqa: RUF012

    id: Mapped[int] = mapped_column(ForeignKey("channel.id"), primary_key=True)
    address: Mapped[str] = mapped_column(String(300), unique=True, info=NOBODY)
    """Its host and port."""
