"""Logs: one line an event, with the request's id, and never a token."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

_SECRETS = (
    re.compile(
        r"((?:access_token|appsecret_proof|input_token|client_secret|verify_token)(?:%3D|[\\\"']*\s*[:=]\s*[\\\"']*))"
        r"[^&\s\"',}]+",
        re.IGNORECASE,
    ),
    re.compile(r"(\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE),
    re.compile(r"(/invitation/)[A-Za-z0-9_-]{20,}"),
)


def redact(text: str) -> str:
    """The text without what opens something: tokens, proofs, personal links."""
    for secret in _SECRETS:
        text = secret.sub(r"\1***", text)
    return text


def _redacted(_logger: Any, _method: str, rendered: str | bytes | MutableMapping[str, Any]) -> str:
    # Last of all, on the finished line: whatever put a token there (a path, an exception, a value), it is gone.
    return redact(str(rendered))


class NoTokens(logging.Filter):
    """For handlers that are not ours (a test's, a platform's): the message itself is cleaned."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True


def configure(*, stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send every log of this process through one formatter: readable on a terminal, JSON elsewhere."""
    stream = stream or sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: list[Any] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if stream.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer, _redacted],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # At DEBUG it writes whole paths, and a vendor's library puts the token in the path.
    connections = logging.getLogger("urllib3")
    connections.setLevel(max(level, logging.INFO))
    connections.addFilter(NoTokens())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], name != "uvicorn.access"
