"""A client that costs little: bytes made beforehand, keep-alive connections, a thread each."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from contextlib import closing


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """The bytes of one request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def exchange(connection: socket.socket, sent: bytes) -> tuple[int, bytes]:
    """Send one request and read its whole answer: status and body."""
    connection.sendall(sent)
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _more(connection)
    head = received[:end].lower()
    at = head.find(b"content-length:")
    length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    while len(received) < end + 4 + length:
        received += _more(connection)
    return int(received[9:12]), received[end + 4 :]


def _more(connection: socket.socket) -> bytes:
    chunk = connection.recv(65_536)
    if not chunk:
        raise ConnectionError("the server closed the connection")
    return chunk


def connect(port: int) -> socket.socket:
    """A keep-alive connection."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def rate(port: int, requests: Sequence[bytes], seconds: float, connections: int = 4) -> float:
    """Answers per second over some connections, each with its own part of `requests`, again and again."""
    done = [0] * connections
    until = time.perf_counter() + seconds
    faults: list[str] = []

    def work(number: int) -> None:
        own = requests[number::connections]
        with closing(connect(port)) as connection:
            while time.perf_counter() < until:
                status, body = exchange(connection, own[done[number] % len(own)])
                if status != 200:
                    faults.append(f"{status}: {body[:200]!r}")
                    return
                done[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise RuntimeError(faults[0])
    return sum(done) / (time.perf_counter() - began)


def times(port: int, sent: bytes, count: int) -> list[float]:
    """Seconds of each of `count` requests, one after the other on one connection."""
    taken = []
    with closing(connect(port)) as connection:
        for _ in range(count):
            began = time.perf_counter()
            status, body = exchange(connection, sent)
            taken.append(time.perf_counter() - began)
            if status != 200:
                raise RuntimeError(f"{status}: {body[:200]!r}")
    return taken
