"""Sentences for codes that come from below."""

from __future__ import annotations

import re
from pathlib import Path

import connectors
from api import messages
from connectors.meta.errors import INSTAGRAM, PRIVATE_REPLY, PUBLISHING


def test_every_refusal_that_meta_names_has_a_sentence():
    assert {*INSTAGRAM.values(), *PUBLISHING.values(), *PRIVATE_REPLY.values()} <= messages.REJECTIONS.keys()


def test_every_refusal_that_a_connector_names_has_a_sentence():
    """But for what has no name even there."""
    files = Path(connectors.__file__).parent.glob("*.py")
    named = {name for file in files for name in re.findall(r"Rejected\(\"(\w+)\"", file.read_text(encoding="utf-8"))}
    assert {"several_stories", "not_supported"} <= named
    assert {name for name in named if not name.isdigit()} - {"unnamed"} <= messages.REJECTIONS.keys()


def test_a_refusal_without_a_name_is_a_refusal():
    assert messages.failure("rejected:100/2207099") == messages.failure("rejected")
    assert messages.failure("rejected:daily_limit") != messages.failure("rejected")
    assert messages.failure("outcome_unreadable:elsewhere") == messages.failure("rejected:elsewhere")
    assert messages.failure("outcome_unreadable:100") == messages.failure("outcome_unreadable")
    assert messages.failure("permission_missing:instagram_basic") == messages.failure("permission_missing")
