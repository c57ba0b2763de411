"""What an installation is made of, put together once from the settings."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property, partial

from sqlalchemy import Select, bindparam, select

from administration import directory as directories
from administration import hooks, mailing
from administration.passkeys import Party
from administration.retention import Rule
from api import backups, disks
from api.hour_words import opening
from api.i18n import Dates, _
from api.mail_words import called, handed_over, invited, worded
from api.settings import Settings, SettingsError, by_group, require_secret
from classifiers.base import Classifier, Context
from connectors import desks
from connectors.alerts import Receiver, ReceiverSettings
from connectors.base import AccountRef, Consent, Network, Webhook
from connectors.directories import Directory
from connectors.letters import PostOffice
from connectors.registry import (
    NetworkSettings,
    capabilities,
    consent,
    descriptor,
    desk,
    directory,
    look,
    network,
    news,
    picture,
    post_office,
    receiver,
    webhook,
)
from models import alarms, mail, messages
from models.accounts import Account
from models.channels import Channel
from models.desks import Desk
from models.errors import NotFound, Rejected, TokenInvalid
from models.hooks import Hook
from models.locks import Locks, locks_for
from models.secrets import Vault, fingerprint
from models.session import Database
from models.work import Timing, Work
from moderation.requests import completing, handover, letters, satisfaction
from moderation.triage import away, paging
from moderation.triage.deciding import Terms
from moderation.triage.delivery import effect_handler as moderation_effects
from publishing.album import Album
from publishing.delivery import effect_handler as publishing_effects
from scheduler.clock import Clock as Timepiece
from scheduler.engine import Embedded, Engine
from scheduler.jobs import ALONE, BY_CHANNEL, QUEUES, BackUp, City, handlers, ticks

Clock = Callable[[], datetime]

THREADS = 40
"""How many requests are served at once by one process; the rest wait their turn."""
POOL = THREADS + 16
"""Connections of each kind: every serving thread has one, and so has every thread of the engine."""


def utc_now() -> datetime:
    """The clock of every process but the tests'."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Parvis:
    """One city's installation, as one process holds it."""

    settings: Settings
    vault: Vault
    database: Database
    locks: Locks
    clock: Clock
    networks: NetworkSettings

    @cached_property
    def classifier(self) -> Classifier:
        """The engine that reads comments; loaded at its first use, because most processes never need it."""
        from classifiers.engine import load  # noqa: PLC0415

        return load(self.settings.model)

    @cached_property
    def directory(self) -> Directory | None:
        """The city's directory of people, kept with what it says of itself; None: people sign in here alone."""
        return directory(self.settings.directory) if self.settings.directory is not None else None

    @property
    def party(self) -> Party | None:
        """Whom passkeys answer to; None: people reach us at a number, and keys answer to names alone."""
        host = self.settings.named_host
        return Party(host, self.settings.base_url) if host is not None else None

    @property
    def directory_terms(self) -> directories.Terms:
        """How this city takes whoever its directory names."""
        given = self.settings
        roles = tuple(directories.GroupRole(*one) for one in by_group(given.oidc_roles))
        return directories.Terms(roles, given.oidc_by_email, adds=given.oidc_unknown == "add")

    def network_of(self, account_id: int) -> Network:
        """The network of one account, its token opened. The session is closed before anything is called.

        NotFound: no such account, or no connector for its network. SecretUnreadable: no key at hand opens the token.
        """
        with self.database.read() as session:
            row = session.execute(_of_account(), {"account_id": account_id}).one_or_none()
        if row is None:
            raise NotFound(f"account {account_id}")
        return self.network_with(self._reference(*row))

    def network_with(self, reference: AccountRef) -> Network:
        """The network of an account with a token that may not be stored yet."""
        return network(self.networks, reference)

    def reference(self, account: Account) -> AccountRef:
        """An account as connectors know it. SecretUnreadable: no key at hand opens its token."""
        return self._reference(account.network, account.external_id, account.token_closed)

    def _reference(self, network: str, external_id: str, token_closed: str) -> AccountRef:
        return AccountRef(network, external_id, self.vault.open(token_closed))

    def desk_of(self, desk_id: int) -> desks.Desk:
        """The outside 311 of an id. TokenInvalid: the settings name another one, or none any more."""
        with self.database.read() as session:
            url = session.get_one(Desk, desk_id).url
        if self.settings.desk is None or self.settings.desk.url != url:
            raise TokenInvalid("desk_unset")
        return desk(self.settings.desk)

    def post_office_of(self, server_id: int) -> PostOffice:
        """The mail server of an id. Rejected: the settings name another one by now."""
        with self.database.read() as session:
            address = session.get_one(mail.MailServer, server_id).address
        if self.settings.mail is None or self.settings.mail.address != address:
            raise Rejected("mail_unset")
        return post_office(self.settings.mail)

    def pager_of(self, pager_id: int) -> Receiver:
        """The city's pager of an id. Rejected: the settings name another one by now."""
        with self.database.read() as session:
            address = session.get_one(alarms.Pager, pager_id).address
        if self.settings.pager is None or self.settings.pager.url != address:
            raise Rejected("pager_unset")
        return receiver(self.settings.pager)

    def hook_of(self, hook_id: int) -> Receiver:
        """The program of an id that is told what happens. Rejected: it is told nothing any more."""
        with self.database.read() as session:
            hook = session.get_one(Hook, hook_id)
        if hook.removed_at is not None:
            raise Rejected("hook_removed")
        return receiver(ReceiverSettings(hook.address, self.vault.open(hook.secret_closed)))

    def consent_of(self, name: str) -> Consent:
        """How accounts of a network are connected. NotFound: it has no dialog, or its application is not configured."""
        return consent(self.networks, name)

    def webhook_of(self, name: str) -> Webhook:
        """What understands the bodies that a network posts."""
        return webhook(self.networks, name)

    @property
    def album(self) -> Album:
        """The pictures and films of the library, as networks get them."""
        base = self.settings.base_url
        return Album(self.database, self.clock, lambda name: f"{base}/medias/publiques/{name}")

    @cached_property
    def work(self) -> Work:
        """The outbox, with both trades; every process that shares the database may have one."""
        return Work(
            self.database,
            self.locks,
            [
                moderation_effects(self.network_of),
                publishing_effects(self.network_of, self.album),
                handover.effect_handler(self.database, self.desk_of),
                mailing.effect_handler(
                    self.database,
                    self.post_office_of,
                    partial(worded, self.settings.base_url),
                    partial(invited, self.settings.base_url, Dates(self.settings.zone)),
                ),
                paging.effect_handler(
                    self.database, self.pager_of, called, lambda one: f"{self.settings.base_url}/commentaires/{one}"
                ),
                hooks.effect_handler(self.database, self.hook_of, self.settings.base_url),
                letters.effect_handler(
                    self.database,
                    self.post_office_of,
                    partial(handed_over, self.settings.base_url, Dates(self.settings.zone)),
                ),
            ],
            owner=f"{socket.gethostname()}:{os.getpid()}"[:60],
            clock=self.clock,
            timing_of=self._timing,
        )

    def _timing(self, channel: Channel) -> Timing:
        """How patient to be with a channel: its network's own lag, what the city sets, and what was seen of it."""
        if isinstance(channel, alarms.Pager | Hook):
            return Timing(settle=timedelta(seconds=5), reads=1)
        if isinstance(channel, Desk):
            return Timing(settle=desks.SETTLE, between_reads=desks.SETTLE, patience=desks.PATIENCE)
        name = channel.network if isinstance(channel, Account) else ""
        network = descriptor(name) if name else None

        def of(setting: str, usual: float) -> float:
            given = self.settings.of_network(setting, name)
            return usual if given is None else given

        settle = timedelta(seconds=of("settle_seconds", network.settle.total_seconds() if network else 15))
        patience = timedelta(seconds=of("patience_seconds", network.patience.total_seconds() if network else 0))
        seen = timedelta(seconds=4 * (channel.lag_seconds or 0))
        return Timing(
            settle=settle,
            between_reads=settle,
            reads=int(of("reads", network.reads if network else 3)),
            patience=max(patience, seen),
        )

    @property
    def terms(self) -> Terms:
        """How this city decides."""
        undo = timedelta(seconds=self.settings.undo_seconds)
        return Terms(
            undo,
            self.settings.request_prefix,
            capabilities,
            hands_over=self.settings.desk is not None,
            zone=self.settings.zone,
            links=completing.Links(self.settings.base_url, self.settings.form_url),
            spacing=timedelta(seconds=self.settings.spacing_seconds),
        )

    @property
    def _given_desk(self) -> handover.Given | None:
        given = self.settings.desk
        return None if given is None else handover.Given(given.url, fingerprint(given.key) if given.key else None)

    @property
    def _backing_up(self) -> BackUp | None:
        if self.settings.backup_folder is None:
            return None
        return BackUp(timedelta(hours=self.settings.backup_hours), partial(backups.keep_due, self.settings, self.vault))

    @property
    def _sampling(self) -> satisfaction.Sampling | None:
        percent = self.settings.satisfaction_percent
        return satisfaction.Sampling(percent, self.settings.base_url, capabilities) if percent else None

    @property
    def city(self) -> City:
        """What the automatic jobs work with."""
        return City(
            database=self.database,
            locks=self.locks,
            work=self.work,
            classifier=lambda: self.classifier,
            context=Context(),
            network_of=self.network_of,
            network_with=self.network_with,
            consent_of=self.consent_of,
            webhook_of=self.webhook_of,
            desk_of=self.desk_of,
            desk=self._given_desk,
            undo=self.terms.undo,
            picture_of=partial(picture, self.networks),
            album=self.album,
            clock=self.clock,
            pull_every=timedelta(seconds=self.settings.pull_seconds),
            zone=self.settings.zone,
            news=self.settings.news_url,
            read_news=news,
            look_at=look if self.settings.look_at_links == "on" else None,
            danger=timedelta(minutes=self.settings.danger_minutes),
            mail=self.settings.mail.address if self.settings.mail is not None else None,
            pager=self.settings.pager.url if self.settings.pager is not None else None,
            voice=away.Voice(capabilities, lambda schedule, language, now: opening(schedule, language, now=now)),
            survey=self._sampling,
            kept=Rule(unread=self.settings.unread_days, comments=self.settings.comment_days),
            back_up=self._backing_up,
            roomy=partial(disks.roomy, self.settings),
        )

    def close(self) -> None:
        """Give every connection back."""
        self.database.close()


