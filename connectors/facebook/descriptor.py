"""What Parvis knows of Facebook."""

from __future__ import annotations

from connectors.base import Descriptor
from connectors.facebook.page import CAPABILITIES, FacebookPage
from connectors.meta.consent import MetaConsent
from connectors.meta.graph import GraphSettings
from connectors.meta.permissions import PERMISSIONS
from connectors.meta.webhook import MetaWebhook
from models.vocabulary import N_

FACEBOOK = Descriptor(
    name="facebook",
    label=N_("Facebook"),
    icon="f",
    colour="#3b5b92",
    settings=GraphSettings,
    capabilities=CAPABILITIES,
    permissions=PERMISSIONS,
    open=FacebookPage,
    route="meta",
    webhook=MetaWebhook,
    pictures=("fbcdn.net", "fbsbx.com"),
    consent=MetaConsent,
)
