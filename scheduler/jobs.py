"""All that happens by itself, on one page. Each job finds its own rows; the engine carries the ids of those that call
out, so that a slow network keeps nobody waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol
from zoneinfo import ZoneInfo

from administration import alerts, hooks, mailing, retention, tokens
from classifiers.base import Classifier, Context
from connectors.base import AccountRef, Consent, Network, Webhook
from connectors.desks import Desk
from connectors.feeds import ReadNews
from connectors.sights import LookAt
from models import audit, channels
from models.locks import Locks
from models.mail import MailServer
from models.session import Database
from models.vocabulary import OperationKind
from models.work import Work
from moderation import clocks
from moderation.intake import conversing, deliveries, fetching, measuring, pulling, recheck
from moderation.learning import labels
from moderation.requests import following, handover, outcome, satisfaction
from moderation.triage import away, classification, incidents, oncall, paging, shifts
from publishing import links, news, occurrences, preparing, telling
from publishing.album import Album
from scheduler.clock import Tick
from scheduler.engine import THREADS, Engine, Handler

ALONE = frozenset({"classify", "reclassify", "explain"})
"""Handlers of which a process runs one at a time: a model keeps a core busy. More is read by more processes."""
QUEUES = {
    "publish": ("publish",),
    "act": ("deliver", "reconcile"),
    "pull": ("pull", "converse", "recheck", "fetch"),
    "classify": ("classify", "explain", "reclassify"),
    "rest": ("prepare", "check", "follow", "measure", "mark", "news", "look"),
}
"""Where workers of the distributed engine find what handlers are to do, the most urgent first."""
BY_CHANNEL = frozenset({"pull", "converse", "recheck", "fetch", "check", "follow", "measure", "mark"})
"""Handlers that read about one channel: all of them together are one at a time for it, on all machines."""
PROMPT = frozenset({OperationKind.PUBLISH, OperationKind.EDIT_POST, OperationKind.DELETE_POST, OperationKind.ALERT})
ACTS = frozenset(OperationKind) - PROMPT
"""What is published leaves to the minute, and a danger is told at once: with the distributed engine, neither waits
behind answers.
"""


class MakeDue(Protocol):
    """Makes the copy of the database that is due, if one is."""

    def __call__(self, *, now: datetime) -> object: ...


@dataclass(frozen=True)
class BackUp:
    """Copies that are made by themselves."""

    every: timedelta
    make_due: MakeDue


@dataclass(frozen=True)
class City:
    """What the jobs of one installation work with."""

    database: Database
    locks: Locks
    work: Work
    classifier: Callable[[], Classifier]
    """Loaded at its first use: a web process that reads no comments does not pay for a model."""
    context: Context
    network_of: Callable[[int], Network]
    network_with: Callable[[AccountRef], Network]
    """With a token that may not be stored yet."""
    consent_of: Callable[[str], Consent]
    """NotFound: that network has no dialog, or is not configured."""
    webhook_of: Callable[[str], Webhook]
    picture_of: Callable[[str, str], bytes]
    """A small picture, from the name of a network and an address there."""
    album: Album
    """The pictures and films of the library, as networks get them."""
    clock: Callable[[], datetime]
    pull_every: timedelta
    kept: retention.Rule
    desk_of: Callable[[int], Desk]
    """TokenInvalid: that outside 311 is not the settings' one any more."""
    desk: handover.Given | None
    """The outside 311 that takes the city's requests; None: there is none."""
    undo: timedelta
    """How long a decision can be taken back without a trace."""
    zone: ZoneInfo
    """Of the city: its recurring files come by its clocks."""
    news: str | None
    """Address of the city's own news; None: none is read."""
    read_news: ReadNews
    danger: timedelta
    """How long whoever is on call has to answer before the next one is told."""
    mail: str | None
    """The mail server that carries notices; None: there is none."""
    look_at: LookAt | None = None
    """What looks at the pages that posts link to; None: nothing does."""
    pager: str | None = None
    """Where the city's pager takes alerts; None: it has none."""
    voice: away.Voice | None = None
    """What tells citizens that the service is closed, where the city has adopted it; None: nothing does."""
    survey: satisfaction.Sampling | None = None
    """Who is asked how their request was dealt with; None: nobody."""
    back_up: BackUp | None = None
    """How copies of the database are made; None: the operator makes them."""
    roomy: alerts.Roomy = lambda: True
    """Whether this machine's disks have room."""
    apart: bool = False
    """Whether other processes handle what the ticks here find: then nothing is claimed for this one."""
    draining: threading.Event = field(default_factory=threading.Event)
    """Set when the process ends: what is in hand is finished, and no more is taken."""


