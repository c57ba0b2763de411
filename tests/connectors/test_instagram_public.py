"""The public pages of Instagram: the real instaloader, in its own process, over TLS with the real host names."""

from __future__ import annotations

import contextlib
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme

from api.settings import Settings
from connectors.base import AccountRef, Operation, Publication
from connectors.instagram_public import EVERY, PAUSE, InstagramPublic, PublicSettings
from connectors.instagram_watch import Job, watch
from models.errors import Rejected, TokenInvalid
from models.vocabulary import NetworkName, OperationKind, PostKind

PROFILE, PK = "villedesainterive", "7700"
COOKIES = {"csrftoken": "jeton", "sessionid": "a-session-that-must-never-be-seen", "ds_user_id": "8800"}
BEGUN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


class Web:
    """What www.instagram.com and i.instagram.com answer to a browser: one profile, its posts, their comments."""

    def __init__(self) -> None:
        self.posts: list[dict] = []
        self.calls: list[tuple[str, str]] = []
        self.refusals: dict[str, tuple[int, dict[str, str], bytes]] = {}
        """By path: status, headers and body instead of an answer."""
        self.private = False

    def post(self, code: str, caption: str, comments: list[dict], *, media_type: int = 1) -> None:
        self.posts.insert(0, {"code": code, "caption": caption, "comments": comments, "type": media_type})

    def answer(self, host: str, method: str, path: str, params: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        self.calls.append((method, f"{host}{path}"))
        if path in self.refusals:
            return self.refusals[path]
        if path == "/":
            return html('["DTSGInitialData",[],{"token":"d"}] ["LSD",[],{"token":"l"}] "IG_USER_EIMU":"8800"')
        if path == f"/{PROFILE}/":
            edges = [{"node": {"code": one["code"]}} for one in self.posts]
            user = {"pk": PK, "id": "public", "username": PROFILE, "is_private": self.private}
            user["polaris_ordered_timeline_connection"] = {"edges": edges, "page_info": {"has_next_page": False}}
            data = {"__bbox": {"result": {"data": {"xig_user_by_username": user}}}}
            return html(f'<script type="application/json">{json.dumps({"require": [data]})}</script>')
        if path in ("/graphql/query", "/api/graphql"):
            return answered(self.query(params))
        if path.startswith("/api/v1/media/"):
            return answered(self.phone(path, params))
        return 404, {}, b"{}"

    def query(self, params: dict[str, str]) -> dict:
        asked = json.loads(params["variables"])
        match params.get("doc_id") or params.get("query_hash"):
            case "27937681195819736":
                following = {"following": False}
                user = {"pk": PK, "username": PROFILE, "is_private": self.private, "friendship_status": following}
                return {"data": {"user": user}}
            case "29104886249145907":
                edges = [{"node": self.listed(one)} for one in self.posts]
                connection = {"edges": edges, "page_info": {"has_next_page": False, "end_cursor": None}}
                return {"data": {"xdt_api__v1__feed__user_timeline_graphql_connection": connection}}
            case "27128499623469141":
                items = [self.listed(one) for one in self.posts if one["code"] == asked["shortcode"]]
                return {"data": {"xdt_api__v1__media__shortcode__web_info": {"items": items}}}
            case "97b41c52301f77ce508f55e66d17620e":
                (post,) = [one for one in self.posts if one["code"] == asked["shortcode"]]
                edges = [{"node": self.comment(one)} for one in post["comments"]]
                found = {"count": self.count(post), "edges": edges, "page_info": {"has_next_page": False}}
                return {"data": {"shortcode_media": {"edge_media_to_parent_comment": found}}}
        raise AssertionError(params)

    def phone(self, path: str, params: dict[str, str]) -> dict:
        (post,) = [one for one in self.posts if pk(one) == path.split("/")[4]]
        start = int(params.get("min_id", 0))
        rows = [
            {
                "pk": one["id"],
                "created_at": one["at"],
                "text": one["text"],
                "comment_like_count": 0,
                "child_comment_count": 0,
                "user": author(one["by"]),
            }
            for one in post["comments"]
        ]
        more = {"next_min_id": str(start + 10)} if start + 10 < len(rows) else {}
        return {"comments": rows[start : start + 10], **more}

    def listed(self, post: dict) -> dict:
        return {
            "code": post["code"],
            "pk": pk(post),
            "media_type": post["type"],
            "taken_at": int(BEGUN.timestamp()),
            "caption": {"text": post["caption"]},
            "has_liked": False,
            "like_count": 3,
            "comment_count": self.count(post),
            "image_versions2": {"candidates": [{"url": "https://cdn.example/a.jpg"}]},
            "user": author(PROFILE) | {"pk": PK},
        }

    def count(self, post: dict) -> int:
        return sum(1 + len(one.get("answers", ())) for one in post["comments"])

    def comment(self, one: dict) -> dict:
        answers = [{"node": self.comment(answer)} for answer in one.get("answers", ())]
        return {
            "id": one["id"],
            "text": one["text"],
            "created_at": one["at"],
            "owner": {"id": "1", "username": one["by"]},
            "edge_threaded_comments": {"count": len(answers), "edges": answers, "page_info": {"has_next_page": False}},
        }


def pk(post: dict) -> str:
    return str(3_000_000_000 + sum(map(ord, post["code"])))


def author(name: str) -> dict:
    return {"pk": "1", "username": name, "is_private": False, "full_name": name, "profile_pic_url": "https://cdn/x.jpg"}


def said(number: int, text: str, by: str = "louise.t", answers: tuple[dict, ...] = ()) -> dict:
    return {"id": str(number), "text": text, "by": by, "at": int(BEGUN.timestamp()) + number, "answers": answers}


def html(text: str) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "text/html"}, f"<html>{text}</html>".encode()


