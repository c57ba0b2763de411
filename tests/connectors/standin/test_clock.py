"""The clock of the pretend networks: moved by hand, forward only, and everything that ends there ends by it."""

from __future__ import annotations

import ast
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

import connectors.standin
from connectors.standin.state import Standin

HOUR, DAY = 3_600, 86_400
MACHINE = {"server.py": {"monotonic", "sleep"}, "webhooks.py": {"sleep"}, "player.py": {"monotonic"}}
"""What is measured in the machine's own time: starting, hanging, trying again, and the pace of a story."""


@pytest.fixture
def control(server):
    def call(path: str, body: object = None) -> requests.Response:
        address = f"{server[0]}/_control/{path}"
        return requests.get(address, timeout=5) if body is None else requests.post(address, json=body, timeout=5)

    return call


@pytest.fixture
def graph(server):
    def call(method: str, path: str, **params: str) -> requests.Response:
        return requests.request(method, f"{server[0]}/v26.0/{path}", params=params, timeout=5)

    return call


def moment(said: str) -> float:
    return datetime.fromisoformat(said).timestamp()


# ------------------------------------------------------------------------------------------------- the hand
def test_the_clock_is_moved_forward_and_set_back_only_by_a_reset(standin, control):
    begun = time.time()
    assert control("clock").json()["ahead"] == 0
    moved = control("clock", {"seconds": DAY}).json()
    assert (moved["ahead"], control("clock", {"seconds": HOUR}).json()["ahead"]) == (DAY, DAY + HOUR)
    assert moment(control("clock").json()["now"]) >= begun + DAY + HOUR
    assert control("reset", {}).status_code == 200
    assert control("clock").json()["ahead"] == 0


@pytest.mark.parametrize("seconds", [0, -1, 1e12, "NaN", "Infinity"])
def test_the_clock_goes_nowhere_else(standin, control, seconds):
    refused = control("clock", {"seconds": seconds})
    assert refused.status_code == 400
    assert "forward" in refused.json()["detail"]
    assert control("clock").json()["ahead"] == 0


def test_nobody_reads_another_clock():
    """One forgotten reading, and a token or a container would live by a time that nobody can move."""
    root = Path(connectors.standin.__file__).parent
    for path in {*root.rglob("*.py")} - {root / "state.py"}:
        read = {
            f"{node.value.id}.{node.attr}"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        }
        allowed = {f"time.{name}" for name in MACHINE.get(path.name, ())}
        clocks = {"time.time", "time.monotonic", "time.sleep", "time.perf_counter", "datetime.now", "datetime.utcnow"}
        assert read & clocks <= allowed, path.name


# ------------------------------------------------------------------------------------------------- what lives by it
def test_what_happens_is_dated_by_it(standin, control, graph):
    old = standin.post("avant")
    control("clock", {"seconds": DAY})
    said = standin.says(old, "Et ma rue?")
    standin.state.reply(said, standin.page, "Noté", 0)
    seen = graph("GET", said.id, access_token=standin.token).json()
    assert moment(seen["created_time"]) >= old.at + DAY - 1
    (line,), noted = control("journal").json()["journal"], control("requests").json()["requests"]
    assert moment(line["at"]) >= old.at + DAY
    assert moment(noted[-1]["at"]) >= old.at + DAY
    at = control("seed", {"posts": [{"page": "104", "text": "hier", "age": DAY}]}).json()["posts"][0]
    assert abs(standin.state.posts[at].at - old.at) < HOUR


def test_a_token_dies_of_it(standin, control, graph):
    standin.page.expires_at = int(standin.state.now()) + HOUR
    assert graph("GET", "me", access_token=standin.token).status_code == 200
    control("clock", {"seconds": HOUR})
    assert graph("GET", "me", access_token=standin.token).json()["error"]["error_subcode"] == 463


def test_the_window_of_private_replies_closes(standin, control, graph):
    said = standin.says(standin.post("Tempête"), "Et ma rue?")
    letter = {"recipient": f'{{"comment_id": "{said.id}"}}', "message": '{"text": "Bonjour"}'}
    control("clock", {"seconds": 7 * DAY + 1})
    late = graph("POST", "me/messages", access_token=standin.token, **letter)
    assert late.json()["error"]["error_subcode"] == 2018278


