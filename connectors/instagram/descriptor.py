"""What Parvis knows of Instagram."""

from __future__ import annotations

from connectors.instagram.profile import CAPABILITIES, Instagram
from connectors.instagram.publishing import LIMITS, caption_of
from connectors.meta.descriptor import of_meta
from models.vocabulary import N_

INSTAGRAM = of_meta(
    name="instagram",
    label=N_("Instagram"),
    icon="ig",
    colour="#9c2f6b",
    capabilities=CAPABILITIES,
    words=caption_of,
    limits=LIMITS,
    open=Instagram,
    pictures=("cdninstagram.com", "fbcdn.net"),
)