def answered(body: dict) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps({"status": "ok", **body}).encode()


@pytest.fixture
def web(tmp_path, monkeypatch) -> Iterator[Web]:
    """A proxy on loopback behind which Instagram's host names have our certificates; other processes see it alone."""
    web, authority = Web(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("www.instagram.com", "i.instagram.com").configure_cert(context)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        behind = ""

        def do_CONNECT(self) -> None:
            self.behind = self.path.rpartition(":")[0]
            self.send_response(200)
            self.end_headers()
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
            self.close_connection = False  # A tunnel is asked for in HTTP/1.0.

        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            params = {name: values[-1] for name, values in parse_qs(parts.query + "&" + body).items()}
            status, headers, raw = web.answer(self.behind, self.command, parts.path, params)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(raw))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST  # noqa: N815  The names are http.server's.

        def finish(self) -> None:
            with contextlib.suppress(OSError):
                super().finish()
            self.connection.close()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    yield web
    server.shutdown()
    thread.join()
    server.server_close()


SETTINGS = PublicSettings(justification="Accord écrit de Meta, dossier 2026-114", limit=60.0, pace=False)


class Here(InstagramPublic):
    """The same reading in this process: to start another one takes a second, and most tests are not about that."""

    def _watch(self, job):
        return json.loads(json.dumps(asdict(watch(Job(**job)))))


def account(cookies: dict[str, str]) -> AccountRef:
    return AccountRef(NetworkName.INSTAGRAM_PUBLIC, PROFILE, json.dumps(cookies))


@pytest.fixture
def network():
    return Here(SETTINGS, account(COOKIES))


@pytest.fixture
def apart(monkeypatch):
    """With its process of its own, as it is used."""
    monkeypatch.setenv("PARVIS_SECRET_KEY", "a-key-that-the-other-process-does-not-get")
    outward = Settings(_env_file=None).outward
    assert set(outward) <= {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "REQUESTS_CA_BUNDLE"}
    return InstagramPublic(replace(SETTINGS, environment=outward), account(COOKIES))


def wait(page) -> timedelta:
    return page.usage.resume_at - datetime.now(UTC)


