"""The sentences that citizens receive: the newest wording, in their language where there is one."""

from __future__ import annotations

import pytest

from models.errors import NotFound, Refused
from models.templates import MessageTemplate
from models.templates import newest as newest_of
from moderation import templates


@pytest.fixture
def worded(city):
    """Keep wordings: (code, language, version, body)."""

    def keep(*rows):
        with city.database.write() as session:
            for code, language, version, body in rows:
                made = {"code": code, "language": language, "version": version, "created_at": city.now}
                session.add(MessageTemplate(**made, body=body))

    return keep


def bodies(replies):
    return {one.code: one.body for one in replies}


@pytest.mark.parametrize("versions", [(1, 2, 3), (3, 1, 2)])
def test_the_newest_wording_counts_whatever_was_written_first(city, worded, versions):
    worded(*(("reply_test", "fr", version, f"Version {version}") for version in versions))
    worded(("reply_test", "en", 1, "Version one"))
    with city.database.read() as session:
        assert templates.template(session, "reply_test", "fr") == "Version 3"
        assert bodies(templates.saved(newest_of(session, "fr")))["reply_test"] == "Version 3"
        assert templates.template(session, "reply_test", "en") == "Version one"
        assert bodies(templates.saved(newest_of(session, "en")))["reply_test"] == "Version one"
        assert templates.template(session, "reply_test", "autre") == "Version 3"
        with pytest.raises(NotFound):
            templates.template(session, "reply_none", "fr")


def word(city, code=None, *, who="Elise", seen=0, title="Merci", fr="Merci {prenom}!", **more):
    wording = templates.Wording(title, {"fr": fr, "en": more.pop("en", "")}, **more)
    with city.database.write() as session:
        return templates.word(session, city.people[who], code, wording, seen=seen, now=city.now)


def newest(city, code):
    with city.database.read() as session:
        return templates.every_version(session)[code][0]


def test_each_change_is_a_version_more_and_the_earlier_ones_stay(city):
    code = word(city, intention="eloge")
    word(city, code, seen=newest(city, code).id, fr="Merci beaucoup!", en="Thank you!", intention="eloge")
    word(city, code, seen=newest(city, code).id, fr="Merci beaucoup!", en="Thank you!", intention="eloge")
    with city.database.read() as session:
        versions = templates.every_version(session)[code]
        said = [(one.language, one.version, one.body, one.person.name) for one in versions]
    assert sorted(said) == [
        ("en", 1, "Thank you!", "Elise"),
        ("fr", 1, "Merci {prenom}!", "Elise"),
        ("fr", 2, "Merci beaucoup!", "Elise"),
    ]
    word(city, code, seen=newest(city, code).id, fr="Merci beaucoup!", en="Thank you!", retired=True)
    with city.database.read() as session:
        assert code not in bodies(templates.saved(newest_of(session, "fr")))


def test_what_is_for_such_comments_comes_first_then_what_is_for_any(city):
    codes = [word(city, title=title, intention=of) for title, of in (("A", "question"), ("B", None), ("C", "eloge"))]
    with city.database.read() as session:
        found = [one.code for one in templates.saved(newest_of(session, "fr"), "eloge") if one.code in codes]
    assert found == [codes[2], codes[1], codes[0]]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"title": " "}, "name_needed"),
        ({"title": "x" * 81}, "name_needed"),
        ({"fr": " "}, "text_empty"),
        ({"fr": "Bonjour {nom}"}, "place_unknown"),
        ({"en": "x" * 2001}, "longer_than_kept"),
    ],
)
def test_what_is_not_worded(city, wrong, code):
    with pytest.raises(Refused) as caught:
        word(city, **wrong)
    assert caught.value.code == code


def test_two_people_word_one_at_once(city):
    code = word(city)
    seen = newest(city, code).id
    word(city, code, seen=seen, fr="Un")
    with pytest.raises(Refused) as caught:
        word(city, code, seen=seen, fr="Deux")
    assert caught.value.code == "template_changed"


def test_uses_are_the_answers_that_stand(city):
    code = word(city)
    used = [
        city.decide("Ariane", city.says(name, name), "reply", text="Merci!", template_id=newest(city, code).id)
        for name in "abc"
    ]
    word(city, code, seen=newest(city, code).id, fr="Merci!")
    city.decide("Ariane", city.says("d", "d"), "reply", text="Merci!", template_id=newest(city, code).id)
    city.undo("Ariane", used[0])
    with city.database.read() as session:
        assert templates.uses(session) == {code: 3}


@pytest.mark.parametrize("body", ["{prenom", "}{", "{0}", "{prenom.__class__}", "{{prenom}}"])
def test_a_body_is_never_more_than_text(body):
    assert templates.render(body, {"prenom": "Louis"}) == body.replace("{prenom}", "Louis")


def test_nothing_leaves_with_a_place_that_nothing_fills(city):
    with pytest.raises(Refused) as caught:
        city.decide("Ariane", city.says("7", "Bonjour"), "reply", text="Bonjour {prenom}, merci.")
    assert (caught.value.code, caught.value.params["place"]) == ("place_blank", "{prenom}")
