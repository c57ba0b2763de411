"""The words of the trade, as plain Python: every floor may import them, and they import nothing of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


def N_(message: str) -> str:  # noqa: N802  # gettext's own name for "translated where it is used".
    """Marks a sentence for the catalogue where it is written, and leaves it as it is: the door translates it."""
    return message


class Role(StrEnum):
    """What a person may do; where they may do it is the membership's scope."""

    MODERATOR = "moderator"
    COMMUNICATIONS = "communications"
    APPROVER = "approver"
    AGENT311 = "agent311"
    MANAGER = "manager"
    RECORDS = "records"
    ADMIN = "admin"


class ItemState(StrEnum):
    """Where an item stands in the queue."""

    RECEIVED = "received"
    """The classifier has yet to read the newest text of its subject."""
    WAITING = "waiting"
    """A person must decide."""
    HANDLED = "handled"
    """Somebody decided, or nothing is left to decide."""


class DraftState(StrEnum):
    """What became of a drafted reply."""

    PROPOSED = "proposed"
    USED = "used"
    DISCARDED = "discarded"


class NoteKind(StrEnum):
    """What a colleague did with an item without deciding."""

    NOTE = "note"
    """Left words."""
    ASSIGN = "assign"
    SNOOZE = "snooze"


class DecisionKind(StrEnum):
    """What can be decided about a comment."""

    NOTHING = "nothing"
    REPLY = "reply"
    LIKE = "like"
    HIDE = "hide"
    UNHIDE = "unhide"
    REQUEST = "request"
    CANCEL = "cancel"


RESTRICTIVE = frozenset({DecisionKind.HIDE})
"""Decisions that need a rule in force and keep the text as it was (invariant 4)."""


class CommentKind(StrEnum):
    """By which door a citizen's words came."""

    COMMENT = "comment"
    MENTION = "mention"
    """The city was named under somebody else's post, or in it."""
    REVIEW = "review"
    """A recommendation or a rating of the Page."""
    MESSAGE = "message"
    """A private conversation: all that one person and an account write to each other is one comment, whose words are
    those that nobody has decided about."""


class HiddenBy(StrEnum):
    """Who hid a comment that is hidden."""

    CITY = "city"
    """A decision taken in Parvis."""
    OUTSIDE = "outside"
    """Somebody with the account, in the network's own application."""
    NETWORK = "network"
    """The network itself, or nobody said."""


class PostKind(StrEnum):
    """What citizens write under."""

    POST = "post"
    REEL = "reel"
    STORY = "story"
    AD = "ad"
    """Exists only as an advertisement; its comments are seen nowhere else."""
    MENTIONING = "mentioning"
    """Somebody else's, which names the city."""


class AttachmentKind(StrEnum):
    """What a citizen says without words."""

    PHOTO = "photo"
    VIDEO = "video"
    STICKER = "sticker"
    GIF = "gif"
    """A picture that moves."""
    LINK = "link"
    OTHER = "other"
    """Something that Parvis does not know by name."""


class PictureState(StrEnum):
    """Whether our own picture of an attachment is there."""

    NONE = "none"
    """The network gave none to be fetched."""
    AWAITED = "awaited"
    KEPT = "kept"
    MISSING = "missing"
    """It could not be fetched."""


class MediaKind(StrEnum):
    """A file that goes out with a publication."""

    PHOTO = "photo"
    VIDEO = "video"


class PublicationForm(StrEnum):
    """The form that a network gives to a publication."""

    POST = "post"
    REEL = "reel"
    STORY = "story"


