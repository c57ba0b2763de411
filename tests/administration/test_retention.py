"""Lawful disposal: the words and the name go wherever they stand, and the journal still verifies."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import JSON, Float, LargeBinary, String, Text, cast, func, select, update

from administration import retention
from administration.retention import Rule
from connectors.base import AttachmentSeen, Event, MessageSeen, PostSeen, Unreadable
from models import audit
from models.accounts import Delivery, SetAside
from models.base import GONE, Whose, mark_of
from models.completions import Completion
from models.errors import Refused, Rejected
from models.incidents import Incident, IncidentComment
from models.requests311 import Requester, ServiceRequest
from models.scope import Viewer
from models.surveys import Survey
from models.tables import metadata
from models.vocabulary import AttachmentKind, PostKind, Reason, RequestStatus
from moderation.intake import deliveries
from moderation.requests import escalation, exchange, handling
from moderation.triage import teamwork

CANARY = "canari"
RULE = Rule(unread=365, comments=730)


def places(city, word):
    """Every column of the database in which the word stands."""
    found = []
    with city.database.read() as session:
        for table in metadata.sorted_tables:
            for column in table.columns:
                holds = cast(column, Text) if not isinstance(column.type, String) else column
                if isinstance(column.type, LargeBinary) and not city.database.sqlite:
                    holds = func.encode(column, "escape")
                if session.scalar(select(func.count()).select_from(table).where(holds.contains(word))):
                    found.append(f"{table.name}.{column.name}")
    return found


def citizens():
    """Every column that is a citizen's, by what the tables say."""
    columns = [column for table in metadata.sorted_tables for column in table.columns]
    return [one for one in columns if (mark := mark_of(one)) is not None and mark.whose is Whose.CITIZEN]


def dispose(city, *external_ids):
    with city.database.write() as session:
        ids = [city.comment(one).id for one in external_ids]
        retention.dispose(session, ids, now=city.now, person_id=None)


def close(city, number="STR-2026-000001", note="C’est fait."):
    with city.database.write() as session:
        version = session.scalar(select(ServiceRequest.version).where(ServiceRequest.number == number))
        asked = {"version": version, "now": city.now}
        escalation.progress(session, city.people["Denis"], number, RequestStatus.DONE, note, **asked)


def receive(city, *events):
    """A webhook posts these, and they are parsed."""
    with city.database.write() as session:
        deliveries.receive(session, "facebook", city.webhook.body(*events), now=city.now)
    deliveries.parse_due(city.database, lambda _: city.webhook, now=city.now)


@pytest.fixture
def story(city, insult, criticism):
    """Everything that is ever written about comments, on four of them."""
    # What the classifier quoted stands in its reasons too.
    insult["reasons"] = (Reason("lexicon_insult", {"word": CANARY}, 9, 15, 2.5),)
    hidden = city.says("1007", f"Niaiseux {CANARY}", **insult)
    city.decide("Ariane", hidden, "hide", rule_code="N2")
    asked = city.says("1008", f"Un trou devant chez moi, {CANARY}")
    wanted = {"service_code": "nid-de-poule", "place": f"12, rue {CANARY}", "text": f"Merci {CANARY}"}
    city.decide("Ariane", asked, "request", **wanted)
    declined = city.says("1009", "Belle administration!", **criticism)
    city.answer("Bruno", city.propose("Ariane", declined, rule_code="N2"), confirmed=False, motive=f"Non, {CANARY}")
    city.network.errors = [Rejected("spam")] * 2  # What was written in the reply is drafted again.
    city.clock.pass_(minutes=1)
    city.deliver()
    close(city, note=f"Bouché, {CANARY}")
    with city.database.write() as session:
        handling.note(session, city.people["Denis"], "STR-2026-000001", f"Il insiste, {CANARY}", now=city.now)
        of = {"request_id": 1, "comment_id": asked.id, "person_id": city.people["Denis"].person_id}
        form = Completion(**of, print="p", made_at=city.now, expires_at=city.now, used_at=city.now)
        form.place = form.words = form.name = form.email = form.phone = CANARY
        form.attributes, form.picture = {"mot": CANARY}, CANARY.encode()
        session.add(form)
        requester_id = session.scalars(select(Requester.id)).one()
        score = Survey(request_id=1, requester_id=requester_id, comment_id=asked.id, at=city.now, words=CANARY)
        session.add(score)
    picture = AttachmentSeen(AttachmentKind.PHOTO, "1", None, None, CANARY)
    post = PostSeen("elsewhere", f"La Ville exagère, {CANARY}", None, city.now, kind=PostKind.MENTIONING)
    shown = city.seen("1010", f"Bien d’accord, {CANARY}", post_external_id="elsewhere", attachments=(picture,))
    city.store(post, shown)
    city.classify()
    shown = replace(shown, text=f"Bien dit, {CANARY}", source="edit", said_at=city.now)
    receive(city, Event("page-nord", Unreadable("value", CANARY)), Event("page-nord", shown))
    written = MessageSeen("with:louis", "m_1", city.now, city.now, person_external_id="louis", text=CANARY)
    city.store(written)
    with city.database.write() as session:
        event = Incident(group_311="autre", place_key=CANARY, place=CANARY, first_at=city.now, last_at=city.now)
        session.add(event)
        session.flush()
        session.add_all(
            IncidentComment(incident_id=event.id, comment_id=one.id, added_at=city.now) for one in (asked, declined)
        )
        told = {"form_key": "n" * 16, "now": city.now}
        teamwork.note(session, city.people["Ariane"], declined.id, f"Vu la semaine passée, {CANARY}", **told)
        audit.seal_due(session)
    return ["1007", "1008", "1009", "1010", "with:louis"]


