"""Sentences for codes that come from below."""

from __future__ import annotations

import re
from pathlib import Path

import connectors
from api import messages
from connectors.meta.errors import INSTAGRAM, PRIVATE_REPLY, PUBLISHING
from models.effects import Effect
from models.vocabulary import Outcome


def test_every_refusal_that_meta_names_has_a_sentence():
    assert {*INSTAGRAM.values(), *PUBLISHING.values(), *PRIVATE_REPLY.values()} <= messages.REJECTIONS.keys()


def test_every_refusal_that_a_connector_names_has_a_sentence():
    """But for what has no name even there; what the directory refuses ends no act, and is said at sign-in."""
    files = [file for file in Path(connectors.__file__).parent.rglob("*.py") if file.parent.name != "oidc"]
    named = {name for file in files for name in re.findall(r"Rejected\(\"(\w+)\"", file.read_text(encoding="utf-8"))}
    assert {"several_stories", "not_supported"} <= named
    assert {name for name in named if not name.isdigit()} - {"unnamed"} <= messages.REJECTIONS.keys()


def test_a_refusal_without_a_name_is_a_refusal():
    def said(outcome, detail=None):
        return messages.failure(Effect(outcome=outcome, detail=detail))

    assert said(Outcome.REJECTED, "100/2207099") == said(Outcome.REJECTED)
    assert said(Outcome.REJECTED, "daily_limit") != said(Outcome.REJECTED)
    assert said(Outcome.UNREADABLE, "elsewhere") == said(Outcome.REJECTED, "elsewhere")
    assert said(Outcome.UNREADABLE, "100") == said(Outcome.UNREADABLE)
    assert said(Outcome.PERMISSION_MISSING, "instagram_basic") == said(Outcome.PERMISSION_MISSING)


def test_every_outcome_has_a_sentence():
    assert set(Outcome) == messages.OUTCOMES.keys()
