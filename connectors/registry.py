"""Which networks there are: the only file that knows. A new network is its import and its line in `ALL`."""

from __future__ import annotations

from typing import Any, TypeVar

from connectors import pictures
from connectors.alerts import Receiver, ReceiverSettings
from connectors.base import AccountRef, Capabilities, Consent, Descriptor, Network, Webhook
from connectors.desks import Desk, DeskSettings
from connectors.directories import Directory, DirectorySettings
from connectors.facebook.descriptor import FACEBOOK
from connectors.feeds import News
from connectors.instagram.descriptor import INSTAGRAM
from connectors.instagram_public.descriptor import INSTAGRAM_PUBLIC
from connectors.letters import MailSettings, PostOffice
from connectors.linkedin.descriptor import LINKEDIN
from connectors.mail.server import MailServer
from connectors.news.reader import read as read_news
from connectors.open311.desk import Open311Desk
from connectors.receiver.webhook import WebhookReceiver
from connectors.sights import Sight
from models.errors import NotFound, Refused, Rejected

ALL: tuple[Descriptor[Any], ...] = (FACEBOOK, INSTAGRAM, LINKEDIN, INSTAGRAM_PUBLIC)
"""In the order in which people see them."""


S = TypeVar("S")


class NetworkSettings:
    """One value of each class of settings that networks are spoken to with; one that is not given has its defaults."""

    def __init__(self, *given: object) -> None:
        self._given = {type(one): one for one in given}

    def of(self, kind: type[S]) -> S:
        """The value of one class."""
        found = self._given.get(kind)
        return found if isinstance(found, kind) else kind()


def kinds() -> tuple[type[Any], ...]:
    """The classes of settings, each once."""
    return tuple(dict.fromkeys(one.settings for one in ALL))


def names() -> tuple[str, ...]:
    """Of every network."""
    return tuple(one.name for one in ALL)


def descriptor(name: str) -> Descriptor[Any]:
    """Refused `network_unknown`: there is no such network."""
    for one in ALL:
        if one.name == name:
            return one
    raise Refused("network_unknown", field="network", known=", ".join(names()))


def network(settings: NetworkSettings, account: AccountRef) -> Network:
    """The network of an account. Make one for each use: an instance serves one thread at a time."""
    known = descriptor(account.network)
    return known.open(settings.of(known.settings), account)


def capabilities(name: str) -> Capabilities:
    """What can be done on accounts of a network."""
    return descriptor(name).capabilities


def routes() -> dict[str, str]:
    """Where networks post, `/webhooks/…`, and the network whose webhook understands what comes there."""
    return {one.route: one.name for one in reversed(ALL) if one.route is not None}


def webhook(settings: NetworkSettings, name: str) -> Webhook:
    """What understands the bodies that a network posts. NotFound: it posts none."""
    known = descriptor(name)
    if known.webhook is None:
        raise NotFound(f"webhook of {name}")
    return known.webhook(settings.of(known.settings))


def consent(settings: NetworkSettings, name: str) -> Consent:
    """How a person connects accounts of a network. NotFound: it has no dialog, or its application is not configured."""
    known = descriptor(name)
    if known.consent is None:
        raise NotFound(f"consent of {name}")
    return known.consent(settings.of(known.settings))


def picture(settings: NetworkSettings, name: str, address: str) -> bytes:
    """A small picture of our own of what a citizen showed on a network; errors as `connectors.pictures.fetch`."""
    known = descriptor(name)
    if not known.pictures:
        raise Rejected("address")
    return pictures.fetch(address, known.pictures, settings.of(known.settings).base_url)


def desk(settings: DeskSettings) -> Desk:
    """The outside 311 of the city."""
    return Open311Desk(settings)


def post_office(settings: MailSettings) -> PostOffice:
    """The mail server of the city."""
    return MailServer(settings)


def directory(settings: DirectorySettings) -> Directory:
    """The city's directory of people. Keep it: it knows the provider's keys."""
    # Its libraries are loaded by whoever has a directory.
    from connectors.oidc.provider import OidcDirectory  # noqa: PLC0415

    return OidcDirectory(settings)


def receiver(settings: ReceiverSettings) -> Receiver:
    """What takes webhooks for the city: its pager, or another program."""
    return WebhookReceiver(settings)


def news(address: str, etag: str | None, modified: str | None) -> News | None:
    """The feed of the city's own site, as `connectors.feeds.ReadNews`."""
    return read_news(address, etag, modified)


def look(address: str) -> Sight:
    """A page that a post links to, as `connectors.sights.LookAt`."""
    # Its client is loaded by whoever follows links.
    from connectors.links.reader import look as look_at  # noqa: PLC0415

    return look_at(address)
