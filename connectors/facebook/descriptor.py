"""What Parvis knows of Facebook."""

from __future__ import annotations

from connectors.facebook.page import CAPABILITIES, FacebookPage
from connectors.facebook.publishing import LIMITS, words
from connectors.meta.descriptor import of_meta
from models.vocabulary import N_

FACEBOOK = of_meta(
    name="facebook",
    label=N_("Facebook"),
    icon="f",
    colour="#3b5b92",
    capabilities=CAPABILITIES,
    words=words,
    limits=LIMITS,
    open=FacebookPage,
    pictures=("fbcdn.net", "fbsbx.com"),
)