def test_what_was_late_is_seen(standin, control):
    said = standin.says(standin.post("Tempête"), "Et ma rue?")
    standin.state.set_hidden(said, standin.page, float(HOUR), hidden=True)
    assert control("comments").json()["comments"][0]["hidden"] is False
    control("clock", {"seconds": HOUR})
    assert said.hidden


def test_what_follows_a_late_act_on_the_same_comment_is_seen_after_it(standin, control):
    said = standin.says(standin.post("Tempête"), "Et ma rue?")
    standin.state.set_hidden(said, standin.page, float(HOUR), hidden=True)
    standin.state.set_hidden(said, standin.page, 0.0, hidden=False)
    control("clock", {"seconds": HOUR})
    assert not said.hidden


def test_a_pause_ends(standin, control, graph):
    control("usage", {"percent": 100, "regain_minutes": 30})

    def said() -> tuple[int, int]:
        (entry,) = graph("GET", "me", access_token=standin.token).headers["x-business-use-case-usage"].split("[")[1:]
        (counts,) = requests.models.complexjson.loads(f"[{entry.rpartition(']')[0]}]")
        return counts["call_count"], counts["estimated_time_to_regain_access"]

    assert said() == (100, 30)
    control("clock", {"seconds": 20 * 60})
    assert said() == (100, 10)
    control("clock", {"seconds": 10 * 60})
    assert said() == (0, 0)


def test_containers_finish_and_expire_and_the_quota_comes_back(instagram, control, graph):
    instagram.page.slow, instagram.page.quota = 60.0, 1
    picture = {"image_url": "https://ville.example/a.jpg", "access_token": instagram.token}

    def made() -> str:
        return graph("POST", f"{instagram.page.id}/media", **picture).json()["id"]

    def status(container: str) -> str:
        asked = {"fields": "status_code", "access_token": instagram.token}
        return graph("GET", container, **asked).json()["status_code"]

    def published(container: str) -> requests.Response:
        asked = {"creation_id": container, "access_token": instagram.token}
        return graph("POST", f"{instagram.page.id}/media_publish", **asked)

    first, second, forgotten = made(), made(), made()
    assert status(first) == "IN_PROGRESS"
    control("clock", {"seconds": 60})
    assert status(first) == "FINISHED"
    assert published(first).status_code == 200
    assert published(second).json()["error"]["error_subcode"] == 2207042
    control("clock", {"seconds": DAY})
    assert status(forgotten) == "EXPIRED"
    assert published(second).json()["error"]["error_subcode"] == 2207008
    fresh = made()
    control("clock", {"seconds": 60})
    assert published(fresh).status_code == 200


def test_the_windows_of_linkedin_close(linkedin, control):
    linkedin.page.expires_at = int(linkedin.state.now()) + DAY
    headers = {
        "Authorization": f"Bearer {linkedin.token}",
        "LinkedIn-Version": linkedin.version,
        "X-Restli-Protocol-Version": "2.0.0",
    }
    post = {
        "author": "urn:li:organization:5515715",
        "commentary": "Avis",
        "visibility": "PUBLIC",
        "lifecycleState": "PUBLISHED",
        "distribution": {"feedDistribution": "MAIN_FEED"},
    }

    def published() -> int:
        return requests.post(f"{linkedin.base_url}/rest/posts", json=post, headers=headers, timeout=5).status_code

    assert [published(), published()] == [201, 422]
    control("clock", {"seconds": 601})
    assert published() == 201
    control("clock", {"seconds": DAY})
    assert published() == 401


def test_codes_of_both_dialogs_die_of_it(standin, control, graph):
    state = standin.state
    asked = {"client_id": state.app_id, "redirect_uri": "https://parvis.example/retour", "answer": "yes"}
    said = requests.post(f"{standin.base_url}/v26.0/dialog/oauth", data=asked, timeout=5, allow_redirects=False)
    code = said.headers["location"].partition("code=")[2].partition("&")[0]
    control("clock", {"seconds": 601})
    of_app = {"client_id": state.app_id, "client_secret": state.app_secret}
    late = graph("GET", "oauth/access_token", **of_app, code=code, redirect_uri=asked["redirect_uri"])
    assert late.json()["error"]["error_subcode"] == 36009


def test_it_is_the_machines_until_somebody_moves_it():
    state, begun = Standin(), time.time()
    assert begun <= state.now() <= time.time()
    assert datetime.fromtimestamp(state.now(), UTC).year == datetime.now(UTC).year