class OperationKind(StrEnum):
    """One outward act, as decisions, effects and connectors know it; the comment says what its target is."""

    PUBLISH = "publish"
    """A post of ours; it has no target."""
    HIDE = "hide"
    UNHIDE = "unhide"
    DELETE = "delete"
    REPLY = "reply"
    """To a comment, or to a post of ours (its first comment)."""
    PRIVATE_REPLY = "private_reply"
    """To a comment, in the citizen's messages: once, within seven days."""
    MESSAGE = "message"
    """In a private conversation, by the name that its connector gave it."""
    LIKE = "like"
    UNLIKE = "unlike"
    BLOCK = "block"
    """An author, by the author's id; so is `UNBLOCK`."""
    UNBLOCK = "unblock"
    EDIT_POST = "edit_post"
    """The words of a post of ours; so are the ones below about a post of ours."""
    DELETE_POST = "delete_post"
    CLOSE_COMMENTS = "close_comments"
    OPEN_COMMENTS = "open_comments"
    SUBMIT = "submit"
    """A 311 request, to an outside desk; its target is our own name of the request."""
    MAIL = "mail"
    """A letter to somebody who works here; its target is our own name of that person."""
    SUBMIT_MAIL = "submit_mail"
    """A 311 request in a letter, to the unit whose work it is; its target is as of `SUBMIT`."""
    ALERT = "alert"
    """An alert to the city's pager; its target is our own name of the alarm."""
    ANNOUNCE = "announce"
    """An entry of the journal, to a program of the city; its target is the entry's subject."""


CREATIVE = frozenset(
    {
        OperationKind.PUBLISH,
        OperationKind.REPLY,
        OperationKind.PRIVATE_REPLY,
        OperationKind.MESSAGE,
        OperationKind.SUBMIT,
    }
)
"""Operations that make something new, whose id on the network belongs to one effect only."""


TAKE_BACK = {OperationKind.REPLY: OperationKind.DELETE, OperationKind.PUBLISH: OperationKind.DELETE_POST}
"""How what was made is taken away again."""


class EffectState(StrEnum):
    """The life of an outbox row; the arrows are in `models/work.py`."""

    READY = "ready"
    CLAIMED = "claimed"
    SENDING = "sending"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NEEDS_PERSON = "needs_person"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """What the last try of an effect met, if it is not done: why it waits, failed or needs a person."""

    THROTTLED = "throttled"
    TOKEN_INVALID = "token_invalid"
    UNREACHABLE = "unreachable"
    """Nobody answered, and nothing was applied."""
    OWNER_LOST = "owner_lost"
    """Its worker died before it was sent."""
    UNKNOWN = "outcome_unknown"
    """Its answer is lost: the network is read."""
    NOT_APPLIED = "not_applied"
    """The network was read, and it is not there."""
    UNREADABLE = "outcome_unreadable"
    """Whether it is there cannot be read; the detail says the network's reason, if it gave one."""
    LATE = "late"
    """Its time passed before it left."""
    BLOCKED = "blocked"
    PERMISSION_MISSING = "permission_missing"
    """The detail names the permission."""
    GONE = "gone"
    """What it acts on is not there any more."""
    REJECTED = "rejected"
    """The detail is the network's code."""
    DOUBLED = "doubled"
    """It is done, and stands there twice: what was sent before was accepted all the same."""


class DeliveryState(StrEnum):
    """What became of one webhook body."""

    RECEIVED = "received"
    PARSED = "parsed"
    UNREADABLE = "unreadable"


class RequestStatus(StrEnum):
    """The life of a 311 request; `open` and `closed` of GeoReport are derived from it."""

    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    """Opened by mistake: the moderator undid it before anybody began."""


CLOSED_STATUSES = frozenset({RequestStatus.DONE, RequestStatus.REFUSED, RequestStatus.CANCELLED})


class StepBy(StrEnum):
    """Who took a step in the life of a request."""

    PERSON = "person"
    PROGRAM = "program"
    """That sent the request."""
    DESK = "desk"
    """The outside 311."""
    CITIZEN = "citizen"
    """Who says that it is not solved."""


class HandoverState(StrEnum):
    """How far a request is on its way to the outside 311."""

    WAITING = "waiting"
    """It leaves by itself."""
    CHECKED = "checked"
    """Its answer is lost: the desk is read."""
    NUMBERLESS = "numberless"
    """The desk has it, and has yet to say its number."""
    CONFIRMED = "confirmed"
    EXPORTED = "exported"
    """It left in a file or a letter, and nobody said yet that the other system has it."""
    ACKNOWLEDGED = "acknowledged"
    """The other system has it from there, and has yet to give its number."""
    BY_HAND = "by_hand"
    """A person carried it over, and wrote its number down."""
    FAILED = "failed"
    """The desk refused it: a person says what comes next."""
    DOUBTFUL = "doubtful"
    """Whether it is there cannot be read, or it stands there twice: a person looks."""


