from __future__ import annotations

from collections.abc import Callable

import pytest

from classifiers.base import Context, Verdict
from classifiers.baseline import Baseline, load


@pytest.fixture(scope="session")
def engine() -> Baseline:
    return load()


@pytest.fixture
def verdict(engine: Baseline) -> Callable[[str], Verdict]:
    return lambda text: engine.classify([text], Context())[0]
