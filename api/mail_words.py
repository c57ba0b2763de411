"""What a letter says: what waits, and where. Never what somebody wrote."""

from __future__ import annotations

from collections.abc import Sequence

from administration.mailing import TO_ALL, Told
from api import i18n
from api.i18n import _, ngettext
from api.messages import label


def worded(base_url: str, language: str, told: Sequence[Told]) -> tuple[str, str]:
    """The subject and the text of a letter about these things."""
    before = i18n.language.set(language)
    try:
        # An immediate danger is said first, whatever else there is.
        told = sorted(told, key=lambda each: each.kind not in TO_ALL)
        one = label("notice", told[0].kind)
        alone = len(told) == 1 or told[0].kind in TO_ALL
        subject = one if alone else ngettext("%(n)s notice", "%(n)s notices", len(told))
        lines = [f"- {label('notice', each.kind)}\n  {base_url}{each.path}" for each in told]
        ends = [
            _("All your notices: %(link)s", link=f"{base_url}/avis"),
            _("You choose how you get these letters in your account: %(link)s", link=f"{base_url}/compte"),
        ]
        return f"Parvis{_(': ')}{subject}", "\n".join([_("Hello,"), "", *lines, "", *ends, ""])
    finally:
        i18n.language.reset(before)
