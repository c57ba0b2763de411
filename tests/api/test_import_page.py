"""Comments of a file, sent to a page: the same function as the command, so here only what the page adds."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from models.audit import AuditEntry
from models.comments import Comment
from models.vocabulary import Role

PATH = "/comptes/importation"
ROWS = b"""id,network,account,author,text,created_at
h1,facebook,{account},Louise,Un trou rue Wolfe,2026-01-05T12:00:00-05:00
h2,facebook,nobody,Marc,Un compte inconnu,2026-01-05T12:00:00-05:00
,facebook,{account},Marc,Sans identifiant,2026-01-05T12:00:00-05:00
h3,facebook,{account},Yan,Un lampadaire,2026-01-05T12:00:00-05:00
"""


@pytest.fixture
def client(sqlite_parvis, seed_city, visit, sign_in_as):
    city = seed_city(sqlite_parvis)
    with sqlite_parvis.database.read() as session:
        from models.accounts import Account

        number = session.scalar(select(Account.external_id).where(Account.network == "facebook").limit(1))
    found = sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(Role.MANAGER, "city"))
    found.rows = ROWS.replace(b"{account}", number.encode())
    return found


def sent(client, raw: bytes, name: str = "export.csv"):
    return client.post(PATH, files={"file": (name, raw)})


def test_each_line_is_stored_or_said_and_the_same_file_twice_changes_nothing(client, sqlite_parvis):
    def stored() -> int:
        with sqlite_parvis.database.read() as session:
            return session.scalar(select(func.count()).where(Comment.external_id.in_(["h1", "h2", "h3"]))) or 0

    assert PATH in client.get("/comptes").text
    page = sent(client, client.rows)
    assert page.status_code == 200
    assert "4 lignes lues : 2 nouveaux commentaires" in page.text.replace("\N{NO-BREAK SPACE}", " ")
    for line in ("Ligne 3", "Ligne 4"):
        assert line in page.text
    assert "Ligne 2" not in page.text
    assert stored() == 2
    again = sent(client, client.rows).text.replace("\N{NO-BREAK SPACE}", " ")
    assert "0 nouveau commentaire, 2 déjà connus" in again
    assert stored() == 2
    with sqlite_parvis.database.read() as session:
        told = session.scalars(
            select(AuditEntry.data).where(AuditEntry.action == "comments.imported").order_by(AuditEntry.id)
        ).all()
    assert told == [{"new": 2, "known": 0, "left": 2}, {"new": 0, "known": 2, "left": 2}]


@pytest.mark.parametrize(("raw", "name"), [(b"a;b\n1;2\n", "x.csv"), (b"", "x.csv"), (b"", "")])
def test_what_is_no_such_file_is_refused_with_a_sentence(client, raw, name):
    page = sent(client, raw, name)
    assert page.status_code == 422
    assert 'id="file-wrong"' in page.text or name == ""


def test_what_is_not_json_is_said_line_by_line(client):
    page = sent(client, b"{}\n<script>\n", "x.jsonl").text
    assert "Ligne 1" in page
    assert "Ligne 2" in page