# ------------------------------------------------------------------------------------------ the list
def test_what_a_column_is_left_with_is_something_that_it_may_hold():
    kept = {str(column): (mark_of(column).leaves, column.nullable) for column in citizens()}
    assert [name for name, (leaves, nullable) in kept.items() if leaves is None and not nullable] == []
    assert {name for name, (leaves, _) in kept.items() if leaves == GONE} == {"author.external_id"}


def test_disposal_empties_every_column_that_is_marked(city, story):
    """A table or a column that somebody adds is met here, with words that only this test puts there."""
    with city.database.write() as session:
        for column in citizens():
            if mark_of(column).leaves == GONE:
                continue
            kind = getattr(column.type, "impl", column.type)
            words = [CANARY] if isinstance(kind, JSON) else CANARY.encode() if isinstance(kind, LargeBinary) else CANARY
            words = f"https://{CANARY}.example/" if type(column.type).__name__ == "Link" else words
            words = 46.8 if isinstance(kind, Float) else words
            count = session.execute(update(column.table).values({column: words})).rowcount
            assert count, f"the story has no row of {column.table.name}"
        # By which what networks sent is found; the city's own post is its archive.
        session.execute(update(SetAside).values(raw=f"{CANARY} 1010"))
        session.execute(update(Delivery).values(raw=f"{CANARY} 1010".encode()))
        session.execute(update(metadata.tables["source_post"]).values(kind=PostKind.MENTIONING))
        session.execute(update(SetAside).values(settled_at=city.now))
    figures = [(one.table.name, one.name) for one in citizens() if isinstance(one.type, Float)]
    assert len(places(city, CANARY)) == len(citizens()) - len(figures) - 1
    assert all(filled(city, name) for name in figures)
    dispose(city, *story)
    assert places(city, CANARY) == []
    assert not any(filled(city, name) for name in figures)


def test_disposal_leaves_no_word_and_no_name_and_a_journal_that_verifies(city, story):
    columns = {"draft_reply.text", "effect.payload", "evidence.text", "proposal.motive", "verdict.reasons"}
    asked = {"service_request.place", "service_request.citizen_note", "request_change.note", "set_aside.raw"}
    assert columns | asked < set(places(city, CANARY)), "the words are there before"
    assert places(city, "Louis Citoyen")
    dispose(city, *story)
    with city.database.write() as session:
        audit.seal_due(session)
    # It was not of a comment that anybody could read: its own time is another.
    assert places(city, CANARY) == ["set_aside.raw"]
    assert places(city, "Louis Citoyen") == []
    with city.database.read() as session:
        checked = audit.verify(session)
    assert (checked.broken_at, checked.unsealed) == (None, 0)
    assert checked.sealed > 0


