"""`parvis dispose`: what lawful disposal will empty next, said before it does."""

from __future__ import annotations

from rich.console import Console

from administration import retention
from api.commands.progress import progress
from api.i18n import _, format_number, ngettext
from api.wiring import Parvis


def run(parvis: Parvis, console: Console, *, now: bool) -> None:
    """Say what is due, and with `now` do it."""
    rule, at = parvis.city.kept, parvis.clock()
    if rule.comments is None:
        console.print(_("Comments are kept until a person decides: PARVIS_COMMENT_DAYS is not set."))
    with progress(console) as say:
        say(_("looks for what is due"))
        with parvis.database.read() as session:
            due = retention.report(session, rule, now=at)
        for one in due:
            rows = ngettext("%(n)s row", "%(n)s rows", one.rows)
            console.print(_("%(name)s: %(finding)s", name=f"{one.table}.{one.column}", finding=rows))
        if not due:
            console.print(_("Nothing is due."))
        if not now:
            return
        with parvis.database.write() as session:
            retention.forget_raw_due(session, rule, now=at)
        count = retention.dispose_due(
            parvis.database, rule, now=at, said=lambda done: say(_("%(count)s comments", count=format_number(done)))
        )
    console.print(ngettext("%(n)s comment disposed of", "%(n)s comments disposed of", count))
