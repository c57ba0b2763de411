"""The pretend networks themselves: faithful where the connectors rely on them, and faults that are real."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time

import facebook
import pytest
import requests

from connectors.standin.player import Player, Story, read_story
from connectors.standin.state import FIELDS, Standin
from connectors.standin.webhooks import RETRIES


@pytest.fixture
def graph(standin):
    """GET, as anybody would write it by hand."""

    def get(path: str, **params: str) -> requests.Response:
        return requests.get(
            f"{standin.base_url}/v26.0/{path}", params={"access_token": standin.token, **params}, timeout=5
        )

    return get


@pytest.fixture
def control(standin):
    """The control API: a body posts, no body gets."""

    def call(path: str, body: object = None, method: str | None = None) -> dict:
        method = method or ("GET" if body is None else "POST")
        answer = requests.request(method, f"{standin.base_url}/_control/{path}", json=body, timeout=5)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


@pytest.fixture
def callback(standin):
    """A city that keeps the bodies it is sent; it answers 500 to the first `refusals`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            refused = inbox.refusals > 0
            inbox.refusals -= refused
            if not refused:
                inbox.bodies.append((dict(self.headers), raw))
            self.send_response(500 if refused else 200)
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.path.rpartition("hub.challenge=")[2].encode())

        def log_message(self, *_: object) -> None:
            pass

    class Inbox:
        def __init__(self) -> None:
            self.bodies: list[tuple[dict[str, str], bytes]] = []
            self.refusals = 0

        def changes(self) -> list[dict]:
            """What came, once all that was told is delivered."""
            while standin.webhooks.pending():
                time.sleep(0.005)
            bodies = [json.loads(raw) for _, raw in self.bodies]
            return [change["value"] for body in bodies for entry in body["entry"] for change in entry["changes"]]

    inbox = Inbox()
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        standin.webhooks.urls["meta"] = f"http://127.0.0.1:{server.server_port}/webhooks/meta"
        yield inbox
        standin.webhooks.urls = {}
        server.shutdown()
        thread.join()


# ------------------------------------------------------------------------------------------------- faithful
def test_an_answer_that_is_cut_after_the_write_reaches_the_sdk_as_a_connection_error(standin, monkeypatch):
    said = standin.says(standin.post("Tempête"), "Et ma rue?")
    monkeypatch.setattr(facebook, "FACEBOOK_GRAPH_URL", f"{standin.base_url}/")
    sdk = facebook.GraphAPI(standin.token, timeout=5)
    sdk.version = "v26.0"
    standin.fault("reset_after")
    with pytest.raises(requests.exceptions.ConnectionError, match="reset by peer"):
        sdk.put_comment(said.id, "C'est noté.")
    assert [(line.operation, line.text) for line in standin.state.journal] == [("reply", "C'est noté.")]
    standin.fault("reset_before")
    with pytest.raises(requests.exceptions.ConnectionError, match="reset by peer"):
        sdk.put_comment(said.id, "C'est noté.")
    assert len(standin.state.journal) == 1
    sdk.session.close()


def test_only_what_is_asked_for_comes(standin, graph):
    said = standin.says(standin.post("Tempête"), "Et ma rue?")
    assert set(graph(f"{said.id}").json()) == {"id", "message", "created_time"}
    seen = graph(said.id, fields="from{name},is_hidden,unknown").json()
    assert seen == {"id": said.id, "from": {"id": standin.citizen.id, "name": "Louise Tremblay"}, "is_hidden": False}


def test_pages_of_comments(standin, graph):
    post = standin.post("Tempête")
    made = [standin.says(post, f"Commentaire {number}").id for number in range(7)]
    answer = graph(f"{post.id}/comments", limit="3").json()
    assert [item["id"] for item in answer["data"]] == made[:3]
    assert base64.b64decode(answer["paging"]["cursors"]["after"])
    assert answer["paging"]["next"].startswith(standin.base_url)
    assert standin.token in answer["paging"]["next"]
    second = requests.get(answer["paging"]["next"], timeout=5).json()
    third = requests.get(second["paging"]["next"], timeout=5).json()
    assert [item["id"] for page in (second, third) for item in page["data"]] == made[3:]
    assert "next" not in third["paging"]


def test_a_cursor_goes_stale_with_its_row(standin, graph):
    post = standin.post("Tempête")
    said = [standin.says(post, f"Commentaire {number}") for number in range(4)]
    cursor = graph(f"{post.id}/comments", limit="2").json()["paging"]["cursors"]["after"]
    standin.state.remove(said[1])
    assert graph(f"{post.id}/comments", after=cursor).status_code == 400
    assert graph(f"{post.id}/comments", after="%%%").json()["error"]["code"] == 100


