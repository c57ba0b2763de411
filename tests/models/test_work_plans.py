"""What the outbox costs beside ten thousand effects that are done, due, or for later: no step is a walk of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert

from models import outbox
from models.accounts import Account
from models.effects import Effect
from models.vocabulary import EffectState, OperationKind
from tests.city import START
from tests.plans import ROWS, STEPS, rows_met, scans, settle

SIZE, DUE, LATER = 10_000, 2_000, 2_000
LIMIT = 32


@pytest.fixture(scope="module")
def owed(shared_database):
    """Of ten thousand, those that are done come first, then those of later, then those that are due."""
    rows = [
        {
            "key": f"hide:{number}", "operation": OperationKind.HIDE, "channel_id": 1, "target": str(number),
            "payload": {}, "state": EffectState.READY if number > SIZE - DUE - LATER else EffectState.DONE,
            "due_at": START + timedelta(days=1 if number <= SIZE - DUE else 0, seconds=number),
            "late_at": START + timedelta(days=2),
        }
        for number in range(1, SIZE + 1)
    ]  # fmt: skip
    with shared_database.write() as session:
        common = {"network": "facebook", "token_closed": "", "token_since": START, "created_at": START}
        session.add(Account(id=1, name="1", external_id="1", pull_due_at=START, **common))
        session.flush()
        session.execute(insert(Effect), rows)
    settle(shared_database)
    return shared_database


STATEMENTS = {
    "what is due": (lambda: outbox.due(calm=True), LIMIT, LIMIT),
    "what is late or to be read": (outbox.uncertain, 0, 0),
    "one that is claimed or due": (outbox.beginning, 1, 1),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_step_of_the_outbox_is_a_walk_of_all_that_is_kept(owed, name):
    made, given, wanted = STATEMENTS[name]
    now = START + timedelta(hours=4)

    def look(session):
        asked = {"now": now, "limit": LIMIT, "effect_id": SIZE, "by": "a worker"}
        assert len(session.execute(made(), asked).all()) == given

    met, plans = rows_met(owed, look)
    # Each is looked at with its channel and with what stands before it on the same target.
    assert met <= 3 * (wanted + 1) * (STEPS if owed.sqlite else ROWS)
    assert scans(plans, "effect") == []
