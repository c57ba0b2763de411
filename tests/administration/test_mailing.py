"""Notices by e-mail: as each person chose, once at most, and never with words of anybody."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, select

from administration import mailing
from api.i18n import Dates
from api.mail_words import invited, worded
from connectors.letters import MailSettings
from connectors.mail.server import MailServer
from models import notices
from models.effects import Effect
from models.locks import locks_for
from models.mail import MailServer as Kept
from models.notices import Notice
from models.people import Membership, Person
from models.posts import Post
from models.requests311 import Service, ServiceRequest
from models.session import Database
from models.vocabulary import EffectState, MailChoice, NoticeKind, Outcome, PostState, Role
from models.work import Timing, Work
from tests.city import City as AnyCity
from tests.city import Clock
from tests.mailserver import PretendMail, pretend_mail

ZONE = ZoneInfo("America/Toronto")
BASE = "https://parvis.ville.example"


@dataclass(kw_only=True)
class City(AnyCity):
    """People who are told things, and the server that their letters go to."""

    mail: PretendMail
    folder: Path
    posts: list[int]

    def work(self, owner: str = "the test") -> Work:
        given = MailSettings("127.0.0.1", self.mail.port, "parvis@ville.example", here=True)
        handler = mailing.effect_handler(
            self.database, lambda _: MailServer(given), partial(worded, BASE), partial(invited, BASE, Dates(ZONE))
        )
        told = {"owner": owner, "clock": self.clock, "timing_of": lambda _: Timing()}
        return Work(self.database, locks_for(self.database, self.folder), [handler], **told)

    def tell(self, *names: str, kind: NoticeKind = NoticeKind.APPROVAL_ASKED, post: int = 0) -> None:
        people = [self.people[name].person_id or 0 for name in names]
        key = f"{kind}:{post}:{self.now}"
        with self.database.write() as session:
            notices.tell(session, kind, people, key=key, by_id=None, post_id=self.posts[post], now=self.now)

    def choose(self, name: str, choice: MailChoice) -> None:
        with self.database.write() as session:
            session.get_one(Person, self.people[name].person_id).mail = choice

    def owe(self) -> int:
        return mailing.owe_due(self.database, f"127.0.0.1:{self.mail.port}", ZONE, now=self.now)

    def leave(self) -> None:
        worker = self.work()
        for effect_id in worker.due():
            worker.deliver(effect_id)

    def pass_(self, **duration: float) -> None:
        """Time passes, and what is due leaves."""
        self.clock.pass_(**duration)
        self.owe()
        self.leave()

    def received(self) -> Counter[str]:
        return Counter(str(one["To"]) for one in self.mail.letters)

    def effects(self) -> list[Effect]:
        with self.database.read() as session:
            return list(session.scalars(select(Effect).order_by(Effect.id)))


@pytest.fixture
def city(database: Database, clock: Clock, tmp_path: Path) -> Iterator[City]:
    with pretend_mail() as mail:
        city = City(database=database, clock=clock, mail=mail, folder=tmp_path, posts=[])
        with city.write() as session:
            for name in ("Gilles", "Odile", "Réjean"):
                city.hire(name, Role.APPROVER)
            for title in ("Secret d’un citoyen", "Un autre"):
                post = Post(title=title, state=PostState.SUBMITTED, author_id=city.people["Odile"].person_id)
                post.created_at = city.now
                session.add(post)
                session.flush()
                city.posts.append(post.id)
        yield city


GILLES, ODILE = "gilles@ville.example", "odile@ville.example"


def test_a_notice_that_is_not_seen_becomes_a_letter_with_a_link_and_nothing_else(city):
    city.tell("Gilles")
    city.pass_(seconds=60)
    assert city.received() == {}, "its reader may be about to see it"
    city.pass_(seconds=60)
    city.pass_(hours=1)
    assert city.received() == {GILLES: 1}
    (letter,) = city.mail.letters
    assert letter["Subject"] == "Parvis\N{NO-BREAK SPACE}: Une publication attend votre approbation"
    text = letter.get_content()
    assert f"{BASE}/publications/{city.posts[0]}" in text
    assert "Secret" not in text
    (effect,) = city.effects()
    assert (effect.state, set(effect.payload)) == (EffectState.DONE, {"person_id", "notices"})


def test_whoever_is_given_a_request_gets_a_letter_that_leads_to_it(city):
    city.hire("Aline", Role.AGENT311)
    with city.database.write() as session:
        session.add(Service(code="nids", name="Nids-de-poule", group="chaussee_trottoir", days=5))
        session.flush()
        row = ServiceRequest(number="LEV-2026-000007", service_code="nids", opened_at=city.now, due_at=city.now)
        session.add(row)
        session.flush()
        told = [city.people[name].person_id or 0 for name in ("Aline", "Gilles")]
        kind = NoticeKind.REQUEST_ASSIGNED
        notices.tell(session, kind, told, key="request:1:2", by_id=None, request_id=row.id, now=city.now)
    city.pass_(minutes=3)
    (letter,) = city.mail.letters  # Who may not see it gets none.
    assert letter["To"] == "aline@ville.example"
    assert f"{BASE}/requetes/LEV-2026-000007" in letter.get_content()


def test_whoever_is_on_call_hears_of_a_danger_at_once_whatever_they_chose(city):
    city.choose("Gilles", MailChoice.NONE)
    city.choose("Odile", MailChoice.DIGEST)
    city.tell("Gilles", "Odile", kind=NoticeKind.APPROVAL_ASKED)
    city.tell("Gilles", "Odile", kind=NoticeKind.DANGER, post=1)
    city.pass_(seconds=5)
    assert city.received() == {GILLES: 1, ODILE: 1}
    for letter in city.mail.letters:
        assert letter["Subject"] == "Parvis\N{NO-BREAK SPACE}: Danger immédiat\N{NO-BREAK SPACE}: vous êtes de garde"


def test_what_was_seen_meanwhile_is_not_told_again(city):
    city.tell("Gilles", "Odile")
    with city.database.write() as session:
        notices.see(session, city.people["Gilles"].person_id, now=city.now)
    city.pass_(minutes=5)
    assert city.received() == {ODILE: 1}
    # Owed already, and seen before it left.
    city.tell("Gilles", post=1)
    city.clock.pass_(minutes=3)
    assert city.owe() == 1
    with city.database.write() as session:
        notices.see(session, city.people["Gilles"].person_id, now=city.now)
    city.leave()
    assert city.received() == {ODILE: 1}
    assert city.effects()[-1].outcome == Outcome.GONE


def test_several_at_once_are_one_letter(city):
    city.tell("Gilles")
    city.tell("Gilles", kind=NoticeKind.APPROVED, post=1)
    city.tell("Gilles", kind=NoticeKind.APPROVED, post=1)
    city.pass_(minutes=3)
    (letter,) = city.mail.letters
    assert "2 avis" in letter["Subject"]
    assert letter.get_content().count(BASE) == 4, "each thing, all notices, and where one chooses"


def test_each_digest_or_none_as_each_person_chose(city):
    city.choose("Odile", MailChoice.DIGEST)
    city.choose("Réjean", MailChoice.NONE)
    city.tell("Gilles", "Odile", "Réjean")  # It is nine in the morning.
    with city.database.write() as session:
        session.get_one(Person, city.people["Odile"].person_id).digest_on = city.now.date()
    city.pass_(minutes=5)
    assert city.received() == {GILLES: 1}
    city.tell("Odile", post=1)
    city.pass_(hours=21)
    assert city.received() == {GILLES: 1}, "it is five past six"
    city.pass_(hours=2)
    city.pass_(hours=2)
    assert city.received() == {GILLES: 1, ODILE: 1}
    assert "2 avis" in city.mail.letters[-1]["Subject"]
    # What presses is held back by no digest, but by who wants no letters.
    city.tell("Odile", "Réjean", kind=NoticeKind.APPROVAL_NEAR)
    city.pass_(minutes=5)
    assert city.received() == {GILLES: 1, ODILE: 2}


def test_what_is_old_is_no_news_and_without_a_server_nothing_is_owed(city):
    city.tell("Gilles")
    city.clock.pass_(days=5)
    assert city.owe() == 0
    city.tell("Gilles", post=1)
    city.clock.pass_(minutes=5)
    assert mailing.owe_due(city.database, None, ZONE, now=city.now) == 0
    assert city.owe() == 1
    assert city.owe() == 0


def test_workers_at_once_send_one_letter(city):
    city.tell("Gilles", "Odile")
    city.clock.pass_(minutes=3)
    workers = [threading.Thread(target=city.owe) for _ in range(3)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert len(city.effects()) == 2

    def drain(owner: str) -> None:
        worker = city.work(owner)
        for effect_id in worker.due():
            worker.deliver(effect_id)

    workers = [threading.Thread(target=drain, args=(f"worker {one}",)) for one in range(3)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert city.received() == {GILLES: 1, ODILE: 1}


def test_a_lost_answer_is_never_sent_again_blindly(city):
    city.tell("Gilles")
    city.mail.drops = "words"
    city.pass_(minutes=3)
    assert city.received() == {GILLES: 1}
    city.mail.drops = None
    worker = city.work()
    for _ in range(5):
        city.pass_(minutes=10)
        for effect_id in worker.uncertain():
            worker.reconcile(effect_id)
    assert city.received() == {GILLES: 1}
    (effect,) = city.effects()
    assert (effect.state, effect.outcome) == (EffectState.FAILED, Outcome.GONE)
    with city.database.read() as session:
        assert session.scalars(select(Notice.seen_at)).all() == [None], "the notice stands on its page"


def test_a_worker_that_died_while_sending_leaves_no_letter_stuck(city):
    city.tell("Gilles")
    city.clock.pass_(minutes=3)
    city.owe()
    worker = city.work("dies")
    (effect_id,) = worker.due()
    assert worker._begin(effect_id) is not None
    city.clock.pass_(minutes=5)
    other = city.work("other")
    for _ in range(3):
        for one in other.uncertain():
            other.reconcile(one)
        city.clock.pass_(minutes=5)
    assert city.effects()[0].state == EffectState.FAILED
    assert city.received() == {}


def test_what_certainly_did_not_leave_is_tried_again_and_what_is_refused_is_not(city):
    city.tell("Gilles")
    city.mail.says["RCPT"] = [b"450 busy"]
    city.pass_(minutes=3)
    assert city.received() == {}
    with city.database.read() as session:
        (server,) = session.scalars(select(Kept)).all()
        assert (server.failing, server.address) == ("450", f"127.0.0.1:{city.mail.port}")
    city.pass_(minutes=5)
    assert city.received() == {GILLES: 1}
    with city.database.read() as session:
        assert session.scalars(select(Kept)).one().failing is None
    city.tell("Odile")
    city.mail.says["RCPT"] = [b"550 nobody"]
    city.pass_(minutes=3)
    city.pass_(hours=1)
    assert city.received() == {GILLES: 1}
    assert (city.effects()[-1].outcome, city.effects()[-1].detail) == (Outcome.REJECTED, "550")


def test_after_a_day_without_a_server_a_letter_is_no_news(city):
    city.tell("Gilles")
    city.mail.drops = "EHLO"
    city.pass_(minutes=3)
    city.mail.drops = None
    city.clock.pass_(days=1, minutes=5)
    city.leave()
    assert city.received() == {}
    assert city.effects()[0].outcome == Outcome.LATE


def test_who_does_not_work_here_or_may_not_see_it_any_more_gets_nothing(city):
    city.tell("Gilles", "Odile")
    city.clock.pass_(minutes=3)
    assert city.owe() == 2
    with city.database.write() as session:
        session.get_one(Person, city.people["Gilles"].person_id).active = False
        session.execute(delete(Membership).where(Membership.person_id == city.people["Odile"].person_id))
    city.leave()
    assert city.received() == {}