def test_threads_filters_order_and_dates(standin, graph):
    post = standin.post("Tempête")
    first = standin.says(post, "un", at=1000.0)
    answer = standin.says(first, "deux", at=2000.0)
    deeper = standin.says(answer, "trois", at=3000.0)
    assert deeper.parent is first

    def ids(path: str, **params: str) -> list[str]:
        return [item["id"] for item in graph(path, **params).json()["data"]]

    assert ids(f"{post.id}/comments") == [first.id]
    assert ids(f"{post.id}/comments", filter="stream") == [first.id, answer.id, deeper.id]
    assert ids(f"{post.id}/comments", filter="stream", order="reverse_chronological") == [
        deeper.id,
        answer.id,
        first.id,
    ]
    assert ids(f"{post.id}/comments", filter="stream", since="2000") == [answer.id, deeper.id]
    assert ids(f"{first.id}/comments") == [answer.id, deeper.id]


def test_the_newest_post_comes_first(standin, graph):
    old, new = standin.post("vieux", at=1000.0), standin.post("neuf", at=2000.0)
    assert [item["id"] for item in graph("104/published_posts").json()["data"]] == [new.id, old.id]


def test_errors_have_the_shape_of_meta(graph):
    error = graph("104_999").json()["error"]
    assert (error["code"], error["error_subcode"], error["type"]) == (100, 33, "GraphMethodException")
    assert graph("104", access_token="").json()["error"]["code"] == 2500
    assert graph("104", access_token="wrong").json()["error"]["code"] == 190
    assert graph("104/nothing").json()["error"]["code"] == 2500


def test_every_answer_says_what_is_spent(standin, graph):
    standin.state.percent = 42
    headers = graph("104").headers
    assert json.loads(headers["x-app-usage"])["call_count"] == 42
    assert json.loads(headers["x-business-use-case-usage"])["104"][0]["call_count"] == 42
    assert headers["facebook-api-version"] == "v26.0"


def test_a_page_does_not_see_another(standin, graph):
    other = standin.state.page("105", "Arrondissement", "token-2")
    post = standin.state.post(other, "Ailleurs")
    assert graph(post.id).json()["error"]["code"] == 100
    assert graph("105/published_posts").json()["error"]["code"] == 10


def test_subscription_to_webhooks(standin, graph):
    url, data = f"{standin.base_url}/v26.0/104/subscribed_apps", {"access_token": standin.token}

    def fields() -> list[list[str]]:
        return [app["subscribed_fields"] for app in graph("104/subscribed_apps").json()["data"]]

    def subscribe(names: str) -> requests.Response:
        return requests.post(url, data=data | {"subscribed_fields": names}, timeout=5)

    assert fields() == [list(FIELDS)]
    assert requests.delete(url, params=data, timeout=5).json() == {"success": True}
    assert fields() == []
    assert subscribe("").json()["error"]["code"] == 100
    assert subscribe("feed, mention").json() == {"success": True}
    assert fields() == [["feed", "mention"]]
    assert subscribe("ratings").json() == {"success": True}
    assert fields() == [["ratings"]]


@pytest.mark.parametrize("field", ["feed", "mention", "ratings"])
def test_only_the_fields_that_were_subscribed_to_are_told(standin, callback, control, field):
    standin.page.subscribed_fields = (field,)
    post = standin.post("Tempête", tell=True)
    standin.says(post, "Et ma rue?")
    standin.state.reword(post, "Tempête!")
    control("facebook/mention", {"page": "104", "by": "Marc", "text": "@Ville et ma rue?"})
    control("facebook/review", {"page": "104", "by": "Marc", "text": "Rapide"})
    callback.changes()
    fields = {change["field"] for _, raw in callback.bodies for change in json.loads(raw)["entry"][0]["changes"]}
    assert fields == {field}


