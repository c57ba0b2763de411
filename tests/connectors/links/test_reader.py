"""A page that a post links to is looked at, and nothing that is not on the public Internet is ever asked."""

from __future__ import annotations

import http.server
import socket
import threading
from io import BytesIO

import pytest
from PIL import Image

from connectors.links.reader import HEAVIEST, HOPS, LARGEST, everybodys, look
from connectors.sights import Sight
from models.errors import Transient

PAGE = """<!doctype html><html><head><title>Collecte &amp; tri</title>
<meta property="og:title" content="La collecte, le mercredi"><meta name="description" content="Le  calendrier
de la collecte."><meta property="og:title" content="Autre"></head><body><title>Non</title></body>"""


@pytest.fixture
def site():
    """A site of this machine, which counts as everybody's: what it answers by path, and what it was asked."""

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.asked.append((self.path, self.headers["Host"]))
            status, headers, body = self.answers.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    Site.answers, Site.asked = {}, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Site.address = f"http://127.0.0.1:{server.server_port}"
    yield Site
    server.shutdown()
    server.server_close()


def seen(address):
    return look(address, is_open=lambda _: True)


def html(text, encoding="utf-8"):
    return 200, {"Content-Type": f"text/html; charset={encoding}"}, text.encode(encoding, "replace")


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1252"])
def test_a_page_has_the_title_and_the_words_of_its_card(site, encoding):
    site.answers["/a"] = html(PAGE.replace("mercredi", "mercredi à 7 h"), encoding)
    assert seen(f"{site.address}/a#haut") == Sight("La collecte, le mercredi à 7 h", "Le calendrier de la collecte.")
    assert site.asked == [("/a", site.address.removeprefix("http://"))]
    site.answers["/b"] = html("<title>Tri</title>" + "x" * (2 * LARGEST))
    assert seen(f"{site.address}/b") == Sight("Tri")
    site.answers["/c"] = (200, {"Content-Type": "application/pdf"}, b"%PDF")
    assert seen(f"{site.address}/c") == Sight()


def test_the_picture_of_its_card_is_drawn_anew_wherever_it_stands(site):
    made = BytesIO()
    Image.new("RGB", (1200, 630), "teal").save(made, "PNG")
    site.answers["/a/b"] = html('<title>Tri</title><meta property="og:image" content="../carte.png">')
    site.answers["/carte.png"] = (302, {"Location": "/ailleurs"}, b"")
    site.answers["/ailleurs"] = (200, {"Content-Type": "image/png"}, made.getvalue())
    sight = seen(f"{site.address}/a/b")
    assert (sight.title, sight.picture[:3]) == ("Tri", b"\xff\xd8\xff")
    assert Image.open(BytesIO(sight.picture)).size == (600, 315)


@pytest.mark.parametrize(
    "picture",
    [
        (404, {}, b""),
        (503, {}, b""),
        (200, {}, b"<svg onload=alert(1)>"),
        (200, {}, b"\x89PNG\r\n\x1a\n" + b"\0" * HEAVIEST),
        (302, {"Location": "/carte.png"}, b""),
        (302, {"Location": "file:///etc/passwd"}, b""),
    ],
)
def test_a_page_without_a_picture_that_can_be_shown_is_there_all_the_same(site, picture):
    site.answers["/a"] = html('<title>Tri</title><meta property="og:image" content="/carte.png">')
    site.answers["/carte.png"] = picture
    assert seen(f"{site.address}/a") == Sight("Tri")


def test_the_picture_of_a_card_is_never_asked_of_a_private_network(site):
    port = site.address.rpartition(":")[2]
    site.answers["/a"] = html(f'<title>Tri</title><meta property="og:image" content="http://localhost:{port}/carte">')
    open_once = [True, False]
    assert look(f"{site.address}/a", is_open=lambda _: open_once.pop(0)) == Sight("Tri")
    assert [path for path, _ in site.asked] == ["/a"]