# ------------------------------------------------------------------------------------------ the job
def test_the_job_does_what_the_report_said_when_its_time_has_come(city, story):
    def reported():
        with city.database.read() as session:
            return {(one.table, one.column): one.rows for one in retention.report(session, RULE, now=city.now)}

    city.clock.pass_(days=29)
    assert reported() == {}
    city.clock.pass_(days=2)
    assert reported() == {}, "what was set aside of the delivery still waits"
    city.clock.pass_(days=340)
    assert reported() == {("delivery", "raw"): 1, ("set_aside", "raw"): 1}
    city.clock.pass_(days=365)
    said = reported()
    assert (said["comment", "text"], said["comment_version", "text"], said["author", "external_id"]) == (5, 5, 1)
    assert (said["service_request", "description"], said["source_post", "text"]) == (1, 1)
    assert retention.dispose_due(city.database, Rule(365, None), now=city.now) == 0
    before = {name: filled(city, name) for name in said}
    assert retention.dispose_due(city.database, RULE, now=city.now) == 5
    with city.database.write() as session:
        retention.forget_raw_due(session, RULE, now=city.now)
    assert {name: before[name] - filled(city, name) for name in said} == said
    assert reported() == {}
    assert places(city, CANARY) == places(city, "Louis Citoyen") == []


def filled(city, name):
    """In how many rows a column holds what disposal has not put there."""
    column = metadata.tables[name[0]].c[name[1]]
    left = mark_of(column).leaves
    with city.database.read() as session:
        return sum(value not in (None, left) for value in session.scalars(select(column)))


