"""The mutations of `make soak` stand in the code that is there: a rule worded anew takes its mutation along."""

from __future__ import annotations

import pytest

from tests.soak.mutations import MUTATIONS, ROOT, Mutation


@pytest.mark.parametrize("one", MUTATIONS, ids=lambda one: one.rule)
def test_a_mutation_changes_one_place_and_names_its_test(one: Mutation):
    assert (ROOT / one.file).read_text(encoding="utf-8").count(one.was) == 1
    assert one.was != one.becomes
    file, _, name = one.killer.partition("::")
    assert f"\ndef {name}(" in (ROOT / file).read_text(encoding="utf-8")
