"""The whole story without a browser: the demonstration's people work through the door, and what they did is counted.

The figures come from the pretend networks' journal and from the database, never from counters kept on the way.
"""

from __future__ import annotations

import html
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx2
from sqlalchemy import func, select

from api.demo import city
from api.demo.installation import Demo
from api.demo.pages import answered
from api.i18n import N_
from connectors.standin.people import drawing
from connectors.standin.state import Comment as FarComment
from connectors.standin.state import Fault
from models.accounts import Account, Delivery
from models.comments import Comment, VerdictRow
from models.decisions import Decision
from models.effects import Effect
from models.errors import ParvisError
from models.incidents import Incident, IncidentComment
from models.items import Item
from models.posts import Post
from models.requests311 import ServiceRequest
from models.vocabulary import DecisionKind, DeliveryState, EffectState, Group311, ItemState, PostState

WAIT = 50.0
"""Seconds after which a step that does not come true is an error."""

HIDES = {"insulte": "N2", "haine": "N1", "pub1": "N5", "pub2": "N5", "telephone": "N4"}

REPLIES = {
    "question_pins": "Bonjour! Oui, l’interdiction vise toutes les rues de la ville, y compris le boulevard des Pins.",
    "remorquage": "Bonjour, les véhicules remorqués sont au 1200, rue Industrielle. Apportez une pièce d’identité.",
    "numero": "Bonjour, composez le 311 en tout temps; les travaux publics sont joignables jour et nuit.",
    "sacs": "Bonjour, oui, les sacs certifiés compostables sont acceptés dans le bac brun.",
    "question_budget": "Bonjour, le budget détaillé est publié sur notre site, à la page « Finances ».",
    "fauteuil": "Bonjour, oui : le site est accessible et une navette adaptée part de l’aréna.",
    "stationnement": "Bonjour, le stationnement de l’école voisine sera ouvert samedi, de 9 h à 18 h.",
    "hockey": "Bonjour, le hockey libre du samedi est de 13 h à 16 h.",
    "anglais": "Hello, Maple Street is on this afternoon's route. Thank you for your patience.",
    "raquettes": "Bonjour, oui, le sentier du port est ouvert aux raquettes jusqu’à 21 h.",
    "eau_brune": "Bonjour, par précaution, faites bouillir l’eau une minute avant de la boire. Une équipe y est.",
}

REQUESTS = {
    "danger": ("panneau", "12, rue Desjardins"),
    "wolfe": ("deneigement-rue", "rue Wolfe"),
    "trottoir": ("trottoir-glissant", "rue Saint-Laurent"),
    "lampadaire": ("lampadaire", "Saint-Joseph et Lafontaine"),
    "bac": ("collecte-alimentaires", "rue des Lilas"),
    "matelas": ("depot-illegal", "bout de la rue Industrielle"),
    "glace": ("patinoire", "parc des Érables"),
    "chien": ("animal-errant", "parc des Érables"),
    "nid": ("nid-de-poule", "200, rue Morin"),
}

CONFIDENTIAL = frozenset({"chien"})
"""Whose number is not said in public."""

MAIN_BREAK = ("aqueduc1", "aqueduc2", "aqueduc3", "aqueduc4", "aqueduc6", "aqueduc7")
"""Six people about one event: one line of the queue, one request."""

BESIDE = "aqueduc5"
"""Whoever says of it only that it is the same: a moderator joins them to the request."""


class StoryBroken(ParvisError):
    """A step of the story did not come true in time."""


