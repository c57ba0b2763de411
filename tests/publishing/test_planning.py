"""A post leaves approved, on time and once; anything else goes back to a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from models.accounts import Account
from models.audit import AuditEntry
from models.comments import Comment, SourcePost
from models.effects import Effect
from models.errors import Ambiguous, NotFound, Refused, Rejected, Throttled, TokenInvalid
from models.items import Item
from models.posts import Post, Variant
from models.vocabulary import EffectState, ItemState, OperationKind, Outcome, PostState
from publishing import delivery, drafting, planning
from publishing.approval import content_hash
from publishing.drafting import Draft, Written
from tests.city import album

START = datetime(2026, 11, 2, 14, tzinfo=UTC)


def refused(call, *args, **more):
    with pytest.raises(Refused) as caught:
        call(*args, **more)
    return caught.value.code


# ------------------------------------------------------------------------------------------ the whole way
def test_from_a_draft_to_a_permalink(city):
    post = city.act("Claire", "create", city.draft(link="https://ville.example/collecte"))
    assert post.state == PostState.DRAFT
    post = city.act("Claire", "submit", post.id, version=post.version)
    assert post.state == PostState.SUBMITTED
    post = city.judge("Gilles", post)
    assert post.state == PostState.APPROVED
    post = city.schedule(post)
    assert post.state == PostState.SCHEDULED
    city.deliver(minutes=59)
    assert city.published("nord") == []
    city.deliver(minutes=1)
    post = city.post(post)
    assert post.state == PostState.PUBLISHED
    assert city.published("nord") == city.published("sud") == ["Collecte reportée à mardi."]
    assert [(variant.permalink, variant.published_at, variant.failure) for variant in post.variants] == [
        ("https://reseau.example/nord_1", city.now, None),
        ("https://reseau.example/sud_1", city.now, None),
    ]
    with city.database.read() as session:
        actions = list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))
        told = repr(session.scalars(select(AuditEntry.data)).all())
    assert actions == [
        "post.created",
        "post.submitted",
        "post.approved",
        "post.scheduled",
        "post.sent",
        "post.sent",
    ]
    assert "Collecte" not in told
    assert refused(city.act, "Claire", "edit", post.id, city.draft("Autre"), version=post.version) == (
        "post_not_editable"
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"variants": {}}, "no_account"),
        ({"variants": {5: "x"}}, "read_only"),
        ({"variants": {99: "x"}}, "account_unknown"),
        ({"link": "javascript:alert(1)"}, "link_invalid"),
        ({"late_after_minutes": 0}, "window_unreadable"),
        ({"late_after_minutes": drafting.LONGEST_WINDOW + 1}, "window_unreadable"),
    ],
)
def test_what_a_draft_needs(city, change, code):
    draft = replace(city.draft(), **change)
    if "variants" in change:
        ids = {1: city.accounts["nord"], 3: city.accounts["ville"], 99: 99_999}
        ids |= {4: city.accounts["images"], 5: city.accounts["vitrine"]}
        draft = replace(draft, variants={ids[key]: Written(text) for key, text in change["variants"].items()})
    assert refused(city.act, "Claire", "create", draft) == code
    with city.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Post)) == 0


def test_steps_that_do_not_follow(city):
    post = city.act("Claire", "create", city.draft())
    assert refused(city.judge, "Gilles", post) == "post_not_submitted"
    assert refused(city.schedule, post) == "post_not_approved"
    assert refused(city.act, "Claire", "unschedule", post.id, version=post.version) == "post_not_scheduled"
    post = city.act("Claire", "submit", post.id, version=post.version)
    assert refused(city.act, "Claire", "submit", post.id, version=post.version) == "post_not_draft"
    assert refused(city.schedule, post) == "post_not_approved"
    post = city.judge("Gilles", post)
    assert refused(city.schedule, post, hours=-1) == "time_passed"
    post = city.schedule(post)
    assert refused(city.act, "Claire", "edit", post.id, city.draft(), version=post.version) == "post_not_editable"
    assert refused(city.schedule, post) == "post_not_approved"


def test_sent_back_needs_a_reason_and_asks_for_another_approval(city):
    post = city.act("Claire", "create", city.draft())
    post = city.act("Claire", "submit", post.id, version=post.version)
    assert refused(city.judge, "Gilles", post, approved=False, comment=" ") == "reason_needed"
    post = city.judge("Gilles", post, approved=False, comment="Il manque la date.")
    assert post.state == PostState.DRAFT
    with city.database.read() as session:
        detail = planning.detail(session, city.people["Claire"], post.id)
    assert [(one.approved, one.comment, one.person.name) for one in detail.approvals] == [
        (False, "Il manque la date.", "Gilles")
    ]


def test_nobody_approves_their_own_words(city):
    post = city.act("Odile", "create", city.draft())
    post = city.act("Odile", "submit", post.id, version=post.version)
    assert refused(city.judge, "Odile", post) == "own_post"
    post = city.act("Claire", "edit", post.id, city.draft("De Claire"), version=post.version)
    post = city.act("Claire", "submit", post.id, version=post.version)
    assert refused(city.judge, "Odile", post) == "own_post"
    assert city.judge("Gilles", post).state == PostState.APPROVED


def test_nobody_approves_what_they_changed_in_somebody_elses_post(city):
    post = city.act("Claire", "create", city.draft())
    post = city.act("Odile", "edit", post.id, city.draft("D'Odile"), version=post.version)
    post = city.act("Claire", "submit", post.id, version=post.version)
    assert refused(city.judge, "Odile", post) == "own_post"


def test_two_people_at_once_on_one_post(city):
    post = city.act("Claire", "create", city.draft())
    city.act("Odile", "edit", post.id, city.draft("D'Odile"), version=post.version)
    for step, args in (("edit", (city.draft("De Claire"),)), ("submit", ())):
        assert refused(city.act, "Claire", step, post.id, *args, version=post.version) == "post_changed"


# ------------------------------------------------------------------------------------------ approvals
times = st.none() | st.integers(0, 2).map(lambda hours: START + timedelta(hours=hours))
contents = st.tuples(
    st.lists(
        st.tuples(st.integers(1, 3), st.text(max_size=5), st.none() | st.text(min_size=1, max_size=5), times),
        min_size=1,
        max_size=3,
        unique_by=lambda entry: entry[0],
    ),
    times,
    st.sampled_from([60, 61]),
)


@given(one=contents, other=contents)
def test_an_approval_is_bound_to_the_exact_content_and_time(one, other):
    def hashed(content):
        variants = [Variant(account_id=a, text=text, link=link, publish_at=at) for a, text, link, at in content[0]]
        return content_hash(Post(variants=variants, publish_at=content[1], late_after_minutes=content[2]))

    def read(content):
        return sorted((a, text, link or "", str(at or content[1])) for a, text, link, at in content[0]), content[2]

    assert (hashed(one) == hashed(other)) == (read(one) == read(other))


@pytest.mark.parametrize("change", ["text", "account", "link", "own time", "window"])
def test_other_content_voids_the_approval(city, change):
    post = city.approved("nord")
    changed = {
        "text": city.draft("Autre chose.", "nord"),
        "account": city.draft("Collecte reportée à mardi.", "nord", "sud"),
        "link": city.draft("Collecte reportée à mardi.", "nord", link="https://ville.example"),
        "own time": Draft("Collecte", {city.accounts["nord"]: Written("Collecte reportée à mardi.", city.now)}),
        "window": city.draft("Collecte reportée à mardi.", "nord", late_after_minutes=61),
    }[change]
    post = city.act("Claire", "edit", post.id, changed, version=post.version)
    assert post.state == PostState.DRAFT
    with city.database.write() as session:
        # Even if somebody found a way around the states.
        session.get_one(Post, post.id).state = PostState.APPROVED
    assert refused(city.schedule, post) == "post_not_approved"


# ------------------------------------------------------------------------------------------ editing
def test_each_part_of_a_post_keeps_its_identity_when_it_is_edited(city):
    post = city.act("Claire", "create", city.draft("Un", "nord", "sud"))
    ids = {variant.account_id: variant.id for variant in post.variants}
    nord, ville = city.accounts["nord"], city.accounts["ville"]
    city.act("Claire", "edit", post.id, city.draft("Deux", "ville", "nord"), version=1)
    post = city.post(post)
    assert {variant.account_id: variant.text for variant in post.variants} == {nord: "Deux", ville: "Deux"}
    assert next(variant.id for variant in post.variants if variant.account_id == nord) == ids[nord]
    assert next(variant.id for variant in post.variants if variant.account_id == ville) not in ids.values()


def test_each_change_is_one_version(city):
    post = city.act("Claire", "create", city.draft())
    versions = [post.version]
    for step, args in (("edit", [city.draft("Autre")]), ("submit", [])):
        versions.append(city.act("Claire", step, post.id, *args, version=versions[-1]).version)
    versions.append(city.act("Gilles", "judge", post.id, approved=True, comment="", version=versions[-1]).version)
    versions.append(city.act("Claire", "schedule", post.id, city.now, version=versions[-1]).version)
    versions.append(city.act("Claire", "unschedule", post.id, version=versions[-1]).version)
    assert versions == [1, 2, 3, 4, 5, 6]


def test_who_wrote_in_a_post_is_kept_with_it(city):
    post = city.act("Claire", "create", city.draft())
    post = city.act("Odile", "edit", post.id, city.draft("D'Odile"), version=post.version)
    post = city.act("Claire", "edit", post.id, city.draft("De Claire"), version=post.version)
    assert [person.name for person in city.post(post).contributors] == ["Claire", "Odile"]


# ------------------------------------------------------------------------------------------ times
def test_an_approved_time_is_the_only_one_and_each_account_may_have_its_own(city):
    noon, evening = city.now + timedelta(hours=2), city.now + timedelta(hours=8)
    draft = city.draft(publish_at=noon, late_after_minutes=15)
    draft = replace(draft, variants=draft.variants | {city.accounts["sud"]: Written("Ce soir.", evening)})
    post = city.act("Claire", "create", draft)
    post = city.judge("Gilles", city.act("Claire", "submit", post.id, version=post.version))
    assert refused(city.schedule, post, hours=3) == "post_not_approved"
    post = city.schedule(post, hours=None)
    assert [(effect.due_at, effect.late_at - effect.due_at) for effect in city.effects()] == [
        (at, timedelta(minutes=15)) for at in (noon, evening)
    ]
    post = city.act("Claire", "unschedule", post.id, version=post.version)
    assert (post.state, post.publish_at) == (PostState.APPROVED, noon)
    post = city.schedule(post, hours=None)
    city.deliver(hours=2)
    assert (city.published("nord"), city.published("sud")) == (["Collecte reportée à mardi."], [])
    assert city.post(post).state == PostState.SCHEDULED
    # What has not left yet can still be stopped, written anew and approved again; what is out stays as it is.
    post = city.act("Claire", "unschedule", post.id, version=post.version)
    assert post.state == PostState.TO_REVIEW
    later = {city.accounts["sud"]: Written("Demain.", evening + timedelta(days=1))}
    post = city.act("Claire", "edit", post.id, replace(draft, variants=later), version=post.version)
    post = city.judge("Gilles", city.act("Claire", "submit", post.id, version=post.version))
    city.schedule(post, hours=None)
    city.deliver(hours=30)
    assert (city.published("nord"), city.published("sud")) == (["Collecte reportée à mardi."], ["Demain."])
    assert city.post(post).state == PostState.PUBLISHED


def test_a_post_without_a_time_is_not_scheduled(city):
    assert refused(city.schedule, city.approved(), hours=None) == "time_needed"


def test_the_time_of_a_publication_is_the_networks_and_it_knows_what_citizens_write_under(city):
    nord = city.accounts["nord"]
    with city.database.write() as session:
        session.add(SourcePost(account_id=city.accounts["sud"], external_id="sud_1", text="Lue avant."))
    city.networks[nord].published_at = city.now + timedelta(minutes=62)
    post = city.schedule(city.approved())
    city.deliver(minutes=63)
    with city.database.write() as session:
        under = {one.external_id: one.id for one in session.scalars(select(SourcePost))}
        said = {"external_id": "c", "source_post_id": under["nord_1"], "created_at": START, "received_at": START}
        comment = Comment(account_id=nord, **said)
        session.add(comment)
        session.flush()
        waits = {"state": ItemState.WAITING, "queued_at": START}
        session.add(Item(account_id=nord, comment_id=comment.id, **waits))
    first, second = city.post(post).variants
    assert (first.published_at, second.published_at) == (city.networks[nord].published_at, city.now)
    assert (first.source_post_id, second.source_post_id) == (under["nord_1"], under["sud_1"])
    with city.database.read() as session:
        assert planning.detail(session, city.people["Claire"], post.id).comments == {first.id: (1, 1)}
        assert planning.detail(session, city.people["Gilles"], post.id).comments == {}, "an approver reads no comments"


def test_a_schedule_owes_each_account_one_effect(city):
    post = city.schedule(city.approved())
    assert [(effect.channel_id, effect.due_at, effect.late_at) for effect in city.effects()] == [
        (city.accounts[name], post.publish_at, post.publish_at + timedelta(hours=1)) for name in ("nord", "sud")
    ]


def test_unscheduled_leaves_nothing_and_can_be_scheduled_again(city):
    post = city.schedule(city.approved())
    post = city.act("Claire", "unschedule", post.id, version=post.version)
    assert (post.state, post.publish_at) == (PostState.APPROVED, None)
    city.deliver(hours=2)
    assert city.published("nord") == []
    post = city.schedule(post)
    city.deliver(hours=1)
    assert city.published("nord") == ["Collecte reportée à mardi."]
    assert city.post(post).state == PostState.PUBLISHED


def test_what_is_on_its_way_is_not_taken_back(city):
    post = city.schedule(city.approved("nord"))
    city.networks[city.accounts["nord"]].errors = [Ambiguous()]
    city.deliver(hours=1)
    assert refused(city.act, "Claire", "unschedule", post.id, version=post.version) == "post_leaving"
    assert [effect.state for effect in city.effects()] == [EffectState.UNKNOWN]


def test_late_goes_to_a_person_and_never_out(city):
    post = city.schedule(city.approved())
    city.deliver(hours=3)
    assert city.published("nord") == city.published("sud") == []
    post = city.post(post)
    assert post.state == PostState.TO_REVIEW
    assert [variant.failure.outcome for variant in post.variants] == [Outcome.LATE] * 2
    post = city.schedule(post)
    city.deliver(hours=1)
    assert city.post(post).state == PostState.PUBLISHED


# ------------------------------------------------------------------------------------------ parts that fail
def test_only_what_is_missing_is_sent_again(city):
    post = city.schedule(city.approved())
    city.networks[city.accounts["nord"]].errors = [Rejected("duplicate")]
    city.deliver(hours=1)
    post = city.post(post)
    assert post.state == PostState.TO_REVIEW
    failed, waiting = (variant.failure for variant in post.variants)
    assert (failed.outcome, failed.detail, waiting) == (Outcome.REJECTED, "duplicate", None)
    assert refused(city.act, "Claire", "edit", post.id, city.draft("Autre"), version=post.version) == (
        "post_not_editable"
    )
    post = city.schedule(post)
    city.deliver(hours=1)
    assert city.published("nord") == city.published("sud") == ["Collecte reportée à mardi."]
    assert city.post(post).state == PostState.PUBLISHED


def test_a_new_time_does_not_send_twice_what_still_waits(city):
    post = city.schedule(city.approved())
    city.networks[city.accounts["nord"]].errors = [Rejected("duplicate")]
    with city.database.write() as session:
        session.get_one(Account, city.accounts["sud"]).paused_until = city.now + timedelta(minutes=70)
    city.deliver(hours=1)
    post = city.post(post)
    assert post.state == PostState.TO_REVIEW
    post = city.schedule(post)
    city.deliver(minutes=30)
    city.deliver(minutes=30)
    assert city.published("nord") == city.published("sud") == ["Collecte reportée à mardi."]
    assert city.post(post).state == PostState.PUBLISHED


def test_words_that_were_replaced_never_leave(city):
    post = city.schedule(city.approved())
    city.networks[city.accounts["nord"]].errors = [Rejected("policy")]
    with city.database.write() as session:
        session.get_one(Account, city.accounts["sud"]).paused_until = city.now + timedelta(minutes=70)
    city.deliver(hours=1)
    post = city.post(post)
    city.act("Claire", "edit", post.id, city.draft("Mieux dit."), version=post.version)
    city.deliver(minutes=20)
    assert city.published("nord") == city.published("sud") == []


def test_what_may_be_on_the_network_is_neither_replaced_nor_sent_again(city):
    post = city.schedule(city.approved())
    city.networks[city.accounts["nord"]].errors = [Rejected("policy")]
    city.networks[city.accounts["sud"]].errors = [Ambiguous()]
    city.deliver(hours=1)
    post = city.post(post)
    assert post.state == PostState.TO_REVIEW
    assert refused(city.schedule, post) == "post_leaving"
    assert refused(city.act, "Claire", "edit", post.id, city.draft("Autre"), version=post.version) == "post_leaving"


@pytest.mark.parametrize("error", [TokenInvalid("expired"), Throttled(datetime(2026, 11, 2, 15, 30, tzinfo=UTC))])
def test_a_passing_refusal_waits_within_its_window(city, error):
    post = city.schedule(city.approved("nord"))
    city.networks[city.accounts["nord"]].errors = [error]
    city.deliver(hours=1)
    assert city.post(post).state == PostState.SCHEDULED
    with city.database.write() as session:
        session.get_one(Account, city.accounts["nord"]).token_lost = None
    city.deliver(minutes=30)
    assert city.post(post).state == PostState.PUBLISHED
    assert city.published("nord") == ["Collecte reportée à mardi."]


# ------------------------------------------------------------------------------------------ scope
def test_a_post_is_of_those_whose_scope_holds_all_its_accounts(city):
    both, south, whole = (
        city.act("Claire", "create", city.draft("Texte", *names)) for names in (("nord", "sud"), ("sud",), ("ville",))
    )
    with city.database.read() as session:
        seen = {post.id for post in planning.posts(session, city.people["Sylvie"])[0]}
        everything = {post.id for post in planning.posts(session, city.people["Claire"])[0]}
        assert planning.posts(session, city.people["Ariane"]) == ([], None)
    assert seen == {south.id}
    assert everything == {both.id, south.id, whole.id}
    for post in (both, whole):
        with pytest.raises(NotFound):
            city.act("Sylvie", "edit", post.id, city.draft("À moi", "sud"), version=post.version)
        with pytest.raises(NotFound):
            city.judge("Sylvie", post)
    with pytest.raises(NotFound), city.database.read() as session:
        planning.detail(session, city.people["Sylvie"], whole.id)
    refusal = Draft("Titre", {city.accounts["nord"]: Written("Texte")})
    assert refused(city.act, "Sylvie", "create", refusal) == "account_unknown"


def test_the_list_costs_the_same_whatever_its_length(city):
    from sqlalchemy import event

    def cost():
        statements = []
        engine = city.database._reading
        listener = lambda *args: statements.append(args[2])  # noqa: E731  # Its arguments are the library's.
        event.listen(engine, "before_cursor_execute", listener)
        with city.database.read() as session:
            found, _ = planning.posts(session, city.people["Claire"])
            assert all(post.author.name and post.variants[0].account.name for post in found)
        event.remove(engine, "before_cursor_execute", listener)
        return len([statement for statement in statements if statement.startswith(("SELECT", "WITH"))])

    for _ in range(2):
        city.act("Claire", "create", city.draft())
    few = cost()
    for _ in range(10):
        city.act("Claire", "create", city.draft())
    assert cost() == few


# ------------------------------------------------------------------------------------------ what stands twice
def test_a_first_comment_that_stands_twice_is_for_a_person_too(city):
    said = {city.accounts["nord"]: drafting.Written("Collecte", first_comment="Info : 311")}
    post = city.act("Claire", "create", drafting.Draft("Collecte", said))
    post = city.act("Claire", "submit", post.id, version=post.version)
    post = city.schedule(city.judge("Gilles", post))
    city.deliver(hours=1)
    with city.database.write() as session:
        effect = session.scalars(select(Effect).where(Effect.operation == OperationKind.REPLY)).one()
        effect.state, effect.outcome, effect.second_id = EffectState.DONE, Outcome.DOUBLED, "nord_c2"
    post = city.post(post)
    (variant,) = post.variants
    assert variant.doubled.second_id == "nord_c2"
    city.act("Claire", "settle_second", post.id, variant.id, take_back=True, version=post.version)
    city.deliver()
    done = [(one.kind, one.target) for one in city.networks[city.accounts["nord"]].done]
    assert (OperationKind.DELETE, "nord_c2") in done


@pytest.mark.parametrize("take_back", [True, False])
def test_a_post_that_stands_twice_is_for_a_person_until_they_say_what_becomes_of_the_second(city, take_back):
    post = city.schedule(city.approved("nord"))
    city.deliver(hours=1)
    with city.database.write() as session:
        effect = session.scalars(select(Effect)).one()
        effect.outcome, effect.second_id = Outcome.DOUBLED, "nord_0"
        handler = delivery.effect_handler(city.networks.__getitem__, album(city.database, city.clock))
        handler.record(session, effect, city.now)
    post = city.post(post)
    (variant,) = post.variants
    assert (post.state, variant.failure, variant.doubled.second_id) == (PostState.TO_REVIEW, None, "nord_0")
    post = city.act("Claire", "settle_second", post.id, variant.id, take_back=take_back, version=post.version)
    assert post.state == PostState.PUBLISHED
    city.deliver()
    done = [(one.kind, one.target) for one in city.networks[city.accounts["nord"]].done]
    assert done == ([(OperationKind.DELETE_POST, "nord_0")] if take_back else [])
    again = {"take_back": True, "version": city.post(post).version}
    assert refused(city.act, "Claire", "settle_second", post.id, variant.id, **again) == "not_doubled"
