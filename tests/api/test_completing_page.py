"""The short form of whoever wrote: without an account, hostile or not."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import select

from models.comments import Comment
from models.completions import Completion
from models.items import DraftReply
from models.requests311 import Requester, ServiceRequest
from models.secrets import fingerprint
from models.surveys import Survey
from models.vocabulary import RequestStatus, Role


@pytest.fixture
def town(sqlite_parvis, seed_city, visit, sign_in_as):
    """A request of the north, asked for by a comment of Facebook; its agent's browser."""
    city = seed_city(sqlite_parvis)
    with sqlite_parvis.database.write() as session:
        request = session.scalars(select(ServiceRequest).where(ServiceRequest.number == city.requests["north"])).one()
        session.add(Requester(request_id=request.id, comment_id=city.comments["north"], added_at=sqlite_parvis.clock()))
        session.get_one(Comment, city.comments["north"]).created_at = sqlite_parvis.clock()
    agent = sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(Role.AGENT311, "city"))
    return city, agent


def link(parvis, town) -> str:
    city, agent = town
    number, comment_id = city.requests["north"], city.comments["north"]
    asked = agent.post(f"/requetes/{number}/precisions", data={"comment_id": comment_id})
    assert asked.headers["location"] == f"/requetes/{number}?fait=asked"
    with parvis.database.read() as session:
        text = session.scalars(select(DraftReply.text).order_by(DraftReply.id.desc())).first()
    return "/completer/" + text.rpartition("/completer/")[2]


def photo() -> bytes:
    """A picture that says where it was taken."""
    exif = Image.Exif()
    exif[0x010E] = "chez moi"
    exif[0x8825] = {1: "N", 2: (46.0, 48.0, 0.0)}
    content = BytesIO()
    Image.new("RGB", (640, 480), "blue").save(content, "JPEG", exif=exif)
    return content.getvalue()


def test_a_citizen_completes_it_once_and_the_agent_sees_it(sqlite_parvis, town, visit):
    city, agent = town
    address, citizen = link(sqlite_parvis, town), visit(sqlite_parvis)
    page = citizen.get(address)
    assert page.status_code == 200
    assert page.headers["x-robots-tag"].startswith("noindex")
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert city.requests["north"] in page.text
    said = {"place": "12, rue <Wolfe>", "words": "Devant l’école", "phone": "418 555-0100"}
    done = citizen.post(address, data=said, files={"files": ("p.jpg", photo(), "image/jpeg")})
    assert done.status_code == 200
    assert "Merci" in done.text
    assert citizen.get(address).status_code == 410
    assert citizen.post(address, data={"place": "ailleurs"}).status_code == 410
    seen = agent.get(f"/requetes/{city.requests['north']}").text
    assert "12, rue &lt;Wolfe&gt;" in seen
    assert "418 555-0100" in seen
    with sqlite_parvis.database.read() as session:
        form = session.scalars(select(Completion).order_by(Completion.id.desc())).first()
        form_id = form.id
    shown = agent.get(f"/requetes/precisions/{form_id}/photo")
    assert shown.headers["content-type"] == "image/jpeg"
    assert b"chez moi" not in shown.content
    with Image.open(BytesIO(shown.content)) as picture:
        assert (picture.size, dict(picture.getexif())) == ((640, 480), {})
    assert citizen.get(f"/requetes/precisions/{form_id}/photo").status_code in (303, 401)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.svg", b"<svg onload='alert(1)'/>"),
        ("p.jpg", b"\xff\xd8\xff" + b"\0" * 100),
        ("../../etc/passwd", b"root"),
        ("p.jpg", b"x" * (25 * 1024 * 1024 + 1)),
    ],
)
def test_what_is_no_picture_is_refused_and_what_was_typed_stays(sqlite_parvis, town, visit, name, content):
    address, citizen = link(sqlite_parvis, town), visit(sqlite_parvis)
    answer = citizen.post(address, data={"words": "<b>ici</b>"}, files={"files": (name, content, "image/jpeg")})
    assert answer.status_code == 422
    assert "&lt;b&gt;ici&lt;/b&gt;" in answer.text
    assert "<b>ici" not in answer.text
    assert citizen.post(address, data={"words": "ici"}).status_code == 200


def test_whatever_is_sent_is_answered_in_a_sentence(sqlite_parvis, town, visit):
    address, citizen = link(sqlite_parvis, town), visit(sqlite_parvis)
    for data in ({}, {"place": "x" * 5000}, {"email": "a b"}, {"attribute[x]": "1"}, {"attribute[]": "1"}):
        sqlite_parvis.clock.pass_(seconds=61)
        assert citizen.post(address, data=data).status_code == 422, data
    sqlite_parvis.clock.pass_(seconds=61)
    assert citizen.post(address, content=b"\xff\0garbage", headers={"content-type": "text/plain"}).status_code == 422
    assert citizen.post(address, files={"place": ("p", b"1"), "files": ("", b"")}).status_code == 422
    with sqlite_parvis.database.read() as session:
        assert session.scalars(select(Completion.used_at).order_by(Completion.id.desc())).first() is None


def test_nobody_finds_a_link_by_trying(sqlite_parvis, town, visit):
    citizen = visit(sqlite_parvis)
    codes = [citizen.get(f"/completer/{'x' * 42}{number}").status_code for number in range(12)]
    assert codes[0] == 404
    assert codes[-1] == 429


def test_who_asked_by_no_comment_is_not_asked(sqlite_parvis, town):
    city, agent = town
    answer = agent.post(f"/requetes/{city.requests['south']}/precisions", data={"comment_id": city.comments["north"]})
    assert answer.status_code == 409
    assert "personne à qui demander" in answer.text


def test_how_it_went_is_one_tap_and_then_words_if_they_wish(sqlite_parvis, town, visit):
    city, _ = town
    with sqlite_parvis.database.write() as session:
        request = session.scalars(select(ServiceRequest).where(ServiceRequest.number == city.requests["north"])).one()
        request.status = RequestStatus.DONE
        requester = session.scalars(select(Requester).where(Requester.request_id == request.id)).one()
        of = {"request_id": request.id, "requester_id": requester.id, "comment_id": requester.comment_id}
        session.add(Survey(**of, print=fingerprint("t" * 43), at=sqlite_parvis.clock()))
    address, citizen = f"/satisfaction/{'t' * 43}", visit(sqlite_parvis)
    assert citizen.get(address).text.count('name="score"') == 11
    assert citizen.post(address, data={"score": "douze"}).status_code == 422
    tapped = citizen.post(address, data={"score": "8"})
    assert tapped.status_code == 200
    assert "8 sur 10" in tapped.text
    long = citizen.post(address, data={"words": "<b>" + "x" * 2001})
    assert long.status_code == 422
    assert "&lt;b&gt;xxx" in long.text
    assert citizen.post(address, data={"words": "Bravo"}).status_code == 200
    assert citizen.post(address, data={"score": "0", "words": "Non"}).status_code == 409
    assert citizen.get(f"/satisfaction/{'u' * 43}").status_code == 404