def test_a_batch_after_the_other_until_nothing_is_due(city, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    city.store(*(city.seen(str(number)) for number in range(5)))
    city.clock.pass_(days=731)
    told = []
    assert retention.dispose_due(city.database, RULE, now=city.now, said=told.append) == 5
    assert told == [2, 4, 5]


def test_a_comment_that_is_still_owed_something_is_not_disposed_of(city):
    comment = city.says("7", "Bonjour")
    city.decide("Ariane", comment, "reply", text="Bonjour!")
    asked = city.says("8", "Un trou")
    city.decide("Ariane", asked, "request", service_code="nid-de-poule")
    for one, code in (("7", "effects_open"), ("8", "requests_open")):
        with pytest.raises(Refused, match=code):
            dispose(city, one)
    city.clock.pass_(days=731)
    assert retention.dispose_due(city.database, RULE, now=city.now) == 0
    city.deliver()
    close(city)
    assert retention.dispose_due(city.database, RULE, now=city.now) == 2


# ------------------------------------------------------------------------------------------ what is shared
def test_of_an_author_known_only_by_name_nothing_stays_and_nothing_comes_back(city):
    """Their key is their name, so it goes too; and the listing that still shows the comment brings no name back."""
    by_name = city.seen("7", "Bonjour", author_external_id=None, author_name="louise.t")
    by_id = city.seen("8", "Bonjour", author_external_id="7001", author_name="Marc Roy")
    city.store(by_name, by_id)
    city.classify()
    dispose(city, "7", "8")
    assert places(city, "louise.t") == places(city, "Marc Roy") == places(city, "7001") == []
    city.store(by_name, by_id)
    assert places(city, "louise.t") == places(city, "Marc Roy") == places(city, "7001") == []


def test_an_author_stays_as_long_as_another_comment_of_theirs(city):
    city.store(city.seen("7"), city.seen("8"))
    dispose(city, "7")
    assert city.comment("8").author.name == "Louis Citoyen"
    dispose(city, "8")
    assert places(city, "Louis Citoyen") == places(city, "louis") == []


def test_the_words_of_somebody_elses_post_go_with_the_last_comment_under_it_and_do_not_come_back(city):
    theirs = PostSeen("elsewhere", f"La Ville exagère, {CANARY}", None, city.now, kind=PostKind.MENTIONING)
    under = [city.seen(one, "Bien d'accord", post_external_id="elsewhere") for one in ("7", "8")]

    city.store(theirs, *under)
    city.classify()
    for number, one in enumerate(("7", "8")):
        assert bool(places(city, CANARY)) is (number < 2)
        dispose(city, one)
    assert places(city, CANARY) == []
    city.store(theirs, *under)
    assert places(city, CANARY) == []


def test_somebody_elses_post_under_which_nothing_is_has_the_time_of_a_comment(city):
    theirs = PostSeen("elsewhere", CANARY, None, city.now, kind=PostKind.MENTIONING)
    city.store(theirs, PostSeen("ours", "À la patinoire!", None, city.now))
    for days, left in ((729, ["source_post.text"]), (2, [])):
        city.clock.pass_(days=days)
        assert retention.dispose_due(city.database, RULE, now=city.now) == 0
        assert places(city, CANARY) == left
    assert places(city, "À la patinoire!") == ["source_post.text"]


def test_a_request_keeps_where_it_is_until_the_last_who_asked_and_not_the_words_of_the_first(city):
    first = city.says("7", f"Un trou, {CANARY}")
    city.decide("Ariane", first, "request", service_code="nid-de-poule", place="rue Wolfe")
    city.decide("Ariane", city.says("8", "Ici aussi"), "request", request_number="STR-2026-000001")
    # Other words than those that opened the request: they are not looked for by what they say now.
    city.store(city.seen("7", "Trou bouché", source="edit", said_at=city.now))
    close(city)
    dispose(city, "7")
    assert (places(city, CANARY), places(city, "rue Wolfe")) == ([], ["service_request.place"])
    dispose(city, "8")
    assert places(city, "rue Wolfe") == places(city, "C’est fait") == []


# ------------------------------------------------------------------------------------------ what networks sent
def test_a_request_that_a_program_sent_is_emptied_so_long_after_it_was_closed(city):
    words = {"description": CANARY, "address": CANARY, "name": CANARY, "email": CANARY, "phone": CANARY}
    sent = exchange.Sent("nid-de-poule", latitude="46.8", longitude="-71.2", media_url=f"https://x/{CANARY}", **words)
    program = Viewer(None, "app", frozenset(), frozenset())
    with city.database.write() as session:
        number = exchange.submit(
            session, program, sent, now=city.now, prefix="STR", zone=ZoneInfo("America/Toronto")
        ).number
    city.clock.pass_(days=800)
    retention.dispose_due(city.database, RULE, now=city.now)
    assert places(city, CANARY) != [], "somebody still works at it"
    close(city, number, note=CANARY)
    city.clock.pass_(days=729)
    retention.dispose_due(city.database, RULE, now=city.now)
    assert places(city, CANARY) != []
    city.clock.pass_(days=2)
    with city.database.read() as session:
        said = {(one.table, one.column) for one in retention.report(session, RULE, now=city.now)}
    assert {("requester", "email"), ("service_request", "latitude"), ("request_change", "note")} <= said
    retention.dispose_due(city.database, RULE, now=city.now)
    assert places(city, CANARY) == []
    with city.database.read() as session:
        assert session.execute(select(ServiceRequest.latitude, ServiceRequest.longitude)).one() == (None, None)


def test_a_change_that_nobody_could_store_is_not_kept_for_ever(city):
    """Seen: a citizen's social insurance number, ten years after."""
    receive(city, Event("page-nord", Unreadable("value", "Mon NAS est 046 454 286")))
    assert places(city, "046 454 286") == ["set_aside.raw"]
    city.clock.pass_(days=364)
    with city.database.write() as session:
        retention.forget_raw_due(session, RULE, now=city.now)
    assert places(city, "046 454 286") == ["set_aside.raw"], "somebody may still deal with it"
    city.clock.pass_(days=2)
    with city.database.write() as session:
        retention.forget_raw_due(session, RULE, now=city.now)
        assert session.scalar(select(func.count()).where(SetAside.settled_at.is_(None))) == 0
    assert places(city, "046 454 286") == []


def test_what_a_network_sent_of_a_comment_goes_with_it(city):
    for external_id in ("comment-7001", "comment-7002"):
        receive(city, Event("page-nord", city.seen(external_id)))
    with city.database.write() as session:
        for row, external_id in zip(session.scalars(select(Delivery)), ("comment-7001", "comment-7002"), strict=True):
            row.raw = f'{{"id": "{external_id}", "message": "{CANARY}"}}'.encode()
    dispose(city, "comment-7001")
    with city.database.read() as session:
        assert [row.raw is None for row in session.scalars(select(Delivery).order_by(Delivery.id))] == [True, False]
