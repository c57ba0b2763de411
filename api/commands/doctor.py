"""`parvis doctor`: look at everything, and say what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from datetime import timedelta
from zipfile import BadZipFile

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from administration import accounts, copies, directory, people, retention
from api import messages
from api.backups import half_done, replaced
from api.disks import folders
from api.findings import Line, State, disk
from api.health import PATIENCE
from api.i18n import N_, Dates, _, format_number
from api.messages import label
from api.settings import ENV_FILE, PREFIX, SecretMissing, Settings, SettingsError, load, masked, sqlite_file, unknown
from api.wiring import Parvis, build
from connectors import registry
from models import audit
from models import messages as carried
from models.accounts import Account
from models.errors import NotFound, ParvisError, Rejected, Transient
from models.migrations import standing
from models.people import Passkey, Person, comes_in
from models.secrets import SecretUnreadable
from models.vocabulary import Standing
from scheduler.jobs import QUEUES


def examine() -> Iterator[Line]:
    """Everything, in the order in which one depends on the other; it ends where the rest cannot be looked at."""
    try:
        settings = load()
    except SettingsError as error:
        for sentence in str(error).splitlines():
            yield Line(_("Settings"), sentence, State.WRONG)
        return
    yield from _settings(settings)
    if not settings.secrets:
        return
    parvis = build(settings)
    try:
        yield Line(_("Time"), f"{Dates(settings.zone).moment(parvis.clock())} ({settings.timezone})")
        yield _model(parvis)
        yield from disk(settings)
        yield from _files(settings)
        yield _mail(settings)
        yield _pager(settings)
        yield _directory(parvis)
        found = yield from _database(parvis)
        if found:
            yield from _kept(parvis)
    finally:
        parvis.close()


def _settings(settings: Settings) -> Iterator[Line]:
    for name in type(settings).model_fields:
        value = settings.url if name == "database_url" else getattr(settings, name)
        said = "–" if value is None else _("(hidden)") if isinstance(value, SecretStr) else masked(str(value))
        if name == "secret_key" and value is None:
            yield Line(PREFIX + name.upper(), str(SecretMissing()), State.WRONG)
        else:
            yield Line(PREFIX + name.upper(), said)
    for name in unknown():
        yield Line(name, _("is not a setting of Parvis: a typing mistake?"), State.WRONG)


def _mail(settings: Settings) -> Line:
    """Whether notices leave by e-mail; the server is asked to let us in."""
    name, given = _("E-mail"), settings.mail
    if settings.smtp_url is None:
        return Line(name, _("not set: notices stand on the page Avis alone (PARVIS_SMTP_URL)"))
    if given is None:
        return Line(name, _("nobody whom letters are from: set PARVIS_SMTP_FROM"), State.WRONG)
    try:
        registry.post_office(given).check()
    except Transient as error:
        finding = _("%(server)s does not let us in: %(why)s", server=given.address, why=error.reason)
        return Line(name, finding, State.WRONG)
    finding = _("%(server)s lets us in; letters are from %(sender)s", server=given.address, sender=given.sender)
    return Line(name, finding)


def _pager(settings: Settings) -> Line:
    """Whether an immediate danger reaches the city's pager; nothing is sent to it."""
    if settings.pager is not None:
        return Line(_("Pager"), _("gets each call about an immediate danger: %(url)s", url=settings.pager.url))
    if settings.pager_url is not None or settings.pager_secret is not None:
        return Line(_("Pager"), _("half set: PARVIS_PAGER_URL and PARVIS_PAGER_SECRET go together"), State.WRONG)
    return Line(_("Pager"), _("not set: an immediate danger reaches whoever is on call by e-mail alone"))


def _directory(parvis: Parvis) -> Line:
    """Whether the city's directory answers, and is what the setting says."""
    name, settings = _("Directory"), parvis.settings
    if parvis.directory is None:
        if settings.oidc_issuer is None and settings.oidc_client_id is None:
            return Line(name, _("not set: people sign in here alone (PARVIS_OIDC_ISSUER)"))
        return Line(name, _("half set: PARVIS_OIDC_ISSUER and PARVIS_OIDC_CLIENT_ID go together"), State.WRONG)
    back = f"{settings.base_url}/connexion/annuaire/retour"
    try:
        parvis.directory.check()
    except Transient as error:
        finding = _("%(issuer)s does not answer: %(why)s", issuer=settings.oidc_issuer, why=error.reason)
        return Line(name, finding, State.WRONG)
    except Rejected as error:
        finding = _(
            "%(issuer)s is not what it says of itself, or lacks something: %(why)s",
            issuer=settings.oidc_issuer,
            why=error.reason,
        )
        return Line(name, finding, State.WRONG)
    return Line(
        name, _("%(issuer)s answers; it must send people back to %(back)s", issuer=settings.oidc_issuer, back=back)
    )


