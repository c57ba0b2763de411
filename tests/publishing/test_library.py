"""Pictures come in whatever they are, are kept as pictures and nothing else, and are seen by who may."""

from __future__ import annotations

from datetime import date, timedelta
from io import BytesIO

import pytest
from PIL import Image, ImageCms

from connectors import pictures
from models.errors import NotFound, Refused
from models.media import Media
from publishing import approval, drafting, library, planning
from publishing.drafting import Pictured
from publishing.library import Said, read
from tests.city import album as city_album


def file(colour: str = "teal", size: tuple[int, int] = (1200, 900), form: str = "JPEG", **more: object) -> bytes:
    made = BytesIO()
    Image.new("RGB", size, colour).save(made, form, **more)
    return made.getvalue()


def test_a_photo_is_kept_upright_and_says_nothing_of_where_it_was_taken():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8825] = 6, "Telephone", {2: (46.0, 48.0, 0.0)}
    drawn = read("C:\\photos\\fête.jpg", file(exif=exif, comment=b"secret"))
    kept = Image.open(BytesIO(drawn.content))
    assert (drawn.name, drawn.width, drawn.height) == ("fête.jpg", 900, 1200)
    assert (kept.format, kept.size, dict(kept.getexif())) == ("JPEG", (900, 1200), {})
    assert b"secret" not in drawn.content
    assert max(Image.open(BytesIO(drawn.small)).size) == 480


def test_a_large_one_is_brought_to_what_networks_show():
    drawn = read("panorama.png", file(size=(6000, 1500), form="PNG"))
    assert (drawn.width, drawn.height) == (2048, 512)


def test_colours_of_another_space_are_brought_to_those_of_screens():
    usual = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # A camera whose red is what screens call blue.
    swapped = usual.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    made = Image.open(BytesIO(read("a.jpg", file("#cc1111", icc_profile=swapped)).content))
    red, _, blue = made.getpixel((600, 450))
    assert blue > 150 > red
    assert "icc_profile" not in made.info
    broken = read("b.jpg", file("#336699", icc_profile=b"no profile at all"))
    assert broken.sha256 == read("b.jpg", file("#336699")).sha256


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "picture_unreadable"),
        (b"%PDF-1.7 a poster", "picture_unreadable"),
        (b"<svg onload='alert(1)'/>", "picture_unreadable"),
        (b"PK\x03\x04 an archive that is called photo.jpg", "picture_unreadable"),
        (file()[:300], "picture_unreadable"),
        (file(form="TIFF"), "picture_unreadable"),
        (b"\xff" * (library.LARGEST + 1), "picture_heavy"),
    ],
)
def test_what_is_no_picture_is_refused_by_its_name(content, code):
    with pytest.raises(Refused) as refused:
        read("photo.jpg", content)
    assert (refused.value.code, refused.value.params["name"]) == (code, "photo.jpg")


def test_a_small_file_that_claims_to_be_huge_is_refused_before_it_is_drawn(monkeypatch):
    monkeypatch.setattr(library, "LARGE", library.Drawing(side=2048, quality=90, most=1199 * 900))
    with pytest.raises(Refused, match="picture_too_large"):
        read("bombe.jpg", file())


def add(city, who: str = "Claire", content: bytes | None = None) -> Media:
    drawn = read("trottoir.jpg", content or file())
    with city.database.write() as session:
        return library.add(session, city.people[who], drawn, now=city.now)


def test_the_same_picture_is_kept_once_for_who_sees_it(city):
    first, again = add(city), add(city)
    assert first.id == again.id
    elsewhere = add(city, "Sylvie")
    assert elsewhere.id != first.id
    assert (first.borough_id, elsewhere.borough_id) == (None, city.boroughs["sud"])


def test_it_is_seen_in_its_scope_and_in_the_posts_that_show_it(city):
    media = add(city)
    with city.database.read() as session:
        assert library.content(session, city.people["Gilles"], media.id, small=True)
        for stranger in ("Sylvie", "Ariane"):
            with pytest.raises(NotFound):
                library.content(session, city.people[stranger], media.id, small=False)
    city.act("Claire", "create", city.draft("Sentiers ouverts.", "sud", pictures=[Pictured(media.id, "Un sentier")]))
    with city.database.read() as session:
        assert library.content(session, city.people["Sylvie"], media.id, small=False)
        with pytest.raises(NotFound):
            library.detail(session, city.people["Sylvie"], media.id)
        found = library.detail(session, city.people["Claire"], media.id)
        assert [post.title for post in found.posts] == ["Collecte"]