class RequestNature(StrEnum):
    """Montréal's four natures of a 311 contact, word for word."""

    INFORMATION = "information"
    COMMENT = "comment"
    REQUEST = "request"
    COMPLAINT = "complaint"


class Datatype(StrEnum):
    """What an attribute of a service takes (GeoReport v2, word for word)."""

    STRING = "string"
    NUMBER = "number"
    DATETIME = "datetime"
    TEXT = "text"
    SINGLE = "singlevaluelist"
    MULTI = "multivaluelist"


class Priority(StrEnum):
    """How soon an agent should take a request up, whatever its service's standard says."""

    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class RequestNoteKind(StrEnum):
    """What was done with a request beside its status."""

    NOTE = "note"
    ASSIGN = "assign"
    TRANSFER = "transfer"
    PRIORITY = "priority"
    CORRECT = "correct"


class PostState(StrEnum):
    """The life of a campaign post."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    PUBLISHED = "published"
    TO_REVIEW = "to_review"
    """Its time passed without it leaving (lateness window, refusal, unreadable outcome): a person decides."""


class LanguageException(StrEnum):
    """Why a post may say something in another language than French: the exceptions that a city adopts."""

    HEALTH = "health"
    SAFETY = "safety"
    JUSTICE = "justice"
    """The principles of natural justice."""
    BILINGUAL = "bilingual"
    """A city or borough that is recognized as bilingual."""
    NEWCOMERS = "newcomers"
    """In their first six months."""
    INDIGENOUS = "indigenous"
    OUTSIDE = "outside"
    """For people outside of Québec."""


class DateRule(StrEnum):
    """How the dates of a recurring file are known."""

    NONE = "none"
    """They are not: somebody says when."""
    REPEATS = "repeats"
    """By a rule of the calendar."""
    ANCHORED = "anchored"
    """So many days before or after a key date of the city."""


class MonthEnd(StrEnum):
    """What becomes of a day that a month does not have: the 31st in June, February 29."""

    LAST = "last"
    """The last day of that month."""
    SKIP = "skip"


class NotMade(StrEnum):
    """Why the draft of a recurring file was not made by itself: a person looks."""

    MISSED = "missed"
    """Its day had passed before anything could be made of it."""
    OWNER_GONE = "owner_gone"
    """Who answers for it does not work here any more."""
    REFUSED = "refused"
    """Who answers for it may not write there, or something in it is not theirs to use."""


class OutsideTask(StrEnum):
    """What a recurring file asks for outside of the networks."""

    PRESS_RELEASE = "press_release"
    WEB_PAGE = "web_page"
    POSTER = "poster"
    NEWSLETTER = "newsletter"


class NoticeKind(StrEnum):
    """Of what somebody is told."""

    NAMED = "named"
    """A note names them."""
    ASSIGNED = "assigned"
    REQUEST_ASSIGNED = "request_assigned"
    """A 311 request is theirs now."""
    DOSSIER_DUE = "dossier_due"
    """The time of a recurring file has come."""
    APPROVAL_ASKED = "approval_asked"
    APPROVAL_NEAR = "approval_near"
    """A post still waits for approval, and its hour comes near."""
    APPROVED = "approved"
    SENT_BACK = "sent_back"
    REMARKED = "remarked"
    """Somebody says something of a passage of a post."""
    URGENT = "urgent"
    """A post went out without a second person."""
    REVIEW_DUE = "review_due"
    """Such a post is to be read again today."""
    NOT_SENT = "not_sent"
    """A part of a post did not go out, stands twice, or was stopped by a pause: a person decides."""
    NOT_CHANGED = "not_changed"
    """What is out could not be worded anew or taken away: a person looks."""
    TAKEN_DOWN = "taken_down"
    """Somebody takes a post off a network."""
    SHIFT = "shift"
    """A colleague ended their shift, and left words for the next one."""
    DANGER = "danger"
    """Somebody writes of an immediate danger, and they are on call."""
    BACKUP_LATE = "backup_late"
    """No copy of the database was made for too long."""
    ACCOUNT_STOPPED = "account_stopped"
    """An account is heard no more, or will soon be."""
    DISK_LOW = "disk_low"


class MailChoice(StrEnum):
    """How somebody wants their notices by e-mail."""

    EACH = "each"
    DIGEST = "digest"
    """Once a day, together."""
    NONE = "none"


class ChannelState(StrEnum):
    """Whether the token of a channel can be used."""

    ACTIVE = "active"
    TOKEN_INVALID = "token_invalid"
    PERMISSION_MISSING = "permission_missing"


class Pause(StrEnum):
    """Why a network asked to be left alone for a while."""

    THROTTLED = "throttled"
    """Too many calls."""
    BLOCKED = "blocked"
    """The account did what is not allowed there, as the network says."""


class Ground(StrEnum):
    """Why a netiquette article may restrict: the law itself, or the city's own netiquette."""

    LAW = "law"
    NETIQUETTE = "netiquette"


