"""What Parvis knows of Instagram."""

from __future__ import annotations

from connectors.base import Descriptor
from connectors.instagram.profile import CAPABILITIES, Instagram
from connectors.meta.consent import MetaConsent
from connectors.meta.graph import GraphSettings
from connectors.meta.permissions import PERMISSIONS
from connectors.meta.webhook import MetaWebhook
from models.vocabulary import N_

INSTAGRAM = Descriptor(
    name="instagram",
    label=N_("Instagram"),
    icon="ig",
    colour="#9c2f6b",
    settings=GraphSettings,
    capabilities=CAPABILITIES,
    permissions=PERMISSIONS,
    open=Instagram,
    route="meta",
    webhook=MetaWebhook,
    pictures=("cdninstagram.com", "fbcdn.net"),
    consent=MetaConsent,
)
