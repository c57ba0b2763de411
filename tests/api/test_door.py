"""What stands around every request: headers, problems, sizes, transactions, words, logs."""

from __future__ import annotations

import io
import json
import logging
import re
import socket
import threading
from enum import StrEnum
from pathlib import Path

import pytest
import uvicorn
from babel.messages.pofile import read_po
from sqlalchemy import text

from api import logs, messages, serving
from api.app import create_app
from api.deps import ReadSession, WriteSession
from api.settings import SettingsError, load, require_secret
from models import vocabulary
from models.people import Borough
from models.vocabulary import Reason

ROOT = Path(__file__).parents[2]


def test_every_answer_has_the_same_headers(sqlite_parvis, visit):
    client = visit(sqlite_parvis)
    for path in ("/connexion", "/rien", "/api/v1/rien", "/healthz", "/static/rien.css"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "no-" in headers["cache-control"]


def test_a_failed_commit_reaches_the_client(database_url, open_parvis, visit, monkeypatch):
    parvis = open_parvis(database_url)
    client = visit(parvis)
    app = client.app

    @app.post("/api/test/commit")
    def late(session: WriteSession) -> dict[str, str]:
        # Nothing is sent to the database before the commit, which then fails: two boroughs of one code.
        session.add_all([Borough(code="same", name="A"), Borough(code="same", name="B")])
        return {"answer": "kept"}

    answer = client.post("/api/test/commit")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "content-security-policy" in answer.headers
    assert "kept" not in answer.text


def test_a_read_session_cannot_write(parvis, visit):
    client = visit(parvis)

    @client.app.get("/api/test/read")
    def sneaky(session: ReadSession) -> dict[str, str]:
        session.execute(text("INSERT INTO borough (code, name) VALUES ('x', 'X')"))
        session.commit()
        return {}

    assert client.get("/api/test/read").status_code == 500


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/rien", 404, "not_found"),
        ("DELETE", "/healthz", 405, "method_not_allowed"),
        ("GET", "/api/v1/comments", 401, "signed_out"),
    ],
)
def test_machines_get_problem_documents(sqlite_parvis, visit, method, path, status, code):
    answer = visit(sqlite_parvis).request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:parvis:problem:{code}"
    assert problem["detail"].endswith(".")


def test_people_get_pages_in_french(sqlite_parvis, visit):
    answer = visit(sqlite_parvis).get("/rien")
    assert answer.status_code == 404
    assert "Introuvable" in answer.text
    assert '<html lang="fr-CA"' in answer.text
    english = visit(sqlite_parvis, cookie="parvis_language=en").get("/rien")
    assert "Not found" in english.text


def test_what_is_too_large_is_refused(sqlite_parvis, visit):
    path = "/webhooks/meta"
    client = visit(sqlite_parvis)
    assert client.post(path, content=b"x" * 1_048_577).status_code == 413
    parts = (b"x" * 65_536 for _ in range(20))
    assert client.post(path, content=parts).status_code == 413, "and without a length"


# ---------------------------------------------------------------------------------------------- words
def refused_codes() -> set[str]:
    floors = ("administration", "api", "classifiers", "connectors", "models", "moderation", "publishing", "scheduler")
    sources = [path.read_text(encoding="utf-8") for floor in floors for path in (ROOT / floor).rglob("*.py")]
    return {code for source in sources for code in re.findall(r"\b(?:Refused|Unkeepable)\(\s*\"(\w+)\"", source)}


def test_every_refusal_has_words_and_no_words_are_left_over():
    codes = refused_codes()
    assert "own_memberships" in codes
    assert codes - messages.REFUSALS.keys() == set()


def test_every_reason_of_the_classifier_has_words():
    assert set(messages.ReasonCode) - messages.REASONS.keys() == set()
    assert messages.reason(Reason("lexicon_insult")) == "Insulte."


def test_every_word_of_the_trade_has_a_label():
    unsaid = {vocabulary.OperationKind, vocabulary.DeliveryState, vocabulary.Standing, vocabulary.Pause, StrEnum}
    unsaid |= {vocabulary.Outcome}  # They have sentences.
    unsaid |= {vocabulary.MediaKind, vocabulary.PublicationForm}  # No page offers files yet.
    unsaid |= {vocabulary.PictureState}  # Its sentences are on the page, where the picture would be.
    unsaid |= {vocabulary.PlaceKind}  # The page shows the place's own words.
    unsaid |= {vocabulary.NoteKind}  # Each is a sentence of its own, in the queue and among the notices.
    unsaid |= {vocabulary.DraftState}  # A page shows only what is still proposed.
    unsaid |= {vocabulary.RequestNoteKind}  # Each is a sentence of its own, on the request.
    unsaid |= {vocabulary.StepBy}  # The history of a request has a sentence for each.
    kinds = {kind for kind in vars(vocabulary).values() if isinstance(kind, type) and issubclass(kind, StrEnum)}
    labelled = {frozenset(words) for words in messages.LABELS.values()}
    assert {kind.__name__ for kind in kinds - unsaid if frozenset(kind) not in labelled} == set()


def test_the_french_follows_the_typography_of_quebec():
    """A no-break space before a colon and inside guillemets, none before ; ! ?, and curly apostrophes."""
    wrong = re.compile(r"(?<!\u00a0):(?=\s|$)|\s[;!?]|«(?!\u00a0)|(?<!\u00a0)»|'")
    with (ROOT / "api/locales/fr_CA/LC_MESSAGES/messages.po").open("rb") as file:
        catalogue = read_po(file)
    forms = [form for m in catalogue if m.id for form in ([m.string] if isinstance(m.string, str) else m.string)]
    assert [form for form in forms if wrong.search(form)] == []


