"""What an approver said yes or no to, and what has changed in a post since it was approved last."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any

from models.posts import Approval, Post, VariantPicture

WORDS = ("text", "link", "first_comment")
LONGEST = 4000
"""Words and spaces of a text that is compared word by word; a longer one is shown as replaced."""

_PIECES = re.compile(r"\s+|[^\s]+")


@dataclass(frozen=True)
class Change:
    """What is new in one account's part. `field`: one of `WORDS`, or "time", "pictures", "added", "removed"."""

    account: str
    field: str
    pieces: Sequence[tuple[str, str]] = ()
    """Of words: what was kept ("same"), what went ("old") and what came ("new"), in order."""
    before: datetime | None = None
    after: datetime | None = None


def content(post: Post) -> list[dict[str, Any]]:
    """All that is approved of a post, as it is kept with the approval."""
    return [
        {
            "account_id": one.account_id,
            "account": one.account.name,
            "text": one.text,
            "link": one.link or "",
            "first_comment": one.first_comment or "",
            "at": at.isoformat() if (at := one.publish_at or post.publish_at) else None,
            "pictures": [_seen(picture) for picture in one.pictures],
        }
        for one in sorted(post.variants, key=lambda one: one.account_id)
    ]


def content_hash(post: Post, *, timed: bool = True) -> str:
    """What an approval is bound to: all that a reader will see of a post, where, and when.

    `timed` False leaves the post's common time out: the hash that it had before it was given one.
    """
    common = post.publish_at if timed else None
    content = sorted(
        (
            variant.account_id,
            variant.text,
            variant.link or "",
            at.timestamp() if at else None,
            [_seen(picture) for picture in variant.pictures],
            variant.first_comment or "",
        )
        for variant in post.variants
        for at in [variant.publish_at or common]
    )
    held = post.embargo_until.timestamp() if post.embargo_until else None
    said = [post.late_after_minutes, content, held, post.language_exception]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()


def _seen(picture: VariantPicture) -> list[str | None]:
    """Of a picture or a film, what a reader sees and hears of it, or reads in its place."""
    media = picture.media
    return [media.sha256, picture.alt_text, media.lettering, media.captions_sha256]


def last_approved(approvals: Sequence[Approval]) -> Approval | None:
    """The last whole yes; `approvals` from the first to the last."""
    return next((one for one in reversed(approvals) if one.approved and one.final), None)


def changes(post: Post, approval: Approval) -> list[Change]:
    """What of a post is not as that approval saw it."""
    before = {part["account_id"]: part for part in approval.content}
    after = {part["account_id"]: part for part in content(post)}
    found = [Change(part["account"], "removed") for id_, part in before.items() if id_ not in after]
    for id_, part in after.items():
        found += _changed(before[id_], part) if id_ in before else [Change(part["account"], "added")]
    return found


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    account = after["account"]
    for field in WORDS:
        if before[field] != after[field]:
            yield Change(account, field, compared(before[field], after[field]))
    if before["at"] != after["at"]:
        times = [datetime.fromisoformat(at) if at else None for at in (before["at"], after["at"])]
        yield Change(account, "time", before=times[0], after=times[1])
    if before["pictures"] != after["pictures"]:
        yield Change(account, "pictures")


def compared(before: str, after: str) -> list[tuple[str, str]]:
    """Two texts, word by word."""
    old, new = _PIECES.findall(before), _PIECES.findall(after)
    if len(old) + len(new) > LONGEST:
        return [("old", before), ("new", after)]
    pieces: list[tuple[str, str]] = []
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(("same", "".join(old[i:j])))
            continue
        if i < j:
            pieces.append(("old", "".join(old[i:j])))
        if k < m:
            pieces.append(("new", "".join(new[k:m])))
    return pieces