def _files(settings: Settings) -> Iterator[Line]:
    """What others on this machine may read: citizens' words and names, and the keys."""
    closed = {folder: not folder.stat().st_mode & 0o077 for folder in folders(settings)}
    for folder, alone in closed.items():
        if not alone:
            yield Line(_("Files"), _("others may enter %(file)s: chmod 700 %(file)s", file=folder), State.TO_DO)
    if ENV_FILE.exists() and ENV_FILE.stat().st_mode & 0o007:
        finding = _("everybody may read %(file)s: chmod o= %(file)s", file=ENV_FILE.resolve())
        yield Line(_("Files"), finding, State.TO_DO)
    database = sqlite_file(settings)
    for file in [database, *replaced(settings)] if database and not closed[database.resolve().parent] else []:
        if file.exists() and file.stat().st_mode & 0o007:
            yield Line(_("Files"), _("everybody may read %(file)s: chmod o= %(file)s", file=file), State.WRONG)
    if older := replaced(settings):
        names = ", ".join(str(file) for file in older)
        yield Line(_("Files"), _("databases that a restore put aside, to delete some day: %(files)s", files=names))


def _database(parvis: Parvis) -> Generator[Line, None, bool]:
    """Gives whether the rest can be read."""
    name = _("Database")
    if sentence := half_done(parvis.settings):
        yield Line(name, sentence, State.WRONG)
    try:
        found = standing(parvis.database)
        whole = parvis.database.whole()
    except SQLAlchemyError as error:
        why = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
        yield Line(name, _("cannot be reached: %(why)s", why=masked(why)), State.WRONG)
        return False
    if not whole:
        yield Line(name, _("damaged: put a copy back with `parvis restore`"), State.WRONG)
        return False
    if found is not Standing.CURRENT:
        yield Line(name, messages.standing(found, _("The database")), State.WRONG)
        return False
    if not parvis.database.writable(PATIENCE):
        yield Line(name, _("takes nothing: it is read-only, or a program keeps its lock"), State.WRONG)
    else:
        yield Line(name, _("reached, and up to date"))
    return True


def _model(parvis: Parvis) -> Line:
    try:
        return Line(_("Model"), parvis.classifier.version)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, ParvisError) as error:
        return Line(_("Model"), _("cannot be read: %(why)s", why=error), State.WRONG)


def _engine(parvis: Parvis, session: Session) -> Iterator[Line]:
    """Who does what happens by itself; of the distributed engine, who takes which queue, and what waits in it."""
    name, engine = _("Engine"), parvis.settings.engine
    if engine != "distributed":
        said = {
            "embedded": N_("embedded: each process that serves or works does what happens by itself"),
            "off": N_("off: pages only; `parvis worker` does what happens by itself"),
        }[engine]
        yield Line(name, _(said))
        return
    if not carried.installed(session):
        yield Line(name, _("distributed, without its tables: run `parvis migrate`"), State.WRONG)
        return
    workers, held = carried.workers(session), carried.held(session)
    if not workers:
        yield Line(name, _("distributed, and nobody works: start `parvis worker`"), State.WRONG)
    for worker in workers:
        finding = _("distributed: %(worker)s takes %(queues)s", worker=worker.name, queues=", ".join(worker.queues))
        yield Line(name, finding)
    for queue in QUEUES:
        here = held.get(queue, carried.Held(0, 0, None))
        finding = _("%(waiting)s waiting, %(taken)s being handled", waiting=here.waiting, taken=here.taken)
        if here.since is not None:
            finding = _(
                "%(finding)s, the oldest since %(since)s",
                finding=finding,
                since=Dates(parvis.settings.zone).moment(here.since),
            )
        taken = any(queue in worker.queues for worker in workers)
        if not taken:
            finding = _("%(finding)s; no worker takes it", finding=finding)
        yield Line(_("Queue %(name)s", name=queue), finding, State.GOOD if taken else State.WRONG)


def _backups(parvis: Parvis, session: Session) -> Line:
    """When the last copy was made, and whether Parvis makes them by itself."""
    name, last, settings = _("Backups"), copies.last(session), parvis.settings
    said = _("none was made yet") if last is None else _("the last: %(at)s", at=Dates(settings.zone).moment(last))
    if settings.backup_folder is None:
        finding = _("%(finding)s; none is made by itself (PARVIS_BACKUP_FOLDER)", finding=said)
        return Line(name, finding, State.TO_DO if last is None else State.GOOD)
    every = timedelta(hours=settings.backup_hours)
    late = last is None or parvis.clock() - last > copies.PATIENCE * every
    finding = _("%(finding)s; kept in %(folder)s", finding=said, folder=settings.backup_folder)
    return Line(name, finding, State.WRONG if late else State.GOOD)