class Feeling(StrEnum):
    """What a text feels."""

    NEGATIVE = "negatif"
    NEUTRAL = "neutre"
    POSITIVE = "positif"


class Intention(StrEnum):
    """What a citizen wants with a comment (six, from `docs/guide`); `None` stands for "does not know"."""

    SERVICE_REQUEST = "demande_service"
    QUESTION = "question"
    DISSATISFACTION = "plainte"
    SUGGESTION = "suggestion"
    PRAISE = "eloge"
    OFF_TOPIC = "hors_sujet"


class Tone(StrEnum):
    """How a reply speaks to somebody."""

    VOUS = "vous"
    TU = "tu"


class Breach(StrEnum):
    """Six independent breaches of the netiquette that the classifier looks for, the gravest first: articles, digits and
    labels are shown in this order.
    """

    HATE = "haine"
    INSULT = "insulte"
    THREAT = "menace"
    PERSONAL_INFORMATION = "renseignement_personnel"
    SPAM = "pub_spam"
    VULGAR = "vulgaire"


class Group311(StrEnum):
    """The fourteen groups of 311 activities; a city maps its own activities to them in a table."""

    SNOW = "deneigement"
    ROADS = "chaussee_trottoir"
    COLLECTION = "collectes"
    CLEANLINESS = "proprete"
    WATER = "eau_egout"
    LIGHTING = "eclairage_signalisation"
    TREES = "arbres"
    PARKS = "parcs"
    NOISE = "bruit_nuisances"
    ANIMALS = "animaux"
    TRAFFIC = "stationnement_circulation"
    PERMITS = "permis_taxes_logement"
    LEISURE = "loisirs"
    OTHER = "autre"


class Language(StrEnum):
    """Language of a comment."""

    FRENCH = "fr"
    ENGLISH = "en"
    OTHER = "autre"


@dataclass(frozen=True)
class Reason:
    """Why something was said, suggested or decided, as a value that the door puts into words.

    `start` and `end` are positions in the text as the citizen wrote it (characters, end excluded), or None when
    the reason is about the whole text. `weight` is how much it moved the score (its unit is the engine's).
    """

    code: str
    params: Mapping[str, str] = field(default_factory=dict)
    start: int | None = None
    end: int | None = None
    weight: float = 0.0


class Standing(StrEnum):
    """How a database stands to this version of Parvis."""

    EMPTY = "empty"
    OLDER = "older"
    CURRENT = "current"
    NEWER = "newer"
    FOREIGN = "foreign"
    """It holds the tables of something else."""


class PlaceKind(StrEnum):
    """What a place that a text names is."""

    ADDRESS = "adresse"
    INTERSECTION = "intersection"
    BUILDING = "batiment"
    PARK = "parc"
    STREET = "rue"
