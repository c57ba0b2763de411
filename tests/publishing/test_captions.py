"""Captions as people write them, kept as browsers show them."""

from __future__ import annotations

import pytest

from models.errors import Refused
from publishing import captions

SRT = (
    "1\r\n00:00:00,500 --> 00:00:02,000\r\n<i>Bonjour</i> à tous & à toutes.\r\n\r\n"
    "2\r\n00:00:02,500 --> 00:00:04,000\r\n{\\an8}L’eau\r\nest revenue.\r\n"
)
KEPT = (
    "WEBVTT\n\n00:00:00.500 --> 00:00:02.000\nBonjour à tous &amp; à toutes.\n"
    "\n00:00:02.500 --> 00:00:04.000\nL’eau\nest revenue.\n"
)


@pytest.mark.parametrize(
    "content",
    [
        SRT,
        SRT.encode("utf-8-sig"),
        SRT.encode("cp1252"),
        KEPT,
        (
            "WEBVTT - un titre\n\nSTYLE\n::cue { color: red }\n\nNOTE rien\n\nintro\n00:00.500 --> 00:02.000 line:0\n"
            "Bonjour à tous &amp; à toutes.\n\n00:02.500 --> 00:04.000\nL’eau\nest revenue."
        ),
    ],
    ids=["srt", "utf-8", "windows", "kept", "vtt"],
)
def test_words_and_moments_are_kept_and_nothing_else(content):
    assert captions.read(content, 4000) == KEPT


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        ("", "captions_empty", None),
        ("WEBVTT\n\nNOTE rien", "captions_empty", None),
        ("Bonjour à tous", "captions_unreadable", "1"),
        ("1\n00:00:00,500 --> 00:00:02,000\nBonjour\n\n2\n00:00:2 -> 3\nNon", "captions_unreadable", "5"),
        ("00:02.000 --> 00:01.000\nNon", "captions_unreadable", "1"),
        ("WEBVTT\n\n00:05.000 --> 00:06.000\nAprès", "captions_late", "3"),
        ("x" * (captions.LONGEST + 1), "captions_heavy", None),
        (b"x" * (captions.LONGEST * 4 + 1), "captions_heavy", None),
        (b"\x89PNG\r\n\x1a\n\0\0", "captions_unreadable", "1"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(content, code, line):
    with pytest.raises(Refused) as refused:
        captions.read(content, 4000)
    assert (refused.value.code, refused.value.params.get("line")) == (code, line)