def test_posts_and_comments_of_a_profile(web, network):
    answer = said(3, "Ici aussi", by=PROFILE)
    web.post("Caa", "Collecte reportée", [said(1, "Merci!"), said(2, "Et ma rue?", answers=(answer,))])
    web.post("Cbb", "Un tour de la ville", [], media_type=2)
    page = network.pull(None, 50)
    assert [(post.external_id, post.text, post.kind, post.comments) for post in page.posts] == [
        ("igweb:Cbb", "Un tour de la ville", PostKind.REEL, 0),
        ("igweb:Caa", "Collecte reportée", PostKind.POST, 3),
    ]
    assert page.posts[1].created_at == BEGUN
    assert [(one.external_id, one.text, one.parent_external_id, one.by_account) for one in page.comments] == [
        ("igweb:1", "Merci!", None, False),
        ("igweb:2", "Et ma rue?", None, False),
        ("igweb:3", "Ici aussi", "igweb:2", True),
    ]
    first = page.comments[0]
    assert (first.author_name, first.author_external_id) == ("louise.t", None)
    assert (first.said_at, first.permalink) == (BEGUN + timedelta(seconds=1), "https://www.instagram.com/p/Caa/")
    assert not page.more
    assert page.calls == len(web.calls) <= 8
    assert EVERY - timedelta(minutes=1) < wait(page) <= EVERY
    assert page.threads == ()


def test_a_thread_that_did_not_change_is_not_asked_for_again(web, network):
    web.post("Caa", "Collecte", [said(1, "Merci!")])
    cursor = network.pull(None, 50).cursor
    web.calls.clear()
    again = network.pull(cursor, 50)
    assert [post.external_id for post in again.posts] == ["igweb:Caa"]
    assert again.comments == ()
    web.posts[0]["comments"].append(said(2, "Encore"))
    assert [one.text for one in network.pull(again.cursor, 50).comments] == ["Merci!", "Encore"]


def test_a_long_thread_comes_from_the_other_host(web, network):
    web.post("Caa", "Budget", [said(number, f"Commentaire {number}") for number in range(1, 31)])
    page = network.pull(None, 50)
    assert len(page.comments) == 30
    assert sum("i.instagram.com" in where for _, where in web.calls) == 3


def test_a_visitor_sees_posts_and_no_comments(web, network):
    web.post("Caa", "Collecte", [said(1, "Merci!")])
    page = Here(SETTINGS, account({})).pull(None, 50)
    assert [(post.external_id, post.comments) for post in page.posts] == [("igweb:Caa", 1)]
    assert page.comments == ()


def test_what_was_read_before_the_budget_ended_is_kept(web, network):
    for number in range(6):
        web.post(f"C{number}", "Avis", [said(number, "Merci!")])
    page = network.pull(None, 8)
    assert (page.calls, len(page.comments)) == (8, 2)
    rest = network.pull(page.cursor, 50)
    assert {one.external_id for one in (*page.comments, *rest.comments)} == {f"igweb:{n}" for n in range(6)}


def test_no_budget_no_process(web, apart):
    page = apart.pull(None, 0)
    assert (page.calls, page.more) == (0, True)
    assert web.calls == []


REFUSED = b'{"status":"fail","message":"Please wait a few minutes before you try again."}'


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_refusal_makes_the_next_reading_wait_twice_as_long_each_time(web, network, status):
    web.post("Caa", "Collecte", [])
    web.refusals["/api/graphql"] = (status, {"Content-Type": "application/json"}, REFUSED)
    cursor = None
    for times in (1, 2, 4):
        page = network.pull(cursor, 50)
        assert PAUSE * times - timedelta(minutes=1) < wait(page) <= PAUSE * times
        assert page.more  # The round is not at its end: nothing may be said to be covered.
        cursor = page.cursor
    web.refusals.clear()
    page = network.pull(cursor, 50)
    assert wait(page) <= EVERY
    assert len(page.posts) == 1


