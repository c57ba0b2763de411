"""`parvis services`: the catalogue from a spreadsheet, or from another 311 system that speaks GeoReport."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from administration import services
from api.commands.progress import progress
from api.i18n import _, ngettext
from api.messages import refusal
from api.wiring import Parvis
from connectors.desks import DeskSettings
from connectors.registry import desk


def take(parvis: Parvis, source: str, console: Console) -> bool:
    """Take what it holds, and say of what was left why; False: something was left."""
    now = parvis.clock()
    if source.startswith(("http://", "https://")):
        with progress(console) as say:
            say(source)
            there = desk(DeskSettings(source)).catalogue()
        with parvis.database.write() as session:
            report = services.take_catalogue(session, there, person_id=None, now=now)
    else:
        raw = Path(source).read_bytes()
        with parvis.database.write() as session:
            report = services.take_csv(session, raw, person_id=None, now=now)
    for line, why in report.wrong:
        console.print(_("Line %(line)s: %(why)s", line=line, why=refusal(why)), markup=False)
    added = ngettext("%(n)s service added", "%(n)s services added", report.added)
    changed = ngettext("%(n)s changed", "%(n)s changed", report.changed)
    console.print(f"{added}, {changed}")
    return not report.wrong
