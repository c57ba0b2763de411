"""The command line. Imports stand inside commands, so that `parvis --help` answers at once."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from api.i18n import _, ngettext

if TYPE_CHECKING:
    from api.settings import Settings
    from api.wiring import Parvis
    from classifiers.base import Classifier

app = typer.Typer(
    help=_("Comments, 311 requests and posts of a city on its social networks."),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
groups: dict[str, Any] = {"no_args_is_help": True, "rich_markup_mode": None}
user = typer.Typer(help=_("People who sign in."), **groups)
account = typer.Typer(help=_("The city’s accounts on the networks."), **groups)
key = typer.Typer(help=_("API keys, and the keys that protect stored tokens."), **groups)
borough = typer.Typer(help=_("Boroughs or sectors of the city."), **groups)
app.add_typer(user, name="user")
app.add_typer(borough, name="borough")
app.add_typer(account, name="account")
app.add_typer(key, name="key")


class _Stop(Exception):
    """A sentence for the operator; the command ends with 2 (what was asked cannot be done)."""


@contextmanager
def loading() -> Iterator[None]:
    """For imports: what they make lives until the end, and looking for garbage among it is half of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def installation() -> Iterator[Parvis]:
    """The city's installation for one command, its database up to date. It never runs the engine."""
    with loading():
        from api import backups
        from api.messages import standing as worded
        from api.settings import load
        from api.wiring import build
        from models.migrations import standing
        from models.vocabulary import Standing

    settings = load()
    if sentence := backups.half_done(settings):
        raise _Stop(sentence)
    parvis = build(settings)
    try:
        found = standing(parvis.database)
        if found is not Standing.CURRENT:
            raise _Stop(worded(found, _("The database")))
        yield parvis
    finally:
        parvis.close()


def settings_now() -> Settings:
    """The settings of this process, with their folder made."""
    from api.settings import load

    settings = load()
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return settings


@app.command(help=_("Serve the pages, the API and the webhooks."))
def serve(
    port: Annotated[int | None, typer.Option(help=_("Port, instead of PARVIS_PORT."))] = None,
    host: Annotated[str | None, typer.Option(help=_("Address to listen on, instead of PARVIS_HOST."))] = None,
) -> None:
    with loading():
        import uvicorn

        from api import logs
        from api.app import create_app
        from api.serving import GARBAGE, Http, Swept
        from api.wiring import check_engine

    logs.configure()
    gc.set_threshold(*GARBAGE)
    with installation() as parvis:
        check_engine(parvis)
        settings = parvis.settings
        # The access log is the door's own: it has no personal link in it. A proxy on this machine says who calls.
        uvicorn.run(
            Swept(create_app(parvis)),
            host=host or settings.host,
            port=settings.port if port is None else port,
            log_config=None,
            access_log=False,
            server_header=False,
            http=Http,
        )


@app.command(help=_("Do what happens by itself, without serving pages."))
def worker(
    queue: Annotated[
        list[str] | None,
        typer.Option(
            help=_("Only what this queue holds: publish, act, pull, classify or rest; given again, those too.")
        ),
    ] = None,
) -> None:
    import signal
    import threading

    from api import logs
    from api.wiring import check_engine, running

    logs.configure()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with installation() as parvis, running(parvis, queues=check_engine(parvis, queue)):
        stop.wait()


@app.command(help=_("Bring the database up to date."))
def migrate() -> None:
    from api import backups

    settings = settings_now()
    if sentence := backups.half_done(settings):
        raise _Stop(sentence)
    backups.migrate(settings.url)
    print(_("The database is up to date."))


@app.command(help=_("Check everything, and say what is good (✓), to do (→) and wrong (✗: exit 1)."))
def doctor() -> None:
    from api.commands.doctor import examine
    from api.findings import State

    wrong = False
    for line in examine():
        wrong = wrong or line.state is State.WRONG
        print(line.state, _("%(name)s: %(finding)s", name=line.name, finding=line.finding))
    raise typer.Exit(1 if wrong else 0)


