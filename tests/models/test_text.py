"""Words as they are found: the same whoever else reads at that moment."""

from __future__ import annotations

import sys

from models import text


def test_words_have_the_same_stems_however_many_threads_ask(race, monkeypatch):
    """One stemmer holds the word that it works on: two threads in it took each other's letters, or fell over."""
    heads, middles = ("dene", "collec", "eclair", "travaill", "circul", "install"), ("", "a", "e", "iss")
    tails = ("ment", "ation", "ions", "ement", "eurs", "ees")
    words = [f"{head}{middle}{tail}" for head in heads for middle in middles for tail in tails]
    text.stem.cache_clear()
    alone = {word: text.stem(word) for word in words}
    assert len(set(alone.values())) > 24
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(3):
            text.stem.cache_clear()
            together = race(*(lambda n=n: {word: text.stem(word) for word in words[n:] + words[:n]} for n in range(8)))
            assert together == [alone] * 8
    finally:
        sys.setswitchinterval(before)
        text.stem.cache_clear()
