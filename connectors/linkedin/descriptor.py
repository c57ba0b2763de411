"""What Parvis knows of LinkedIn."""

from __future__ import annotations

from datetime import timedelta

from connectors.base import Descriptor
from connectors.linkedin.consent import LinkedInConsent
from connectors.linkedin.page import CAPABILITIES, LinkedInPage
from connectors.linkedin.rest import LinkedInSettings
from connectors.linkedin.webhook import LinkedInWebhook
from models.vocabulary import N_

LINKEDIN = Descriptor(
    name="linkedin",
    label=N_("LinkedIn"),
    icon="in",
    settings=LinkedInSettings,
    capabilities=CAPABILITIES,
    open=LinkedInPage,
    pull_every=timedelta(minutes=10),
    route="linkedin",
    webhook=LinkedInWebhook,
    pictures=("licdn.com",),
    consent=LinkedInConsent,
)