@dataclass(frozen=True)
class Summary:
    """What `parvis demo --once --json` prints."""

    comments: int
    classified: int
    decisions: int
    effects: dict[str, int]
    requests: int
    """Those that comments opened; what the application sent is not counted."""
    requests_answered_in_thread: int
    events: int
    """Of several people about one thing, each made one request."""
    event_people: int
    answers_sent_together: int
    """On the networks: those that one act sent to all who had asked."""
    posts_published: int
    duplicates: int
    lost: int
    seconds: float

    @property
    def clean(self) -> bool:
        """Whether nothing was doubled, lost, left in doubt or refused."""
        return not (self.duplicates or self.lost or self.effects["unknown"] or self.effects["failed"])

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def play(demo: Demo, say: Callable[[str], None]) -> Summary:
    """Play the morning. `say` is told each step, for the person who watches."""
    started = time.monotonic()
    nadia, simon = _sign_in(demo, city.MODERATOR), _sign_in(demo, city.SECOND_MODERATOR)
    say(N_("comments come in"))
    demo.player.finish()
    _until("every comment in the queue", lambda: _all_in(demo))
    say(N_("two moderators triage"))
    _triage(demo, nadia, simon)
    say(N_("311 closes the requests"))
    _close_requests(demo)
    say(N_("all who wrote of the event are answered by one act"))
    _answer_together(demo, simon)
    say(N_("the citizens are answered in their threads"))
    _answer(demo, nadia)
    say(N_("the city’s LinkedIn page is connected from its own window"))
    _connect(demo, _sign_in(demo, city.ADMIN))
    say(N_("a post with a picture is approved and published"))
    _publish(demo)
    say(N_("the post is worded anew where it stands, with a second person’s yes"))
    _correct(demo)
    say(N_("an emergency pause stops what is scheduled, and nothing leaves when it ends"))
    _pause(demo)
    say(N_("everything settles"))
    _until("every effect settled", lambda: _count(demo, Effect.state.in_(_OPEN)) == 0)
    return _summary(demo, time.monotonic() - started)


def _triage(demo: Demo, nadia: httpx2.Client, simon: httpx2.Client) -> None:
    # An answer is lost on its way back: the reply was applied, and only reading the thread can tell.
    demo.state.faults.append(Fault("reset_after", "POST", r"/comments$"))
    for label, rule in HIDES.items():
        _decide(demo, nadia, label, {"kind": "hide", "rule_code": rule})
    for label, text in REPLIES.items():
        _decide(demo, simon, label, {"kind": "reply", "text": text})
    thanks = "Bonjour, merci du signalement. Votre requête est transmise au 311 (nº {numero})."
    discreet = "Bonjour, merci du signalement. Il est transmis au 311, qui s’en occupe."
    for label, (service, place) in REQUESTS.items():
        text = discreet if label in CONFIDENTIAL else thanks
        choice = {"kind": "request", "service_code": service, "place": place, "text": text}
        _decide(demo, nadia, label, choice)
    _decide(demo, simon, BESIDE, {"kind": "request", "request_number": _one_request(demo, simon)})
    # Nadia takes praise for an insult, and undoes it before anything leaves.
    mistake = _decide(demo, nadia, "sacre", {"kind": "hide", "rule_code": "N7"})
    _ok(nadia.post(f"/api/v1/decisions/{mistake['id']}/undo"))
    decided = {*HIDES, *REPLIES, *REQUESTS, *MAIN_BREAK, BESIDE}
    told = [label for label, thing in list(demo.player.things.items()) if isinstance(thing, FarComment)]
    for label in told:
        if label not in decided and _waits(demo, label):
            _decide(demo, nadia, label, {"kind": "nothing"})


def _one_request(demo: Demo, simon: httpx2.Client) -> str:
    """The line above the queue, its page, and one form for all; gives the number of the request."""

    def lines() -> list[dict[str, Any]]:
        found = _ok(simon.get("/api/v1/incidents"))["items"]
        return [one for one in found if one["group"] == Group311.WATER and one["people"] == len(MAIN_BREAK)]

    _until(f"{len(MAIN_BREAK)} people in one event", lambda: len(lines()) == 1)
    (event,) = lines()
    path = f"/evenements/{event['id']}"
    form = _form(simon, path)
    wanted = {"service_code": "bris-aqueduc", "place": event["place"], "text": "Merci! Une équipe est en route."}
    _took(simon.post(f"{path}/requete", data=form | wanted))
    with demo.parvis.database.read() as session:
        named = select(ServiceRequest.number).join(Incident, Incident.request_id == ServiceRequest.id)
        return session.scalars(named.where(Incident.id == event["id"])).one()


