"""`parvis pull` and `parvis import`: comments asked for by hand, with progress on anything that takes long."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy import select

from api.i18n import _
from api.messages import label
from api.wiring import Parvis
from models.accounts import Account
from models.errors import NotFound
from models.vocabulary import AccountState
from moderation import ingest, reading
from moderation.importing import Report, import_rows, rows_of_csv, rows_of_json


def pull(parvis: Parvis, account_id: int | None, console: Console) -> bool:
    """Read every account (or one) now; False when a network said no to one of them."""
    with parvis.database.read() as session:
        accounts = list(session.scalars(select(Account).order_by(Account.id)))
    if account_id is not None:
        accounts = [account for account in accounts if account.id == account_id]
        if not accounts:
            raise NotFound(f"account {account_id}")
    fine = True
    with _progress(console) as progress:
        for account in accounts:
            task = progress.add_task(account.name, total=None)
            read = ingest.pull(
                parvis.database,
                parvis.locks,
                parvis.network_of,
                account.id,
                clock=parvis.clock,
                every=timedelta(seconds=parvis.settings.pull_seconds),
            )
            progress.remove_task(task)
            with parvis.database.read() as session:
                after = session.get_one(Account, account.id)
            # Only a whole round moves the coverage; without one, the account's state says why.
            whole = after.pulled_at is not None and after.pulled_at != account.pulled_at
            fine = fine and whole
            finding = _("%(count)s comments read", count=read)
            if not whole:
                finding += _(", stopped: %(why)s", why=after.state_reason or _("the network does not answer"))
            console.print(_("%(name)s: %(finding)s", name=account.name, finding=finding))
            if after.state == AccountState.TOKEN_INVALID:
                console.print(_("The token does not work any more: connect the account again."))
    return fine


def import_file(parvis: Parvis, file: Path, console: Console) -> Report:
    """Store the comments of a file, then have them read by the classifier so that they are in the queue."""
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines, _progress(console) as progress:
        rows = rows_of_csv(lines) if file.suffix.lower() == ".csv" else rows_of_json(lines)
        task = progress.add_task(file.name, total=None)
        report = Report()
        for report in import_rows(parvis.database, rows, zone=parvis.settings.zone, now=parvis.clock()):
            progress.update(task, description=_("%(count)s rows", count=report.read))
        while reading.classify_due(
            parvis.database, parvis.locks, parvis.classifier, parvis.city.context, now=parvis.clock()
        ):
            progress.update(task, description=_("the classifier reads"))
    for bad in report.bad:
        console.print(_("line %(line)s: %(why)s", line=bad.line, why=label("row", bad.reason)), highlight=False)
    console.print(
        _(
            "%(new)s new, %(known)s known already, %(bad)s left out",
            new=report.new,
            known=report.known,
            bad=len(report.bad),
        )
    )
    return report


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True
    )
