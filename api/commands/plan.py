"""`parvis plan`: a year's plan from a spreadsheet, in the name of somebody who works here."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from api.commands.progress import progress
from api.i18n import _, ngettext
from api.messages import refusal
from api.wiring import Parvis
from models.errors import NotFound
from models.people import Person
from models.scope import viewer_of
from publishing import plan


def take(parvis: Parvis, file: Path, email: str, console: Console) -> bool:
    """Make all that the file says, or nothing and say why, line by line; False: nothing."""
    with parvis.database.read() as session:
        whose = select(Person).options(selectinload(Person.memberships)).where(Person.email == email.strip().casefold())
        person = session.scalar(whose.where(Person.active))
        if person is None:
            raise NotFound(email)
        viewer = viewer_of(person)
    with progress(console) as say:
        say(file.name)
        report = plan.take(parvis.database, viewer, file.read_bytes(), parvis.settings.zone, now=parvis.clock())
    for line, why in report.wrong:
        console.print(_("Line %(line)s: %(why)s", line=line, why=refusal(why)), markup=False)
    if report.wrong:
        console.print(_("Nothing was kept"))
        return False
    made = ngettext("%(n)s campaign", "%(n)s campaigns", report.campaigns)
    drafts = ngettext("%(n)s draft", "%(n)s drafts", report.posts)
    files = ngettext("%(n)s recurring file", "%(n)s recurring files", report.dossiers)
    console.print(f"{made}, {drafts}, {files}")
    return True
