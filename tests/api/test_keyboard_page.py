"""The keys of the queue as one person wants them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import api
from api.keyboard import ALIASES, COMMANDS, chosen, meanings
from models.errors import Refused
from models.vocabulary import Role

USUAL = list(COMMANDS)


def typed(**own):
    """A form in which some keys were changed, by the letter of the usual one."""
    return {f"key_{place}": own.get(usual, usual) for place, usual in enumerate(COMMANDS)}


def test_keys_are_kept_shown_everywhere_and_forgotten(sqlite_parvis, seed_city, visit, sign_in_as):
    city = seed_city(sqlite_parvis)
    moderator = sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(Role.MODERATOR, "city"))
    assert "data-keys" not in moderator.get("/").text
    assert moderator.post("/compte/touches", data=typed(i="d", j="f", m="'")).status_code == 303
    page = moderator.get("/").text
    assert "<kbd>d</kbd>" in page
    assert "<kbd>i</kbd>" not in page
    assert "<kbd>/</kbd> <kbd>f</kbd>" not in page, "a second name of a key gives way"
    (said,) = re.findall(r"data-keys='([^']*)'", page)
    assert r'"\u0027": "m"' in said
    refused = moderator.post("/compte/touches", data=typed(i="k", r="10"))
    assert (refused.status_code, refused.text.count('aria-invalid="true"')) == (422, 2)
    assert 'value="10"' in refused.text
    assert "<kbd>d</kbd>" in moderator.get("/").text
    assert moderator.post("/compte/touches", data={"usual": "1"}).status_code == 303
    assert "data-keys" not in moderator.get("/").text


@pytest.mark.parametrize("key", ["1", "ab", "\u0301", "\t\u200b", "²"])
def test_a_key_is_one_character_that_is_no_digit(key):
    with pytest.raises(Refused) as told:
        chosen([key])
    assert told.value.code == "key_unfit"


def test_two_keys_may_change_places():
    own = chosen(["k", "j"])
    assert own == {"j": "k", "k": "j"}
    assert meanings(own) == {"j": "k", "k": "j"}


@given(st.lists(st.sampled_from([*USUAL, "", "é", "E\u0301", "ÿ", "B", "5", "  g "]), max_size=len(USUAL) + 2))
def test_each_key_does_one_thing_and_each_thing_has_one_key(keys):
    try:
        own = chosen(keys)
    except Refused:
        return
    told = meanings(own)
    does = {usual: [pressed for pressed, done in told.items() if done == usual] for usual in own}
    assert all(len(pressed) == 1 for pressed in does.values())
    assert not set(told) & {usual for usual in USUAL if usual not in own}, "an unchanged key is left alone"


def test_the_script_does_what_is_told():
    """Each command that is told is done, and no other key does anything but digits."""
    script = (Path(api.__file__).parent / "static" / "queue" / "main.js").read_text(encoding="utf-8")
    body = script[script.index("const COMMANDS = {") : script.index("// In a dialog digits choose")]
    done = set(re.findall(r'^  (?:"(.)"|(\w)): ', body, re.MULTILINE))
    aliases = dict(re.findall(r'^COMMANDS\.(\w) = COMMANDS\["(.)"\];', body, re.MULTILINE))
    assert {one or other for one, other in done} == set(COMMANDS)
    assert {usual: key for key, usual in aliases.items()} == dict(ALIASES)