@app.command(help=_("Say what disposal will empty next, column by column, in the database; nothing is changed."))
def dispose(
    now: Annotated[bool, typer.Option("--now", help=_("Do it, instead of waiting for the clock."))] = False,
) -> None:
    from api.commands import disposal
    from api.commands.progress import screen

    with installation() as parvis:
        disposal.run(parvis, screen(), now=now)


@app.command(help=_("Write a consistent copy of the database to FILE, while everything runs."))
def backup(
    file: Annotated[Path, typer.Argument()],
    verify: Annotated[
        bool,
        typer.Option("--verify", help=_("Then try to put it back, elsewhere; a FILE that is there is only tried.")),
    ] = False,
) -> None:
    from api import backups
    from models.secrets import Vault

    settings = settings_now()
    if not (verify and file.exists()):
        backups.save(settings, file)
        backups.note(settings)
        print(_("Copied to %(file)s. The secret key is not in it: keep it elsewhere.", file=file))
    if verify:
        print(backups.verify(file, Vault(settings.secrets) if settings.secrets else None))
        print(_("%(file)s can be put back.", file=file))


@app.command(help=_("Carry every row into the empty database at TARGET_URL; every process must be stopped."))
def move(
    target_url: Annotated[str, typer.Argument(help=_("Without its password: PGPASSWORD or ~/.pgpass has that."))],
) -> None:
    from api import backups
    from api.commands.progress import progress, screen
    from api.settings import load

    url = load(database_url=target_url).url
    backups.alone(settings_now())
    with installation() as parvis, progress(screen()) as say:
        held = backups.pour(parvis.database, url, parvis.vault, lambda name, rows: say(f"{name} {rows}"))
    print(held)
    print(_("Moved. Set PARVIS_DATABASE_URL to the new database, start Parvis, and run `parvis doctor`."))


@app.command(help=_("Put the copy in FILE back; every process must be stopped."))
def restore(
    file: Annotated[Path, typer.Argument()],
    force: Annotated[bool, typer.Option("--force", help=_("Replace the database that is there."))] = False,
) -> None:
    from api import backups

    done = backups.put_back(settings_now(), file, force=force)
    print(_("Put back, and brought up to date. Run `parvis doctor`."))
    if done.kept:
        print(_("What was there before is kept in %(file)s.", file=done.kept))
    if done.uncertain:
        print(
            ngettext(
                "%(n)s action may have left since this copy was made: its network is read before it is sent again.",
                "%(n)s actions may have left since this copy was made: their networks are read before any leaves.",
                done.uncertain,
            )
        )


@app.command(help=_("The pretend networks alone, for training and tests."))
def standin(
    port: Annotated[int, typer.Option(help=_("Port on this machine."))] = 8026,
    story: Annotated[Path | None, typer.Option(help=_("File of what citizens write, and when."))] = None,
    city: Annotated[str | None, typer.Option(help=_("Address of Parvis, where webhooks are posted."))] = None,
) -> None:
    from api.settings import PREFIX
    from connectors.standin.registry import settings
    from connectors.standin.server import serve as serve_standin
    from connectors.standin.state import Standin

    state, address = Standin(), f"http://127.0.0.1:{port}"
    for name, value in settings(state, address).items():
        print(f"{PREFIX}{name.upper()}={value}")
    print(_("Pretend networks on %(address)s", address=address), flush=True)
    serve_standin(state, "127.0.0.1", port, story=story, city=city)


@app.command(help=_("Read texts, one a line or JSON Lines with id and text; write JSON Lines."))
def classify(
    file: Annotated[str, typer.Argument(help=_("A file, or - for the standard input."))] = "-",
    form: Annotated[
        str | None,
        typer.Option("--format", help=_("What a line holds, text or jsonl; guessed where every line agrees.")),
    ] = None,
) -> None:
    from api.commands.classify import Format, run

    if form not in (None, *Format):
        raise typer.BadParameter("text, jsonl")
    if not run(_classifier(), file, sys.stdout.buffer, Format(form) if form else None):
        raise typer.Exit(1)