@cache
def _of_account() -> Select[str, str, str]:
    # Asked before each act: to make a statement takes longer than to have it executed.
    columns = Account.network, Account.external_id, Account.token_closed
    return select(*columns).where(Account.id == bindparam("account_id"))


def build(settings: Settings, *, clock: Clock = utc_now) -> Parvis:
    """Put an installation together. Nothing is read or called yet; SettingsError when a key is missing."""
    vault = Vault(require_secret(settings))
    # Names and texts of citizens are in it.
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.url, vault, pool_size=POOL)
    return Parvis(
        settings=settings,
        vault=vault,
        database=database,
        locks=locks_for(database, settings.home),
        clock=clock,
        networks=settings.networks,
    )


def check_engine(parvis: Parvis, queues: Sequence[str] | None = None) -> list[str]:
    """The queues that a worker is asked to take, all of them where it is not said. SettingsError: there is none of that
    name, or the engine of the settings has none, or lacks what it needs in the database.
    """
    if unknown := sorted(set(queues or ()).difference(QUEUES)):
        there = ", ".join(QUEUES)
        raise SettingsError(_("There is no queue %(name)s; there are %(names)s.", name=unknown[0], names=there))
    if queues and parvis.settings.engine != "distributed":
        raise SettingsError(_("--queue goes with PARVIS_ENGINE=distributed."))
    with parvis.database.read() as session:
        if parvis.settings.engine == "distributed" and not messages.installed(session):
            raise SettingsError(_("The engine “distributed” lacks its tables: run `parvis migrate`."))
    return list(dict.fromkeys(queues or QUEUES))


@contextmanager
def running(parvis: Parvis, *, queues: Collection[str] = ()) -> Iterator[Timepiece]:
    """All that happens by itself runs in this process for the block. Of the distributed engine that is the clock, and
    the messages of some `queues`.
    """
    apart = parvis.settings.engine == "distributed"
    city = replace(parvis.city, apart=apart)
    engine: Engine
    if apart:
        from scheduler.distributed import Distributed  # noqa: PLC0415  # Most installations never need it.

        engine = Distributed(handlers(city), parvis.database, QUEUES, taking=queues, by_channel=BY_CHANNEL, alone=ALONE)
    else:
        engine = Embedded(handlers(city), alone=ALONE)
    timepiece = Timepiece(ticks(city, engine), parvis.locks)
    engine.start()
    timepiece.start()
    try:
        yield timepiece
    finally:
        city.draining.set()
        timepiece.stop()
        engine.stop()
