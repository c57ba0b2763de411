"""What Parvis knows of LinkedIn."""

from __future__ import annotations

from datetime import timedelta

from connectors.base import Descriptor, Permission
from connectors.linkedin.consent import LinkedInConsent
from connectors.linkedin.page import CAPABILITIES, MODERATE, LinkedInPage
from connectors.linkedin.publishing import LIMITS, PUBLISH, length, words
from connectors.linkedin.reading import ADMIN, READ_COMMENTS, READ_POSTS
from connectors.linkedin.rest import LinkedInSettings
from connectors.linkedin.webhook import LinkedInWebhook
from models.vocabulary import N_

LINKEDIN = Descriptor(
    name="linkedin",
    label=N_("LinkedIn"),
    icon="in",
    colour="#0a5c94",
    settings=LinkedInSettings,
    capabilities=CAPABILITIES,
    permissions={
        READ_POSTS: Permission(N_("Without it, nothing is read."), reads=True),
        READ_COMMENTS: Permission(N_("Without it, comments are not read."), reads=True),
        ADMIN: Permission(N_("Without it, the city’s pages are not listed and nothing is measured.")),
        PUBLISH: Permission(N_("Without it, nothing is published.")),
        MODERATE: Permission(N_("Without it, no reply, no deleting and no reaction.")),
    },
    words=words,
    length=length,
    limits=LIMITS,
    open=LinkedInPage,
    pull_every=timedelta(minutes=10),
    kept=timedelta(hours=24),  # LinkedIn says of no end; what is prepared is used within minutes, or after a delay.
    route="linkedin",
    webhook=LinkedInWebhook,
    pictures=("licdn.com",),
    consent=LinkedInConsent,
)
