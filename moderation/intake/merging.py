"""What one observation says of what is known of a comment: the rules, on plain values, without a database.

The state of a comment is a function of the *set* of what was observed, not of its sequence: texts are ordered by when
they were true on the network, visibility and removal by when they were observed, and a removal that comes before its
own add leaves a tombstone that the add fills. So is the suspicion that it is gone: what was there when its thread was
read whole, and was not met since.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from connectors.base import AttachmentSeen, CommentRemoved, CommentSeen, VisibilityChanged
from models.comments import LAG, Comment, CommentVersion, Presence
from models.text import cleaned, web_link
from models.vocabulary import AttachmentKind, CommentKind

LONGEST_ID = 200
"""Characters that the column takes."""
OLDEST = datetime(2004, 1, 1, tzinfo=UTC)
"""No network that a city is on is older."""
EARLY = timedelta(days=1)
"""So much later than now a time may be said to be: clocks differ, and zones are forgotten."""

_SPECIFIC = {kind: place for place, kind in enumerate(CommentKind)}


@dataclass(slots=True)
class Version:
    """One text of a comment; the fields are the columns of `CommentVersion`."""

    id: int | None
    source: str
    text: str | None
    said_at: datetime | None
    seen_at: datetime


@dataclass(slots=True, eq=False)
class Shown:
    """One thing that a comment shows; the fields are the columns of `Attachment` that an observation may change."""

    id: int | None
    position: int
    kind: str
    external_id: str | None
    address: str | None
    picture_address: str | None
    description: str | None
    seen_at: datetime
    gone_at: datetime | None
    fetch_due_at: datetime | None


@dataclass(slots=True)
class CommentState(Presence):
    """What is known of one comment; the fields, up to `versions`, are the columns of `Comment` that an observation may
    change.

    They start as those of a comment of which nothing is known but that it exists.
    """

    id: int | None
    external_id: str
    created_at: datetime
    source_post_id: int | None = None
    parent_external_id: str | None = None
    author_id: int | None = None
    by_city: bool = False
    kind: str = CommentKind.COMMENT
    rating: int | None = None
    rated_at: datetime | None = None
    text: str | None = None
    search_text: str | None = None
    permalink: str | None = None
    hidden: bool = False
    hidden_at: datetime | None = None
    shown_at: datetime | None = None
    hidden_there_at: datetime | None = None
    removed_at: datetime | None = None
    present_at: datetime | None = None
    recheck_due_at: datetime | None = None
    version: int = 0
    disposed_at: datetime | None = None
    versions: list[Version] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    waits: bool | None = None
    """Whether what was observed makes it wait for a person, or wait no more; None: neither."""

    @property
    def needs_nobody(self) -> bool:
        """The city wrote it, or it is gone."""
        return self.by_city or self.removed


AnyVersion = TypeVar("AnyVersion", Version, CommentVersion)
Observation = CommentSeen | CommentRemoved | VisibilityChanged


def merge(
    known: CommentState, change: Observation, *, author_id: int | None, read_at: datetime | None, now: datetime
) -> None:
    """Add one observation to what is known. `author_id` is who wrote it, if the network said so; `read_at` is when the
    last reading of its whole thread began.
    """
    needed_nobody, waited = known.needs_nobody, known.waits
    match change:
        case CommentSeen():
            _see(known, change, author_id, now=now)
        case CommentRemoved():
            known.removed_at = max(known.removed_at or change.at, change.at)
        case VisibilityChanged():
            set_visibility(known, change.hidden, change.at)
            if change.hidden and change.by_account:
                known.hidden_there_at = max(known.hidden_there_at or change.at, change.at)
    if known.needs_nobody:
        known.waits = waited if needed_nobody else False
    missed = read_at is not None and known.missed(read_at)
    asked = missed or _unread(known) or _torn(known)
    known.recheck_due_at = known.recheck_due_at or now + LAG if asked else None


def _see(known: CommentState, seen: CommentSeen, author_id: int | None, *, now: datetime) -> None:
    known.parent_external_id = seen.parent_external_id or known.parent_external_id
    known.permalink = web_link(seen.permalink) or known.permalink
    known.by_city = known.by_city or seen.by_account
    # No observation takes back that it is a review or a mention: webhooks tell of both as of any comment.
    known.kind = max(CommentKind(known.kind), seen.kind, key=_SPECIFIC.__getitem__)
    if seen.rating is not None and (
        known.rated_at is None or (seen.seen_at, seen.rating) > (known.rated_at, known.rating)
    ):
        known.rating, known.rated_at = seen.rating, seen.seen_at
    if seen.hidden is not None:
        set_visibility(known, seen.hidden, seen.seen_at)
    was_removed, met_at = known.removed, known.present_at
    if seen.source == "pull":
        known.present_at = max(known.present_at or seen.seen_at, seen.seen_at)
    if known.disposed_at is not None:
        # Lawfully disposed of: what the network still shows is not taken back in.
        return
    known.author_id = known.author_id if author_id is None else author_id
    _keep(known.versions, seen)
    changed = seen.attachments is not None and _show(known.shown, seen, seen.attachments, met_at, now=now)
    newest = max(known.versions, key=_true_at(known.versions))
    known.created_at = _created_at(known.versions)
    if not known.version or newest.text != known.text or changed:
        known.text = newest.text
        known.version += 1
        known.waits = True
    elif was_removed and not known.removed:
        known.waits = True


def _unread(known: CommentState) -> bool:
    """Whether only webhooks told of it, and not what it says: of a mention, which no thread or listing is sure to meet,
    not the words; of a comment neither words nor a picture.
    """
    if not known.version or known.present_at is not None or known.removed or known.disposed_at is not None:
        return False
    if known.kind == CommentKind.COMMENT:
        return not known.text and not known.shown
    return known.kind == CommentKind.MENTION and known.text is None


def _torn(known: CommentState) -> bool:
    """Whether it was hidden and shown in one second, as far as was told, and not read since: which came last cannot be
    known from the two.
    """
    if not known.hidden or known.hidden_at is None or known.shown_at is None or known.removed:
        return False
    if known.present_at is not None and known.present_at > known.hidden_at:
        return False
    return known.shown_at.replace(microsecond=0) == known.hidden_at.replace(microsecond=0)


def set_visibility(comment: CommentState | Comment, hidden: bool, at: datetime) -> None:  # noqa: FBT001
    """Keep that it was hidden, or visible to all, at that time."""
    if not hidden:
        comment.shown_at = max(comment.shown_at or at, at)
    # Networks count in seconds: of two observations of one second, "hidden" stands, whichever came first, until the
    # network was asked (`_torn`).
    if comment.hidden_at is None or (at, hidden) > (comment.hidden_at, comment.hidden):
        comment.hidden, comment.hidden_at = hidden, at


# What a comment shows ----------------------------------------------------------------------------------------------

_PICTURES = frozenset({AttachmentKind.PHOTO, AttachmentKind.STICKER, AttachmentKind.GIF})
"""What a webhook may call a photo."""


def _show(
    shown: list[Shown],
    seen: CommentSeen,
    attachments: Sequence[AttachmentSeen],
    met_at: datetime | None,
    *,
    now: datetime,
) -> bool:
    """Add what one observation says that a comment shows; gives whether it shows something else now.

    What the newest observation says stands; what it does not name any more stays known, as gone. `met_at` is the last
    time that a reading met the comment: an older observation tells only of what was gone by then.
    """
    late = met_at is not None and seen.seen_at < met_at
    changed, met = False, list[Shown]()
    for position, one in enumerate(attachments):
        known = next((of for of in sorted(shown, key=_stands) if of not in met and _is(of, position, one)), None)
        if known is None:
            known = _new(position, one, seen.seen_at, met_at if late else None, now=now)
            shown.append(known)
            changed = changed or not late
        elif not late:
            changed = changed or known.gone_at is not None
            known.gone_at = None
            _learn(known, one, now=now)
            if seen.source != "pull":
                known.seen_at = max(known.seen_at, seen.seen_at)
        met.append(known)
    for of in shown:
        if not late and of not in met and of.gone_at is None and of.seen_at <= seen.seen_at:
            of.gone_at, of.fetch_due_at, changed = seen.seen_at, None, True
    return changed


def _stands(shown: Shown) -> tuple[bool, datetime]:
    return shown.gone_at is not None, shown.seen_at


def _is(shown: Shown, position: int, one: AttachmentSeen) -> bool:
    """Whether it is the same: one of the two may not have been told by its id, a webhook tells of addresses alone."""
    named = shown.external_id is not None and one.external_id is not None
    alike = shown.kind == one.kind or (not named and {shown.kind, one.kind} <= _PICTURES)
    return shown.position == position and (shown.external_id == one.external_id if named else alike)


def _new(position: int, one: AttachmentSeen, seen_at: datetime, gone_at: datetime | None, *, now: datetime) -> Shown:
    shown = Shown(None, position, one.kind, one.external_id, None, None, None, seen_at, gone_at, None)
    _learn(shown, one, now=now)
    if gone_at is not None:
        shown.fetch_due_at = None
    return shown


def _learn(shown: Shown, one: AttachmentSeen, *, now: datetime) -> None:
    """Addresses are another at every reading: they are of use only while the picture is to be fetched."""
    if one.external_id is not None:
        shown.external_id, shown.kind = one.external_id[:LONGEST_ID], one.kind
    shown.description = cleaned(one.description) or shown.description
    if shown.picture_address is None and one.picture is not None:
        shown.fetch_due_at = now
    if shown.fetch_due_at is not None or shown.address is None:
        shown.address = web_link(one.address, None) or shown.address
        shown.picture_address = web_link(one.picture, None) or shown.picture_address


# Versions of a text ------------------------------------------------------------------------------------------------


def _keep(versions: list[Version], seen: CommentSeen) -> None:
    """Add one observation to what is known of the texts.

    Every edit is kept. An add and the pulls that found the same text standing are one version, so that rounds of
    pulls over the same page add nothing: its `said_at` is the earliest time told, its `seen_at` the last time that a
    pull saw it there.
    """
    text = cleaned(seen.text)
    # A time that cannot be is no time: of year 1, or of the next century.
    said_at = seen.said_at if seen.said_at and OLDEST <= seen.said_at <= seen.seen_at + EARLY else None
    if seen.source == "edit":
        same = [
            v
            for v in versions
            if v.source == "edit" and (v.text, v.said_at, v.seen_at) == (text, said_at, seen.seen_at)
        ]
        if same:
            return
    else:
        said_at = said_at or seen.seen_at
        standing = next((v for v in versions if v.source != "edit" and v.text == text), None)
        if standing is not None:
            standing.said_at = min(standing.said_at or said_at, said_at)
            if standing.source == seen.source == "pull":
                standing.seen_at = max(standing.seen_at, seen.seen_at)
            elif seen.source == "pull":
                standing.source, standing.seen_at = "pull", seen.seen_at
            elif standing.source == "add":
                standing.seen_at = min(standing.seen_at, seen.seen_at)
            return
    versions.append(Version(None, seen.source, text, said_at, seen.seen_at))


def _created_at(versions: Sequence[AnyVersion]) -> datetime:
    return min(version.said_at or version.seen_at for version in versions)


def _true_at(versions: Sequence[AnyVersion]) -> Callable[[AnyVersion], tuple[Any, ...]]:
    """The order in which texts were true, as a key that is higher for the later one.

    What an add said came first. A pull's text was true when it was read. An edit's `said_at` is the time of the edit
    on some networks and still the creation on others: it tells something where an edit of this comment says a time
    later than the creation, else the notification's own time does. Webhooks count in seconds; in the same second, an
    edit came after what a pull read. A text that the network did not say never replaces one that it did.
    """
    created_at = _created_at(versions)
    edits_tell = any(v.source == "edit" and v.said_at is not None and v.said_at > created_at for v in versions)

    def key(version: AnyVersion) -> tuple[Any, ...]:
        said_at = version.said_at or version.seen_at
        at = said_at if version.source == "add" or (version.source == "edit" and edits_tell) else version.seen_at
        told = version.text is not None
        rank = ("add", "pull", "edit").index(version.source)
        return told, rank > 0, at.replace(microsecond=0), rank, version.seen_at, version.text or ""

    return key


def texts(versions: Sequence[AnyVersion]) -> list[AnyVersion]:
    """Each text that a comment had, once, the oldest first."""
    latest: dict[str, AnyVersion] = {}
    for version in sorted(versions, key=_true_at(versions)) if versions else ():
        if version.text is not None:
            latest.pop(version.text, None)
            latest[version.text] = version
    return list(latest.values())
