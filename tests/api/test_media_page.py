"""Pictures at the door: what comes in, what is said of what does not, and what is served of them."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import func, select

from api.security import library_limit
from models.links import SeenLink
from models.media import Media
from models.vocabulary import Role
from publishing.library import LARGEST
from tests.films import film

JPEG = "image/jpeg"


def file(colour: str = "teal", form: str = "JPEG") -> bytes:
    made = BytesIO()
    Image.new("RGB", (600, 400), colour).save(made, form)
    return made.getvalue()


@pytest.fixture
def desk(parvis, seed_city, visit, sign_in_as):
    """An officer's browser."""
    client = visit(parvis)
    return sign_in_as(parvis, client, seed_city(parvis).person(Role.COMMUNICATIONS, "city"))


def kept(parvis) -> int:
    with parvis.database.read() as session:
        return session.scalar(select(func.count()).select_from(Media)) or 0


def test_several_are_added_at_once_shown_and_served_as_pictures_and_nothing_else(parvis, desk):
    before = kept(parvis)
    sent = [("files", ("parc.jpg", file(), JPEG)), ("files", ("banc.png", file("red", "PNG"), "image/png"))]
    answer = desk.post("/medias", files=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, "/medias?fait=pictures-added")
    page = desk.get("/medias").text
    assert "parc.jpg" in page
    assert "Sans texte de remplacement" in page
    assert kept(parvis) == before + 2
    number = before + 1
    picture = desk.get(f"/medias/{number}/image")
    assert (picture.headers["content-type"], picture.headers["x-content-type-options"]) == (JPEG, "nosniff")
    assert picture.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert picture.headers["cross-origin-resource-policy"] == "same-origin"
    assert picture.headers["cache-control"].startswith("private")
    assert Image.open(BytesIO(picture.content)).size == (600, 400)
    assert Image.open(BytesIO(desk.get(f"/medias/{number}/image?taille=petite").content)).size == (480, 320)


def test_all_or_none_are_kept_and_each_wrong_one_is_named(parvis, desk):
    before = kept(parvis)
    sent = [
        ("files", ("parc.jpg", file(), JPEG)),
        ("files", ("affiche.jpg", b"%PDF-1.7", JPEG)),
        ("files", ("vide.jpg", b"", JPEG)),
    ]
    answer = desk.post("/medias", files=sent)
    assert answer.status_code == 422
    assert "«\N{NO-BREAK SPACE}affiche.jpg\N{NO-BREAK SPACE}» n’est pas une image que Parvis peut lire" in answer.text
    assert kept(parvis) == before
    assert desk.post("/medias", data={}).status_code == 422