# ---------------------------------------------------------------------------------------------- settings
def wrong(**given: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load(_env_file=None, **given)
    return str(caught.value)


def test_settings_that_cannot_be_used_are_said_in_a_sentence():
    assert "a besoin de PostgreSQL" in wrong(engine="distributed")
    assert "« embedded », « distributed » ou « off »" in wrong(engine="temporal")
    assert "utilisez https" in wrong(base_url="http://parvis.ville.example")
    assert "PARVIS_PORT" in wrong(port="huit")
    assert "32 caractères" in wrong(secret_key="court")
    assert "fuseau" in wrong(timezone="America/Levis")
    for several in ("vite", "facebook=15,reseau=3", "-1", "nan", "1e9"):
        assert "PARVIS_SETTLE_SECONDS" in wrong(settle_seconds=several)
    assert "PARVIS_READS" in wrong(reads="1.5")
    assert wrong(graph_version="26").startswith("PARVIS_GRAPH_VERSION")
    assert "\n" in wrong(port="huit", timezone="x"), "all of them at once"


def test_settings_are_read_as_people_write_them(tmp_path):
    settings = load(_env_file=None, home=tmp_path, graph_version="26.0", secret_key=f"{'a' * 32}, {'b' * 32}")
    assert settings.graph_version == "v26.0"
    assert settings.secrets == ("a" * 32, "b" * 32)
    assert settings.url == f"sqlite:///{tmp_path / 'parvis.db'}"
    assert "aaaa" not in repr(settings)
    assert settings.of_network("reads", "linkedin") is None
    settings = load(_env_file=None, settle_seconds="linkedin=60, 20", patience_seconds=5)
    asked = [settings.of_network("settle_seconds", name) for name in ("linkedin", "facebook")]
    assert [*asked, settings.of_network("patience_seconds", "facebook")] == [60, 20, 5]
    with pytest.raises(SettingsError, match=r"secrets\.token_urlsafe"):
        require_secret(load(_env_file=None, home=tmp_path, secret_key=None))


# ---------------------------------------------------------------------------------------------- logs
def test_no_token_reaches_a_log(monkeypatch):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    stream = io.StringIO()
    logs.configure(stream=stream)
    secrets = "EAAB123secret"
    log = logging.getLogger("test")
    log.info("GET /v26.0/me?access_token=%s&appsecret_proof=%s", secrets, secrets)
    log.info("said", extra={"header": f"Authorization: Bearer {secrets}", "form": {"client_secret": secrets}})
    error = ValueError(f"https://x/?access_token={secrets}")
    log.error("failed", exc_info=error)
    written = stream.getvalue()
    assert secrets not in written
    assert len([json.loads(line) for line in written.splitlines()]) == 3
    assert logging.getLogger("urllib3").level >= logging.INFO


def test_an_application_can_be_made_twice(sqlite_parvis):
    assert create_app(sqlite_parvis) is not create_app(sqlite_parvis)


# ---------------------------------------------------------------------------------------------- who asks strangely
def counted(client) -> set[tuple[str, str, str]]:
    samples = [sample for family in client.app.state.metrics.collect() for sample in family.samples]
    named = [one.labels for one in samples if one.name == "parvis_http_requests_total"]
    return {(labels["method"], labels["route"], labels["status"]) for labels in named}


def test_what_is_counted_has_the_whole_route_and_no_name_that_somebody_made_up(sqlite_parvis, visit):
    client = visit(sqlite_parvis)
    client.get("/api/v1/comments/3")
    for number in range(20):
        client.request(f"M{number}", "/connexion")
        client.get(f"/rien/{number}")
        client.get(f"/static/{number}.css")
    assert counted(client) == {
        ("GET", "/api/v1/comments/{comment_id}", "401"),
        ("other", "/connexion", "405"),
        ("GET", "unknown", "404"),
        ("GET", "/static", "404"),
    }


@pytest.mark.parametrize("before", ["a@b(=1; ", "é=1; ", "[x]=1; "])
def test_a_strange_cookie_does_not_hide_that_somebody_is_signed_in(before, sqlite_parvis, visit):
    client = visit(sqlite_parvis)
    del client.headers["sec-fetch-site"]
    headers = {"cookie": f"{before}parvis={'x' * 43}".encode("latin-1")}
    assert client.post("/compte/preferences", headers=headers).status_code == 403


FORM = b"content-type: application/x-www-form-urlencoded\r\n"  # Without it no body is waited for: an answer leaves.
HALVES = [b"", b"GET / HT", b"POST /connexion HTTP/1.1\r\nhost: x\r\n" + FORM + b"content-length: 9\r\n\r\na="]


@pytest.mark.parametrize("half", HALVES)
def test_half_a_request_is_not_waited_for(half, sqlite_parvis, monkeypatch):
    monkeypatch.setattr(serving, "WHOLE_SECONDS", 0.2)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(sqlite_parvis), http=serving.Http, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    with socket.create_connection(listening.getsockname(), timeout=20) as client:
        client.sendall(half)
        assert client.recv(1) == b"", "the connection is cut"
    server.should_exit = True
    thread.join()
