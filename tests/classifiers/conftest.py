from __future__ import annotations

from collections.abc import Callable

import pytest

from classifiers.base import Context, Verdict
from classifiers.engine import Engine, load


@pytest.fixture(scope="session")
def engine() -> Engine:
    return load()


@pytest.fixture
def verdict(engine: Engine) -> Callable[[str], Verdict]:
    return lambda text: engine.classify([text], Context())[0]
