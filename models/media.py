"""The media library: pictures and films of the city's own, made anew when they come in, and what is said of each."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Date, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOBODY, Base, Id, String, Text
from models.people import Person


class Media(Base):
    """One picture: a JPEG without what else was in the file that came (where it was taken, by which telephone). Or one
    film: then that is one image of it, and its own bytes stand in parts.
    """

    __tablename__ = "media"
    __table_args__ = (Index("ix_media_sha256", "sha256"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    borough_id: Mapped[int | None] = mapped_column(ForeignKey("borough.id"))
    """Its scope, like this one's account above: where whoever added it works; both null: the whole city's."""
    name: Mapped[str] = mapped_column(String(200), info=NOBODY)
    """Of the file that came."""
    sha256: Mapped[str] = mapped_column(String(64), info=NOBODY)
    """Of what is published, the picture or the film: what an approval is bound to."""
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, info=NOBODY)
    small: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, info=NOBODY)
    """The same picture, small, for lists."""
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int]
    """Bytes of what is published."""
    film_id: Mapped[int | None] = mapped_column(ForeignKey("film.id"), unique=True)
    """None: it is a picture."""
    milliseconds: Mapped[int | None]
    """How long the film is."""
    captions: Mapped[str | None] = mapped_column(Text, deferred=True, info=NOBODY)
    """What is said and heard in the film, as WebVTT (`publishing/captions.py`)."""
    captions_sha256: Mapped[str | None] = mapped_column(String(64), info=NOBODY)
    alt_fr: Mapped[str | None] = mapped_column(Text, info=NOBODY)
    """What it shows, for who does not see it (and of a film what is heard); in English too, below."""
    alt_en: Mapped[str | None] = mapped_column(Text, info=NOBODY)
    lettering: Mapped[str | None] = mapped_column(Text, info=NOBODY)
    """What stands written in it, as somebody typed it: readers read it as they read the post."""
    credit: Mapped[str | None] = mapped_column(String(200), info=NOBODY)
    """Whose it is, and by which leave the city shows it."""
    rights_until: Mapped[dt.date | None] = mapped_column(Date)
    """The last day on which the city may publish it, as its calendar shows days."""
    search_text: Mapped[str] = mapped_column(Text, info=NOBODY)
    """Words of all that is said of it, as `models/search.py` folds them."""
    added_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[dt.datetime]
    version: Mapped[int] = mapped_column(default=1)

    added_by: Mapped[Person] = relationship(lazy="raise")

    @property
    def filmed(self) -> bool:
        """Whether it is a film."""
        return self.film_id is not None


class Film(Base):
    """The bytes of a film. They are written part by part, each in a transaction of its own: only once all of them are
    there does a row of the library name it.
    """

    __tablename__ = "film"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    created_at: Mapped[dt.datetime]


class FilmPart(Base):
    """Some bytes of a film: as many as `publishing.films.PART`, but for the last."""

    __tablename__ = "film_part"

    film_id: Mapped[int] = mapped_column(ForeignKey("film.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary, info=NOBODY)