@app.command(help=_("Measure the classifier on FILE (CSV: text,label), with confidence intervals."))
def evaluate(
    file: Path,
    task: Annotated[str, typer.Option(help=_("intention, groupe, urgence, langue, netiquette, or one breach."))],
    against: Annotated[
        str | None, typer.Option(help=_("Another model, side by side on the same rows (as PARVIS_MODEL)."))
    ] = None,
) -> None:
    from api.commands.learning import measure

    try:
        measure(file, task, _classifier(), _classifier(against) if against else None)
    except UnicodeDecodeError as error:
        raise _Stop(_("%(file)s is not a text in UTF-8.", file=file)) from error


@app.command(help=_("Train the classifier again (needs the extra `train`)."))
def train(
    data: Annotated[
        Path | None, typer.Option(help=_("Folder of the public data; without it, the corpus alone."))
    ] = None,
    encoder: Annotated[
        Path | None, typer.Option(help=_("Folder of a taught encoder; without it, the one that ships."))
    ] = None,
    out: Annotated[Path, typer.Option(help=_("Where the model is written."))] = Path("weights"),
    with_decisions: Annotated[
        bool, typer.Option("--with-decisions", help=_("Learn too from what people decided and corrected here."))
    ] = False,
) -> None:
    from api.commands.learning import decided
    from classifiers.training.train import VERSION
    from classifiers.training.train import train as fit

    if not with_decisions:
        fit(data, out, encoder, print)
        return
    with installation() as parvis:
        rows = decided(parvis.database, out)
    fit(data, out, encoder, print, rows, f"{VERSION}+{parvis.clock():%Y%m%d.%H%M}")


@app.command(help=_("Read the accounts now, with progress."))
def pull(account: Annotated[int | None, typer.Option(help=_("Only this account, by its number."))] = None) -> None:
    from api.commands import comments
    from api.commands.progress import screen

    with installation() as parvis:
        fine = comments.pull(parvis, account, screen())
    raise typer.Exit(0 if fine else 1)


@app.command(
    "import", help=_("Store the comments of FILE (CSV or JSON Lines); the same file twice stores nothing twice.")
)
def import_comments(file: Path) -> None:
    from api.commands import comments
    from api.commands.progress import screen

    with installation() as parvis:
        report = comments.import_file(parvis, file, screen())
    raise typer.Exit(1 if report.bad else 0)


@app.command(help=_("Make the campaigns and drafts of FILE (CSV), all of them or none."))
def plan(file: Path, by: Annotated[str, typer.Option(help=_("E-mail of the person in whose name."))]) -> None:
    from api.commands import plan as plans
    from api.commands.progress import screen

    with installation() as parvis:
        kept = plans.take(parvis, file, by, screen())
    raise typer.Exit(0 if kept else 1)


@app.command(help=_("Add streets, parks and buildings from FILE (CSV or GeoJSON of the city’s open data)."))
def gazetteer(file: Path) -> None:
    from administration.gazetteer import read, store

    entries = read(file)
    with installation() as parvis, parvis.database.write() as session:
        new = store(session, entries)
    print(ngettext("%(n)s new place among %(count)s", "%(n)s new places among %(count)s", new, count=len(entries)))


@app.command(help=_("Take the 311 services of SOURCE: a CSV file, or the address of a GeoReport server."))
def services(source: str) -> None:
    from api.commands import services as catalogue
    from api.commands.progress import screen

    with installation() as parvis:
        whole = catalogue.take(parvis, source, screen())
    raise typer.Exit(0 if whole else 1)


@app.command(help=_("A fictional city on pretend networks: the whole product, offline, in one command."))
def demo(
    once: Annotated[bool, typer.Option("--once", help=_("Play the story without a browser, and end."))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_("With --once: print one JSON object."))] = False,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help=_("Port on this machine; without it, the first free one from 8000.")),
    ] = None,
    home: Annotated[Path | None, typer.Option(help=_("Folder to keep; without it, forgotten at the end."))] = None,
) -> None:
    if as_json and not once:
        raise _Stop(_("--json goes with --once."))
    with loading():
        from api.demo.run import run

    raise typer.Exit(run(once=once, as_json=as_json, port=port, home=home))


