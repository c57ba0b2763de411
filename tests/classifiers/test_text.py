from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.text import _MARKS, READ_CHARACTERS, _fold, _fold_character, read


def forms(text: str) -> list[str]:
    return [token.form for token in read(text).tokens]


def readings(text: str) -> set[str]:
    return {reading for token in read(text).tokens for reading in (token.form, *token.variants)}


def test_accents_case_and_compatibility_forms_read_the_same() -> None:
    assert forms("DÉNEIGÉE") == forms("deneigee") == forms("De\u0301neige\u0301e") == ["deneigee"]
    assert forms("ｂｒａｖｏ") == ["bravo"]
    assert forms("cœur") == ["coeur"]


def test_both_apostrophes_read_the_same() -> None:
    assert forms("l’eau") == forms("l'eau") == ["l'", "eau"]


def test_links_mail_and_mentions_become_marks_with_their_place() -> None:
    text = "voir https://exemple.com/a?b=1 ou moi@exemple.com, @Julie"
    found = {token.form: text[token.start : token.end] for token in read(text).tokens if token.form[0] in "<@"}
    assert found == {"<url>": "https://exemple.com/a?b=1", "<courriel>": "moi@exemple.com", "@user": "@Julie"}


def test_zero_width_characters_are_dropped_and_stay_inside_the_span() -> None:
    text = "con\u200bnard!"
    token = read(text).tokens[0]
    assert token.form == "connard"
    assert text[token.start : token.end] == "con\u200bnard"


def test_a_combining_accent_is_never_cut_from_its_letter() -> None:
    text = "e\u0301te\u0301 chaud"
    token = read(text).tokens[0]
    assert text[token.start : token.end] == "e\u0301te\u0301"


def test_repeated_letters_are_squeezed_beside_the_form() -> None:
    assert {"noon", "non"} <= readings("nooooooon")


def test_digits_for_letters_and_split_letters_are_read_beside_not_instead() -> None:
    assert {"c00nard", "conard"} & readings("c0nard")
    assert "connard" in readings("c0nn4rd")
    assert {"c", "connard"} <= readings("c o n n a r d")
    text = "toi c.o.n.n.a.r.d va"
    split = next(token for token in read(text).tokens if "connard" in token.variants)
    assert text[split.start : split.end] == "c.o.n.n.a.r.d"


def test_an_amount_is_no_feature_of_its_own() -> None:
    assert forms("5000 $") == ["0000", "$"]


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_and_its_spans_are_in_order(text: str) -> None:
    tokens = read(text).tokens
    assert all(0 <= token.start < token.end <= len(text) for token in tokens)
    assert all(first.start <= second.start for first, second in pairwise(tokens))


@given(st.text(st.characters(max_codepoint=0x3FF) | st.characters()).filter(lambda text: not _MARKS.search(text)))
def test_a_stretch_of_text_folds_as_its_characters_do(text: str) -> None:
    folded, starts, ends = _fold(text)
    assert folded == "".join(map(_fold_character, text))
    assert len(folded) == len(starts) == len(ends)
    assert all(start < end for start, end in zip(starts, ends, strict=True))


def test_what_is_longer_than_any_comment_is_not_read() -> None:
    assert read("ha " * READ_CHARACTERS).tokens[-1].end <= READ_CHARACTERS
