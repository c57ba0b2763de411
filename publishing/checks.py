"""What is looked at while a post is written: what keeps it from being submitted, and what a colleague would say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, contains_eager

from connectors.registry import capabilities, descriptor
from models import search
from models.errors import Refused
from models.media import Media
from models.posts import Post, Variant
from models.scope import Action, Viewer, visible
from models.vocabulary import Language, MediaKind, OperationKind, PostState
from publishing.preview import Sketch
from publishing.typography import repaired

NEAR = timedelta(hours=1)
"""Two posts of one account within that time take readers from each other."""
RECENT = timedelta(days=60)
"""How far back the same words are looked for."""
ALIKE = 0.8
"""Of all the words of two texts, how many are in both where they say the same."""
LONG_SENTENCE = 30
"""Words. Plain-language guides ask for fifteen to twenty on average."""
FOREIGN_WORDS, FOREIGN = 6, 0.95
"""Words of a paragraph, and how sure it must be that they are not French, before a post is held back for it."""
READABLE = 45
"""Out of 100, as Kandel and Moles counted it for French; below, a text is for readers with a degree."""
MORNING, NIGHT = 6, 22
"""Hours between which a post is expected."""

_HASHTAG = re.compile(r"(?<!\w)#(\w*[^\W\d_]\w*)")
_BLANK = re.compile(r"\[[A-ZÀ-Ý][A-ZÀ-Ý ,’'-]{1,60}\]|\{\w{1,40}\}")
_WORD = re.compile(r"[^\W\d_]+")
_VOWELS = re.compile(r"[aeiouyàâäéèêëîïôöùûüœæ]+", re.IGNORECASE)
_SILENT = re.compile(r"[^aeiouyàâäéèêëîïôöùûüœæ]e(?:s|nt)?$", re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?…\n]+")
_CAPITALS = re.compile(r"\b[A-ZÀ-Ý]{5,}(?:[ '’-]+[A-ZÀ-Ý]{3,}){2,}")


@dataclass(frozen=True)
class Finding:
    """One thing that was found. `where` names the field of the form that it is about."""

    code: str
    where: str
    blocking: bool = False
    params: Mapping[str, str] = field(default_factory=dict)
    mended: str | None = None
    """What the field would say with it mended by one key."""


def look(sketches: Sequence[Sketch], *, now: datetime, zone: ZoneInfo) -> list[Finding]:
    """What a post's own words, pictures and times say; what blocks comes first. The same said of several accounts is
    found once.
    """
    kept: dict[tuple[str, str, tuple[tuple[str, str], ...]], Finding] = {}
    for one in sketches:
        for finding in (*blocking(one, now=now), *_advice(one, zone)):
            kept.setdefault((finding.code, finding.where, tuple(finding.params.items())), finding)
    return sorted(kept.values(), key=lambda finding: not finding.blocking)


def blocking(one: Sketch, *, now: datetime) -> Iterator[Finding]:
    """What a network would refuse, or a reader could not do without."""
    name, able = one.account.name, capabilities(one.account.network)

    if not one.written:
        yield _stop("text_empty", "text")
    elif one.length > one.most:
        yield _stop("text_too_long", "text", name=name, most=str(one.most), over=str(one.length - one.most))
    if able.needs_media and not one.pictures:
        yield _stop("media_needed", "pictures", name=name)
    if one.film is not None:
        yield from _blocking_film(one, one.film.media)
    elif len(one.pictures) > able.most_photos:
        yield _stop("media_many", "pictures", name=name, most=str(able.most_photos))
    for picture in one.pictures:
        if not picture.alt_text:
            yield _stop("alt_missing", f"alt-{picture.media.id}")
    yield from _blocking_words(one)
    if one.publish_at is not None and one.publish_at < now:
        yield _stop("time_passed", "publish_at")
    if one.publish_at is not None and one.embargo_until is not None and one.publish_at < one.embargo_until:
        yield _stop("embargoed", "publish_at")
    yield from _in_french(one)


def _blocking_film(one: Sketch, film: Media) -> Iterator[Finding]:
    """What its network would refuse of a film."""
    name, able = one.account.name, capabilities(one.account.network)
    if MediaKind.VIDEO not in able.media:
        yield _stop("film_impossible", "pictures", name=name)
    if len(one.pictures) > 1:
        yield _stop("film_alone", "pictures")
    seconds, (shortest, longest) = (film.milliseconds or 0) / 1000, able.film_seconds or (0, inf)
    if seconds < shortest:
        yield _stop("film_short", "pictures", name=name, least=str(shortest))
    if seconds > longest:
        yield _stop("film_long", "pictures", name=name, most=str(int(longest // 60)))
    if able.film_megabytes is not None and film.size > able.film_megabytes * 1024**2:
        yield _stop("film_too_heavy", "pictures", name=name, most=str(able.film_megabytes))
    if able.film_ratios is not None and not able.film_ratios[0] <= film.width / film.height <= able.film_ratios[1]:
        yield _stop("film_ratio", "pictures", name=name)


def _in_french(one: Sketch) -> Iterator[Finding]:
    """Paragraph by paragraph, so that a translation below the French is found; what stands for a picture, or in it."""
    # The identifier of languages is loaded at the first text that is long enough.
    from classifiers.engine import language_of  # noqa: PLC0415

    if not one.in_french:
        return
    said = [("not_french", "text", one.written), ("not_french", f"first_comment-{one.account.id}", one.first_comment)]
    for picture in one.pictures:
        where = f"alt-{picture.media.id}"
        said += [("not_french", where, picture.alt_text), ("picture_not_french", where, picture.media.lettering or "")]
    for code, where, text in said:
        for part in re.split(r"\n\s*\n", text):
            told = language_of(part) if len(part.split()) >= FOREIGN_WORDS else None
            if told is not None and told.label is not Language.FRENCH and told.score >= FOREIGN:
                yield _stop(code, where, words=" ".join(part.split()[:8]))
                break


def _blocking_words(one: Sketch) -> Iterator[Finding]:
    name, able = one.account.name, capabilities(one.account.network)
    tags = len(_HASHTAG.findall(one.words))
    if able.most_hashtags is not None and tags > able.most_hashtags:
        yield _stop("hashtags_many", "text", name=name, most=str(able.most_hashtags), there=str(tags))
    if one.first_comment and OperationKind.REPLY not in able.operations:
        yield _stop("comment_impossible", f"first_comment-{one.account.id}", name=name)
    elif descriptor(one.account.network).length(one.first_comment) > able.longest_reply:
        yield _stop("comment_too_long", f"first_comment-{one.account.id}", name=name, most=str(able.longest_reply))


def _stop(code: str, where: str, **params: str) -> Finding:
    return Finding(code, where, blocking=True, params=params)


def refusals(sketches: Sequence[Sketch], *, now: datetime) -> list[Refused]:
    """What blocks, as the trade says no."""
    found = [finding for one in sketches for finding in blocking(one, now=now)]
    return [Refused(one.code, **{**one.params, "field": one.where}) for one in found]


def around(
    session: Session, viewer: Viewer, sketches: Sequence[Sketch], *, post_id: int | None, now: datetime
) -> list[Finding]:
    """What other posts of the same accounts say of it: the same words lately, or another post within the hour."""
    by_account = {one.account.id: one for one in sketches}
    at = func.coalesce(Variant.published_at, Variant.publish_at, Post.publish_at)
    others = (
        select(Variant)
        .join(Variant.post)
        .options(contains_eager(Variant.post))
        .where(Variant.account_id.in_(by_account), Post.id != (post_id or 0))
        .where(or_(at >= now - RECENT, Post.state == PostState.DRAFT))
        .order_by(Variant.id.desc())
        .limit(300)
    )
    found: dict[tuple[str, int], Finding] = {}
    for other in session.scalars(visible(others, viewer, Action.SEE_POSTS, Post)):
        one, then = by_account[other.account_id], other.published_at or other.publish_at or other.post.publish_at
        params = {"name": one.account.name, "title": other.post.title}
        if one.publish_at and then and abs(one.publish_at - then) < NEAR:
            found.setdefault(("another_near", other.post_id), Finding("another_near", "publish_at", params=params))
        if _alike(one.written, other.text):
            found.setdefault(("same_words", other.post_id), Finding("same_words", "text", params=params))
    return list(found.values())[:6]


def _advice(one: Sketch, zone: ZoneInfo) -> Iterator[Finding]:
    name, able, where = one.account.name, capabilities(one.account.network), "text"
    if (mended := repaired(one.written)) != one.written:
        yield Finding("typography", where, params={"written": one.written}, mended=mended)
    for tag in _HASHTAG.findall(one.written):
        if len(tag) > 12 and tag.islower():
            yield Finding("hashtag_case", where, params={"tag": tag})
            break
    if (shouted := _CAPITALS.search(one.written)) is not None:
        yield Finding("capitals", where, params={"words": shouted[0][:40]})
    longest = max((len(part.split()) for part in _SENTENCE.findall(one.written)), default=0)
    if longest > LONG_SENTENCE:
        yield Finding("sentence_long", where, params={"words": str(longest)})
    score = readability(one.written)
    if score is not None and score < READABLE:
        yield Finding("hard_to_read", where, params={"score": str(score)})
    if (blank := _BLANK.search(one.written)) is not None:
        yield Finding("blank_left", where, params={"blank": blank[0]})
    if one.link and not able.links:
        yield Finding("link_dead", "link", params={"name": name})
    elif one.link and one.campaign and not one.campaign.utm and "utm_" not in one.link:
        yield Finding("untracked", "link")
    yield from _advice_on_time(one, zone)
    yield from _advice_on_pictures(one)


def _advice_on_pictures(one: Sketch) -> Iterator[Finding]:
    if one.film is not None and one.film.media.captions_sha256 is None:
        yield Finding("captions_missing", "pictures", params={"file": one.film.media.name})
    elif one.film is not None:
        yield Finding("captions_stay", "pictures", params={"name": one.account.name})
    for picture in one.pictures:
        if not _says(picture.alt_text, picture.media.lettering or ""):
            yield Finding("words_unsaid", f"alt-{picture.media.id}", params={"file": picture.media.name})
    if any(picture.cut for picture in one.pictures):
        yield Finding("picture_cut", "pictures", params={"name": one.account.name})


def readability(text: str) -> int | None:
    """How easily a French text is read, from 0 to 100 (Kandel and Moles, 1958); None: too short to say."""
    words = _WORD.findall(text)
    if len(words) < 25:
        return None
    sentences = sum(bool(_WORD.search(part)) for part in _SENTENCE.findall(text))
    syllables = sum(max(1, len(_VOWELS.findall(word)) - bool(_SILENT.search(word))) for word in words)
    score = 207 - 1.015 * len(words) / max(1, sentences) - 73.6 * syllables / len(words)
    return round(min(100, max(0, score)))


def _advice_on_time(one: Sketch, zone: ZoneInfo) -> Iterator[Finding]:
    if one.publish_at is None:
        return
    local = one.publish_at.astimezone(zone)
    if one.campaign and not one.campaign.begins_on <= local.date() <= one.campaign.ends_on:
        yield Finding("outside_campaign", "publish_at", params={"name": one.campaign.name})
    if not MORNING <= local.hour < NIGHT:
        yield Finding("at_night", "publish_at", params={"hour": str(local.hour)})
    for picture in one.pictures:
        until = picture.media.rights_until
        if until is not None and until < local.date():
            yield Finding("rights_over", f"alt-{picture.media.id}", params={"file": picture.media.name})


def _says(text: str, words: str) -> bool:
    """Whether a text has (nearly) all of these words."""
    said, wanted = (set(search.text_of(one).split()) for one in (text, words))
    return len(said & wanted) >= ALIKE * len(wanted)


def _alike(text: str, other: str) -> bool:
    ours, theirs = (set(search.text_of(one).split()) for one in (text, other))
    return len(ours) >= 4 and len(ours & theirs) >= ALIKE * len(ours | theirs)