def _kept(parvis: Parvis) -> Iterator[Line]:
    with parvis.database.read() as session:
        yield from _engine(parvis, session)
        yield _backups(parvis, session)
        yield from _people(parvis, session)
        yield from _networks(parvis)
        connected = session.scalars(select(Account).order_by(Account.id)).all()
        if not connected:
            finding = _("none yet: connect one on the page Comptes, or with `parvis account add`")
            yield Line(_("Accounts"), finding, State.TO_DO)
        for account in connected:
            yield _account(parvis, account)
        yield from _left(session)
        yield _disposal(parvis, session)
        found = audit.verify(session)
    if found.broken_at is not None:
        yield Line(_("Journal"), _("broken at entry %(number)s", number=found.broken_at), State.WRONG)
        return
    if found.unread:
        finding = _(
            "%(count)s entries were sealed with a key that PARVIS_SECRET_KEY lacks: put it back at the end of the "
            "list, and they can be verified",
            count=found.unread,
        )
        yield Line(_("Journal"), finding, State.WRONG)
        return
    facts = _("%(sealed)s entries sealed, %(unsealed)s waiting", sealed=found.sealed, unsealed=found.unsealed)
    yield Line(_("Journal"), facts)
    # Written down elsewhere, it shows later that nothing was cut off the end.
    yield Line(_("Journal’s head"), found.head)


def _people(parvis: Parvis, session: Session) -> Iterator[Line]:
    everybody = session.scalars(select(Person).where(Person.active).order_by(Person.email)).all()
    codes = directory.unknown_boroughs(session, parvis.directory_terms)
    if codes:
        finding = _("PARVIS_OIDC_ROLES names boroughs that there are not: %(codes)s", codes=", ".join(codes))
        yield Line(_("Directory"), finding, State.WRONG)
    able = session.scalar(select(Person.id).where(Person.active, comes_in()).limit(1))
    if able is None:
        finding = _("nobody can sign in yet: run `parvis user add`, or open the invitation that it gave")
        yield Line(_("People"), finding, State.TO_DO)
    keyed = set(session.scalars(select(Passkey.person_id).distinct()))
    lacking = [
        person.email
        for person in everybody
        if person.password_hash and not person.totp_closed and person.id not in keyed
    ]
    asked = {person.email for person in people.without_second_factor(session, parvis.settings.second_factor_roles)}
    if asked:
        finding = _("asked of them, and not set up yet: %(who)s", who=", ".join(sorted(asked)))
        yield Line(_("Second factor"), finding, State.TO_DO)
    if others := [email for email in lacking if email not in asked]:
        yield Line(_("Second factor"), _("not set up by %(who)s, of whom none is asked", who=", ".join(others)))
    for person in everybody:
        try:
            parvis.vault.open(person.totp_closed) if person.totp_closed else None
        except SecretUnreadable:  # They cannot sign in.
            finding = _("no key of PARVIS_SECRET_KEY opens their second factor")
            yield Line(person.email, finding, State.WRONG)


def _networks(parvis: Parvis) -> Iterator[Line]:
    """The networks whose accounts can be connected: without an application, none has a dialog."""
    ready = []
    for name in registry.names():
        with suppress(NotFound):
            parvis.consent_of(name)
            ready.append(label("network", name))
    finding = ", ".join(ready) or _("none can be connected yet: the settings have no application of the city’s")
    yield Line(_("Networks"), finding, State.GOOD if ready else State.TO_DO)


def _account(parvis: Parvis, account: Account) -> Line:
    name = f"{label('network', account.network)}, {account.name}"
    try:
        parvis.vault.open(account.token_closed)
    except SecretUnreadable:
        return Line(name, _("no key of PARVIS_SECRET_KEY opens its token"), State.WRONG)
    now = parvis.clock()
    reason = account.reason or (account.pause if account.blocked(now) else None)
    if reason is None and account.failing_since is not None and now - account.failing_since >= accounts.BEHIND:
        reason = account.failing or _("no answer")
    if account.vanished_at is not None:
        vanished = _("a whole thread, or all its posts, seem to have vanished: nothing leaves the queue for it")
        reason = f"{reason}; {vanished}" if reason else vanished
    said = label("account_state", account.state) + (f" ({reason})" if reason else "")
    return Line(name, said, State.WRONG if reason else State.GOOD)


def _left(session: Session) -> Iterator[Line]:
    """What came, and waits for somebody to do something about it."""
    for one in accounts.unknown(session):
        finding = _(
            "deliveries that wait for account %(account)s: %(count)s; run `parvis account add`",
            account=one.external_id,
            count=one.deliveries,
        )
        yield Line(label("network", one.network), finding, State.WRONG)
    changes, whole = accounts.unreadable(session)
    for name, some in (
        (_("Changes set aside, because they cannot be read"), changes),
        (_("Deliveries that cannot be read"), whole),
    ):
        if some:
            yield Line(name, str(some), State.WRONG)


def _disposal(parvis: Parvis, session: Session) -> Line:
    rule = parvis.city.kept
    rows = sum(one.rows for one in retention.report(session, rule, now=parvis.clock()))
    if rule.comments is None:
        finding = _("comments are kept until a person decides: PARVIS_COMMENT_DAYS is not set")
        return Line(_("Disposal"), finding, State.TO_DO)
    if rows:
        finding = _("%(count)s places are due: `parvis dispose` lists them", count=format_number(rows))
        return Line(_("Disposal"), finding)
    return Line(_("Disposal"), _("nothing is kept longer than its rule"))
