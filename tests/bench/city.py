"""A made-up city for the benches: French comments of realistic length, and a hundred thousand of them in seconds."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, update

from api.wiring import Parvis
from models import search
from models.accounts import Account
from models.comments import Author, Comment, CommentVersion, SourcePost, VerdictRow
from models.items import Item
from models.people import Membership, Person, SignIn
from models.secrets import fingerprint
from models.vocabulary import Intention, ItemState, Role

APP_SECRET = "the-secret-of-the-benches-application"
TOKEN = "a-browser-that-stays-signed-in-for-the-benches"
PAGE = "104"
BEGAN = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
CHUNK = 5_000

_OPENINGS = ("Bonjour, ", "Bonsoir! ", "Allô la Ville, ", "Encore une fois, ", "", "", "Svp, ", "Bravo, mais ")
_MATTERS = (
    "il y a un énorme nid-de-poule devant le 14 rue des Érables",
    "la rue Saint-Jean n’est toujours pas déneigée ce matin",
    "le bac bleu n’a pas été ramassé mercredi",
    "le lampadaire au coin de la 3e Avenue est éteint depuis dix jours",
    "à quelle heure ouvre la piscine municipale samedi?",
    "c’est honteux de monter encore les taxes pour un service pareil",
    "merci aux employés qui ont réparé le trottoir aussi vite",
    "vous devriez ajouter un passage piéton près de l’école",
    "une branche est tombée sur le fil en face du parc, ça fait des étincelles",
    "on peut-tu avoir des bacs à compost plus gros",
    "les jeunes font du bruit au parc tous les soirs jusqu’à 2 h du matin",
    "l’eau du robinet sort brune depuis hier",
)
_ENDINGS = (".", "!!!", " 😡", " 🙏", ". Merci d’avance.", ". Ça fait trois fois que j’appelle au 311.", "...")


_BROKEN = (
    "Plus d’eau chez nous", "Gros bris d’aqueduc sur la", "Y’a pu d’eau depuis 7 h,", "Une fuite d’eau énorme,",
    "L’eau coule partout au coin de la rue Principale et de la",
)  # fmt: skip
_STREETS = tuple(
    f"rue {saint}{name}"
    for saint in ("", "Saint-", "du Grand-", "du Petit-")
    for name in ("Wolfe", "Cartier", "Morin", "Laurent", "Joseph", "Bernier", "Dumas", "Bolduc", "Lemay", "Turcotte")
)


def text(chance: random.Random) -> str:
    """One comment: a sentence or two, now and then a long one."""
    parts = [chance.choice(_OPENINGS) + chance.choice(_MATTERS) + chance.choice(_ENDINGS)]
    while chance.random() < 0.25:
        parts.append(chance.choice(_MATTERS).capitalize() + chance.choice(_ENDINGS))
    return " ".join(parts)


def body(chance: random.Random, number: int, at: datetime, changes: int = 1, events: float = 0.0) -> bytes:
    """One webhook body of Meta: one new comment, as they come on an ordinary day, or several at once; of them, the part
    `events` is of one of forty water-main breaks.
    """
    said = int(at.timestamp())
    values = [_value(chance, number * changes + one, at) for one in range(changes)]
    for value in values:
        if chance.random() < events:
            value["message"] = f"{chance.choice(_BROKEN)} {chance.choice(_STREETS)}{chance.choice(_ENDINGS)}"
    entry = {"id": PAGE, "time": said, "changes": [{"value": value, "field": "feed"} for value in values]}
    return json.dumps({"object": "page", "entry": [entry]}).encode()


def _value(chance: random.Random, number: int, at: datetime) -> dict[str, object]:
    said = int(at.timestamp())
    return {
        "from": {"id": str(5_000 + chance.randrange(2_000)), "name": "Citoyenne Ordinaire"},
        "post": {"status_type": "added_photos", "is_published": True, "updated_time": at.isoformat()},
        "message": text(chance),
        "post_id": f"{PAGE}_{number % 20}",
        "comment_id": f"{number % 20}_{number}",
        "created_time": said,
        "item": "comment",
        "parent_id": f"{PAGE}_{number % 20}",
        "verb": "add",
    }


def signature(raw: bytes) -> str:
    """What Meta puts in `X-Hub-Signature-256`."""
    return "sha256=" + hmac.new(APP_SECRET.encode(), raw, hashlib.sha256).hexdigest()


def found(parvis: Parvis, *, now: datetime, token: str = "no-token", pull_due_at: datetime | None = None) -> int:
    """An account that is due to be read, and a moderator of the whole city who is signed in; gives the account's id."""
    with parvis.database.write() as session:
        account = Account(
            network="facebook",
            external_id=PAGE,
            name="Ville de Sainte-Rive",
            token_closed=parvis.vault.close(token),
            token_since=now,
            pull_due_at=pull_due_at or now,
            created_at=now,
        )
        person = Person(email="mona@ville.example", name="Mona", created_at=now)
        session.add_all([account, person])
        session.flush()
        session.add(Membership(person_id=person.id, role=Role.MODERATOR))
        session.add(
            SignIn(
                fingerprint=fingerprint(TOKEN),
                person_id=person.id,
                created_at=now,
                seen_at=now,
                expires_at=now + timedelta(hours=12),
                proved=True,
            )
        )
        return account.id