def test_what_is_too_heavy_is_refused_with_a_sentence_before_it_is_read(desk):
    for path in ("/medias", "/api/v1/media"):
        answer = desk.post(path, content=b"", headers={"content-length": str(400 * 1024**2)})
        assert answer.status_code == 413
        assert "25\N{NO-BREAK SPACE}Mo" in answer.text
        assert "200\N{NO-BREAK SPACE}Mo" in answer.text
    heavy = desk.post("/medias", files=[("files", ("parc.jpg", b"\xff" * (LARGEST + 1), JPEG))])
    assert heavy.status_code == 422
    assert "25\N{NO-BREAK SPACE}Mo" in heavy.text, "a picture of as much as a film is no picture"

    def endless():
        for _ in range(library_limit(200) // 2**20 + 2):
            yield b"\0" * 2**20

    assert desk.post("/api/v1/media", content=endless()).status_code == 413
    # What citizens send is a picture at most, a file of comments as much, and everything else is small.
    for path, most in (("/completer/x", 26), ("/comptes/importation", 26), ("/publications", 1)):
        answer = desk.post(path, content=b"", headers={"content-length": str(40 * 1024**2)})
        assert answer.status_code == 413
        assert f"L’envoi dépasse {most}\N{NO-BREAK SPACE}Mo." in answer.text


def test_a_picture_for_a_post_comes_back_as_what_the_composer_shows(desk):
    answer = desk.post("/medias?pour=publication", files=[("files", ("parc.jpg", file(), JPEG))])
    assert (answer.status_code, answer.text.count("data-media=")) == (200, 1)
    assert 'name="pictures"' in answer.text
    choices = desk.get("/medias?pour=publication&mots=parc").text
    assert choices.count("data-pick=") == 1
    assert "<html" not in choices


def test_a_picture_is_described_on_its_page_and_what_is_wrong_is_said_beside_it(desk):
    desk.post("/medias", files=[("files", ("parc.jpg", file(), JPEG))])
    number = desk.get("/api/v1/media").json()["items"][0]["id"]
    said = {"version": "1", "alt_fr": "Un parc", "credit": "Ville", "rights_until": "2027-06-30", "lettering": "Ouvert"}
    assert desk.post(f"/medias/{number}", data={**said, "rights_until": "demain"}).status_code == 422
    wrong = desk.post(f"/medias/{number}", data={**said, "alt_fr": "x" * 1001})
    assert "au plus 1000 caractères" in wrong.text
    wrong = desk.post(f"/medias/{number}", data={**said, "lettering": "y" * 1001})
    assert "au plus 1000 caractères" in wrong.text
    assert "y" * 1001 in wrong.text, "nothing typed is lost"
    assert desk.post(f"/medias/{number}", data=said).status_code == 303
    shown = desk.get(f"/api/v1/media/{number}").json()
    assert (shown["alt_fr"], shown["rights_until"], shown["version"]) == ("Un parc", "2027-06-30", 2)
    assert shown["lettering"] == "Ouvert"
    assert "Dans l’image" in desk.get(f"/medias/{number}?pour=publication").text
    assert desk.post(f"/medias/{number}", data=said).status_code == 409
    assert desk.post(f"/medias/{number}/suppression", data={"version": "2"}).status_code == 303
    assert desk.get(f"/medias/{number}").status_code == 404


def test_the_picture_of_a_links_card_is_for_who_sees_posts(parvis, seed_city, visit, sign_in_as):
    city = seed_city(parvis)
    with city.write():
        accounts = {"facebook": city.accounts["city"], "linkedin": city.add_account("vitrine", "linkedin")}
    with parvis.database.write() as session:
        link = {"address": "https://ville.example/a", "asked_at": parvis.clock(), "looked_at": parvis.clock()}
        there = SeenLink(**link, title="Le parc", pictured=True, picture=file())
        session.add(there)
    desk = sign_in_as(parvis, visit(parvis), city.person(Role.COMMUNICATIONS, "city"))
    place = f"/medias/liens/{there.id}"
    for network, account in accounts.items():
        typed = {"accounts": account, "text": "Bonjour", "link": there.address}
        page = desk.post("/publications/apercu", data=typed).text
        assert (place in page) is (network == "facebook"), "only where the network reads the page"
    answer = desk.get(place)
    assert (answer.status_code, answer.headers["content-type"]) == (200, JPEG)
    assert desk.get("/medias/liens/99").status_code == 404
    agent = sign_in_as(parvis, visit(parvis), city.person(Role.AGENT311, "city"))
    assert agent.get(place).status_code in (403, 404)


def test_a_program_adds_describes_and_forgets_one(desk):
    added = desk.post("/api/v1/media?name=parc.jpg", content=file(), headers={"origin": "http://127.0.0.1:8000"})
    assert added.status_code == 201
    place, tag = added.headers["location"], added.headers["etag"]
    again = desk.post("/api/v1/media?name=autre.jpg", content=file())
    assert again.json()["id"] == added.json()["id"]
    assert desk.get(f"{place}/content").content[:3] == b"\xff\xd8\xff"
    changed = desk.put(place, json={"alt_fr": "Un parc"}, headers={"if-match": tag})
    assert changed.json()["alt_fr"] == "Un parc"
    assert desk.put(place, json={}, headers={"if-match": tag}).status_code == 412
    assert desk.delete(place, headers={"if-match": changed.headers["etag"]}).status_code == 204
    assert desk.post("/api/v1/media", content=b"not a picture").json()["code"] == "picture_unreadable"


def test_a_post_is_written_with_pictures_and_given_back_with_them(parvis, desk):
    ids = []
    for colour in ("teal", "red"):
        desk.post("/medias", files=[("files", (f"{colour}.jpg", file(colour), JPEG))])
        ids.append(desk.get("/api/v1/media").json()["items"][0]["id"])
    account = str(next(one["id"] for one in desk.get("/api/v1/accounts").json()["items"]))
    form = {"title": "Parcs", "accounts": account, "text": "Au parc!", "pictures": ids[::-1]}
    form |= {
        f"alt-{ids[0]}": "Un parc",
        f"alt-{ids[1]}": "Un banc",
        f"first_comment-{account}": "Horaire : ville.example",
    }
    wrong = desk.post("/publications", data={**form, "link": "javascript:alert(1)"})
    assert wrong.status_code == 422
    assert wrong.text.index("Un banc</textarea>") < wrong.text.index("Un parc</textarea>")
    saved = desk.post("/publications", data=form)
    assert saved.status_code == 303
    post = desk.get(f"/api/v1/posts/{saved.headers['location'].split('?')[0].rpartition('/')[2]}").json()
    shown = [{"media_id": ids[1], "alt_text": "Un banc"}, {"media_id": ids[0], "alt_text": "Un parc"}]
    assert post["variants"][0]["pictures"] == shown
    assert post["variants"][0]["first_comment"] == "Horaire : ville.example"
    page = desk.get(f"/publications/{post['id']}").text
    assert f'aria-label="Un banc"><image href="/medias/{ids[1]}/image"' in page
    editing = desk.get(f"/publications/{post['id']}/modifier").text
    assert editing.count("data-media=") == 2
    assert "Horaire : ville.example</textarea>" in editing


def test_a_network_fetches_what_it_was_given_the_address_of_without_signing_in(parvis, desk, visit):
    desk.post("/medias", files=[("files", ("parc.jpg", file(), JPEG))])
    number = desk.get("/api/v1/media").json()["items"][0]["id"]
    with parvis.album.laid_out([{"id": number, "alt": "", "box": [0, 0, 300, 400]}]) as media:
        address = media[0].url
    assert address.startswith(f"{parvis.settings.base_url}/medias/publiques/")
    outside = visit(parvis)
    found = outside.get(address)
    assert (found.status_code, found.headers["content-type"]) == (200, JPEG)
    assert Image.open(BytesIO(found.content)).size == (300, 400)
    for wrong in (
        address.replace(".jpg", ""),
        address[:-8] + ".jpg",
        f"/medias/publiques/{parvis.vault.close('x')}.jpg",
    ):
        assert outside.get(wrong).status_code == 404
    assert outside.get(f"/medias/{number}/image").status_code == 303


# ------------------------------------------------------------------------------------------ films
SRT = "1\n00:00:00,500 --> 00:00:02,000\nL’eau est revenue.\n"


@pytest.fixture
def moving(desk):
    """The id of a film in the library, and its bytes as they are served."""
    sent = [("files", ("eau.mov", film(form="mov", told={"location": "+46.8033-071.1779/"}), "video/quicktime"))]
    assert desk.post("/medias", files=sent).status_code == 303
    number = desk.get("/api/v1/media").json()["items"][0]["id"]
    return number, desk.get(f"/medias/{number}/film").content


def test_a_film_is_served_whole_and_in_parts_as_a_film_and_nothing_else(desk, moving):
    number, content = moving
    place = f"/medias/{number}/film"
    whole = desk.get(place)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "video/mp4")
    assert (whole.headers["accept-ranges"], whole.headers["content-length"]) == ("bytes", str(len(content)))
    assert whole.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert content[4:8] == b"ftyp"
    assert b"+46.8033" not in content
    size, tag = len(content), whole.headers["etag"]
    for asked, first, last in (
        ("bytes=0-", 0, size - 1),
        ("bytes=0-0", 0, 0),
        ("bytes=100-199", 100, 199),
        (f"bytes=100-{10 * size}", 100, size - 1),
        ("bytes=-50", size - 50, size - 1),
        (f"bytes=-{10 * size}", 0, size - 1),
    ):
        part = desk.get(place, headers={"range": asked})
        assert (part.status_code, part.content) == (206, content[first : last + 1]), asked
        assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert part.headers["content-length"] == str(last - first + 1)
    for asked in (f"bytes={size}-", "bytes=5-4", "bytes=-0"):
        none = desk.get(place, headers={"range": asked})
        assert (none.status_code, none.headers["content-range"]) == (416, f"bytes */{size}"), asked
    for asked in ("bytes=0-1,5-6", "bytes=-", "bytes=x-y", "items=0-1", "bytes=" + "9" * 40 + "-"):
        assert desk.get(place, headers={"range": asked}).content == content, asked
    assert desk.get(place, headers={"range": "bytes=0-1", "if-range": tag}).status_code == 206
    assert desk.get(place, headers={"range": "bytes=0-1", "if-range": '"other"'}).content == content
    assert desk.get(place, headers={"if-none-match": tag}).status_code == 304
    assert desk.get(f"/api/v1/media/{number}/content", headers={"range": "bytes=4-7"}).content == b"ftyp"
    assert Image.open(BytesIO(desk.get(f"/medias/{number}/image").content)).size == (64, 48)
    page = desk.get(f"/medias/{number}").text
    assert f'<source src="/medias/{number}/film" type="video/mp4">' in page
    assert "0:04" in page
    assert f'href="/medias/{number}"' in desk.get("/medias").text


