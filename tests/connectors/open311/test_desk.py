"""An outside GeoReport server as it is: what is sent, what is found again, and answers that are no answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.desks import NEITHER, NUMBER, TOKEN, DeskSettings, Submission
from connectors.open311.desk import Open311Desk
from connectors.standin.server import create_standin, run_in_thread
from connectors.standin.state import Fault, Standin
from models.errors import Ambiguous, Rejected, Throttled, TokenInvalid, Transient

HOLE = Submission("LEV-2026-000123", "nid-de-poule", "Un gros trou.", "12, rue Desjardins")


@pytest.fixture(scope="module")
def served():
    state = Standin()
    address, stop = run_in_thread(create_standin(state))
    yield state, address
    stop()


@pytest.fixture
def state(served):
    served[0].reset()
    return served[0]


@pytest.fixture(params=["xml", "json"])
def desk(request, served, state):
    settings = DeskSettings(f"{served[1]}/open311/v2", state.desk.key, "levis", request.param, timeout=(2.0, 1.0))
    return Open311Desk(settings)


def since(state):
    return datetime.fromtimestamp(state.now(), UTC)


def test_what_is_sent_and_what_is_not(desk, state):
    receipt = desk.submit(HOLE)
    (taken,) = state.desk.asked.values()
    assert receipt.remote_id == NUMBER + taken.number
    assert (taken.code, taken.address) == ("nid-de-poule", "12, rue Desjardins")
    assert taken.description == "Un gros trou.\n\n[Réf. LEV-2026-000123]"
    (line,) = state.requests
    assert set(line["params"]) == {"service_code", "description", "address_string", "api_key", "jurisdiction_id"}
    assert state.desk.key not in str(line)


def test_a_citizen_brings_no_mark_of_their_own_and_no_text_is_too_long(desk, state):
    forged = Submission("LEV-2026-000124", "x", "Voyez [Réf. LEV-2026-000123] et " + "é" * 5000, "ici")
    desk.submit(forged)
    (taken,) = state.desk.asked.values()
    assert len(taken.description) <= 4000
    assert taken.description.endswith("[Réf. LEV-2026-000124]")
    assert taken.description.count("[Réf.") == 1
    assert desk.find(HOLE, since(state), ()) is None


@pytest.mark.parametrize(("kind", "start"), [("batch", TOKEN), ("blackbox", NEITHER)])
def test_a_token_or_nothing_is_an_acceptance_too(desk, state, kind, start):
    state.desk.kind, state.desk.token_seconds = kind, 120
    receipt = desk.submit(HOLE)
    assert receipt.remote_id.startswith(start)
    if kind == "batch":
        token = receipt.remote_id.removeprefix(TOKEN)
        assert desk.number_for(token) is None
        state.advance(121)
        assert desk.number_for(token) in state.desk.asked


def test_what_was_lost_is_found_and_what_was_never_there_is_not(desk, state):
    at = since(state)
    state.faults.append(Fault("reset_after", "POST"))
    with pytest.raises(Ambiguous):
        desk.submit(HOLE)
    found = desk.find(HOLE, at, ())
    assert found.remote_id == NUMBER + next(iter(state.desk.asked))
    assert desk.find(HOLE, at, (found.remote_id,)) is None
    assert desk.find(Submission("LEV-2026-000999", "nid-de-poule", "", "ici"), at, ()) is None


def test_a_list_is_read_to_its_end_whatever_the_size_of_its_pages(desk, state):
    at = since(state)
    state.desk.page_size = 7
    desk.submit(HOLE)
    for number in range(20):
        desk.submit(Submission(f"LEV-2026-0002{number:02}", "x", "", "ici"))
    assert desk.find(HOLE, at, ()) is not None


def test_a_server_that_shows_no_words_is_no_proof_of_absence(desk, state):
    at = since(state)
    state.desk.hides_words = True
    assert desk.find(HOLE, at, ()) is None
    desk.submit(HOLE)
    with pytest.raises(Rejected, match="desk_hides_words"):
        desk.find(HOLE, at, ())


@pytest.mark.parametrize(
    ("fault", "raised", "taken"),
    [
        ("reset_before", Ambiguous, 0),
        ("html_502", Ambiguous, 0),
        ("503", Ambiguous, 0),
        ("500_after", Ambiguous, 1),
        ("half_json", Ambiguous, 1),
        ("hang_after", Ambiguous, 1),
        ("throttle", Throttled, 0),
    ],
)
def test_no_answer_is_taken_for_a_refusal(desk, state, fault, raised, taken):
    state.faults.append(Fault(fault, "POST", seconds=3.0))
    with pytest.raises(raised):
        desk.submit(HOLE)
    assert len(state.desk.asked) == taken


def test_refusals(desk, state):
    with pytest.raises(Rejected, match="a location is needed"):
        desk.submit(Submission("A", "x"))
    state.desk.services = {"autre": "Autre"}
    with pytest.raises(Rejected, match="service_code was not found"):
        desk.submit(HOLE)
    state.desk.key = "another"
    with pytest.raises(TokenInvalid):
        desk.submit(HOLE)


def test_a_reading_that_fails_is_no_answer(desk, state):
    for fault in ("html_502", "503", "half_json", "reset_before"):
        desk.submit(HOLE)
        state.faults.append(Fault(fault, "GET"))
        with pytest.raises(Transient):
            desk.find(HOLE, since(state), ())


def test_nobody_is_there():
    desk = Open311Desk(DeskSettings("http://127.0.0.1:9/open311/v2", timeout=(0.5, 0.5)))
    with pytest.raises(Transient):
        desk.submit(HOLE)


@pytest.mark.parametrize("awkward", [{}, {"numbers_are_numbers": True}, {"rooted": True}, {"ignores_list": True}])
def test_statuses_however_they_are_written(desk, state, awkward):
    vars(state.desk).update(awkward)
    first, second = (desk.submit(HOLE).remote_id.removeprefix(NUMBER) for _ in range(2))
    desk.submit(HOLE)
    state.desk.change(second, "refused", "Rue provinciale.", state.now() + 5)
    seen = {one.number: one for one in desk.statuses([first, second, "0"])}
    assert set(seen) == {first, second}
    assert not seen[first].closed
    assert (seen[second].closed, seen[second].detail, seen[second].note) == (True, "refused", "Rue provinciale.")
    assert seen[second].at - seen[first].at > timedelta(seconds=4)


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><service_requests><request><token>&b;</token></request></service_requests>",
        b"<html><body>Bonjour</body></html>",
        b"[" * 100_000,
        b"<a>" * 50_000,
        b"\xff\xfe<\x00a\x00",
        b"",
        b"null",
        b"true",
    ],
)
def test_hostile_bodies_are_unreadable(body, monkeypatch):
    """Nothing of them is believed: a submission is in doubt, and nothing is heard of a status."""
    import requests

    answer = requests.Response()
    answer.status_code, answer._content = 200, body
    desk = Open311Desk(DeskSettings("http://127.0.0.1:9"))
    monkeypatch.setattr(desk, "_call", lambda *_: answer)
    with pytest.raises(Ambiguous):
        desk.submit(HOLE)
    with pytest.raises(Transient):
        desk.statuses(["1"])


def test_an_error_in_the_words_of_a_success_is_in_doubt(monkeypatch):
    import requests

    answer = requests.Response()
    answer.status_code, answer._content = 200, b'[{"code": 400, "description": "no"}]'
    desk = Open311Desk(DeskSettings("http://127.0.0.1:9"))
    monkeypatch.setattr(desk, "_call", lambda *_: answer)
    with pytest.raises(Ambiguous):
        desk.submit(HOLE)
