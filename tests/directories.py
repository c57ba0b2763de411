"""Directories of people for the tests: a real provider in a process of its own, and one that says what it is told."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "parvis", "secret of the tests, of the directory"
HERE = Path(__file__).parent


@contextmanager
def real_directory(base_url: str, people: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """`oidc-provider`, which knows Parvis at `base_url`; its issuer."""
    node = shutil.which("node")
    assert node, "make setup needs npm, which comes with node"
    client = {
        "client_id": CLIENT,
        "client_secret": SECRET,
        "redirect_uris": [f"{base_url}/connexion/annuaire/retour"],
        "post_logout_redirect_uris": [f"{base_url}/connexion"],
        "token_endpoint_auth_method": "client_secret_post",
    }
    given = json.dumps({"client": client, "people": people})
    with subprocess.Popen(
        [node, HERE / "directory.mjs", given], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            issuer = next((line.strip() for line in lines if line.startswith("http://")), None)
            assert issuer, "the provider did not start: try tests/directory.mjs by hand"
            yield issuer
        finally:
            process.terminate()


class PretendDirectory(ThreadingHTTPServer):
    """A provider that signs what the test says, with a key of the test's choice."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.issuer = f"http://127.0.0.1:{self.server_address[1]}"
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.published = [self.key]
        self.says: dict[str, Any] = {
            "issuer": self.issuer,
            **{f"{name}_endpoint": f"{self.issuer}/{name}" for name in ("authorization", "token", "end_session")},
            "jwks_uri": f"{self.issuer}/jwks",
        }
        self.userinfo: dict[str, Any] = {}
        self.token: str | None = None
        """What it gives for a code; None: it refuses the code."""
        self.asked: list[str] = []
        self.form: dict[str, list[str]] = {}
        self.held = threading.Event()
        self.held.set()

    def sign(self, key: Any = None, alg: str = "RS256", **claims: Any) -> None:
        """It will give this token for the next code; a claim of None is left out."""
        key = key or self.key
        now = int(time.time())
        said = {"iss": self.issuer, "aud": CLIENT, "sub": "s-1", "nonce": "n", "iat": now, "exp": now + 300, **claims}
        kept = {name: value for name, value in said.items() if value is not None}
        header = {"alg": alg, "kid": key.kid or "one"}
        if alg == "none":
            parts = (urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, kept))
            self.token = ".".join([*parts, ""])
        else:
            self.token = jwt.encode(header, kept, key, algorithms=[alg])


class _Answer(BaseHTTPRequestHandler):
    server: PretendDirectory

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        self.server.held.wait(20)
        if path == "/moved":
            self.send_response(302)
            self.send_header("location", self.server.issuer + "/jwks")
            self.end_headers()
        elif path == "/jwks":
            self._say(KeySet(self.server.published).as_dict(private=False))
        elif path == "/userinfo":
            self._say(self.server.userinfo)
        else:
            self._say(self.server.says)

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        self.server.form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        if self.server.token is None:
            self._say({"error": "invalid_grant"}, 400)
        else:
            self._say({"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": self.server.token})

    def _say(self, said: Mapping[str, Any], status: int = 200) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def pretend_directory() -> Iterator[PretendDirectory]:
    server = PretendDirectory()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.held.set()
    server.shutdown()
    server.server_close()
    thread.join()
