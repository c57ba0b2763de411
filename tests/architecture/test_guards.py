"""The guards of tests/conftest.py bite: each is shown a planted violation."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests
from pytest_socket import SocketConnectBlockedError
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def far_side() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def engine() -> Iterator[Any]:
    engine = create_engine("sqlite://")
    yield engine
    engine.dispose()


def test_a_call_inside_a_transaction_is_caught(far_side, engine, no_network_in_transaction):
    with Session(engine) as session:
        session.execute(text("SELECT 1"))
        with pytest.raises(AssertionError, match="while a database transaction is open"):
            requests.get(far_side, timeout=5)
    assert len(no_network_in_transaction.violations) == 1
    no_network_in_transaction.violations.clear()


def test_a_call_before_and_after_a_transaction_is_allowed(far_side, engine, no_network_in_transaction):
    with Session(engine) as session:
        assert requests.get(far_side, timeout=5).status_code == 204
        session.execute(text("SELECT 1"))
        session.commit()
        assert requests.get(far_side, timeout=5).status_code == 204
    assert no_network_in_transaction.violations == []


def test_a_transaction_of_another_thread_does_not_count(far_side, engine, no_network_in_transaction):
    statuses = []
    with Session(engine) as session:
        session.execute(text("SELECT 1"))
        other = threading.Thread(target=lambda: statuses.append(requests.get(far_side, timeout=5).status_code))
        other.start()
        other.join()
    assert statuses == [204]


@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_only_the_loopback_can_be_reached():
    with socket.socket() as outside, pytest.raises(SocketConnectBlockedError):
        outside.connect(("192.0.2.1", 80))


def test_a_secret_in_what_a_test_logs_or_prints_is_caught(telling):
    said = [
        ("Captured log call", "GET /me?access_token=EAAB-a-token-that-must-never-be-seen"),
        ("Captured stdout", "ok"),
    ]
    assert telling(said) == ["Captured log call"]


def test_a_secret_in_the_log_of_another_process_is_caught(watched, tmp_path):
    program = "import sys; print(sys.argv[1], file=sys.stderr)"

    def work() -> None:
        with watched(tmp_path) as log:
            for number, said in enumerate(("ok", "EAAB-a-token-that-must-never-be-seen"), start=1):
                with log(f"worker {number}").open("wb") as output:
                    subprocess.run([sys.executable, "-c", program, said], stderr=output, check=True)

    with pytest.raises(pytest.fail.Exception, match=r"worker 2\.log"):
        work()