def _answer_together(demo: Demo, simon: httpx2.Client) -> None:
    with demo.parvis.database.read() as session:
        named = select(ServiceRequest.number).join(Incident, Incident.request_id == ServiceRequest.id)
        number = session.scalars(named).one()
    form = _form(simon, f"/requetes/{number}/reponses")
    if len(form["items"]) != len(MAIN_BREAK) + 1:
        raise StoryBroken(f"{len(form['items'])} answers were previewed for {number}")
    _took(simon.post("/requetes/reponses", data=form))


def _close_requests(demo: Demo) -> None:
    omar = _sign_in(demo, city.AGENT)
    notes = "Une équipe est passée ce matin et le problème est réglé."
    for request in _ok(omar.get("/api/v1/requests", params={"limit": 200}))["items"]:
        detail = omar.get(f"/api/v1/requests/{request['number']}")
        _ok(
            omar.post(
                f"/api/v1/requests/{request['number']}/changes",
                json={"status": "done", "note": notes},
                headers={"If-Match": detail.headers["etag"]},
            )
        )


def _answer(demo: Demo, nadia: httpx2.Client) -> None:
    while True:
        waiting = [
            item
            for item in _ok(nadia.get("/api/v1/comments", params={"state": "waiting", "limit": 200}))["items"]
            if item["proposed_reply"]
        ]
        if not waiting:
            return
        for item in waiting:
            _send(nadia, item["id"], item["version"], {"kind": "reply", "text": item["proposed_reply"]})


def _publish(demo: Demo) -> None:
    camille, helene = _sign_in(demo, city.OFFICER), _sign_in(demo, city.MANAGER)
    accounts = _ok(camille.get("/api/v1/accounts"))["items"]
    text = "💧 Bris d’aqueduc, rue Wolfe : l’eau est revenue à 10 h 40. Laissez couler l’eau froide cinq minutes."
    sent = camille.post("/api/v1/media", params={"name": "rue-wolfe.jpg"}, content=drawing("photo", "Rue Wolfe"))
    post = _ok(
        camille.post(
            "/api/v1/posts",
            json={
                "title": "Retour de l’eau",
                "variants": [{"account_id": account["id"], "text": text} for account in accounts],
                "pictures": [{"media_id": _ok(sent)["id"], "alt_text": "La rue Wolfe, l’eau revenue"}],
            },
            headers={"Idempotency-Key": "retour-de-l-eau"},
        )
    )
    demo.state.faults.append(Fault("reset_after", "POST", r"/photos$"))
    post = _move(camille, post, "submit")
    post = _move(helene, post, "approve")
    at = demo.parvis.clock() + timedelta(seconds=1)
    post = _move(camille, post, "schedule", {"publish_at": at.isoformat()})
    _until("the post published", lambda: _ok(camille.get(f"/api/v1/posts/{post['id']}"))["state"] == "published")


def _correct(demo: Demo) -> None:
    camille, helene = _sign_in(demo, city.OFFICER), _sign_in(demo, city.MANAGER)
    (post,) = _ok(camille.get("/api/v1/posts", params={"state": "published"}))["items"]
    variant = post["variants"][0]
    said = {"variant_id": variant["id"], "text": variant["text"].replace("10 h 40", "10 h 50")}
    post = _move(camille, post, "amendments", said)
    (asked,) = post["amendments"]
    post = _move(helene, post, f"amendments/{asked['id']}/answer", {"approved": True})
    path = f"/api/v1/posts/{post['id']}"
    _until("the words changed", lambda: _ok(camille.get(path))["variants"][0]["text"] == said["text"])


def _pause(demo: Demo) -> None:
    camille, helene = _sign_in(demo, city.OFFICER), _sign_in(demo, city.MANAGER)
    accounts = _ok(camille.get("/api/v1/accounts"))["items"]
    said = [{"account_id": one["id"], "text": "Glissade ce soir au parc, dès 19 h."} for one in accounts]
    (media,) = _ok(camille.get("/api/v1/media"))["items"]
    shown = [{"media_id": media["id"], "alt_text": "La pente du parc"}]
    post = _ok(camille.post("/api/v1/posts", json={"title": "Glissade", "variants": said, "pictures": shown}))
    post = _move(helene, _move(camille, post, "submit"), "approve")
    at = demo.parvis.clock() + timedelta(hours=2)
    post = _move(camille, post, "schedule", {"publish_at": at.isoformat()})
    hold = _ok(camille.post("/api/v1/holds", json={"reason": "Un drame dans la ville"}))
    _ok(camille.post(f"/api/v1/holds/{hold['id']}/end"))
    if _ok(camille.get(f"/api/v1/posts/{post['id']}"))["state"] != "to_review":
        raise StoryBroken("a post was scheduled still, after an emergency pause")


