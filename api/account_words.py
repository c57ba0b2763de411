"""What is wrong with an account and what to do about it, in words; what a permission is for; what cannot be done.

Codes come from the connectors. One that nobody foresaw gets the general sentence, with the code for the operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.i18n import N_, _
from api.messages import label
from models.vocabulary import OperationKind

DEAD: Final[Mapping[str, tuple[str, str]]] = {
    "app_removed": (
        N_("The person who connected it has removed Parvis from their applications."),
        N_("Connect it again, and give every permission that is asked."),
    ),
    "checkpoint": (
        N_("%(network)s wants the person who connected it to confirm who they are."),
        N_("That person opens %(network)s and confirms, then the account is connected again."),
    ),
    "password_changed": (
        N_("The person who connected it has changed their password, or %(network)s closed their sessions for safety."),
        N_("Connect it again."),
    ),
    "expired": (N_("The permission to use it has ended."), N_("Connect it again.")),
    "revoked": (
        N_("The permission to use it was taken back."),
        N_("Connect it again, with a person who manages this page."),
    ),
    "logged_out": (N_("The person who connected it has signed out everywhere."), N_("Connect it again.")),
    "role_lost": (
        N_("The person who connected it does not manage this page any more."),
        N_("Somebody who manages the page connects it again."),
    ),
    "wrong_page": (
        N_("The permission that was kept opens another page than this one."),
        N_("Connect it again, and choose the right page."),
    ),
    "unreadable": (
        N_("What Parvis kept to use it cannot be opened: the key that closed it is not in PARVIS_SECRET_KEY any more."),
        N_("Put the old key back in the list, or connect the account again."),
    ),
    "switched_off": (
        N_("Reading public pages is off in the settings."),
        N_("The operator gives PARVIS_INSTAGRAM_PUBLIC its reason again, or leaves this account as it is."),
    ),
    "session_unreadable": (
        N_("The session that was given to read public pages cannot be read."),
        N_("The operator gives another one with parvis account add."),
    ),
    "invalid": (N_("%(network)s does not accept the permission that was kept."), N_("Connect it again.")),
}
"""Why a token does not work, and what a person does. Meta's subcodes 458 to 467 and 492, and LinkedIn's reasons."""

REFUSED: Final[Mapping[str, tuple[str, str]]] = {
    "app": (
        N_("%(network)s does not recognize the city’s application."),
        N_("The operator checks the application’s number and secret in the settings."),
    ),
    "blocked": (
        N_("%(network)s has blocked this account for a while: too many acts too quickly, or a rule of its own."),
        N_("Open %(network)s itself to see why."),
    ),
    "version": (
        N_("%(network)s does not serve the version that Parvis asks for any more."),
        N_("The operator gives a current version in the settings; nothing is lost meanwhile."),
    ),
    "wrong_page": DEAD["wrong_page"],
}
"""Why nothing is read although the token works."""
_REFUSED_ALIAS = {"version_sunset": "version"}
_REFUSED_OTHER = (
    N_("%(network)s refuses to be read (code %(code)s)."),
    N_("Check now; if it goes on, show this code to the operator."),
)

PERMISSIONS: Final[Mapping[str, str]] = {
    "pages_show_list": N_("Without it, the city’s pages cannot be listed."),
    "pages_read_engagement": N_("Without it, nothing is read."),
    "pages_read_user_content": N_("Without it, neither comments, nor mentions, nor reviews are read."),
    "pages_manage_engagement": N_("Without it, no reply, no hiding and no deleting."),
    "pages_manage_posts": N_("Without it, nothing is published."),
    "pages_manage_metadata": N_("Without it, comments come at the next reading instead of at once."),
    "pages_messaging": N_("Without it, no private reply."),
    "pages_manage_ads": N_("Without it, comments under advertisements are not read."),
    "ads_read": N_("Without it, what advertisements cost is not known."),
    "read_insights": N_("Without it, reach, views and clicks are not measured."),
    "instagram_basic": N_("Without it, nothing is read on Instagram."),
    "instagram_manage_comments": N_("Without it, Instagram comments are neither read nor moderated."),
    "instagram_content_publish": N_("Without it, nothing is published on Instagram."),
    "instagram_manage_contents": N_("Without it, Instagram posts cannot be deleted, nor their comments closed."),
    "instagram_manage_insights": N_("Without it, reach and views are not measured on Instagram."),
    "instagram_manage_messages": N_("Without it, no private reply on Instagram."),
    "r_organization_social": N_("Without it, nothing is read."),
    "r_organization_social_feed": N_("Without it, comments are not read."),
    "rw_organization_admin": N_("Without it, the city’s pages are not listed and nothing is measured."),
    "w_organization_social": N_("Without it, nothing is published."),
    "w_organization_social_feed": N_("Without it, no reply, no deleting and no reaction."),
}

OPERATIONS: Final[Mapping[OperationKind, str]] = {
    OperationKind.HIDE: N_("hide a comment"),
    OperationKind.DELETE: N_("delete a comment"),
    OperationKind.REPLY: N_("reply"),
    OperationKind.PRIVATE_REPLY: N_("reply in private"),
    OperationKind.LIKE: N_("like a comment"),
    OperationKind.BLOCK: N_("block somebody"),
    OperationKind.EDIT_POST: N_("edit a post"),
    OperationKind.DELETE_POST: N_("delete a post"),
    OperationKind.CLOSE_COMMENTS: N_("close the comments of a post"),
}
"""The other operations are the contraries of these, and go with them."""

WHY_NOT: Final[Mapping[str, str]] = {
    "not_supported": N_("%(network)s does not offer it to applications"),
    "read_only": N_("this account is only read"),
    "would_delete_comments": N_("%(network)s would delete the comments that are there"),
}


def dead(reason: str | None, network: str) -> tuple[str, str]:
    """Why a token does not work, and what to do."""
    what, todo = DEAD.get(reason or "", DEAD["invalid"])
    name = label("network", network)
    return _(what, network=name), _(todo, network=name)


def refused(code: str, network: str) -> tuple[str, str]:
    """Why a network whose token works is not read all the same, and what to do."""
    what, todo = REFUSED.get(_REFUSED_ALIAS.get(code, code), _REFUSED_OTHER)
    name = label("network", network)
    return _(what, network=name, code=code), _(todo, network=name)


def permission(name: str) -> str:
    """What is not done without this permission."""
    return _(PERMISSIONS.get(name, N_("Without it, a part of the work is not done.")))


def operations(kinds: frozenset[OperationKind]) -> str:
    """Acts, as one list in words: "hide a comment, block somebody"."""
    return ", ".join(_(words) for kind, words in OPERATIONS.items() if kind in kinds)


def why_not(code: str, network: str) -> str:
    """Why acts cannot be done on this account; a clause."""
    return _(WHY_NOT.get(code, WHY_NOT["not_supported"]), network=label("network", network))
