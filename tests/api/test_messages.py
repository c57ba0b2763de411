"""Sentences for codes that come from below."""

from __future__ import annotations

from api import messages
from connectors.graph_errors import INSTAGRAM, PRIVATE_REPLY, PUBLISHING


def test_every_refusal_that_meta_names_has_a_sentence():
    assert {*INSTAGRAM.values(), *PUBLISHING.values(), *PRIVATE_REPLY.values()} <= messages.REJECTIONS.keys()


def test_a_refusal_without_a_name_is_a_refusal():
    assert messages.failure("rejected:100/2207099") == messages.failure("rejected")
    assert messages.failure("rejected:daily_limit") != messages.failure("rejected")
    assert messages.failure("permission_missing:instagram_basic") == messages.failure("permission_missing")
