"""`parvis doctor`: look at everything, and say what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zipfile import BadZipFile

from pydantic import SecretStr
from sqlalchemy import func, make_url, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api import messages
from api.commands.backups import half_done
from api.i18n import Dates, _
from api.messages import label
from api.settings import PREFIX, Settings, SettingsError, load, unknown
from api.wiring import Parvis, build
from models import audit
from models.accounts import Account, Delivery, SetAside
from models.errors import ParvisError
from models.migrations import standing
from models.people import Person
from models.secrets import SecretUnreadable
from models.vocabulary import AccountState, DeliveryState, Standing


@dataclass(frozen=True)
class Line:
    """One thing looked at."""

    name: str
    finding: str
    fine: bool = True


def examine() -> Iterator[Line]:
    """Everything, in the order in which one depends on the other; it ends where the rest cannot be looked at."""
    try:
        settings = load()
        yield from _settings(settings)
        if sentence := half_done(settings):
            yield Line(_("Database"), sentence, fine=False)
        parvis = build(settings)
    except SettingsError as error:
        for sentence in str(error).splitlines():
            yield Line(_("Settings"), sentence, fine=False)
        return
    try:
        yield Line(_("Time"), f"{Dates(settings.zone).moment(parvis.clock())} ({settings.timezone})")
        yield _model(parvis)
        try:
            found = standing(parvis.database)
        except SQLAlchemyError as error:
            why = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
            yield Line(_("Database"), _("cannot be reached: %(why)s", why=why), fine=False)
            return
        if found is not Standing.CURRENT:
            yield Line(_("Database"), messages.standing(found, _("The database")), fine=False)
            return
        yield Line(_("Database"), _("reached, and up to date"))
        yield from _kept(parvis)
    finally:
        parvis.close()


def _settings(settings: Settings) -> Iterator[Line]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if name == "database_url":
            value = make_url(settings.url).render_as_string(hide_password=True)
        if isinstance(value, SecretStr):
            value = _("(hidden)")
        yield Line(PREFIX + name.upper(), "–" if value is None else str(value))
    for name in unknown():
        yield Line(name, _("is not a setting of Parvis: a typing mistake?"), fine=False)


def _model(parvis: Parvis) -> Line:
    try:
        return Line(_("Model"), parvis.classifier.version)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, ParvisError) as error:
        return Line(_("Model"), _("cannot be read: %(why)s", why=error), fine=False)


def _kept(parvis: Parvis) -> Iterator[Line]:
    with parvis.database.read() as session:
        if session.scalar(select(Person.id).where(Person.active).limit(1)) is None:
            yield Line(_("People"), _("nobody can sign in; run `parvis user add`"), fine=False)
        for account in session.scalars(select(Account).order_by(Account.id)):
            yield _account(parvis, account)
        yield from _factors(parvis, session)
        yield from _left(session)
        found = audit.verify(session)
    if found.broken_at is not None:
        yield Line(_("Journal"), _("broken at entry %(number)s", number=found.broken_at), fine=False)
        return
    facts = _("%(sealed)s entries sealed, %(unsealed)s waiting", sealed=found.sealed, unsealed=found.unsealed)
    yield Line(_("Journal"), facts)
    # Written down elsewhere, it shows later that nothing was cut off the end.
    yield Line(_("Journal’s head"), found.head)


def _account(parvis: Parvis, account: Account) -> Line:
    name = f"{label('network', account.network)}, {account.name}"
    try:
        parvis.vault.open(account.token_closed)
    except SecretUnreadable:
        return Line(name, _("no key of PARVIS_SECRET_KEY opens its token"), fine=False)
    fine = account.state == AccountState.ACTIVE and account.state_reason is None
    reason = f" ({account.state_reason})" if account.state_reason else ""
    return Line(name, label("account_state", account.state) + reason, fine)


def _factors(parvis: Parvis, session: Session) -> Iterator[Line]:
    """Second factors that no key opens: these people cannot sign in."""
    for person in session.scalars(select(Person).where(Person.totp_closed.is_not(None)).order_by(Person.id)):
        try:
            parvis.vault.open(person.totp_closed or "")
        except SecretUnreadable:
            yield Line(person.email, _("no key of PARVIS_SECRET_KEY opens their second factor"), fine=False)


def _left(session: Session) -> Iterator[Line]:
    """What came, and waits for somebody to do something about it."""
    unroutable = (
        select(SetAside.network, SetAside.account_external_id, func.count())
        .where(SetAside.settled_at.is_(None), SetAside.reason == "unroutable")
        .group_by(SetAside.network, SetAside.account_external_id)
        .order_by(SetAside.network, SetAside.account_external_id)
    )
    for network, external_id, count in session.execute(unroutable):
        finding = _(
            "deliveries that wait for account %(account)s: %(count)s; run `parvis account add`",
            account=external_id,
            count=count,
        )
        yield Line(label("network", network), finding, fine=False)
    counts = {
        _("Changes set aside, because they cannot be read"): select(func.count()).where(
            SetAside.settled_at.is_(None), SetAside.reason != "unroutable"
        ),
        _("Deliveries that cannot be read"): select(func.count()).where(Delivery.state == DeliveryState.UNREADABLE),
    }
    for name, statement in counts.items():
        if some := session.scalar(statement):
            yield Line(name, str(some), fine=False)