def handlers(city: City) -> dict[str, Handler]:  # noqa: C901 - a list of short jobs, kept on one page
    """What the engine carries ids to."""

    def pull(account_id: int) -> None:
        pulling.pull(city.database, city.locks, city.network_of, account_id, clock=city.clock, every=city.pull_every)

    def converse(account_id: int) -> None:
        conversing.converse(
            city.database, city.locks, city.network_of, account_id, clock=city.clock, every=city.pull_every
        )

    def probe(account_id: int) -> None:
        recheck.recheck(city.database, city.locks, city.network_of, account_id, clock=city.clock)

    def check(account_id: int) -> None:
        tokens.check(city.database, city.locks, city.network_with, city.consent_of, account_id, clock=city.clock)

    def measure(account_id: int) -> None:
        measuring.measure(city.database, city.locks, city.network_of, account_id, clock=city.clock)

    def mark(account_id: int) -> None:
        measuring.mark(city.database, city.locks, city.network_of, account_id, clock=city.clock)

    def read_news(_feed_id: int) -> None:
        if city.news is not None:
            news.read(city.database, city.locks, city.read_news, city.news, clock=city.clock)

    def look(link_id: int) -> None:
        if city.look_at is not None:
            links.look(city.database, city.locks, city.look_at, link_id, clock=city.clock)

    def prepare(account_id: int) -> None:
        preparing.prepare(city.database, city.locks, city.network_of, city.album, account_id, clock=city.clock)

    def fetch(account_id: int) -> None:
        fetching.fetch(city.database, city.locks, city.picture_of, account_id, clock=city.clock)

    def follow(desk_id: int) -> None:
        following.follow(city.database, city.locks, city.desk_of, desk_id, clock=city.clock)

    verdicts_alone = replace(city.context, reasons=False)

    def classify(item_id: int) -> None:
        classification.classify_due(city.database, city.classifier(), verdicts_alone, now=city.clock(), first=item_id)

    def reclassify(item_id: int) -> None:
        classification.reclassify_due(city.database, city.classifier(), verdicts_alone, now=city.clock(), first=item_id)

    def explain(item_id: int) -> None:
        classification.explain_due(city.database, city.classifier(), city.context, now=city.clock(), first=item_id)

    def deliver(effect_id: int, of: frozenset[OperationKind] | None) -> None:
        city.work.deliver(effect_id)
        # And whatever else is due by now, until nothing is. What must leave slowly waits for its tick.
        while not city.draining.is_set() and (following := city.work.claim(calm=True, of=of)):
            while following and not city.draining.is_set():
                city.work.deliver(following.pop(0))
            if following:
                city.work.give_back(following)

    return {
        "classify": classify,
        "reclassify": reclassify,
        "explain": explain,
        "publish": partial(deliver, of=PROMPT),
        "deliver": partial(deliver, of=ACTS if city.apart else None),
        "prepare": prepare,
        "reconcile": city.work.reconcile,
        "pull": pull,
        "converse": converse,
        "recheck": probe,
        "check": check,
        "measure": measure,
        "mark": mark,
        "news": read_news,
        "look": look,
        "fetch": fetch,
        "follow": follow,
    }


