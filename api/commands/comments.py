"""`parvis pull` and `parvis import`: comments asked for by hand, with progress on anything that takes long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from sqlalchemy import select

from api.commands.progress import progress
from api.i18n import Dates, _, format_number, ngettext
from api.messages import OUTCOMES, label
from api.wiring import Parvis
from connectors.base import Progress
from models.accounts import Account
from models.errors import NotFound
from models.secrets import SecretUnreadable
from models.vocabulary import ChannelState
from moderation.intake import pulling
from moderation.intake.importing import Report, import_rows, rows_of
from moderation.triage import classification


def pull(parvis: Parvis, account_id: int | None, console: Console) -> bool:
    """Read every account (or one) now; False when a network said no to one of them."""
    with parvis.database.read() as session:
        accounts = list(session.scalars(select(Account).order_by(Account.id)))
    if account_id is not None:
        accounts = [account for account in accounts if account.id == account_id]
        if not accounts:
            raise NotFound(f"account {account_id}")
    fine = True
    with progress(console) as say:
        for account in accounts:
            say(account.name)
            whole, finding = _pull(parvis, account, say)
            fine = fine and whole
            console.print(_("%(name)s: %(finding)s", name=account.name, finding=finding))
    return fine


def _pull(parvis: Parvis, account: Account, say: Callable[[str], None]) -> tuple[bool, str]:
    """Read one account now. Gives whether its round is whole, and what to say."""

    def said(far: Progress) -> None:
        done, total = format_number(far.done), format_number(far.total)
        say(_("%(name)s: %(done)s of %(total)s posts", name=account.name, done=done, total=total))

    try:
        read = pulling.pull(
            parvis.database,
            parvis.locks,
            parvis.network_of,
            account.id,
            clock=parvis.clock,
            every=timedelta(seconds=parvis.settings.pull_seconds),
            said=said,
            to_the_oldest=True,
        )
    except SecretUnreadable:
        return False, _("no key of PARVIS_SECRET_KEY opens its token")
    with parvis.database.read() as session:
        after = session.get_one(Account, account.id)
    finding = ngettext("%(n)s comment read", "%(n)s comments read", read)
    # Only a whole round moves the coverage; without one, the account says why.
    if after.pulled_at is not None and after.pulled_at != account.pulled_at:
        return True, finding
    return False, finding + _(", stopped: %(why)s", why=_why_not(parvis, after))


def _why_not(parvis: Parvis, account: Account) -> str:
    if account.state != ChannelState.ACTIVE:
        return f"{_(OUTCOMES[account.state])} ({account.reason})"
    if account.paused_until is not None and account.paused(parvis.clock()):
        at = Dates(parvis.settings.zone).moment(account.paused_until)
        return _("the network asks to wait until %(at)s", at=at)
    if account.refused:
        return _("the network refuses: %(why)s", why=account.refused)
    return _("the network does not answer, or another process is reading this account")


READING = timedelta(seconds=10)
"""How long an import has its comments read: a small file is in the queue when the command ends, and of a large one it
is known by then how long the rest takes.
"""


def import_file(parvis: Parvis, file: Path, console: Console) -> Report:
    """Store the comments of a file, and begin to have them read by the classifier so that they are in the queue."""
    report = Report()
    with file.open("rb") as raw, progress(console) as say:
        rows = rows_of(file.name, raw)
        for report in import_rows(parvis.database, rows, zone=parvis.settings.zone, now=parvis.clock()):
            say(_("%(count)s rows", count=format_number(report.read)))
        say(_("the classifier reads"))
        began, count, context = parvis.clock(), 0, replace(parvis.city.context, reasons=False)
        while entered := classification.classify_due(parvis.database, parvis.classifier, context, now=parvis.clock()):
            count += entered
            if parvis.clock() >= began + READING:
                break
        taken = parvis.clock() - began
    for bad in report.bad:
        console.print(_("line %(line)s: %(why)s", line=bad.line, why=label("row", bad.reason)))
    console.print(
        _(
            "%(new)s new, %(known)s known already, %(bad)s left out",
            new=report.new,
            known=report.known,
            bad=len(report.bad),
        )
    )
    with parvis.database.read() as session:
        left = classification.unread(session)
    if left and count:
        minutes = max(1, round(left * (taken / count) / timedelta(minutes=1)))
        console.print(
            ngettext(
                "all is stored; %(left)s comments are still to be read: about %(n)s minute of parvis serve or worker",
                "all is stored; %(left)s comments are still to be read: about %(n)s minutes of parvis serve or worker",
                minutes,
                left=format_number(left),
            )
        )
    if report.repaired:
        console.print(
            ngettext(
                "%(n)s row repaired: its accents had been read in another encoding",
                "%(n)s rows repaired: their accents had been read in another encoding",
                report.repaired,
            )
        )
    if report.damaged:
        named = ", ".join(map(str, report.damaged[:20])) + ("…" if len(report.damaged) > 20 else "")
        console.print(
            ngettext(
                "%(n)s row kept with letters that the file has lost: line %(lines)s",
                "%(n)s rows kept with letters that the file has lost: lines %(lines)s",
                len(report.damaged),
                lines=named,
            )
        )
    return report
