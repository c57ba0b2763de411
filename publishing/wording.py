"""What a text becomes on one account: its places are filled, and the account's signature stands under it."""

from __future__ import annotations

from models.accounts import Account
from models.campaigns import Campaign

PLACES = ("compte", "campagne")
"""What a text may leave to be filled: "{compte}" is the account's name, "{campagne}" the campaign's."""


def worded(typed: str, account: Account, campaign: Campaign | None) -> str:
    """As the account says it. A place that nothing fills stays, so that people see what is missing."""
    text = typed.replace("\r\n", "\n").strip().replace("{compte}", account.name)
    if campaign is not None:
        text = text.replace("{campagne}", campaign.name)
    signature = account.signature.strip()
    return f"{text}\n\n{signature}" if text and signature and not text.endswith(signature) else text


def unsigned(text: str, account: Account) -> str:
    """A text without the account's signature: what somebody goes on writing."""
    signature = account.signature.strip()
    return text.removesuffix(signature).rstrip() if signature else text