def test_it_is_described_found_by_its_words_and_forgotten_only_when_no_post_shows_it(city):
    media, other = add(city), add(city, content=file("red"))
    claire = city.people["Claire"]
    said = Said(" Un trottoir déneigé ", "", "Photo : Ville", date(2027, 6, 30))
    with city.database.write() as session:
        library.describe(session, claire, media.id, said, version=1, now=city.now)
        with pytest.raises(Refused, match="media_changed"):
            library.describe(session, claire, media.id, said, version=1, now=city.now)
    with pytest.raises(Refused, match="alt_too_long"), city.database.write() as session:
        library.describe(session, claire, media.id, Said("x" * 1001), version=2, now=city.now)
    with city.database.read() as session:
        found, _ = library.media(session, claire, words="trottoirs DENEIGES")
        assert [(one.id, one.alt_fr) for one in found] == [(media.id, "Un trottoir déneigé")]
        assert [one.id for one in library.media(session, claire)[0]] == [other.id, media.id]
    city.act("Claire", "create", city.draft(pictures=[Pictured(media.id, "Un trottoir")]))
    with city.database.write() as session:
        with pytest.raises(Refused, match="media_used"):
            library.remove(session, claire, media.id, version=2, now=city.now)
        library.remove(session, claire, other.id, version=1, now=city.now)
    with city.database.read() as session:
        assert [one.id for one in library.media(session, claire)[0]] == [media.id]


# ------------------------------------------------------------------------------------------ pictures in posts
def test_a_post_leaves_with_its_pictures_in_order_each_framed_as_its_network_shows_it(city):
    wide, tall = add(city, content=file(size=(1600, 400))), add(city, content=file("red", size=(500, 1500)))
    shown = [Pictured(tall.id, "Une tour"), Pictured(wide.id, "La chaussée")]
    seen: dict[str, list[tuple[int, int]]] = {}

    def watch(name):
        network = city.networks[city.accounts[name]]
        publish = network.publish

        def looked(publication, key):
            # The files are there for as long as the network takes them.
            seen[name] = [pictures.size(one.path.read_bytes()) for one in publication.media]
            return publish(publication, key)

        network.publish = looked

    for name in ("nord", "images"):
        watch(name)
    post = city.schedule(city.approved("nord", "images", pictures=shown))
    city.deliver(hours=1)
    assert seen == {"nord": [(500, 1500), (1600, 400)], "images": [(500, 625), (764, 400)]}
    sent = city.networks[city.accounts["images"]].published[0].media
    assert [one.alt_text for one in sent] == ["Une tour", "La chaussée"]
    assert not any(one.path.exists() for one in sent)
    assert city.post(post).state == "published"


def test_a_network_fetches_a_picture_at_an_address_of_its_own_for_a_day(city):
    media = add(city, content=file(size=(500, 1500)))
    city.schedule(city.approved("images", pictures=[Pictured(media.id, "Une tour")]))
    city.deliver(hours=1)
    address = city.networks[city.accounts["images"]].published[0].media[0].url
    name = address.rpartition("/")[2].removesuffix(".jpg")
    album = city_album(city.database, city.clock)
    assert Image.open(BytesIO(album.sealed(name))).size == (500, 625)
    for wrong in ("", "x", name[:-2], name.swapcase()):
        with pytest.raises(NotFound):
            album.sealed(wrong)
    city.clock.pass_(hours=24, seconds=1)
    with pytest.raises(NotFound):
        album.sealed(name)


def test_other_pictures_words_of_them_or_order_need_another_approval(city):
    one, two = add(city), add(city, content=file("red"))
    shown = [Pictured(one.id, "Un parc"), Pictured(two.id, "Un banc")]
    post = city.approved("nord", pictures=shown)
    hashes = {approval.content_hash(post)}
    for changed in (shown[:1], shown[::-1], [Pictured(one.id, "Une place"), shown[1]], []):
        draft = city.draft("Collecte reportée à mardi.", "nord", pictures=changed)
        post = city.act("Claire", "edit", post.id, draft, version=post.version)
        with city.database.read() as session:
            assert not planning.approval_stands(session, city.post(post))
        hashes.add(approval.content_hash(city.post(post)))
    assert len(hashes) == 5