# ------------------------------------------------------------------------------------------------- the hand behind
def test_a_city_is_seeded_and_lives(standin, control):
    seeded = control(
        "seed",
        {
            "pages": [{"id": "200", "name": "Arrondissement", "token": "t"}],
            "citizens": ["Amina"],
            "posts": [{"page": "200", "text": "Avis", "age": 60}],
        },
    )
    (post,) = seeded["posts"]
    made = control("comment", {"on": post, "text": "Bonjour", "by": "Amina"})["id"]
    answer = control("comment", {"on": made, "text": "Salut", "by": seeded["citizens"][0]})["id"]
    control("edit", {"comment": made, "text": "Bonjour!"})
    (first, second) = control("comments?page=200")["comments"]
    assert (first["id"], first["text"], first["by_page"], first["parent"]) == (made, "Bonjour!", False, None)
    assert (second["id"], second["parent"]) == (answer, made)
    assert first["by"] == second["by"] == seeded["citizens"][0]
    control("remove", {"comment": made})
    assert control("comments?page=200")["comments"] == []
    assert [one["text"] for one in control("posts")["posts"]] == ["Avis"]
    control("reset", {})
    assert control("posts")["posts"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("comment", {"on": "nowhere", "text": "a", "by": "b"}),
        ("post", {"page": "nowhere", "text": "a"}),
        ("edit", {"comment": "nothing", "text": "a"}),
        ("remove", {"comment": "nothing"}),
    ],
)
def test_what_is_not_there_cannot_be_touched(standin, path, body):
    assert requests.post(f"{standin.base_url}/_control/{path}", json=body, timeout=5).status_code == 404


def test_faults_are_met_in_order_and_used_up(standin, control, graph):
    control("faults", [{"kind": "503", "path": "published"}, {"kind": "throttle", "method": "POST"}])
    assert [graph("104/published_posts").status_code for _ in range(2)] == [503, 200]
    assert [fault["times"] for fault in control("faults")["faults"]] == [0, 1]
    control("faults", method="DELETE")
    assert control("faults")["faults"] == []


def test_a_page_whose_token_dies_and_is_renewed_keeps_its_posts(standin, control, graph):
    post = standin.post("Avis")
    page = {"id": standin.page.id, "name": standin.page.name}
    control("seed", {"pages": [{**page, "token": standin.token, "dead": 463}]})
    assert graph("me").status_code == 400
    control("seed", {"pages": [{**page, "token": "another"}]})
    answer = graph(f"{page['id']}/published_posts", access_token="another").json()
    assert [one["id"] for one in answer["data"]] == [post.id]


