"""What is out is worded anew once somebody else approves it, or taken off its network; once each, with its proof."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from connectors.base import Receipt
from models.amendments import Amendment
from models.audit import AuditEntry
from models.errors import Ambiguous, Gone, NotFound, Refused, Rejected
from models.posts import Approval, Post, Variant
from models.vocabulary import EffectState, NoticeKind, OperationKind, PostState, Role
from publishing import amending, holding, planning, steps

OLD, NEW = "Collecte reportée à mardi.", "Collecte reportée à mercredi."
EDIT, DELETE = OperationKind.EDIT_POST, OperationKind.DELETE_POST


@pytest.fixture
def out(city) -> Post:
    """A post that is out on two accounts."""
    post = city.schedule(city.approved())
    city.deliver(hours=1)
    assert city.post(post).state == PostState.PUBLISHED
    return post


def part(city, post: Post, name: str):
    return next(one for one in city.post(post).variants if one.account_id == city.accounts[name])


def act(city, who: str, step: str, post: Post, *args, **more) -> Amendment:
    version = city.post(post).version
    with city.database.write() as session:
        return getattr(amending, step)(session, city.people[who], post.id, *args, **more, version=version, now=city.now)


def refused(*args, **more) -> str:
    with pytest.raises(Refused) as caught:
        act(*args, **more)
    return caught.value.code


def done(city, name: str) -> list[tuple[OperationKind, str | None]]:
    return [(one.kind, one.text) for one in city.networks[city.accounts[name]].done]


def test_other_words_take_the_place_of_what_stands_there_once_somebody_else_says_yes(city, out):
    variant = part(city, out, "nord")
    amendment = act(city, "Claire", "propose", out, variant.id, NEW)
    assert city.told("Gilles")[-1] == NoticeKind.APPROVAL_ASKED
    city.deliver()
    assert done(city, "nord") == [], "nothing leaves before the yes"
    assert refused(city, "Odile", "judge", out, amendment.id, approved=False, comment=" ") == "reason_needed"
    act(city, "Gilles", "judge", out, amendment.id, approved=True, comment="")
    city.deliver()
    assert done(city, "nord") == [(EDIT, NEW)]
    assert done(city, "sud") == []
    assert [part(city, out, name).text for name in ("nord", "sud")] == [NEW, OLD]
    with city.database.read() as session:
        kept = session.scalars(select(Amendment)).one()
        assert (kept.before, kept.text) == (OLD, NEW)
        post = planning.detail(session, city.people["Claire"], out.id).post
        assert planning.approval_stands(session, post), "the approval goes over to the new words"
        assert session.scalars(select(Approval.person_id)).all() == [city.people["Gilles"].person_id] * 2
        said = session.scalars(select(AuditEntry.action)).all()
    assert {"post.amended", "post.amendment_approved", "post.changed"} <= set(said)
    assert city.post(out).state == PostState.PUBLISHED


def test_nobody_says_yes_to_their_own_words_nor_to_others_than_were_read(city, out):
    variant = part(city, out, "nord")
    amendment = act(city, "Odile", "propose", out, variant.id, NEW)
    assert refused(city, "Odile", "judge", out, amendment.id, approved=True, comment="") == "own_post"
    with pytest.raises(NotFound):
        act(city, "Claire", "judge", out, amendment.id, approved=True, comment="")
    assert refused(city, "Claire", "propose", out, variant.id, "Autre chose.") == "amendment_waits"
    with city.database.write() as session:
        session.get_one(Amendment, amendment.id).text = "Autre chose."
    assert refused(city, "Gilles", "judge", out, amendment.id, approved=True, comment="") == "amendment_over"
    with city.database.write() as session:
        session.get_one(Amendment, amendment.id).text = NEW
    act(city, "Gilles", "judge", out, amendment.id, approved=False, comment="Non, mardi est juste.")
    assert refused(city, "Gilles", "judge", out, amendment.id, approved=True, comment="") == "amendment_over"
    city.deliver()
    assert done(city, "nord") == []
    act(city, "Claire", "propose", out, variant.id, NEW)


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [("nord", OLD, "words_same"), ("nord", " ", "text_empty"), ("nord", "x" * 63_207, "text_too_long")],
)
def test_words_that_cannot_stand_there_are_refused(city, out, name, text, code):
    assert refused(city, "Claire", "propose", out, part(city, out, name).id, text) == code


def test_a_network_that_lets_nobody_change_words_says_so_before_anybody_tries(city):
    post = city.schedule(city.approved("nord"))
    assert refused(city, "Claire", "propose", post, part(city, post, "nord").id, NEW) == "not_out"
    with city.database.write() as session:
        row = session.scalars(select(Variant)).one()
        row.account_id, row.remote_id, row.published_at = city.accounts["images"], "i1", city.now
    variant = part(city, post, "images")
    assert refused(city, "Claire", "propose", post, variant.id, NEW) == "act_impossible"


def test_it_is_taken_down_for_a_motive_that_is_kept_and_what_it_said_stays(city, out):
    variant = part(city, out, "nord")
    with pytest.raises(NotFound):
        act(city, "Claire", "take_down", out, variant.id, "Une erreur")
    waiting = act(city, "Claire", "propose", out, variant.id, NEW)
    assert refused(city, "Gilles", "take_down", out, variant.id, " ") == "take_down_motive"
    act(city, "Gilles", "take_down", out, variant.id, "Une personne y est nommée")
    assert refused(city, "Gilles", "judge", out, waiting.id, approved=True, comment="") == "amendment_over"
    assert refused(city, "Gilles", "take_down", out, variant.id, "Encore") == "amendment_waits"
    assert city.told("Claire")[-1] == NoticeKind.TAKEN_DOWN
    city.deliver()
    assert done(city, "nord") == [(DELETE, None)]
    taken = part(city, out, "nord")
    assert taken.taken_down_at is not None
    assert (taken.text, taken.published_at is None) == (OLD, False)
    assert part(city, out, "sud").taken_down_at is None
    assert refused(city, "Gilles", "take_down", out, variant.id, "Encore") == "not_out"
    assert refused(city, "Claire", "propose", out, variant.id, NEW) == "not_out"


def test_what_is_gone_already_counts_as_taken_down_and_what_is_refused_is_told(city, out):
    variant = part(city, out, "nord")
    city.networks[city.accounts["nord"]].errors = [Gone()]
    act(city, "Gilles", "take_down", out, variant.id, "Une erreur")
    city.deliver()
    assert part(city, out, "nord").taken_down_at is not None
    other = part(city, out, "sud")
    city.networks[city.accounts["sud"]].errors = [Rejected("not_supported_there")]
    amendment = act(city, "Claire", "propose", out, other.id, NEW)
    act(city, "Gilles", "judge", out, amendment.id, approved=True, comment="")
    city.deliver()
    assert part(city, out, "sud").text == OLD
    assert city.told("Claire")[-1] == NoticeKind.NOT_CHANGED
    act(city, "Claire", "propose", out, other.id, NEW)


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("kind", [EDIT, DELETE])
def test_a_lost_answer_is_read_and_each_change_is_made_once(city, out, kind, applied, monkeypatch):
    variant, network = part(city, out, "nord"), city.networks[city.accounts["nord"]]
    if kind == EDIT:
        asked = act(city, "Claire", "propose", out, variant.id, NEW)
        act(city, "Gilles", "judge", out, asked.id, approved=True, comment="")
    else:
        act(city, "Gilles", "take_down", out, variant.id, "Une erreur")

    def lost(operation, key):
        if applied:
            network.done.append(operation)
        monkeypatch.undo()
        raise Ambiguous

    def find(sought, since, taken):
        there = any(one.kind == sought.kind and one.text == sought.text for one in network.done)
        return Receipt(sought.target) if there else None

    monkeypatch.setattr(network, "apply", lost)
    city.deliver()
    monkeypatch.setattr(network, "find", find, raising=False)
    for _ in range(6):
        city.clock.pass_(minutes=5)
        for effect_id in city.work.uncertain():
            city.work.reconcile(effect_id)
        city.deliver()
    assert done(city, "nord") == [(kind, NEW if kind == EDIT else None)]
    changed = part(city, out, "nord")
    assert (changed.text == NEW, changed.taken_down_at is not None) == (kind == EDIT, kind == DELETE)
    assert city.effects()[-1].state == EffectState.DONE


def test_during_a_pause_only_who_may_pause_says_yes_to_other_words(city, out):
    amendment = act(city, "Odile", "propose", out, part(city, out, "nord").id, NEW)
    with city.database.write() as session:
        holding.begin(session, city.people["Claire"], "Deuil", now=city.now)
    assert refused(city, "Gilles", "judge", out, amendment.id, approved=True, comment="") == "held"


def test_a_pause_takes_back_other_words_that_have_not_left_and_a_second_yes_sends_them_once(city, out):
    amendment = act(city, "Odile", "propose", out, part(city, out, "nord").id, NEW)
    act(city, "Gilles", "judge", out, amendment.id, approved=True, comment="")
    with city.database.write() as session:
        hold = holding.begin(session, city.people["Claire"], "Deuil", now=city.now)
    city.deliver(hours=1)
    with city.database.write() as session:
        assert done(city, "nord") == []
        assert session.get_one(Amendment, amendment.id).waits
        holding.end(session, city.people["Claire"], hold.id, now=city.now)
    city.deliver(hours=1)
    assert done(city, "nord") == [], "nothing by itself at its end"
    act(city, "Gilles", "judge", out, amendment.id, approved=True, comment="")
    city.deliver()
    assert done(city, "nord") == [(EDIT, NEW)]


def test_a_pause_stops_nothing_that_is_taken_away(city, out):
    act(city, "Gilles", "take_down", out, part(city, out, "nord").id, "Un enfant y est nommé.")
    with city.database.write() as session:
        holding.begin(session, city.people["Claire"], "Deuil", now=city.now)
    city.deliver()
    assert done(city, "nord") == [(DELETE, None)]


def test_where_two_people_approve_two_say_yes_to_other_words_and_again_after_a_pause(city, out):
    with city.write():
        city.hire("Gaston", Role.MANAGER)
        city.hire("Brigitte", Role.APPROVER)
    with city.write() as session:
        rule = {"account_id": city.accounts["nord"], "theme": "", "people": 2, "manager_last": True}
        steps.add(session, city.people["Gaston"], **rule, now=city.now)
    amendment = act(city, "Claire", "propose", out, part(city, out, "nord").id, NEW)
    for _ in range(2):
        assert act(city, "Brigitte", "judge", out, amendment.id, approved=True, comment="Oui.").waits
        city.deliver()
        assert done(city, "nord") == []
        assert refused(city, "Brigitte", "judge", out, amendment.id, approved=True, comment="") == "approved_already"
        assert refused(city, "Gilles", "judge", out, amendment.id, approved=True, comment="") == "manager_last"
        assert city.told("Gaston")[-1] == NoticeKind.APPROVAL_ASKED
        assert not act(city, "Gaston", "judge", out, amendment.id, approved=True, comment="").waits
        if _ == 0:
            with city.database.write() as session:
                hold = holding.begin(session, city.people["Odile"], "Deuil", now=city.now)
            with city.database.write() as session:
                holding.end(session, city.people["Odile"], hold.id, now=city.now)
    city.deliver()
    assert done(city, "nord") == [(EDIT, NEW)]
    other = act(city, "Claire", "propose", out, part(city, out, "sud").id, NEW)
    assert not act(city, "Gilles", "judge", out, other.id, approved=True, comment="").waits, "no rule is about it"
