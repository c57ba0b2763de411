"""The sentences that citizens receive: the newest wording, in their language where there is one."""

from __future__ import annotations

import pytest

from models.errors import NotFound
from models.templates import MessageTemplate
from moderation import templates


@pytest.fixture
def worded(city):
    """Keep wordings: (code, language, version, body)."""

    def keep(*rows):
        with city.database.write() as session:
            for code, language, version, body in rows:
                made = {"code": code, "language": language, "version": version, "created_at": city.now}
                session.add(MessageTemplate(**made, body=body))

    return keep


@pytest.mark.parametrize("versions", [(1, 2, 3), (3, 1, 2)])
def test_the_newest_wording_counts_whatever_was_written_first(city, worded, versions):
    worded(*(("reply_test", "fr", version, f"Version {version}") for version in versions))
    worded(("reply_test", "en", 1, "Version one"))
    with city.database.read() as session:
        assert templates.template(session, "reply_test", "fr") == "Version 3"
        assert dict(templates.drafts(session, "fr"))["reply_test"] == "Version 3"
        assert templates.template(session, "reply_test", "en") == "Version one"
        assert dict(templates.drafts(session, "en"))["reply_test"] == "Version one"
        assert templates.template(session, "reply_test", "autre") == "Version 3"
        with pytest.raises(NotFound):
            templates.template(session, "reply_none", "fr")
