"""`parvis` as it ships, in a hurry: it waits for seconds where the product waits for minutes until it takes over.

Started by `test_storm.py` as `python hasty.py serve …` or `worker`; it ends when its standard input does, so that
nothing outlives a test that was itself killed.
"""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from functools import partial

LEASE = timedelta(seconds=2)


def hurry() -> None:
    """Make leases, claims and silences short. All else that is in a hurry is a setting."""
    from api import wiring
    from models import work
    from moderation.triage import classification
    from scheduler import distributed

    backoff = {"first_backoff": timedelta(seconds=0.2), "longest_backoff": timedelta(seconds=1)}
    wiring.Timing = partial(work.Timing, lease=LEASE, **backoff)
    work.Work.__init__.__kwdefaults__["hold"] = LEASE
    classification.LEASE = LEASE
    distributed.Distributed.__init__.__kwdefaults__["silence"] = 4.0


def main() -> None:
    threading.Thread(target=lambda: (os.read(0, 1), os._exit(0)), daemon=True).start()
    hurry()
    from api.cli import main as parvis

    parvis()


if __name__ == "__main__":
    main()
