"""What Parvis knows of the public pages of Instagram."""

from __future__ import annotations

from connectors.base import Descriptor
from connectors.instagram_public.profile import CAPABILITIES, InstagramPublic, PublicSettings
from models.errors import Refused
from models.vocabulary import N_


def _justification(settings: PublicSettings) -> str:
    if not settings.justification:
        raise Refused("not_justified", field="network", setting="PARVIS_INSTAGRAM_PUBLIC")
    return settings.justification


INSTAGRAM_PUBLIC = Descriptor(
    name="instagram_public",
    label=N_("Instagram, public pages"),
    icon="iw",
    colour="#9c2f6b",
    settings=PublicSettings,
    capabilities=CAPABILITIES,
    permissions={},
    open=InstagramPublic,
    coverage=N_("Read on %(moment)s; a public page does not show everything"),
    dead={
        "switched_off": (
            N_("Reading public pages is off in the settings."),
            N_("The operator gives PARVIS_INSTAGRAM_PUBLIC its reason again, or leaves this account as it is."),
        ),
        "session_unreadable": (
            N_("The session that was given to read public pages cannot be read."),
            N_("The operator gives another one with parvis account add."),
        ),
    },
    caution=N_(
        "Caution: Instagram’s terms of use forbid automatic collection without Meta’s written permission, and "
        "what is read is personal information. Give the cookies of an account made for this alone: Instagram "
        "may close it."
    ),
    justification=_justification,
)