def test_chance_is_the_same_for_the_same_seed(standin, control, graph):
    runs = []
    for _ in range(2):
        control("reset", {"seed": 7})
        standin.state.page("104", "Ville", standin.token)
        control("faults", [{"kind": "503", "times": None, "probability": 0.5}])
        runs.append([graph("104").status_code for _ in range(20)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 503}


def test_requests_are_noted_without_their_token(standin, control, graph):
    graph("104", fields="id")
    graph("104", access_token="another")
    noted = control("requests")
    assert noted["count"] == 2
    first, second = noted["requests"]
    assert (first["method"], first["path"], first["status"]) == ("GET", "v26.0/104", 200)
    assert first["params"]["access_token"] == hashlib.sha256(standin.token.encode()).hexdigest()[:12]
    assert first["params"]["access_token"] != second["params"]["access_token"]
    assert standin.token not in json.dumps(noted)


# ------------------------------------------------------------------------------------------------- webhooks
def test_what_happens_is_told_and_signed(standin, callback):
    post = standin.post("Tempête", tell=True)
    said = standin.says(post, "Ma rue n'est pas déneigée 😀")
    standin.state.edit(said, "corrigé")
    standin.state.hide(said, standin.page, hidden=True)
    standin.state.hide(said, standin.page, hidden=True)
    standin.state.hide(said, standin.page, hidden=False)
    standin.state.remove(said)
    changes = callback.changes()
    assert [(change["item"], change["verb"]) for change in changes] == [
        ("status", "add"),
        ("comment", "add"),
        ("comment", "edited"),
        ("comment", "hide"),
        ("comment", "unhide"),
        ("comment", "remove"),
    ]
    assert (changes[1]["message"], changes[1]["parent_id"]) == ("Ma rue n'est pas déneigée 😀", post.id)
    assert "message" not in changes[5]
    for headers, raw in callback.bodies:
        right = hmac.new(standin.state.app_secret.encode(), raw, hashlib.sha256).hexdigest()
        assert headers["X-Hub-Signature-256"] == f"sha256={right}"
        assert raw.isascii()
    assert rb"d\u00e9neig\u00e9e \ud83d\ude00" in callback.bodies[1][1]


def test_what_the_city_does_comes_back_as_an_echo(standin, callback):
    said = standin.says(standin.post("Tempête"), "Et ma rue?")
    url = f"{standin.base_url}/v26.0/{said.id}"
    data = {"access_token": standin.token}
    reply = requests.post(f"{url}/comments", data=data | {"message": "Noté"}, timeout=5).json()["id"]
    requests.post(url, data=data | {"is_hidden": "true"}, timeout=5)
    requests.delete(url, params=data, timeout=5)
    echoes = callback.changes()[1:]
    assert [(echo["verb"], echo["comment_id"], echo["from"]["id"]) for echo in echoes] == [
        ("add", reply, "104"),
        ("hide", said.id, "104"),
        ("remove", said.id, "104"),
    ]


def test_a_city_that_does_not_answer_is_told_again(standin, callback):
    callback.refusals = 2
    standin.says(standin.post("Tempête"), "Et ma rue?")
    assert len(callback.changes()) == 1
    assert standin.webhooks.answers == [500, 500, 200]
    assert len(RETRIES) >= 2


def test_all_can_be_told_again_doubled_shuffled_and_in_batches(standin, callback, control):
    post = standin.post("Tempête")
    made = [standin.says(post, f"Commentaire {number}").id for number in range(6)]
    assert [change["comment_id"] for change in callback.changes()] == made
    callback.bodies.clear()
    assert control("webhooks/redeliver", {"copies": 2, "shuffle": True, "batch": 4}) == {"bodies": 3}
    again = [change["comment_id"] for change in callback.changes()]
    assert sorted(again) == sorted(made * 2)
    assert again != made * 2


def test_a_forged_body_is_one_that_nobody_signed_right(standin, callback, control):
    standin.says(standin.post("Tempête"), "Et ma rue?")
    callback.changes()
    callback.bodies.clear()
    assert control("webhooks/redeliver", {"spoilt": "signature"}) == {"bodies": 1}
    assert len(callback.changes()) == 1
    ((headers, raw),) = callback.bodies
    right = hmac.new(standin.state.app_secret.encode(), raw, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"].startswith("sha256=")
    assert headers["X-Hub-Signature-256"] != f"sha256={right}"


def test_who_forges_does_not_try_again(standin, callback, control):
    standin.says(standin.post("Tempête"), "Et ma rue?")
    callback.changes()
    callback.refusals = 1
    control("webhooks/redeliver", {"spoilt": "signature"})
    callback.changes()
    assert standin.webhooks.answers == [200, 500]


def test_a_change_may_come_without_its_value(standin, callback, control):
    standin.says(standin.post("Tempête"), "Et ma rue?")
    callback.changes()
    callback.bodies.clear()
    assert control("webhooks/redeliver", {"copies": 2, "batch": 2, "spoilt": "value"}) == {"bodies": 1}
    while standin.webhooks.pending():
        time.sleep(0.005)
    ((headers, raw),) = callback.bodies
    assert json.loads(raw)["entry"][0]["changes"] == [{"field": "feed"}, {"field": "feed"}]
    right = hmac.new(standin.state.app_secret.encode(), raw, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == f"sha256={right}"


def test_silence(standin, callback, control):
    control("webhooks", {"urls": standin.webhooks.urls, "enabled": False})
    standin.says(standin.post("Tempête"), "un")
    assert callback.changes() == []
    state = control("webhooks", {"urls": standin.webhooks.urls, "verify_token": "jeton"})
    assert state["verified"]
    standin.page.subscribed_fields = ()
    standin.says(standin.posts[0], "deux")
    assert callback.changes() == []
    assert control("webhooks")["told"] == 1


# ------------------------------------------------------------------------------------------------- stories
STORY = """
pages:
  ville: {id: "104", name: Ville de Sainte-Rive, token: jeton}
citizens:
  louise: Louise Tremblay
posts:
  tempete: {text: "Tempête : stationnement interdit", ago: 7200}
actions:
  - {at: 3600, remove: c1}
  - {say: "La rue Wolfe n'est pas déneigée", by: louise, on: tempete, as: c1, ago: 600}
  - {at: immediate, say: "Ni la mienne", by: Marc Roy, on: c1, tell: false}
  - {at: 60, edit: c1, text: "Toujours pas"}
  - {at: 120, publish: avis, text: "Avis d'ébullition"}
  - {at: 180, say: "Jusqu'à quand?", by: louise, on: avis}
"""


def test_a_story_is_played(tmp_path):
    path = tmp_path / "story.yaml"
    path.write_text(STORY, encoding="utf-8")
    state = Standin()
    told: list[tuple[str, str]] = []
    state.heard = lambda page, value, *_: told.append((value["item"], value["verb"]))
    player = Player(state, read_story(path))
    player.set_up()
    first, second = state.comments.values()
    assert (first.text, first.author.name) == ("La rue Wolfe n'est pas déneigée", "Louise Tremblay")
    assert first.post.text == "Tempête : stationnement interdit"
    assert first.post.at < first.at < second.at
    assert (second.parent, second.author.name) == (first, "Marc Roy")
    assert told == [("comment", "add")]
    player.finish()
    assert told[1:] == [("comment", "edited"), ("status", "add"), ("comment", "add"), ("comment", "remove")]
    (last,) = state.comments.values()
    assert (last.text, last.post.text) == ("Jusqu'à quand?", "Avis d'ébullition")
    assert {comment.author.name for comment in state.comments.values()} == {"Louise Tremblay"}


def test_a_story_has_mentions_reviews_reels_and_what_facebook_hides():
    state = Standin()
    told: list[tuple[str, str]] = []
    state.heard = lambda page, value, name="feed": told.append((name, value["verb"]))
    story = Story.model_validate(
        {
            "pages": {"ville": {"id": "104", "name": "Ville", "token": "jeton"}},
            "citizens": {"louise": "Louise Tremblay"},
            "posts": {"parc": {"text": "Le parc", "form": "reel"}},
            "actions": [
                {"say": "lien douteux", "by": "louise", "on": "parc", "as": "c1"},
                {"at": 1, "mention": "@Ville et ma rue?", "by": "Marc"},
                {"at": 2, "review": "Rapide", "by": "louise"},
                {"at": 3, "hide": "c1"},
                {"at": 4, "publish": "pub", "text": "Inscrivez-vous", "form": "ad", "tell": False},
            ],
        }
    )
    Player(state, story).set_up()
    player = Player(state, story, things={})
    player.set_up()
    player.finish()
    assert told[-3:] == [("mention", "add"), ("ratings", "add"), ("feed", "hide")]
    assert {post.form for post in state.posts.values()} == {"reel", "visitor", "ad"}
    assert [(one.text, one.positive, one.by.name) for one in state.pages["104"].reviews] == [
        ("Rapide", True, "Louise Tremblay")
    ]


def test_a_story_is_played_in_time():
    state = Standin()
    story = Story.model_validate(
        {
            "pages": {"ville": {"id": "104", "name": "Ville", "token": "jeton"}},
            "posts": {"avis": {"text": "Avis"}},
            "actions": [{"at": 1000 * number, "say": f"{number}", "by": "Luc", "on": "avis"} for number in range(4)],
        }
    )
    player = Player(state, story, pace=1e6)
    player.start()
    player.join()
    assert [comment.text for comment in state.comments.values()] == ["0", "1", "2", "3"]
    slow = Player(Standin(), story)
    slow.start()
    slow.stop()
    assert len(slow.state.comments) == 1


@pytest.mark.parametrize(
    "action",
    [
        {},
        {"say": "a"},
        {"say": "a", "by": "b"},
        {"mention": "a"},
        {"review": "a"},
        {"hide": "nothing"},
        {"edit": "a"},
        {"publish": "a"},
        {"say": "a", "by": "b", "on": "c", "remove": "d"},
        {"remove": "a", "sing": "b"},
        {"at": "demain", "remove": "a"},
        {"remove": "nothing"},
        {"publish": "a", "text": "b", "page": "nowhere"},
    ],
)
def test_an_action_that_makes_no_sense_is_refused(action):
    with pytest.raises(ValueError, match=r"action|page"):
        Story.model_validate({"pages": {}, "actions": [action]})


def test_what_the_city_deleted_meanwhile_does_not_stop_the_story():
    state = Standin()
    story = Story.model_validate(
        {
            "pages": {"ville": {"id": "104", "name": "Ville", "token": "jeton"}},
            "posts": {"avis": {"text": "Avis"}},
            "actions": [
                {"say": "insulte", "by": "Luc", "on": "avis", "as": "c1"},
                {"at": 1, "edit": "c1", "text": "pire"},
                {"at": 2, "say": "réponse", "by": "Luc", "on": "c1"},
                {"at": 3, "say": "autre", "by": "Luc", "on": "avis"},
            ],
        }
    )
    player = Player(state, story)
    player.set_up()
    state.remove(next(iter(state.comments.values())))
    player.finish()
    assert [comment.text for comment in state.comments.values()] == ["autre"]
