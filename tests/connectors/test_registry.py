"""What each network says of itself can be used as it is."""

from __future__ import annotations

import re

import pytest

from connectors import registry
from connectors.instagram.descriptor import INSTAGRAM
from connectors.linkedin.page import NEEDED
from connectors.meta.consent import ASKED, FOR_COSTS, OPTIONAL
from models.errors import Refused
from models.vocabulary import OperationKind


@pytest.mark.parametrize("one", registry.ALL, ids=registry.names())
def test_a_descriptor_is_whole(one):
    assert re.fullmatch(r"[a-z_]{1,20}", one.name)
    assert 1 <= len(one.icon) <= 2
    assert _contrast_with_white(one.colour) >= 4.5
    able = one.capabilities
    assert (OperationKind.PUBLISH in able.operations) is (able.longest_text > 0)
    assert (OperationKind.REPLY in able.operations) is (able.longest_reply > 0)
    assert (one.route is None) is (one.webhook is None)


def test_each_permission_that_is_asked_has_words():
    assert {*ASKED, *OPTIONAL, *FOR_COSTS} <= INSTAGRAM.permissions.keys()
    assert NEEDED.keys() <= registry.descriptor("linkedin").permissions.keys()


def test_a_network_that_is_not_there_is_refused_by_name():
    with pytest.raises(Refused) as caught:
        registry.descriptor("myspace")
    assert caught.value.params["known"] == "facebook, instagram, linkedin, instagram_public"


def _contrast_with_white(colour: str) -> float:
    """WCAG 2.2, 1.4.3."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