def test_captions_come_as_people_write_them_and_are_shown_as_browsers_take_them(desk, moving):
    number, _ = moving
    place = f"/medias/{number}/sous-titres"
    assert desk.get(place).status_code == 404
    wrong = desk.post(place, data={"version": "1"}, files={"captions": ("eau.srt", b"Bonjour")})
    assert wrong.status_code == 422
    assert "Ligne 1" in wrong.text
    assert desk.post(place, data={"version": "1"}, files={"captions": ("eau.srt", SRT.encode())}).status_code == 303
    told = desk.get(place)
    assert told.headers["content-type"].startswith("text/vtt")
    assert told.text == "WEBVTT\n\n00:00:00.500 --> 00:00:02.000\nL’eau est revenue.\n"
    assert (
        f'<track kind="captions" srclang="fr" label="Sous-titres" src="{place}?v=' in desk.get(f"/medias/{number}").text
    )
    answer = desk.get(f"/api/v1/media/{number}")
    assert (answer.json()["milliseconds"], len(answer.json()["captions_sha256"])) == (4000, 64)
    changed = desk.put(
        f"/api/v1/media/{number}", json={"alt_fr": "Une borne"}, headers={"if-match": answer.headers["etag"]}
    )
    assert changed.json()["captions_sha256"] == answer.json()["captions_sha256"], "what is not said stays"
    gone = {"json": {"alt_fr": "Une borne", "captions": ""}, "headers": {"if-match": changed.headers["etag"]}}
    assert desk.put(f"/api/v1/media/{number}", **gone).json()["captions_sha256"] is None
    assert desk.get(f"/api/v1/media/{number}/captions").status_code == 404


