"""`parvis demo`: sets the demonstration up, then lets people use it, or plays its story and says what came of it."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import threading
from pathlib import Path

from rich.console import Console

from api import logs
from api.demo.installation import Demo, prepared
from api.i18n import _

PORTS = (*range(8000, 8020), 0)
"""Where the demonstration is looked for first; any free port at the end."""


def run(*, once: bool, as_json: bool, port: int | None, home: Path | None) -> int:
    """Exit status: 0, or 1 when the story left something doubled, lost, in doubt or failed."""
    logs.configure(level=logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="parvis-demo-") as folder, prepared(home or Path(folder)) as where:
        return _once(where, as_json=as_json) if once else _serve(where, port)


def _once(home: Path, *, as_json: bool) -> int:
    # Whoever only looks does not wait for what plays the story by itself.
    from api.demo.script import play  # noqa: PLC0415

    console = Console(stderr=True)
    demo = Demo(home, undo_seconds=0.5, settle_seconds=1, spacing_seconds=0.2)
    with console.status(_("The story begins…")) as status:
        demo.start()
        try:
            summary = play(demo, lambda step: status.update(_(step)))
        finally:
            demo.stop()
    if as_json:
        sys.stdout.write(json.dumps(summary.as_dict(), ensure_ascii=False) + "\n")
    else:
        out = Console()
        for name, value in summary.as_dict().items():
            out.print(f"{name:30} {value}")
    return 0 if summary.clean else 1


def _serve(home: Path, port: int | None) -> int:
    console = Console()
    demo = Demo(home, ports=PORTS if port is None else (port,))
    address = demo.start()
    console.print(_("The demonstration is open: %(address)s/visite", address=address))
    console.print(_("Ctrl+C ends it."))
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print(_("Closing…"))
    finally:
        demo.stop()
    return 0
