"""What Parvis knows of every network of Meta."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from connectors.base import Descriptor
from connectors.limits import utf16
from connectors.meta.consent import MetaConsent
from connectors.meta.graph import GraphSettings
from connectors.meta.permissions import PERMISSIONS
from connectors.meta.webhook import MetaWebhook

of_meta = partial(
    Descriptor,
    settings=GraphSettings,
    permissions=PERMISSIONS,
    route="meta",
    webhook=MetaWebhook,
    consent=MetaConsent,
    length=utf16,
    kept=timedelta(hours=24),  # Containers of Instagram expire then; of unseen photos and videos Facebook says no more.
)
"""The rest is its own."""