# Through the door ----------------------------------------------------------------------------------------------------


def _connect(demo: Demo, mireille: httpx2.Client) -> None:
    """As a browser goes: our form, the network's dialog and her yes, then the choice."""
    dialog = mireille.post("/comptes/connexion", data={"network": "linkedin"}).headers["location"]
    address, _, asked = dialog.partition("?")
    said = httpx2.post(address, data={**dict(parse_qsl(asked)), "decision": "allow"}, timeout=30)
    choice = mireille.get(said.headers["location"]).headers["location"]
    offered = re.findall(r'name="accounts" value="([^"]+)"', mireille.get(choice).text)
    mireille.post(choice, data={"accounts": offered})
    read = (Account.network == "linkedin", Account.pulled_at.is_not(None))
    _until("the LinkedIn page read", lambda: _count(demo, *read) == 1)


def _sign_in(demo: Demo, who: str) -> httpx2.Client:
    client = httpx2.Client(base_url=demo.address, headers={"Origin": demo.address}, timeout=30)
    client.post("/demo/devenir", data={"who": who})
    return client


def _decide(demo: Demo, client: httpx2.Client, label: str, choice: dict[str, str]) -> dict[str, Any]:
    comment_id, version = _known(demo, label)
    return _send(client, comment_id, version, choice)


def _send(client: httpx2.Client, comment_id: int, version: int, choice: dict[str, str]) -> dict[str, Any]:
    body = {"comment_id": comment_id, "version": version, **choice}
    headers = {"Idempotency-Key": f"{comment_id}-{version}-{choice['kind']}-{len(choice.get('text', ''))}"}
    # The same form twice, as an impatient click would: it is one decision.
    first: dict[str, Any] = _ok(client.post("/api/v1/decisions", json=body, headers=headers))
    again = _ok(client.post("/api/v1/decisions", json=body, headers=headers))
    if first["id"] != again["id"]:
        raise StoryBroken("a form sent twice made two decisions")
    return first


def _move(client: httpx2.Client, post: dict[str, Any], step: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    headers = {"If-Match": f'"{post["version"]}"'}
    moved: dict[str, Any] = _ok(client.post(f"/api/v1/posts/{post['id']}/{step}", json=body or {}, headers=headers))
    return moved


def _form(client: httpx2.Client, path: str) -> dict[str, Any]:
    """What a browser would send of a page that somebody read: what is ticked, and the words as they stand."""
    page = _took(client.get(path)).text
    items = re.findall(r'<input type="checkbox" name="items"[^>]* value="([^"]+)"[^>]* checked>', page)
    worded = re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    form: dict[str, Any] = {name: html.unescape(text) for name, text in worded}
    return form | {"items": items, "form_key": re.findall(r'name="form_key" value="([^"]+)"', page)[0]}


def _ok(response: httpx2.Response) -> Any:
    return _took(response).json()


def _took(response: httpx2.Response) -> httpx2.Response:
    if response.is_error:
        raise StoryBroken(
            f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text}"
        )
    return response