@user.command("add", help=_("Add a person; prints an invitation link when no password is given."))
def user_add(
    email: str,
    role: Annotated[str, typer.Option(help=_("The role to give."))],
    name: Annotated[str, typer.Option(help=_("The person’s name."))] = "",
    borough: Annotated[list[str] | None, typer.Option(help=_("Code of a borough; the whole city without it."))] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help=_("Read the password on a line."))] = False,
) -> None:
    from api.commands import people

    password = _line() if password_stdin else None
    with installation() as parvis:
        link = people.add_user(parvis, email, role, name=name, boroughs=borough or [], password=password)
    if link:
        print(_("Invitation, good for 7 days and for one use:"))
        print(link)
    else:
        print(_("%(email)s can sign in.", email=email))


@user.command("link", help=_("Print a link with which somebody who lost their password chooses another."))
def user_link(
    email: str,
    forget_second_factor: Annotated[
        bool, typer.Option("--forget-second-factor", help=_("Their telephone is lost too."))
    ] = False,
) -> None:
    from api.commands import people

    with installation() as parvis:
        link = people.link_user(parvis, email, forget_second_factor=forget_second_factor)
    print(_("Link, good once, for a day (an invitation: 7 days):"))
    print(link)


@borough.command("add", help=_("Add a borough, to which accounts and people then belong."))
def borough_add(
    code: Annotated[str, typer.Argument(help=_("What the other commands call it, like vieux-moulin."))],
    name: Annotated[str, typer.Option(help=_("The name that people see."))],
) -> None:
    from administration import people

    with installation() as parvis, parvis.database.write() as session:
        made = people.add_borough(session, code, name, now=parvis.clock()).code
    print(_("%(code)s is a borough of the city.", code=made))


@borough.command("outlines", help=_("Keep the outlines of boroughs from FILE (GeoJSON), for the map of requests."))
def borough_outlines(file: Path) -> None:
    from administration import outlines

    with installation() as parvis, parvis.database.write() as session:
        have, lack = outlines.take(session, file.read_bytes())
    print(ngettext("%(n)s outline kept", "%(n)s outlines kept", len(have)))
    for name in lack:
        print(_("Not in the file: %(name)s", name=name))


@account.command("add", help=_("Connect an account of the city; again, to give it a new token."))
def account_add(
    network: str,
    external_id: str,
    name: Annotated[str, typer.Option(help=_("The name that people see."))],
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help=_("Read the token on a line."))] = False,
    borough: Annotated[str | None, typer.Option(help=_("Code of a borough; the whole city without it."))] = None,
) -> None:
    from api.commands import people
    from connectors.registry import descriptor

    if not token_stdin:
        raise _Stop(_("Give the token on the standard input, with --token-stdin: on the command line others see it."))
    if (caution := descriptor(network).caution) is not None:
        print(_(caution))
    token = _line()
    with installation() as parvis:
        number = people.add_account(parvis, network, external_id, name=name, token=token, borough=borough)
    print(_("Account %(number)s is connected.", number=number))


@key.command("add", help=_("Make an API key; it is shown once, alone on the last line."))
def key_add(
    name: str,
    scope: Annotated[list[str], typer.Option(help=_("What it may read."))],
    expires: Annotated[str | None, typer.Option(metavar="DATE", help=_("Its last day, like 2027-06-30."))] = None,
) -> None:
    from api.commands import people

    with installation() as parvis:
        made = people.add_key(parvis, name, scope, last_day=expires)
    print(_("Keep it now: it is not shown again."))
    print(made)


@key.command("list", help=_("Every API key: name, scopes, end, last use, separated by tabs."))
def key_list() -> None:
    from api.commands import people

    with installation() as parvis:
        for line in people.list_keys(parvis):
            print(line)