def test_who_does_not_see_a_picture_is_told_what_it_shows_before_it_is_approved(city):
    media = add(city)
    post = city.act("Claire", "create", city.draft(pictures=[Pictured(media.id, " ")]))
    with pytest.raises(Refused, match="alt_missing"):
        city.act("Claire", "submit", post.id, version=post.version)


def test_what_a_network_does_not_take_is_said_with_the_name_of_the_account(city):
    media = add(city)
    for refused, names, more in (
        ("media_unknown", ("nord",), {"pictures": [Pictured(999, "x")]}),
        ("media_twice", ("nord",), {"pictures": [Pictured(media.id, "x")] * 2}),
        ("alt_too_long", ("nord",), {"pictures": [Pictured(media.id, "x" * 1001)]}),
    ):
        with pytest.raises(Refused, match=refused):
            city.act("Claire", "create", city.draft("Bonjour", *names, **more))
    many = [Pictured(add(city, content=file(size=(40 + n, 30))).id, "x") for n in range(11)]
    post = city.act("Claire", "create", city.draft("Bonjour", "nord", "images", pictures=many))
    with pytest.raises(Refused, match="media_many") as why:
        city.act("Claire", "submit", post.id, version=post.version)
    everything = [(one.code, one.params["name"], one.params["most"]) for one in (why.value, *why.value.others)]
    assert everything == [("media_many", "nord", "10"), ("media_many", "images", "10")]
    with pytest.raises(Refused, match="media_unknown"):
        city.act("Sylvie", "create", city.draft("Bonjour", "sud", pictures=[Pictured(media.id, "x")]))


def test_an_account_may_go_without_the_pictures(city):
    media = add(city)
    draft = city.draft(pictures=[Pictured(media.id, "Un parc")])
    plain = drafting.Written("Bonjour", pictured=False)
    draft = drafting.Draft(draft.title, {**draft.variants, city.accounts["sud"]: plain}, pictures=draft.pictures)
    post = city.act("Claire", "create", draft)
    assert {len(one.pictures) for one in city.post(post).variants} == {0, 1}


# ------------------------------------------------------------------------------------------ the first comment
def with_comment(city, text: str = "Horaire complet : ville.example") -> drafting.Draft:
    return drafting.Draft("Collecte", {city.accounts["nord"]: drafting.Written("Bonjour", first_comment=text)})


def scheduled(city) -> planning.Post:
    post = city.act("Claire", "create", with_comment(city))
    post = city.judge("Gilles", city.act("Claire", "submit", post.id, version=post.version))
    return city.schedule(post)


def test_the_first_comment_is_owed_once_the_post_is_out_and_not_before(city):
    post = scheduled(city)
    assert [effect.operation for effect in city.effects()] == ["publish"]
    city.deliver(hours=1)
    owed = city.effects()[-1]
    assert (owed.operation, owed.target, owed.payload["text"]) == (
        "reply",
        "nord_1",
        "Horaire complet : ville.example",
    )
    assert owed.late_at == city.now + timedelta(minutes=60)
    assert city.post(post).variants[0].comment_effect_id == owed.id


def test_a_post_that_failed_owes_no_comment(city):
    scheduled(city)
    city.clock.pass_(hours=3)
    city.deliver()
    assert [(effect.operation, effect.state) for effect in city.effects()] == [("publish", "failed")]


def test_a_first_comment_is_part_of_what_is_approved(city):
    post = city.act("Claire", "create", with_comment(city))
    approved = approval.content_hash(city.post(post))
    city.act("Claire", "edit", post.id, with_comment(city, "Autre chose"), version=post.version)
    assert approval.content_hash(city.post(post)) != approved
    post = city.act("Claire", "create", with_comment(city, "x" * 8001))
    with pytest.raises(Refused, match="comment_too_long"):
        city.act("Claire", "submit", post.id, version=post.version)