def _until(what: str, true: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT
    while not true():
        if time.monotonic() > end:
            raise StoryBroken(f"not in {WAIT:.0f} s: {what}")
        time.sleep(0.1)


# What the rows and the journal say -----------------------------------------------------------------------------------

_people_of_events = (
    select(func.count(Comment.author_id.distinct()))
    .join(IncidentComment, IncidentComment.comment_id == Comment.id)
    .join(Incident, Incident.id == IncidentComment.incident_id)
    .where(Incident.request_id.is_not(None), IncidentComment.taken_out_at.is_(None))
)
_together = (
    select(func.count(Decision.id))
    .join(Effect, Effect.id == Decision.effect_id)
    .where(Decision.kind == DecisionKind.REPLY, Decision.batch_id.is_not(None), Effect.state == EffectState.DONE)
)
_OPEN = (EffectState.READY, EffectState.CLAIMED, EffectState.SENDING, EffectState.UNKNOWN)


def _count(demo: Demo, *conditions: Any) -> int:
    with demo.parvis.database.read() as session:
        return session.scalar(select(func.count()).where(*conditions)) or 0


def _known(demo: Demo, label: str) -> tuple[int, int]:
    thing = demo.player.things[label]
    with demo.parvis.database.read() as session:
        row = session.execute(select(Comment.id, Comment.version).where(Comment.external_id == thing.id)).one()
    return row.id, row.version


def _waits(demo: Demo, label: str) -> bool:
    external_id = demo.player.things[label].id
    waiting = Item.state == ItemState.WAITING, Item.comment_id == Comment.id
    return _count(demo, Comment.external_id == external_id, *waiting) == 1


def _citizens_comments(demo: Demo) -> dict[str, FarComment]:
    with demo.state.lock:
        return {c.id: c for c in demo.state.comments.values() if c.author.id not in demo.state.pages}


def _all_in(demo: Demo) -> bool:
    there = _citizens_comments(demo)
    with demo.parvis.database.read() as session:
        rows = session.execute(
            select(Comment.external_id, Comment.text).join(Item).where(Item.state != ItemState.RECEIVED)
        ).all()
    here = {row.external_id: row for row in rows}
    return all(key in here and here[key].text == comment.text for key, comment in there.items())


def _summary(demo: Demo, seconds: float) -> Summary:
    """Compare both sides. Lost: a citizen's comment that is not here as it stands there, an effect said to be done
    that the network never applied, a delivery that nobody could read. Duplicates: what the journal has twice, or
    what no effect owns.
    """
    with demo.parvis.database.read() as session:
        states = Counter(session.scalars(select(Effect.state)))
        done = session.execute(
            select(Effect.operation, Effect.target, Effect.remote_id).where(Effect.state == EffectState.DONE)
        ).all()
        stored = {row.external_id: row for row in session.scalars(select(Comment))}
        copies = session.scalar(select(func.count()).select_from(Comment)) or 0
        lost = session.scalar(select(func.count()).where(Delivery.state == DeliveryState.UNREADABLE)) or 0
        figures = {
            "classified": session.scalar(select(func.count()).select_from(VerdictRow)) or 0,
            "decisions": session.scalar(select(func.count()).select_from(Decision)) or 0,
            "requests": session.scalar(select(func.count()).where(ServiceRequest.key_id.is_(None))) or 0,
            "requests_answered_in_thread": answered(session),
            "events": session.scalar(select(func.count()).where(Incident.request_id.is_not(None))) or 0,
            "event_people": session.scalar(_people_of_events) or 0,
            "answers_sent_together": session.scalar(_together) or 0,
            "posts_published": session.scalar(select(func.count()).where(Post.state == PostState.PUBLISHED)) or 0,
        }
    with demo.state.lock:
        journal = list(demo.state.journal)
    applied = Counter((entry.operation, entry.id) for entry in journal)
    owed = Counter((row.operation, row.remote_id or row.target) for row in done)
    lost += sum((owed - applied).values())
    lost += sum(
        key not in stored or stored[key].text != comment.text or stored[key].hidden != comment.hidden
        for key, comment in _citizens_comments(demo).items()
    )
    return Summary(
        comments=sum(not comment.by_city for comment in stored.values()),
        effects={
            "done": states[EffectState.DONE],
            "unknown": states[EffectState.UNKNOWN] + states[EffectState.NEEDS_PERSON],
            "failed": states[EffectState.FAILED],
            "cancelled": states[EffectState.CANCELLED],
        },
        duplicates=sum((applied - owed).values()) + copies - len(stored),
        lost=lost,
        seconds=round(seconds, 1),
        **figures,
    )
