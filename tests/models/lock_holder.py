"""Takes one lock and says so, until it is killed: `python lock_holder.py DATABASE_URL HOME NAME`."""

from __future__ import annotations

import sys
from pathlib import Path

from models.locks import locks_for
from models.session import Database

url, home, name = sys.argv[1:]
with locks_for(Database(url), Path(home)).try_hold(name) as held:
    print("held" if held else "taken", flush=True)
    sys.stdin.read()
