"""A film in a post: kept in parts, approved with all that is read and heard of it, and sent to each network."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from connectors.base import Prepared
from models.accounts import Account
from models.errors import NotFound, Refused
from models.media import Film, FilmPart, Media
from models.vocabulary import MediaKind, PostState
from publishing import films, library, planning
from publishing.checks import look
from publishing.drafting import Draft, Pictured, Written
from publishing.library import Filmed, Said
from publishing.preview import sketch
from tests.city import START
from tests.city import album as city_album
from tests.films import film

ZONE = ZoneInfo("America/Toronto")
SRT = "1\n00:00:00,500 --> 00:00:02,000\nL’eau est revenue."


@pytest.fixture(scope="module")
def came(tmp_path_factory):
    """A film of four seconds that came in."""
    with library.read_film("eau.mov", BytesIO(film(form="mov")), 1) as filmed:
        path = tmp_path_factory.mktemp("film") / "film.mp4"
        path.write_bytes(filmed.path.read_bytes())
    return replace(filmed, path=path)


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(films, "PART", 1000)


def keep(city, came: Filmed, who: str = "Claire") -> Media:
    return library.keep(city.database, city.people[who], [came], now=city.now)[0]


def parts(city) -> int:
    with city.database.read() as session:
        return session.scalar(select(func.count()).select_from(FilmPart)) or 0


def test_it_is_kept_in_parts_and_given_from_any_byte_to_any_other(city, came, small_parts):
    media, content = keep(city, came), came.path.read_bytes()
    assert (media.filmed, media.milliseconds, media.size, media.name) == (True, 4000, len(content), "eau.mov")
    assert parts(city) == -(-len(content) // 1000) > 3
    for first, last in ((0, len(content) - 1), (0, 0), (999, 1000), (1500, 2999), (len(content) - 1, len(content) - 1)):
        assert b"".join(films.content(city.database, media.film_id or 0, first, last)) == content[first : last + 1]
    assert keep(city, came).id == media.id, "it is there once"
    assert parts(city) == -(-len(content) // 1000)
    with city.database.write() as session:
        library.remove(session, city.people["Claire"], media.id, version=1, now=city.now)
    assert parts(city) == 0
    with pytest.raises(NotFound):
        list(films.content(city.database, media.film_id or 0, 0, 1))


def test_what_nobody_finished_goes_with_the_next_film(city, came):
    films.store(city.database, came.path, now=city.now)
    with city.database.read() as session:
        assert library.media(session, city.people["Claire"])[0] == [], "nobody sees half of one"
    city.clock.pass_(hours=25)
    media = keep(city, came)
    with city.database.read() as session:
        assert session.scalars(select(Film.id)).all() == [media.film_id]


def test_captions_and_words_in_it_are_approved_with_it(city, came):
    media, claire = keep(city, came), city.people["Claire"]
    shown = [Pictured(media.id, "Une borne-fontaine qui coule")]
    post = city.approved("nord", pictures=shown)

    def stands() -> bool:
        with city.database.read() as session:
            return planning.approval_stands(session, planning.detail(session, claire, post.id).post)

    assert stands()
    with city.database.write() as session:
        library.caption(session, claire, media.id, SRT, version=1, now=city.now)
    assert not stands()
    post = city.act("Claire", "edit", post.id, city.draft("Eau", "nord", pictures=shown), version=post.version)
    post = city.judge("Gilles", city.act("Claire", "submit", post.id, version=post.version))
    assert stands()
    with city.database.write() as session:
        library.describe(session, claire, media.id, Said(lettering="Rue Wolfe"), version=2, now=city.now)
    assert not stands()
    with city.database.write() as session, pytest.raises(Refused) as refused:
        library.caption(session, claire, media.id, "00:09.000 --> 00:10.000\nTrop tard", version=3, now=city.now)
    assert refused.value.code == "captions_late"
    with city.database.read() as session:
        assert "L’eau est revenue." in library.captions_of(session, claire, media.id)


def account(network: str) -> Account:
    return Account(id=1, network=network, name=f"Ville {network}")


def a_film(milliseconds: int = 60_000, size: int = 10**6, width: int = 1080, height: int = 1920, id_: int = 7) -> Media:
    media = Media(id=id_, name="eau.mp4", width=width, height=height, size=size, milliseconds=milliseconds, film_id=1)
    media.captions_sha256 = "x"
    return media


@pytest.mark.parametrize(
    ("network", "shown", "code"),
    [
        ("instagram", a_film(2_000), "film_short"),
        ("instagram", a_film(16 * 60_000), "film_long"),
        ("instagram", a_film(size=301 * 1024**2), "film_too_heavy"),
        ("linkedin", a_film(31 * 60_000), "film_long"),
        ("linkedin", a_film(width=1000, height=2500), "film_ratio"),
        ("facebook", a_film(500), "film_short"),
        ("instagram_public", a_film(), "film_impossible"),
    ],
)
def test_what_a_network_does_not_take_of_a_film_is_said_before_anybody_approves_it(network, shown, code):
    def found(media: Media) -> set[str]:
        said = sketch(account(network), "Bonjour à tous.", pictures=[(media, "Une rue")])
        return {one.code for one in look([said], now=START, zone=ZONE) if one.blocking}

    assert code in found(shown)
    if network != "instagram_public":  # Nothing at all is published there.
        assert found(a_film()) == set()


def test_a_film_goes_alone_is_shown_whole_and_asks_for_captions():
    two = [(a_film(), "Une rue"), (a_film(id_=8), "Une autre")]
    said = sketch(account("instagram"), "Bonjour à tous.", pictures=two)
    assert [one.cut for one in said.pictures] == [False, False]
    assert "film_alone" in {one.code for one in look([said], now=START, zone=ZONE)}
    bare = a_film()
    bare.captions_sha256 = None
    advice = look([sketch(account("facebook"), "Bonjour.", pictures=[(bare, "Une rue")])], now=START, zone=ZONE)
    assert {one.code: one.blocking for one in advice}["captions_missing"] is False
    assert "alt_missing" in {
        one.code for one in look([sketch(account("facebook"), "x", pictures=[(bare, "")])], now=START, zone=ZONE)
    }


def test_it_is_sent_ahead_once_and_asked_about_without_reading_it_again(city, came, monkeypatch, ahead):
    """What a network is still at work on is asked about every quarter of a minute: no film is read for that."""
    media, nord = keep(city, came), city.networks[city.accounts["nord"]]
    post = city.schedule(city.approved("nord", pictures=[Pictured(media.id, "Une borne-fontaine")]))
    nord.ahead += [Prepared(("film-1",), ready=False)] * 3
    read = list[int]()
    given = films.content
    monkeypatch.setattr(films, "content", lambda *args: read.append(args[1]) or given(*args))
    for minutes in (46, 1, 1, 1, 1):
        ahead(minutes=minutes)
    assert len(read) == 1
    city.deliver(minutes=10)
    assert len(read) == 1
    assert city.post(post).state == PostState.PUBLISHED
    (published,) = nord.published
    assert [(one.kind, one.mime, one.alt_text) for one in published.media] == [
        (MediaKind.VIDEO, films.MIME, "Une borne-fontaine")
    ]


def test_each_network_gets_the_film_itself(city, came, far, monkeypatch):
    state, accounts = far
    monkeypatch.setattr(films, "PART", 1000)
    media, content = keep(city, came), came.path.read_bytes()
    variants = {city.accounts[name]: Written("L’eau est revenue, rue Wolfe.") for name in accounts}
    shown = [Pictured(media.id, "Une borne-fontaine qui coule")]
    draft = Draft("Eau", variants, pictures=shown, publish_at=city.now + timedelta(hours=1))
    post = city.act("Claire", "create", draft)
    post = city.judge("Gilles", city.act("Claire", "submit", post.id, version=post.version))
    city.schedule(post, hours=None)
    city.deliver(hours=1)
    assert [(str(effect.operation), str(effect.state)) for effect in city.effects()] == [("publish", "done")] * 3
    there = next(one for one in state.posts.values() if one.page is accounts["nord"])
    assert (there.form, there.text) == ("video", "L’eau est revenue, rue Wolfe.")
    (reel,) = (one.media for one in accounts["images"].containers.values())
    assert (reel.product, reel.kind) == ("REELS", "VIDEO")
    known = city_album(city.database, city.clock).film(reel.url.rpartition("/")[2].removesuffix(".mp4"))
    assert (known.sha256, known.size) == (came.sha256, len(content))
    (sent,) = (b"".join(part for _, part in sorted(one.parts.items())) for one in accounts["ville"].assets.values())
    assert sent == content
