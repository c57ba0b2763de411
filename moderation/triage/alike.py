"""What the city answered to comments like one that waits: words that people wrote and sent, found again and never made.

They are proposed to a person, who reads them. Nobody else's name, telephone or request goes along: what cannot be told
apart from somebody is not proposed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations

from sqlalchemy import Select, exists, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from classifiers.patterns import personal_information
from classifiers.text import read
from models.comments import Author, Comment, VerdictRow
from models.contacts import PublicContact
from models.decisions import Decision
from models.effects import Effect
from models.errors import NotFound
from models.scope import Action, Viewer, visible
from models.search import few
from models.text import chunks, stem
from models.vocabulary import CommentKind, DecisionKind, EffectState, OperationKind
from moderation.templates import PLACE, first_name

KEPT = timedelta(days=730)
"""How far back it is looked."""
SHORTEST, LOOKED_FOR, READ, MOST = 4, 4, 300, 3
"""Letters of a word that says something; such words that are looked for; answers that are compared; that are shown."""
ALIKE = 0.4
"""The part of the letters of a comment's own words that another must share."""
_MARKS = re.compile(
    r"\b[A-Z]{2,}-\d{4}-\d{3,}\b|https?://|\bwww\.|\b(?:M\.|Mme|Mrs?\.?|Ms\.?) ?[A-ZÀ-Ý]",
)
"""Numbers of requests, addresses (of a link of somebody's own, nothing shows that it is), titles with a name."""
_SMALL = frozenset(
    [
        "quel",
        "quelle",
        "quels",
        "quelles",
        "quand",
        "comment",
        "pourquoi",
        "combien",
        "avec",
        "sans",
        "pour",
        "dans",
        "cette",
        "elle",
        "elles",
        "nous",
        "vous",
        "votre",
        "vos",
        "notre",
        "leur",
        "leurs",
        "etre",
        "avez",
        "avons",
        "sont",
        "fait",
        "faire",
        "bonjour",
        "bonsoir",
        "merci",
        "what",
        "when",
        "where",
        "which",
        "with",
        "your",
        "have",
        "this",
        "that",
        "there",
        "hello",
        "thanks",
    ]
)
"""Words of every question, folded: sharing them says nothing."""
_CAPITAL = re.compile(r"\b[A-ZÀ-Ý][\w’'-]{2,}")


@dataclass(frozen=True)
class Answered:
    """Words that were sent, filled for the person who would get them now, and the comment that they answered."""

    text: str
    asked: str
    at: datetime


def answered_alike(session: Session, viewer: Viewer, comment_id: int, *, now: datetime) -> list[Answered]:
    """The answers to the comments that are most like one, of those that the viewer may see; the likest first. NotFound:
    that comment is not theirs to decide about.
    """
    whole = joinedload(Comment.account), joinedload(Comment.author), joinedload(Comment.verdict)
    ours = select(Comment).options(*whole).where(Comment.id == comment_id)
    comment = session.scalar(visible(ours, viewer, Action.DECIDE, Comment))
    if comment is None:
        raise NotFound
    words = _telling(comment.text or "")
    weight = sum(map(len, words.values()))
    if not words or comment.verdict is None or comment.kind == CommentKind.MESSAGE:
        return []
    name = first_name(comment.author.name if comment.author else None)
    contacts = frozenset(session.scalars(select(PublicContact.value)))
    found: dict[str, tuple[float, Answered]] = {}
    for other, text, at in _answers(session, viewer, comment, comment.verdict, words, now=now):
        shared = words.keys() & _telling(other.text or "").keys()
        likeness = sum(len(words[one]) for one in shared) / weight
        said = _for_somebody_else(session, other, text, name, contacts) if likeness >= ALIKE else None
        if said and (said not in found or found[said][0] < likeness):
            found[said] = likeness, Answered(said, other.text or "", at)
    best = sorted(found.values(), key=lambda pair: (-pair[0], -pair[1].at.timestamp()))
    return [one for _, one in best[:MOST]]