def ticks(city: City, engine: Engine) -> list[Tick]:  # noqa: C901, PLR0915 - a list of short jobs, kept on one page
    """Every automatic job, how often it looks, and what it looks for."""

    def parse() -> None:
        while not city.draining.is_set() and deliveries.parse_due(city.database, city.webhook_of, now=city.clock()):
            pass

    def reclassify() -> None:
        with city.database.read() as session:
            if not classification.any_waits(session):
                return
        model = city.classifier().version
        carry("reclassify", partial(classification.batches_to_reclassify, model=model))()

    def calibrate() -> None:
        labels.calibrate_due(city.database, city.locks, now=city.clock())

    def carry(handler: str, due: Callable[..., list[int]]) -> Callable[[], None]:
        def send_due() -> None:
            with city.database.read() as session:
                waiting = due(session, now=city.clock())
            for row_id in waiting:
                engine.send(handler, row_id)

        return send_due

    def deliver() -> None:
        if not city.apart:
            for effect_id in city.work.claim(limit=THREADS):
                engine.send("deliver", effect_id)
            return
        # Whoever is told of the first few goes on by itself: more messages would only be more to carry.
        for handler, of in (("publish", PROMPT), ("deliver", ACTS)):
            for effect_id in city.work.due(limit=THREADS, of=of):
                engine.send(handler, effect_id)

    def reconcile() -> None:
        for effect_id in city.work.uncertain():
            engine.send("reconcile", effect_id)

    def hand_over() -> None:
        with city.database.read() as session:
            if not handover.waits(session) and (city.desk is None or not handover.desk_changed(session, city.desk)):
                return
        with city.database.write() as session:
            now = city.clock()
            desk_id = None if city.desk is None else handover.keep_desk(session, city.desk, now=now)
            mail_id = None if city.mail is None else channels.at_address(session, MailServer, city.mail, now=now)
            handover.hand_over_due(session, desk_id, mail_id=mail_id, now=now, undo=city.undo)

    def reopen() -> None:
        with city.database.read() as session:
            if not outcome.said_unsolved(session):
                return
        outcome.reopen_due(city.database, now=city.clock())

    def ask_how_it_went() -> None:
        if city.survey is not None:
            satisfaction.ask_due(city.database, city.survey, now=city.clock())

    def gather() -> None:
        with city.database.read() as session:
            if not incidents.waits(session):
                return
        while incidents.gather_due(city.database, now=city.clock()) == incidents.AT_ONCE:
            if city.draining.is_set():
                return

    def end_events() -> None:
        incidents.close_due(city.database, now=city.clock())

    def seal() -> None:
        with city.database.read() as session:
            waiting = audit.unsealed(session)
        if waiting:
            with city.database.write() as session:
                audit.seal_due(session)

    def forget() -> None:
        with city.database.write() as session:
            retention.forget_raw_due(session, city.kept, now=city.clock())
            shifts.forget_due(session, now=city.clock())
            links.forget_due(session, now=city.clock())

    def remind() -> None:
        telling.remind_due(city.database, city.zone, now=city.clock())

    def wind() -> None:
        clocks.wind_due(city.database, city.zone, now=city.clock())

    def tell_away() -> None:
        if city.voice is not None:
            away.tell_due(city.database, city.zone, city.voice, now=city.clock())

    def call() -> None:
        oncall.call_due(city.database, city.danger, now=city.clock())
        paging.owe_due(city.database, city.pager, now=city.clock())

    def announce() -> None:
        hooks.announce_due(city.database, now=city.clock())

    def write_letters() -> None:
        mailing.owe_due(city.database, city.mail, city.zone, now=city.clock())

    def come_back() -> None:
        occurrences.make_due(city.database, city.zone, now=city.clock())

    def back_up() -> None:
        if city.back_up is not None:
            city.back_up.make_due(now=city.clock())

    def alert() -> None:
        every = city.back_up.every if city.back_up is not None else None
        alerts.warn_due(city.database, city.zone, roomy=city.roomy, copied_every=every, now=city.clock())

    def dispose() -> None:
        retention.dispose_due(city.database, city.kept, now=city.clock())

    return [
        Tick("parse", timedelta(seconds=1), parse),
        Tick("classify", timedelta(seconds=1), carry("classify", classification.batches_to_classify)),
        Tick("explain", timedelta(seconds=1), carry("explain", classification.batches_to_explain)),
        Tick("reclassify", timedelta(minutes=10), reclassify),
        Tick("calibrate", timedelta(hours=1), calibrate),
        Tick("deliver", timedelta(seconds=0.5), deliver),
        Tick("prepare", timedelta(seconds=5), carry("prepare", preparing.accounts_to_prepare)),
        Tick("reconcile", timedelta(seconds=2), reconcile),
        Tick("pull", timedelta(seconds=5), carry("pull", pulling.accounts_to_pull)),
        Tick("converse", timedelta(seconds=5), carry("converse", conversing.accounts_to_converse)),
        Tick("fetch", timedelta(seconds=5), carry("fetch", fetching.accounts_to_fetch)),
        Tick("recheck", timedelta(seconds=30), carry("recheck", recheck.accounts_to_recheck)),
        Tick("check", timedelta(minutes=1), carry("check", tokens.accounts_to_check)),
        Tick("measure", timedelta(hours=1), carry("measure", measuring.accounts_to_measure)),
        Tick("hand_over", timedelta(seconds=2), hand_over),
        Tick("follow", timedelta(seconds=10), carry("follow", following.desks_to_follow)),
        Tick("reopen", timedelta(seconds=5), reopen),
        Tick("survey", timedelta(minutes=5), ask_how_it_went),
        Tick("gather", timedelta(seconds=5), gather),
        Tick("end_events", timedelta(seconds=15), end_events),
        Tick("mark", timedelta(minutes=5), carry("mark", measuring.accounts_to_mark)),
        Tick("news", timedelta(minutes=1), carry("news", partial(news.feeds_to_read, address=city.news))),
        Tick("look", timedelta(seconds=1), carry("look", links.links_to_look)),
        Tick("seal", timedelta(seconds=5), seal),
        Tick("remind", timedelta(minutes=1), remind),
        Tick("wind", timedelta(seconds=5), wind),
        Tick("call", timedelta(seconds=5), call),
        Tick("away", timedelta(seconds=10), tell_away),
        Tick("announce", timedelta(seconds=5), announce),
        Tick("write_letters", timedelta(seconds=10), write_letters),
        Tick("come_back", timedelta(minutes=5), come_back),
        Tick("forget", timedelta(hours=1), forget),
        Tick("dispose", timedelta(hours=6), dispose),
        Tick("back_up", timedelta(minutes=10), back_up),
        Tick("alert", timedelta(minutes=1), alert),
    ]
