"""Which networks there are: the only file that knows. A new network is one import and one line in each function."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.base import AccountRef, Capabilities, Consent, Network, Webhook
from connectors.facebook import page as facebook
from connectors.facebook.page import FacebookPage
from connectors.instagram import profile as instagram
from connectors.instagram.profile import Instagram
from connectors.instagram_public import profile as instagram_public
from connectors.instagram_public.profile import InstagramPublic, PublicSettings
from connectors.linkedin import page as linkedin
from connectors.linkedin.consent import LinkedInConsent
from connectors.linkedin.page import LinkedInPage
from connectors.linkedin.rest import LinkedInSettings
from connectors.linkedin.webhook import LinkedInWebhook
from connectors.meta.consent import MetaConsent
from connectors.meta.graph import GraphSettings
from connectors.meta.webhook import MetaWebhook
from models.errors import NotFound
from models.vocabulary import NetworkName

__all__ = [
    "GraphSettings",
    "LinkedInSettings",
    "NetworkSettings",
    "PublicSettings",
    "capabilities",
    "consent",
    "network",
    "webhook",
]


@dataclass(frozen=True)
class NetworkSettings:
    """What each family of networks needs to be spoken to."""

    graph: GraphSettings
    linkedin: LinkedInSettings = field(default_factory=LinkedInSettings)
    public: PublicSettings = field(default_factory=PublicSettings)


def network(settings: NetworkSettings, account: AccountRef) -> Network:
    """The network of an account. Make one for each use: an instance serves one thread at a time.

    NotFound: Parvis does not speak to that network yet.
    """
    match account.network:
        case NetworkName.FACEBOOK:
            return FacebookPage(settings.graph, account)
        case NetworkName.INSTAGRAM:
            return Instagram(settings.graph, account)
        case NetworkName.LINKEDIN:
            return LinkedInPage(settings.linkedin, account)
        case NetworkName.INSTAGRAM_PUBLIC:
            return InstagramPublic(settings.public, account)
    raise NotFound(f"no connector for {account.network}")


def capabilities(name: NetworkName) -> Capabilities:
    """What can be done on accounts of a network: the same on all of them, so that no token is needed to say it."""
    return _CAPABILITIES[name]


_CAPABILITIES = {
    NetworkName.FACEBOOK: facebook.CAPABILITIES,
    NetworkName.INSTAGRAM: instagram.CAPABILITIES,
    NetworkName.LINKEDIN: linkedin.CAPABILITIES,
    NetworkName.INSTAGRAM_PUBLIC: instagram_public.CAPABILITIES,
}


def webhook(settings: NetworkSettings, name: NetworkName) -> Webhook:
    """What understands the bodies that a network posts. NotFound: it posts none, or is not spoken to yet.

    Without the app's secret no body is authentic.
    """
    match name:
        case NetworkName.FACEBOOK:
            return MetaWebhook(settings.graph.app_secret or "", settings.graph.verify_token or "")
        case NetworkName.LINKEDIN:
            return LinkedInWebhook(settings.linkedin.client_secret or "")
    raise NotFound(f"no webhook for {name}")


def consent(settings: NetworkSettings, name: NetworkName) -> Consent:
    """How a person connects accounts of a network. NotFound: it has no dialog, or its application is not configured."""
    if name is NetworkName.LINKEDIN and settings.linkedin.client_id and settings.linkedin.client_secret:
        return LinkedInConsent(settings.linkedin)
    if name in {NetworkName.FACEBOOK, NetworkName.INSTAGRAM} and settings.graph.app_id and settings.graph.app_secret:
        return MetaConsent(settings.graph)
    raise NotFound(f"no consent for {name}")