@pytest.mark.parametrize(("status", "code"), [(404, "404"), (410, "410"), (400, "400")])
def test_a_page_that_is_not_there_is_said_by_its_status(site, status, code):
    site.answers["/x"] = (status, {}, b"")
    assert seen(f"{site.address}/x").problem == code


@pytest.mark.parametrize("status", [401, 403, 405])
def test_what_stands_behind_a_door_is_there(site, status):
    site.answers["/x"] = (status, {}, b"")
    assert seen(f"{site.address}/x") == Sight()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_site_that_is_ill_is_no_dead_link(site, status):
    site.answers["/x"] = (status, {}, b"")
    with pytest.raises(Transient):
        seen(f"{site.address}/x")


def test_redirections_are_followed_and_each_is_checked(site):
    site.answers["/1"] = (302, {"Location": "/2"}, b"")
    site.answers["/2"] = html("<title>Ici</title>")
    assert seen(f"{site.address}/1") == Sight("Ici")
    site.answers["/porte"] = (302, {"Location": f"/2?retour={'x' * 600}"}, b"")
    site.answers[f"/2?retour={'x' * 600}"] = html("<title>Entrez</title>")
    assert seen(f"{site.address}/porte") == Sight("Entrez"), "however long the address that it leads to"
    site.answers["/loin"] = (301, {"Location": "http://169.254.169.254/latest/meta-data/"}, b"")
    assert look(f"{site.address}/loin", is_open=lambda address: address == "127.0.0.1").problem == "private_host"
    site.answers["/rond"] = (302, {"Location": "/rond"}, b"")
    site.asked.clear()
    assert (seen(f"{site.address}/rond").problem, len(site.asked)) == ("redirects", HOPS + 1)
    site.answers["/fichier"] = (302, {"Location": "file:///etc/passwd"}, b"")
    assert seen(f"{site.address}/fichier").problem == "bad_url"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1"]
)
def test_this_machine_is_never_asked_whatever_it_is_called(site, host):
    site.answers["/"] = html("<title>Secret</title>")
    assert look(f"http://{host}:{site.address.rpartition(':')[2]}/").problem in {
        "private_host",
        "unknown_host",
        "bad_url",
    }
    assert site.asked == []


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
    ],
)
def test_what_is_on_the_public_internet(address, is_open):
    assert everybodys(address) is is_open


def test_a_name_that_has_one_private_address_is_private_and_what_was_checked_is_connected_to(site, monkeypatch):
    port = int(site.address.rpartition(":")[2])
    answers = [["8.8.8.8", "127.0.0.1"], ["127.0.0.1"]]
    told = []

    known = socket.getaddrinfo

    def getaddrinfo(host, *args, **more):
        # A name server that answers otherwise each time.
        if host != "ville.example":
            return known(host, *args, **more)
        told.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in answers.pop(0)]

    monkeypatch.setattr("connectors.links.reader.socket.getaddrinfo", getaddrinfo)
    assert look(f"http://ville.example:{port}/").problem == "private_host"
    site.answers["/"] = html("<title>Ville</title>")
    assert look(f"http://ville.example:{port}/", is_open=lambda address: address == "127.0.0.1") == Sight("Ville")
    assert site.asked == [("/", f"ville.example:{port}")]
    assert told == ["ville.example", "ville.example"], "asked once for each look: it cannot answer otherwise later"


def test_a_site_that_nobody_has_and_one_that_does_not_answer(monkeypatch):
    def unknown(*_args, **_more):
        raise socket.gaierror(socket.EAI_NONAME, "x")

    with monkeypatch.context() as patched:
        patched.setattr("connectors.links.reader.socket.getaddrinfo", unknown)
        assert look("https://rien.example/").problem == "unknown_host"
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Transient):
        seen(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "address",
    ["", "ftp://x/", "javascript:alert(1)", "http://", "http://[::1", "http://a b/", f"http://{'a' * 70}.example/"],
)
def test_what_is_no_address_of_the_web_is_refused(address):
    assert look(address).problem == "bad_url"
