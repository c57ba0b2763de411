"""What Parvis knows of the public pages of Instagram."""

from __future__ import annotations

from connectors.base import Descriptor
from connectors.instagram_public.profile import CAPABILITIES, InstagramPublic, PublicSettings
from models.vocabulary import N_

INSTAGRAM_PUBLIC = Descriptor(
    name="instagram_public",
    label=N_("Instagram, public pages"),
    icon="iw",
    settings=PublicSettings,
    capabilities=CAPABILITIES,
    open=InstagramPublic,
)