# -------------------------------------------------------------------------------------------------------------------
def _telling(text: str) -> dict[str, str]:
    """The words that say something by their stems, as they are written folded."""
    words = (word for _, parts in chunks(text) for word in parts if len(word) >= SHORTEST and word not in _SMALL)
    return {stem(word): word for word in words}


def _answers(
    session: Session, viewer: Viewer, comment: Comment, verdict: VerdictRow, words: dict[str, str], *, now: datetime
) -> Iterator[tuple[Comment, str, datetime]]:
    """Comments of the same kind that share words with it, with the public words that answered each of them last."""
    undoing = aliased(Decision)
    taken_back = exists().where(undoing.cancels_id == Decision.id)
    sharing = [Comment.id.in_(one) for one in _sharing(session, list(words.values()))]
    if not sharing:
        return
    statement = (
        select(Comment, Effect.payload, Decision.at)
        .join(Decision, Decision.comment_id == Comment.id)
        .join(Effect, Effect.id == Decision.effect_id)
        .join(VerdictRow, VerdictRow.comment_id == Comment.id)
        .options(joinedload(Comment.author), joinedload(Comment.account))
        .where(
            or_(*sharing),
            Comment.id != comment.id,
            Comment.kind != CommentKind.MESSAGE,
            Comment.disposed_at.is_(None),
            Decision.kind == DecisionKind.REPLY,
            Decision.request_id.is_(None),
            Decision.comment_version == Comment.version,
            Decision.at >= now - KEPT,
            ~taken_back,
            Effect.state == EffectState.DONE,
            Effect.operation == OperationKind.REPLY,
            VerdictRow.intention.is_not_distinct_from(verdict.intention),
            VerdictRow.group_311.is_not_distinct_from(verdict.group_311),
            VerdictRow.language == verdict.language,
        )
        .order_by(Decision.id.desc())
        .limit(READ)
    )
    for other, payload, at in session.execute(visible(statement, viewer, Action.SEE_COMMENTS, Comment)):
        if text := payload.get("text"):
            yield other, text, at


def _sharing(session: Session, words: Sequence[str]) -> Iterator[Select[int]]:
    """Comments that have two of the longest words, or the only one, where these are few enough to be looked at."""
    longest = sorted(words, key=lambda word: (-len(word), word))[:LOOKED_FOR]
    for pair in combinations(longest, 2) if len(longest) > 1 else [tuple(longest)]:
        if (found := few(session, " ".join(pair))) is not None:
            yield found


def _for_somebody_else(session: Session, other: Comment, text: str, name: str, contacts: frozenset[str]) -> str | None:
    """The words with the name of the person who gets them now; None: something of another person would go along."""
    if other.account.reply_signature:
        text = text.removesuffix(other.account.reply_signature).rstrip()
    theirs = (other.author.name if other.author else None) or ""
    if before := first_name(theirs):
        # Where there is no name to put there, the blank or the comma before it goes too.
        named = rf"\b{re.escape(before)}\b"
        text = re.sub(named if name else rf"(?:,? )?{named}", lambda _: name, text, flags=re.IGNORECASE)
    if _MARKS.search(text) or PLACE.search(text) or any(personal_information(read(text), contacts)):
        return None
    mine = _words(name)
    if (_words(theirs) - mine) & _words(text):
        return None
    written = _words(" ".join(_CAPITAL.findall(text))) - mine
    return text if written.isdisjoint(_names_beside(session, other)) else None


def _names_beside(session: Session, other: Comment) -> set[str]:
    """Words of the names of those who wrote under the same post."""
    under = Comment.source_post_id == other.source_post_id if other.source_post_id else Comment.id == other.id
    names = select(Author.name).join(Comment, Comment.author_id == Author.id).where(under, Author.name.is_not(None))
    return {word for name in session.scalars(names.distinct().limit(5000)) for word in _words(name or "")}


def _words(text: str) -> set[str]:
    """Folded words of three letters or more: particles of names are words of everybody."""
    return {word for _, parts in chunks(text) for word in parts if len(word) > 2}
