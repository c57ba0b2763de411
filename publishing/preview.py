"""What each account would show of a post: its words as the network has them, where it folds them, and its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from connectors import base
from connectors.pictures import frame
from connectors.registry import descriptor
from models.accounts import Account
from models.campaigns import Campaign
from models.media import Media
from models.posts import Post, Variant
from models.vocabulary import MediaKind

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Framed:
    """A picture, or one image of a film, and the part of it that is shown: left, top, right and bottom in points."""

    media: Media
    alt_text: str
    box: Box
    cut: bool
    """Whether that is not all of it."""


@dataclass(frozen=True)
class Sketch:
    """One account's part of a post."""

    account: Account
    written: str
    """In its words as they were typed."""
    words: str
    """As the network has them."""
    length: int
    """As the network counts them."""
    most: int
    link: str | None
    pictures: Sequence[Framed]
    first_comment: str
    publish_at: datetime | None
    campaign: Campaign | None
    embargo_until: datetime | None
    in_french: bool
    """Whether nothing in it may be in another language."""

    @property
    def film(self) -> Framed | None:
        """The film that it shows."""
        return next((one for one in self.pictures if one.media.filmed), None)

    @property
    def card(self) -> str | None:
        """The link that is shown as a card."""
        return self.link if self.link and not self.pictures and self.link not in self.words else None

    @property
    def card_title(self) -> str | None:
        """The title of that card where it is not the page's own."""
        longest = descriptor(self.account.network).capabilities.card_headline
        return None if longest is None else base.headline(self.words, longest)

    def folded(self, *, wide: bool) -> tuple[str, str]:
        """What is seen at once, and what comes after "see more"."""
        fold = descriptor(self.account.network).capabilities.fold
        if fold is None or len(self.words) <= fold[wide]:
            return self.words, ""
        # No word is cut in two, unless it is longer than all that is shown.
        seen = self.words[: fold[wide]]
        end = max(seen.rfind(" "), seen.rfind("\n"))
        end = end if end > fold[wide] // 2 else fold[wide]
        return self.words[:end], self.words[end:]


def sketch(
    account: Account,
    text: str,
    *,
    link: str | None = None,
    pictures: Sequence[tuple[Media, str]] = (),
    first_comment: str = "",
    publish_at: datetime | None = None,
    campaign: Campaign | None = None,
    embargo_until: datetime | None = None,
    in_french: bool = True,
) -> Sketch:
    """What an account would show of that."""
    network = descriptor(account.network)
    kinds = {True: MediaKind.VIDEO, False: MediaKind.PHOTO}
    files = tuple(base.Media(kinds[media.filmed], Path(), "", alt) for media, alt in pictures)
    words = network.words(base.Publication(text, link, files))
    return Sketch(
        account=account,
        written=text,
        words=words,
        length=network.length(words),
        most=network.capabilities.longest_text,
        link=link,
        pictures=[_framed(media, alt, network.capabilities.ratios) for media, alt in pictures],
        first_comment=first_comment,
        publish_at=publish_at,
        campaign=campaign,
        embargo_until=embargo_until,
        in_french=in_french,
    )


def of_variant(variant: Variant, post: Post) -> Sketch:
    """What a variant of a post shows."""
    return sketch(
        variant.account,
        variant.text,
        link=variant.link,
        pictures=[(one.media, one.alt_text) for one in variant.pictures],
        first_comment=variant.first_comment or "",
        publish_at=variant.publish_at or post.publish_at,
        campaign=post.campaign,
        embargo_until=post.embargo_until,
        in_french=post.language_exception is None,
    )


def _framed(media: Media, alt_text: str, ratios: tuple[float, float] | None) -> Framed:
    box = None if media.filmed else frame(media.width, media.height, ratios)
    return Framed(media, alt_text, box or (0, 0, media.width, media.height), box is not None)
