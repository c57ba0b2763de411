"""What is wrong with an account and what to do about it, in words; what a permission is for; what cannot be done.

Codes come from the connectors. One that nobody foresaw gets the general sentence, with the code for the operator.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from api.i18n import N_, _
from api.messages import label
from connectors.registry import descriptor
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
    "invalid": (N_("%(network)s does not accept the permission that was kept."), N_("Connect it again.")),
}
"""Why a token does not work, and what a person does; a network's own reasons are in its descriptor."""

REFUSED: Final[Mapping[str, tuple[str, str]]] = {
    "app": (
        N_("%(network)s does not recognize the city’s application."),
        N_("The operator checks the application’s number and secret in the settings."),
    ),
    "blocked": (
        N_("%(network)s has blocked this account for a while: too many acts too quickly, or a rule of its own."),
        N_("Open %(network)s itself to see why."),
    ),
    "app_not_approved": (
        N_("The city’s application lacks an approval of %(network)s for this reading."),
        N_("The operator asks for it in the network’s own settings of the application."),
    ),
    "not_supported_there": (
        N_("%(network)s does not support this reading on this account; no permission is missing."),
        N_("Nothing is to be done, if the account is of the right kind; if not, show this to the operator."),
    ),
    "restricted": (
        N_("%(network)s restricts access to this account for now."),
        N_("Parvis tries again by itself; open %(network)s itself to see why."),
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

OPERATIONS: Final[Mapping[OperationKind, str]] = {
    OperationKind.PUBLISH: N_("publish"),
    OperationKind.HIDE: N_("hide a comment"),
    OperationKind.DELETE: N_("delete a comment"),
    OperationKind.REPLY: N_("reply"),
    OperationKind.PRIVATE_REPLY: N_("reply in private"),
    OperationKind.MESSAGE: N_("read and answer private messages"),
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
    own = descriptor(network).dead
    what, todo = own.get(reason or "") or DEAD.get(reason or "", DEAD["invalid"])
    name = label("network", network)
    return _(what, network=name), _(todo, network=name)


def refused(code: str, network: str) -> tuple[str, str]:
    """Why a network whose token works is not read all the same, and what to do."""
    what, todo = REFUSED.get(_REFUSED_ALIAS.get(code, code), _REFUSED_OTHER)
    name = label("network", network)
    return _(what, network=name, code=code), _(todo, network=name)


def failing(code: str, network: str) -> str:
    """A network that answers by errors that pass, and that have not."""
    name = label("network", network)
    if not code:
        return _("%(network)s does not answer.", network=name)
    return _("%(network)s answers by an error (code %(code)s).", network=name, code=code)


def untold(names: Collection[str], network: str) -> str:
    """What a network does not tell by itself, and what to do."""
    name, of_app = label("network", network), [one.removeprefix("app:") for one in names if one.startswith("app:")]
    of_page = [one for one in names if not one.startswith("app:")]
    said = []
    if of_page == ["*"]:
        said.append(_("%(network)s refuses to announce what happens here.", network=name))
    elif of_page:
        said.append(_("%(network)s refuses to announce: %(fields)s.", network=name, fields=", ".join(of_page)))
    if of_app:
        said.append(
            _(
                "The city’s application is not subscribed to: %(fields)s. The operator subscribes it in its settings, "
                "under “Webhooks”.",
                fields=", ".join(of_app),
            )
        )
    said.append(_("These comments come at the next reading instead of at once; none is lost."))
    return " ".join(said)


def permission(name: str, network: str) -> str:
    """What is not done without this permission."""
    known = descriptor(network).permissions.get(name)
    return _(known.lack if known is not None else N_("Without it, a part of the work is not done."))


def operations(kinds: frozenset[OperationKind]) -> str:
    """Acts, as one list in words: "hide a comment, block somebody"."""
    return ", ".join(_(words) for kind, words in OPERATIONS.items() if kind in kinds)


def why_not(code: str, network: str) -> str:
    """Why acts cannot be done on this account; a clause."""
    return _(WHY_NOT.get(code, WHY_NOT["not_supported"]), network=label("network", network))