@key.command("revoke", help=_("An API key opens nothing any more; its name is free again."))
def key_revoke(name: str) -> None:
    from administration import keys

    with installation() as parvis, parvis.database.write() as session:
        keys.revoke(session, name, by=None, now=parvis.clock())
    print(_("The key %(name)s opens nothing any more.", name=name))


@key.command("rotate", help=_("Close the stored tokens again, with the first key of PARVIS_SECRET_KEY."))
def key_rotate() -> None:
    from api.commands import people

    with installation() as parvis:
        count, journal = people.rotate(parvis)
    print(_("%(count)s stored secrets are closed with the first key.", count=count))
    if journal.broken_at is not None:
        print(_("The journal is broken at entry %(number)s, and keeps its seals.", number=journal.broken_at))
        raise typer.Exit(1)
    if journal.unread:
        print(_("A key that is not at hand sealed the journal, which keeps its seals: put it back, then rotate again."))
        raise typer.Exit(1)
    print(_("The journal is sealed with it again; its head is now %(head)s", head=journal.head))
    print(_("Older keys can be taken away."))


def _classifier(model: str | None = None) -> Classifier:
    from zipfile import BadZipFile

    from api.settings import load
    from classifiers.engine import load as load_model

    model = model or load().model
    try:
        with loading():
            return load_model(model)
    except (BadZipFile, ValueError, KeyError, EOFError, OSError) as error:
        raise _Stop(_("%(file)s does not hold a model.", file=model)) from error


def _line() -> str:
    """One line of the standard input, its end taken off."""
    if sys.stdin.isatty():
        return str(typer.prompt("", hide_input=True, prompt_suffix="> "))
    text = sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise _Stop(_("Nothing came on the standard input."))
    return text


def _fail(sentence: str, code: int) -> NoReturn:
    print(_("%(name)s: %(finding)s", name="parvis", finding=sentence), file=sys.stderr)
    raise SystemExit(code)


def main(arguments: list[str] | None = None) -> Any:
    """The console script. 0: done; 1: done, and something is wrong; 2: it could not be done, in one line."""
    from api.commands import usage

    command = typer.main.get_command(app)
    usage.worded(command)
    try:
        code = command.main(arguments, prog_name="parvis", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except typer.TyperException as error:
        if "\n" not in (said := usage.fault(error)):
            _fail(said, 2)
        print(said, file=sys.stderr)  # The help of a command that needs another word.
        raise SystemExit(2) from None
    except typer.Abort:
        raise SystemExit(130) from None
    except _Stop as error:
        _fail(str(error), 2)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        sys.stderr.close()  # Whoever read our output is gone; Python would complain at the end.
        raise SystemExit(141) from None
    except FileNotFoundError as error:
        _fail(_("There is no file %(file)s.", file=error.filename), 2)
    except OSError as error:
        _fail(f"{error.filename or ''} {error.strerror or error}".strip(), 2)
    except Exception as error:
        sentence = _known(error)
        if sentence is None:
            raise
        _fail(sentence, 2)


def _known(error: Exception) -> str | None:
    """The sentence for an error of ours or of the database; None for a fault, which shows its trace."""
    from sqlalchemy.exc import DBAPIError

    from api.messages import refusal, standing
    from models.errors import FarSideError, NotFound, ParvisError, Refused, WrongDatabase
    from models.secrets import SecretUnreadable

    match error:
        case Refused():
            return refusal(error)
        case NotFound():
            return _("There is no such thing: %(what)s.", what=error)
        case SecretUnreadable():
            return _("No key of PARVIS_SECRET_KEY opens a stored secret: the key that closed it must be in the list.")
        case FarSideError():
            return _("What answers at that address is no such system, or does not answer: %(what)s.", what=error)
        case WrongDatabase():
            return standing(error.standing, _("The database"))
        case ParvisError():
            return str(error)
        case DBAPIError():
            return _("The database refused: %(why)s", why=str(error.orig).strip().split("\n")[0])
    return None
