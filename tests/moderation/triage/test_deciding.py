"""One person at a time decides, with a reason where it restricts, and everything can be taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import selectinload

from administration import people
from connectors.base import AttachmentSeen, CommentRemoved
from connectors.registry import capabilities
from models.audit import AuditEntry
from models.comments import Comment
from models.decisions import Decision, Evidence
from models.effects import Effect
from models.errors import Gone, NotFound, Refused, Rejected
from models.items import Claim
from models.netiquette import RuleVersion
from models.requests311 import ServiceRequest
from models.vocabulary import AttachmentKind, EffectState, ItemState, OperationKind, Outcome, RequestStatus
from moderation.triage import deciding, delivery

LEAK = {"service_code": "bris-aqueduc", "place": "rue des Érables"}


def refused(call, *args, **more):
    with pytest.raises(Refused) as caught:
        call(*args, **more)
    return caught.value


def count(city, what):
    with city.database.read() as session:
        return session.scalar(select(func.count()).select_from(what))


def state(city, external_id="7"):
    return city.item(external_id).state


# ------------------------------------------------------------------------------------------ claims
def claim(city, who, comment):
    with city.database.write() as session:
        return deciding.claim(session, city.people[who], comment.id, now=city.now)


def test_the_claim_of_somebody_who_is_put_out_ends_at_once(city):
    comment = city.says("7", "Bonjour")
    claim(city, "Ariane", comment)
    with city.database.write() as session:
        people.set_active(session, city.people["Ariane"].person_id, False, by=None, now=city.now)
    assert claim(city, "Bruno", comment) is None


def test_an_item_has_one_claim_and_it_ends_by_itself(city):
    comment = city.says("7", "Bonjour")
    assert claim(city, "Ariane", comment) is None
    assert claim(city, "Ariane", comment) is None
    assert claim(city, "Bruno", comment) == "Ariane"
    assert refused(city.decide, "Bruno", comment, "nothing").params == {"by": "Ariane"}
    city.clock.pass_(seconds=deciding.CLAIM.total_seconds() + 1)
    assert claim(city, "Bruno", comment) is None
    assert refused(city.decide, "Ariane", comment, "nothing").code == "claimed"
    city.decide("Bruno", comment, "nothing")
    assert count(city, Claim) == 0


def test_a_claim_is_released_by_its_own_person_only(city):
    comment = city.says("7", "Bonjour")
    claim(city, "Ariane", comment)
    for who, left in (("Bruno", 1), ("Ariane", 0)):
        with city.database.write() as session:
            deciding.release(session, city.people[who], comment.id)
        assert count(city, Claim) == left


def test_a_sign_of_life_keeps_the_claim(city):
    comment = city.says("7", "Bonjour")
    for _ in range(3):
        claim(city, "Ariane", comment)
        city.clock.pass_(seconds=60)
    assert claim(city, "Bruno", comment) == "Ariane"


# ------------------------------------------------------------------------------------------ refusals
def test_every_refusal_of_a_choice(city, insult):
    comment = city.says("7", "Niaiseux", **insult)

    def codes(kind, **more):
        return refused(city.decide, "Ariane", comment, kind, **more).code

    assert codes("hide") == "rule_needed"
    assert codes("hide", rule_code="N99") == "rule_not_in_force"
    assert codes("hide", rule_code="N8") == "rule_not_yours"
    assert codes("reply", text=" \r\n ") == "reply_empty"
    assert codes("reply", text="x" * (capabilities("facebook").longest_reply + 1)) == "reply_too_long"
    assert codes("unhide") == "not_hidden"
    assert codes("request") == "service_needed"
    assert codes("request", service_code="magie") == "service_unknown"
    assert codes("request", request_number="STR-2026-000009") == "request_unknown"
    assert codes("cancel") == "not_a_choice"
    assert codes("nothing", version=comment.version + 1) == "text_changed"
    for table in (Decision, Effect, Evidence, ServiceRequest):
        assert count(city, table) == 0
    assert state(city) == ItemState.WAITING


def test_what_is_not_read_yet_and_what_is_the_citys_own_is_not_decided(city):
    city.store(city.seen("7"))
    assert refused(city.decide, "Ariane", city.comment("7"), "nothing").code == "not_waiting"
    city.store(city.seen("8", by_account=True))
    assert refused(city.decide, "Ariane", city.comment("8"), "nothing").code == "not_waiting"


def test_a_text_that_changed_meanwhile_is_looked_at_again(city):
    comment = city.says("7", "Bonjour")
    city.decide("Bruno", city.comment("7"), "nothing")
    city.store(city.seen("7", "Bonsoir", source="edit", seen_at=city.now))
    assert refused(city.decide, "Ariane", comment, "nothing").code == "text_changed"
    city.classify()
    assert refused(city.decide, "Ariane", comment, "nothing").code == "text_changed"
    city.decide("Ariane", city.comment("7"), "nothing")


def test_what_is_gone_can_only_be_filed(city):
    comment = city.says("7", "Bonjour")
    with city.database.write() as session:
        session.execute(update(Comment).values(removed_at=city.now))
    assert refused(city.decide, "Ariane", comment, "reply", text="Merci").code == "gone"
    city.decide("Ariane", comment, "nothing")
    city.says("8", "Bonjour aussi")
    city.store(CommentRemoved("8", city.now))
    assert refused(city.decide, "Ariane", city.comment("8"), "reply", text="Merci").code == "gone"


@pytest.mark.parametrize(
    ("values", "able"),
    [
        ({}, {"nothing", "request", "reply", "like", "hide", "unhide"}),
        ({"kind": "mention"}, {"nothing", "request", "reply"}),
        ({"kind": "review"}, {"nothing", "request", "reply"}),
        ({"network": "linkedin"}, {"nothing", "request", "reply", "like"}),
        ({"network": "instagram_public"}, {"nothing", "request"}),
    ],
)
def test_nothing_is_decided_that_the_network_does_not_let_the_city_do(city, insult, values, able):
    comment = city.says("7", "Niaiseux", **insult)
    with city.database.write() as session:
        comment, _ = deciding.load(session, city.people["Ariane"], comment.id)
        comment.kind = values.get("kind", comment.kind)
        comment.account.network = values.get("network", comment.account.network)
        assert deciding.offered(comment, capabilities) == able
    asked = {"reply": {"text": "Merci"}, "hide": {"rule_code": "N2"}}
    for kind in asked.keys() - able:
        assert refused(city.decide, "Ariane", comment, kind, **asked[kind]).code == "not_possible_there"
    if "reply" not in able:
        request = {"service_code": "deneigement-rue", "text": "Bonjour"}
        assert refused(city.decide, "Ariane", comment, "request", **request).code == "not_possible_there"
    assert count(city, Effect) == 0
    city.decide("Ariane", comment, "nothing")


def test_already_hidden(city, insult):
    comment = city.says("7", "Niaiseux", **insult)
    city.store(city.seen("7", "Niaiseux", source="pull", hidden=True))
    assert refused(city.decide, "Ariane", comment, "hide", rule_code="N2").code == "already_hidden"


def test_a_rule_that_is_no_more_in_force_hides_nothing(city, insult):
    comment = city.says("7", "Niaiseux", **insult)
    with city.database.write() as session:
        session.execute(update(RuleVersion).values(in_force_until=city.now))
    assert refused(city.decide, "Ariane", comment, "hide", rule_code="N2").code == "rule_not_in_force"


def test_a_rule_that_does_not_allow_the_act_hides_nothing(city, insult):
    comment = city.says("7", "Niaiseux", **insult)
    with city.database.write() as session:
        session.execute(update(RuleVersion).values(actions=[]))
    assert refused(city.decide, "Ariane", comment, "hide", rule_code="N2").code == "rule_not_in_force"


def test_an_api_key_decides_nothing(city):
    comment = city.says("7", "Bonjour")
    city.people["key"] = replace(city.people["Ariane"], person_id=None)
    assert refused(city.decide, "key", comment, "nothing").code == "people_decide"
    assert refused(claim, city, "key", comment).code == "people_decide"


# ------------------------------------------------------------------------------------------ two at once
def test_two_people_deciding_at_once(city, race):
    comment = city.says("7", "Bonjour")
    results = race(
        lambda: city.decide("Ariane", comment, "nothing"),
        lambda: city.decide("Bruno", comment, "reply", text="Merci"),
    )
    won = next(result for result in results if isinstance(result, Decision))
    lost = next(result for result in results if isinstance(result, Refused))
    assert lost.code == "already_decided"
    assert (lost.params["by"], lost.params["kind"]) == (
        next(name for name, viewer in city.people.items() if viewer.person_id == won.person_id),
        won.kind,
    )
    assert count(city, Decision) == 1


def test_two_people_opening_at_once(city, race):
    comment = city.says("7", "Bonjour")
    results = race(lambda: claim(city, "Ariane", comment), lambda: claim(city, "Bruno", comment))
    assert sorted(results, key=str) in ([None, "Ariane"], ["Bruno", None], ["Ariane", None])
    assert results.count(None) == 1


def test_a_form_sent_twice_is_one_decision(city):
    comment = city.says("7", "Bonjour")
    first = city.decide("Ariane", comment, "reply", text="Merci", form_key="form-1")
    again = city.decide("Ariane", comment, "reply", text="Merci", form_key="form-1")
    assert first.id == again.id
    assert count(city, Effect) == 1
    other = city.says("8", "Bonjour aussi")
    assert refused(city.decide, "Ariane", other, "nothing", form_key="form-1").code == "form_key_reused"
    assert refused(city.decide, "Bruno", comment, "nothing", form_key="form-1").code == "form_key_reused"


def test_a_form_sent_twice_at_once_is_one_decision(city, race):
    comment = city.says("7", "Bonjour")

    def send():
        return city.decide("Ariane", comment, "reply", text="Merci", form_key="form-1").id

    results = race(send, send, send)
    assert len(set(results)) == 1
    assert (count(city, Decision), count(city, Effect)) == (1, 1)


def test_undone_twice_at_once_is_undone_once(city, race):
    decision = city.decide("Ariane", city.says("7", "Bonjour"), "nothing")
    results = race(lambda: city.undo("Ariane", decision), lambda: city.undo("Bruno", decision))
    assert sorted(type(result).__name__ for result in results) == ["Decision", "Refused"]


# ------------------------------------------------------------------------------------------ restrictions
def test_a_hide_keeps_what_the_comment_showed(city, insult):
    photo, other = (AttachmentSeen(AttachmentKind.PHOTO, name, None, name) for name in ("un", "deux"))
    city.store(city.seen("7", "Niaiseux", source="pull", attachments=(photo,)))
    decision = city.decide("Ariane", city.says("7", "Niaiseux", **insult), "hide", rule_code="N2")
    city.store(city.seen("7", "Niaiseux", source="pull", seen_at=city.now, attachments=(other,)))
    with city.database.read() as session:
        evidence = session.get_one(Evidence, decision.evidence_id, options=[selectinload(Evidence.attachments)])
        assert [one.external_id for one in evidence.attachments] == ["un"]


def test_a_hide_keeps_its_rule_and_the_text_as_it_was(city, insult):
    comment = city.says("7", "Niaiseux", **insult)
    decision = city.decide("Ariane", comment, "hide", rule_code="N2")
    city.store(city.seen("7", "Pardon", source="edit", seen_at=city.now))
    with city.database.read() as session:
        evidence = session.get_one(Evidence, decision.evidence_id)
        rule = session.get_one(RuleVersion, decision.rule_version_id)
    assert (evidence.text, evidence.author_name, evidence.taken_at) == ("Niaiseux", "Louis Citoyen", city.now)
    assert rule.title == "Insultes et attaques personnelles"
    assert city.effect(decision).due_at == city.now + timedelta(seconds=10)
    city.deliver()
    assert [operation.kind for operation in city.network.done] == [OperationKind.HIDE]
    assert city.comment("7").hidden


# ------------------------------------------------------------------------------------------ undo
def test_an_undo_in_time_leaves_no_trace(city, insult):
    decision = city.decide("Ariane", city.says("7", "Niaiseux", **insult), "hide", rule_code="N2")
    city.undo("Ariane", decision)
    assert city.effect(decision).state == EffectState.CANCELLED
    city.deliver()
    assert city.network.done == []
    assert state(city) == ItemState.WAITING
    assert refused(city.undo, "Ariane", decision).code == "already_undone"


def test_a_hide_that_left_is_undone_by_the_opposite(city, insult):
    decision = city.decide("Ariane", city.says("7", "Niaiseux", **insult), "hide", rule_code="N2")
    city.deliver()
    city.undo("Bruno", decision)
    city.deliver()
    assert [operation.kind for operation in city.network.done] == [OperationKind.HIDE, OperationKind.UNHIDE]
    assert not city.comment("7").hidden
    assert state(city) == ItemState.WAITING


def test_a_reply_that_left_is_public(city):
    decision = city.decide("Ariane", city.says("7", "Bonjour"), "reply", text="Merci")
    city.deliver()
    assert refused(city.undo, "Ariane", decision).code == "reply_sent"
    assert count(city, Decision) == 1


def test_only_the_last_decision_is_undone(city):
    comment = city.says("7", "Bonjour")
    first = city.decide("Ariane", comment, "nothing")
    city.undo("Ariane", first)
    second = city.decide("Ariane", comment, "nothing")
    assert refused(city.undo, "Ariane", first).code == "already_undone"
    cancelled = city.undo("Ariane", second)
    assert refused(city.undo, "Ariane", cancelled).code == "not_undoable"
    third = city.decide("Ariane", comment, "reply", text="Merci")
    assert refused(city.undo, "Ariane", second).code == "already_undone"
    assert third.id != second.id


def test_an_undo_of_a_decision_on_older_words_leaves_the_newer_ones_to_be_read(city):
    decision = city.decide("Ariane", city.says("7", "Bonjour"), "nothing")
    city.store(city.seen("7", "Bonsoir", source="edit", seen_at=city.now))
    city.undo("Ariane", decision)
    assert state(city) == ItemState.RECEIVED


def test_unhide_shows_again_and_keeps_newer_words_waiting(city, insult):
    decision = city.decide("Ariane", city.says("7", "Niaiseux", **insult), "hide", rule_code="N2")
    city.deliver()
    city.store(city.seen("7", "Pardon", source="edit", seen_at=city.now))
    shown = city.decide("Bruno", city.comment("7"), "unhide")
    assert state(city) == ItemState.RECEIVED
    city.deliver()
    assert not city.comment("7").hidden
    assert (city.effect(shown).operation, decision.kind) == (OperationKind.UNHIDE, "hide")


def test_undo_of_a_request_cancels_it_and_the_acknowledgement(city, leak):
    comment = city.says("7", "Ça coule", **leak)
    decision = city.decide("Ariane", comment, "request", text="Noté : {numero}", **LEAK)
    assert city.effect(decision).payload == {"text": "Noté : STR-2026-000001"}
    city.undo("Ariane", decision)
    with city.database.read() as session:
        assert session.scalars(select(ServiceRequest.status)).all() == [RequestStatus.CANCELLED]
    assert city.effect(decision).state == EffectState.CANCELLED
    assert state(city) == ItemState.WAITING


# ------------------------------------------------------------------------------------------ after the far side answered
def test_a_failed_effect_puts_the_item_back_with_reason_and_words(city):
    decision = city.decide("Ariane", city.says("7", "Bonjour"), "reply", text="Merci")
    city.network.errors = [Rejected("spam")]
    city.deliver()
    item = city.item("7")
    assert (item.state, item.problem_id) == (ItemState.WAITING, city.effect(decision).id)
    assert city.drafts("7") == ["Merci"]
    city.undo("Ariane", decision)
    again = city.decide("Ariane", city.comment("7"), "reply", text="Merci!")
    city.deliver()
    assert city.effect(again).state == EffectState.DONE
    assert (city.item("7").problem_id, city.drafts("7")) == (None, [])


def test_a_failed_effect_puts_the_item_back_where_it_was(city):
    decision = city.decide("Ariane", city.says("7", "Bonjour"), "reply", text="Merci")
    before = city.item("7")
    city.clock.pass_(hours=5)
    city.says("8", "Bonjour aussi")
    city.network.errors = [Rejected("spam")]
    city.deliver()
    assert city.effect(decision).state == EffectState.FAILED
    assert city.item("7").queued_at == before.queued_at < city.item("8").queued_at


def test_a_failed_effect_does_not_skip_the_reading_of_newer_words(city):
    city.decide("Ariane", city.says("7", "Bonjour"), "reply", text="Merci")
    city.store(city.seen("7", "Bonsoir", source="edit", seen_at=city.now))
    city.network.errors = [Rejected("spam")]
    city.deliver()
    assert state(city) == ItemState.RECEIVED


def test_a_hide_that_never_was_is_undone_without_a_call(city, insult):
    decision = city.decide("Ariane", city.says("7", "Niaiseux", **insult), "hide", rule_code="N2")
    city.network.errors = [Rejected("not_allowed")]
    city.deliver()
    city.undo("Ariane", decision)
    city.deliver()
    assert city.network.done == []


def test_one_answer_that_a_comment_is_not_there_is_no_proof(city):
    city.decide("Ariane", city.says("7", "Bonjour"), "reply", text="Merci")
    city.store(city.seen("7", "Bonsoir", source="edit", seen_at=city.now))
    city.network.errors = [Gone()]
    city.deliver()
    comment = city.comment("7")
    assert not comment.removed
    assert comment.recheck_due_at == city.now  # Suspected: the network is asked about it.
    assert comment.text == "Bonsoir"
    assert state(city) in (ItemState.RECEIVED, ItemState.WAITING)


# ------------------------------------------------------------------------------------------ scope and journal
def test_a_moderator_of_another_borough_finds_nothing(city):
    comment = city.says("7", "Bonjour")
    city.says("9", "Bonjour de la Ville", account="ville")
    decision = city.decide("Ariane", comment, "nothing")
    calls = [
        lambda: city.decide("Chantal", comment, "nothing"),
        lambda: city.decide("Chantal", city.comment("9", "ville"), "nothing"),
        lambda: claim(city, "Chantal", comment),
        lambda: city.undo("Chantal", decision),
        lambda: city.decide("Denis", comment, "nothing"),
        lambda: city.decide("Elise", comment, "nothing"),
        lambda: city.undo("Ariane", replace_id(decision)),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call()
    city.decide("Chantal", city.says("8", "Bonjour du sud", account="sud"), "nothing")


def replace_id(decision):
    return Decision(id=decision.id + 1000)


def test_each_decision_is_in_the_journal_without_a_citizens_words(city, insult, leak):
    canary = "Zorglub"
    hidden = city.says("7", f"{canary} niaiseux", **insult)
    decision = city.decide("Ariane", hidden, "hide", rule_code="N2")
    city.undo("Ariane", decision)
    city.decide("Ariane", hidden, "reply", text=f"Merci {canary}")
    city.decide(
        "Bruno", city.says("8", f"{canary} coule", **leak), "request", place=canary, service_code="bris-aqueduc"
    )
    with city.database.read() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [entry.action for entry in entries] == ["comment.hide", "comment.cancel", "comment.reply", "comment.request"]
    assert canary not in repr([(entry.action, entry.subject, entry.data) for entry in entries])
    assert len(entries[0].data["text"]) == 64
    assert entries[0].data["text"] == entries[2].data["text"] != entries[3].data["text"]
    assert [entry.person_id for entry in entries] == [city.people[n].person_id for n in ("Ariane",) * 3 + ("Bruno",)]


@pytest.mark.parametrize("typed", ["Merci\0", "Merci \ud83d"])
def test_what_no_database_keeps_is_cleaned_from_a_reply(city, typed):
    decision = city.decide("Ariane", city.says("7", "Bonjour"), "reply", text=typed)
    assert city.effect(decision).payload["text"].startswith("Merci")


# ------------------------------------------------------------------------------------------ a reply that stands twice
def doubled_reply(city):
    """A reply that left twice, and whose second copy a later reading found."""
    comment = city.says("7", "Bonjour")
    decision = city.decide("Ariane", comment, "reply", text="Merci!")
    with city.database.write() as session:
        effect = session.get_one(Effect, decision.effect_id)
        effect.state, effect.remote_id = EffectState.DONE, "r1"
        effect.outcome, effect.second_id, effect.second_link = Outcome.DOUBLED, "r2", "https://reseau.example/r2"
        delivery.effect_handler(lambda _: city.network).record(session, effect, city.now)
    return comment, decision.effect_id


@pytest.mark.parametrize("take_back", [True, False])
def test_a_reply_that_stands_twice_comes_back_and_a_person_deletes_the_second_or_leaves_it(city, take_back):
    comment, effect_id = doubled_reply(city)
    assert (city.item("7").state, city.item("7").problem_id) == (ItemState.WAITING, effect_id)
    with city.database.write() as session:
        deciding.settle_second(session, city.people["Ariane"], comment.id, take_back=take_back, now=city.now)
    assert (city.item("7").state, city.item("7").problem_id) == (ItemState.HANDLED, None)
    with city.database.read() as session:
        owed = session.execute(select(Effect.operation, Effect.target).where(Effect.id > effect_id)).all()
    assert owed == ([(OperationKind.DELETE, "r2")] if take_back else [])
    with city.database.write() as session, pytest.raises(Refused, match="not_doubled"):
        deciding.settle_second(session, city.people["Ariane"], comment.id, take_back=True, now=city.now)


def test_what_was_handled_is_opened_by_nobody_to_decide(city):
    """A page that has not heard of the decision yet is told at once, and not when its own decision comes."""
    comment = city.says("1", "Merci!")
    city.decide("Ariane", comment, "nothing")
    with city.database.write() as session, pytest.raises(Refused) as caught:
        deciding.claim(session, city.people["Bruno"], comment.id, now=city.now)
    assert (caught.value.code, caught.value.params["by"]) == ("already_decided", "Ariane")
