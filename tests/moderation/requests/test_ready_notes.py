"""Notes that an agent picks when a request moves on; and the pictures that whoever asked shows."""

from __future__ import annotations

import pytest

from models.comments import Attachment, Comment
from models.errors import NotFound, Refused
from models.vocabulary import CommentKind
from moderation import templates
from moderation.requests import inbox

NUMBER = "STR-2026-000001"


def word(city, title, fr="Réglé.", *, code=None, seen=0, **more):
    wording = templates.Wording(title, {"fr": fr}, status=more.pop("status", "done"), **more)
    with city.database.write() as session:
        return templates.word(session, city.people["Ariane"], code, wording, seen=seen, now=city.now, new="note_")


def offered(city):
    with city.database.read() as session:
        ready = inbox.detail(session, city.people["Denis"], NUMBER).ready
    return [(one.title, one.status, one.text) for one in ready if one.title.startswith("Z")]


def test_notes_are_offered_for_the_service_and_for_what_the_request_may_become(city):
    comment = city.says("7", "Ça coule")
    city.decide("Ariane", comment, "request", service_code="bris-aqueduc", place="rue des Érables")
    with city.database.write() as session:
        named = inbox.detail(session, city.people["Denis"], NUMBER).request.service.name
    word(city, "Z partout", "Réglé : {service}.")
    word(city, "Za ailleurs", service_code="nid-de-poule")
    own = word(city, "Zz le nôtre", service_code="bris-aqueduc", status="refused")
    word(city, "Z retirée", retired=True)
    assert offered(city) == [
        ("Zz le nôtre", "refused", "Réglé."),
        ("Z partout", "done", f"Réglé : {named}."),
    ]
    with city.database.read() as session:
        last = templates.every_version(session)[own][0]
    word(city, "Zz le nôtre", "Autrement.", code=own, seen=last.id, service_code="bris-aqueduc", status="in_progress")
    assert offered(city)[0] == ("Zz le nôtre", "in_progress", "Autrement.")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"status": None}, "status_needed"),
        ({"status": "accepted"}, "status_needed"),
        ({"service_code": "rien"}, "service_unknown"),
        ({"fr": "{numero} est réglée"}, "place_unknown"),
    ],
)
def test_a_note_says_when_it_serves(city, wrong, code):
    with pytest.raises(Refused) as caught:
        word(city, "Z", **wrong)
    assert caught.value.code == code


def test_whoever_may_see_a_request_sees_what_its_people_show_and_no_more(city):
    asked, other = city.says("7", "Ça coule"), city.says("8", "Rien à voir")
    request = city.decide("Ariane", asked, "request", service_code="bris-aqueduc", place="rue des Érables")
    with city.database.write() as session:
        shown = [
            Attachment(comment_id=one, position=0, kind="photo", seen_at=city.now, picture=b"jpeg", description="Fuite")
            for one in (asked.id, other.id)
        ]
        session.add_all(shown)
        session.flush()
        of_asked, of_other = (one.id for one in shown)

    def picture(attachment_id, who="Denis"):
        with city.database.read() as session:
            return inbox.picture(session, city.people[who], attachment_id)

    with city.database.read() as session:
        (comment,) = inbox.detail(session, city.people["Denis"], NUMBER).comments
        assert [one.description for one in comment.attachments] == ["Fuite"]
    assert picture(of_asked) == b"jpeg"
    with pytest.raises(NotFound):
        picture(of_other)
    with city.database.write() as session:
        session.get_one(Comment, asked.id).kind = CommentKind.MESSAGE
    with pytest.raises(NotFound):
        picture(of_asked)  # What was written in private asks for a leave of its own.
    with city.database.write() as session:
        session.get_one(Comment, asked.id).kind = CommentKind.COMMENT
    city.undo("Ariane", request)
    with pytest.raises(NotFound):
        picture(of_asked)