HALT = (400, {"Content-Type": "application/json"}, b'{"status":"fail","message":"checkpoint_required"}')
FEEDBACK = (403, {"Content-Type": "application/json"}, b'{"status":"fail","message":"feedback_required"}')
LOGIN = (302, {"Location": "https://www.instagram.com/accounts/login/?next=/"}, b"")


@pytest.mark.parametrize(("refusal", "reason"), [(HALT, "checkpoint"), (FEEDBACK, "checkpoint"), (LOGIN, "logged_out")])
def test_the_breaker_opens_for_good_until_another_session_is_given(web, tmp_path, refusal, reason):
    settings = replace(SETTINGS, folder=tmp_path / "breakers")
    network = Here(settings, account(COOKIES))
    web.post("Caa", "Collecte", [])
    web.refusals["/graphql/query"] = refusal
    page = network.pull(None, 50)
    assert page.more
    web.refusals.clear()
    web.calls.clear()
    for _ in range(3):
        with pytest.raises(TokenInvalid) as caught:
            network.pull(page.cursor, 50)
        assert caught.value.reason == reason
    assert web.calls == []
    assert (network.health().valid, network.health().reason) == (False, reason)
    again = Here(settings, account({**COOKIES, "sessionid": "another"}))
    assert again.health().valid
    assert len(again.pull(page.cursor, 50).posts) == 1


def test_a_profile_that_is_private_or_gone_makes_the_next_reading_wait(web, network):
    web.private = True
    assert wait(network.pull(None, 50)) > EVERY
    web.refusals[f"/{PROFILE}/"] = (404, {}, b"")
    assert wait(network.pull(None, 50)) > EVERY


def test_a_page_whose_shape_changed_makes_the_next_reading_wait(web, network):
    web.refusals[f"/{PROFILE}/"] = html("Bonjour")
    web.refusals["/"] = html("")
    page = network.pull(None, 50)
    assert (page.posts, page.more) == ((), True)
    assert wait(page) > EVERY


def test_a_reading_that_lasts_is_stopped(web):
    slow = InstagramPublic(PublicSettings("Parce que", limit=0.05), account(COOKIES))
    page = slow.pull(None, 50)
    assert (page.posts, page.calls) == ((), 0)
    assert wait(page) > EVERY


def test_nothing_can_be_done_there(network):
    capabilities = network.capabilities()
    assert (capabilities.operations, capabilities.publish) == (frozenset(), False)
    assert set(capabilities.why_not.values()) == {"read_only"}
    for act in (
        lambda: network.apply(Operation(OperationKind.HIDE, "igweb:1"), "effect-1"),
        lambda: network.publish(Publication("Avis"), "effect-2"),
        lambda: network.find(Publication("Avis"), datetime.now(UTC), ()),
        lambda: network.look("igweb:1"),
    ):
        with pytest.raises(Rejected):
            act()
    assert network.figures(["igweb:Caa"]).posts == {}


def test_without_a_justification_nothing_is_read(web):
    network = InstagramPublic(PublicSettings(), account(COOKIES))
    assert (network.health().valid, network.health().reason) == (False, "switched_off")
    with pytest.raises(TokenInvalid):
        network.pull(None, 50)
    assert web.calls == []


@pytest.mark.parametrize("token", ["", "sessionid=1", "[]", '{"sessionid": 1}'])
def test_a_session_that_is_no_json_of_cookies(token):
    network = InstagramPublic(PublicSettings("Parce que"), AccountRef(NetworkName.INSTAGRAM_PUBLIC, PROFILE, token))
    assert (network.health().valid, network.health().reason) == (False, "session_unreadable")
    with pytest.raises(TokenInvalid):
        network.pull(None, 50)


def test_the_session_is_never_seen(web, apart, caplog, capfd):
    web.post("Caa", "Collecte", [said(1, "Merci!")])
    page = apart.pull(None, 50)
    assert [one.text for one in page.comments] == ["Merci!"]
    written = capfd.readouterr()
    for where in (caplog.text, written.out, written.err, page.cursor, repr(apart)):
        assert COOKIES["sessionid"] not in where