def test_a_film_that_is_none_is_named_and_nothing_is_kept_of_what_came_with_it(parvis, desk):
    before = kept(parvis)
    whole = film(1)
    for name, content, said in (
        ("film.mp4", b"%PDF-1.7", "n’est pas un film que Parvis peut lire"),
        ("coupé.mp4", whole[: len(whole) // 2], "n’est pas complet"),
        ("vieux.mp4", film(1, codec="mpeg4"), "(mpeg4)"),
    ):
        sent = [("files", ("parc.jpg", file(), JPEG)), ("files", (name, content, "video/mp4"))]
        answer = desk.post("/medias", files=sent)
        assert (answer.status_code, name in answer.text, said in answer.text) == (422, True, True), answer.text
    program = desk.post("/api/v1/media?name=film.mp4", content=b"%PDF-1.7")
    assert (program.status_code, program.json()["code"]) == (422, "film_unreadable")
    assert kept(parvis) == before


def test_a_program_adds_a_film_and_a_network_fetches_it(parvis, desk, visit):
    added = desk.post("/api/v1/media?name=eau.mp4", content=film(2)).json()
    assert (added["milliseconds"], added["width"], added["name"]) == (2000, 64, "eau.mp4")
    with parvis.album.laid_out([{"id": added["id"], "alt": "", "box": None, "kind": "video"}]) as media:
        address, content = media[0].url, media[0].path.read_bytes()
        assert media[0].path.suffix == ".mp4"
    outside = visit(parvis)
    assert outside.get(address).content == content
    assert outside.get(address, headers={"range": "bytes=4-7"}).content == b"ftyp"
    assert outside.get(address.replace(".mp4", ".jpg")).status_code == 404
    assert outside.get(f"/medias/{added['id']}/film").status_code == 303


def test_a_post_shows_its_film_and_its_form_gives_it_back(desk, moving):
    number, _ = moving
    account = str(next(one["id"] for one in desk.get("/api/v1/accounts").json()["items"]))
    form = {"title": "Eau", "accounts": account, "text": "L’eau est revenue.", "pictures": number}
    preview = desk.post("/publications/apercu", data=form).text
    assert f'<source src="/medias/{number}/film"' in preview
    assert "n’a pas de sous-titres" in preview
    saved = desk.post("/publications", data={**form, f"alt-{number}": "Une borne-fontaine"})
    path = saved.headers["location"].split("?")[0]
    assert 'aria-label="Une borne-fontaine"' in desk.get(path).text
    editing = desk.get(f"{path}/modifier").text
    assert editing.count("data-media=") == 1
    assert "Description\N{NO-BREAK SPACE}: ce que le film montre et dit" in editing