def fill(parvis: Parvis, account_id: int, size: int, *, now: datetime) -> None:
    """Put `size` comments in the queue with their authors, texts and verdicts, by bulk inserts."""
    chance = random.Random(size)
    authors = max(size // 5, 1)
    posts = max(size // 200, 1)
    with parvis.database.write() as session:
        session.execute(
            insert(Author),
            [{"id": n, "network": "facebook", "external_id": str(n), "name": f"Citoyen {n}"} for n in _to(authors)],
        )
        session.execute(
            insert(SourcePost),
            [
                {
                    "id": n,
                    "account_id": account_id,
                    "external_id": f"{PAGE}_{n}",
                    "text": "Travaux",
                    "created_at": BEGAN,
                }
                for n in _to(posts)
            ],
        )
        for first in range(1, size + 1, CHUNK):
            rows = [
                (n, text(chance), BEGAN + timedelta(seconds=30 * n), _urgency(chance))
                for n in range(first, min(first + CHUNK, size + 1))
            ]
            session.execute(insert(Comment), [_comment(account_id, *row[:3], authors, posts) for row in rows])
            verdicts = [_verdict(chance, n, urgency, now) for n, _, _, urgency in rows]
            session.execute(
                insert(Item),
                [
                    {
                        "comment_id": n,
                        "account_id": account_id,
                        "state": ItemState.WAITING,
                        "urgency": u,
                        "queued_at": at,
                        "intention": verdict["intention"],
                        "suggestion": verdict["suggestion"],
                    }
                    for (n, _, at, u), verdict in zip(rows, verdicts, strict=True)
                ],
            )
            session.execute(
                insert(CommentVersion),
                [{"comment_id": n, "source": "add", "text": t, "said_at": at, "seen_at": at} for n, t, at, _ in rows],
            )
            session.execute(insert(VerdictRow), verdicts)


def hide_few(parvis: Parvis, size: int) -> None:
    """Five comments, the last of the queue, of a second account, praise, suggested to be hidden, of rare words."""
    with parvis.database.write() as session:
        session.add(
            Account(
                id=2,
                network="facebook",
                external_id="105",
                name="Bibliothèque",
                token_closed="",
                token_since=BEGAN,
                pull_due_at=BEGAN,
                created_at=BEGAN,
            )
        )
        session.flush()
        rare = Item.comment_id.in_(range(size - 4, size + 1))
        said = {"intention": Intention.PRAISE, "suggestion": "hide"}
        session.execute(update(Item).where(~rare, Item.intention == Intention.PRAISE).values(intention=None))
        session.execute(update(Item).where(rare).values(account_id=2, urgency=0, **said))
        words = search.text_of("La patinoire glacée")
        session.execute(update(Comment).where(Comment.id.in_(range(size - 4, size + 1))).values(search_text=words))


def _to(last: int) -> range:
    return range(1, last + 1)


def _urgency(chance: random.Random) -> int:
    return chance.choices((2, 1, 0), (1, 9, 90))[0]


def _comment(account_id: int, number: int, said: str, at: datetime, authors: int, posts: int) -> dict[str, object]:
    return {
        "id": number,
        "account_id": account_id,
        "external_id": f"{number % posts + 1}_{number}",
        "source_post_id": number % posts + 1,
        "author_id": number % authors + 1,
        "by_city": False,
        "text": said,
        "search_text": search.text_of(said),
        "created_at": at,
        "received_at": at,
        "hidden": False,
        "version": 1,
    }


def _verdict(chance: random.Random, number: int, urgency: int, now: datetime) -> dict[str, object]:
    return {
        "comment_id": number,
        "version": 1,
        "model": "bench",
        "language": "fr",
        "intention": chance.choice(list(Intention)),
        "group_311": "deneigement",
        "urgency": urgency,
        "scores": {"language": 0.99, "intention": 0.8, "group": 0.7, "urgency": 0.9, "breaches": {"vulgaire": 0.02}},
        "reasons": [],
        "suggestion": "reply",
        "at": now,
    }
