"""`parvis import` and `parvis pull`: what a person sees, and what is in the queue afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from api.cli import installation
from connectors import crawl
from connectors.standin.server import create_standin, run_in_thread
from connectors.standin.state import Fault, PageOfCity, Standin
from models.accounts import Account
from models.comments import Comment, VerdictRow
from models.items import Item
from models.vocabulary import ItemState
from moderation.triage import classification

TOKEN = "EAAB-a-token-that-must-never-be-seen"
OLD = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture
def city(command):
    """An installation with one account."""
    add_account(command)
    return command


def add_account(command, external_id="104", token=TOKEN):
    asked = ("account", "add", "facebook", external_id, "--name", "Ville [test] :tada:", "--token-stdin")
    assert command.run(*asked, stdin=f"{token}\n".encode()).code == 0


def comments() -> list[tuple[str, str, bool]]:
    """Each comment's text and state, and whether it has a verdict."""
    with installation() as parvis, parvis.database.read() as session:
        rows = session.execute(
            select(Comment.text, Item.state, VerdictRow.comment_id)
            .join(Item, Item.comment_id == Comment.id)
            .outerjoin(VerdictRow, VerdictRow.comment_id == Comment.id)
            .order_by(Comment.external_id)
        ).all()
        return [(row.text, row.state, row.comment_id is not None) for row in rows]


# ---------------------------------------------------------------------------------------------- import
def test_imported_comments_wait_with_a_verdict_and_twice_is_once(city, tmp_path):
    given = tmp_path / "export.csv"
    given.write_text(
        "id,network,account,author,text,created_at,permalink,parent_id\n"
        'c1,facebook,104,Louise,"Un nid-de-poule,\nrue Morin",2026-11-20T08:30:00,,\n'
        "c2,facebook,104,Louise,Merci!,2026-11-20T08:40:00,,c1\n",
        encoding="utf-8-sig",
    )
    done = city.run("import", given)
    assert (done.code, done.err) == (0, "")
    expected = [("Un nid-de-poule,\nrue Morin", ItemState.WAITING, True), ("Merci!", ItemState.WAITING, True)]
    assert comments() == expected
    assert done.out.splitlines() == ["2 nouveaux, 0 déjà connus, 0 écartés"]
    assert city.run("import", given).out.splitlines() == ["0 nouveaux, 2 déjà connus, 0 écartés"]
    assert comments() == expected


def test_a_table_whose_cells_tabs_part_is_one_too(city, tmp_path):
    (tmp_path / "export.TSV").write_text("id\tnetwork\taccount\ttext\nc1\tfacebook\t104\tMerci!\n", encoding="utf-8")
    assert city.run("import", tmp_path / "export.TSV").code == 0
    assert [text for text, *_ in comments()] == ["Merci!"]


def test_a_large_import_ends_when_it_is_stored_and_says_what_is_still_to_be_read(city, tmp_path, monkeypatch):
    monkeypatch.setattr("api.commands.comments.READING", timedelta(0))
    rows = [
        {"id": n + 1, "network": "facebook", "account": "104", "text": "Merci"} for n in range(classification.BATCH + 6)
    ]
    (tmp_path / "export.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    said = city.run("import", tmp_path / "export.jsonl").out.splitlines()
    assert said[-1].startswith("tout est enregistré; 6 commentaires restent à lire")
    assert [state for _, state, _ in comments()].count(ItemState.RECEIVED) == 6


def test_a_row_left_out_is_said_on_one_line_with_its_number(city, tmp_path):
    rows = [{"id": n + 1, "network": "facebook", "account": "104", "text": "Bonjour"} for n in range(200)]
    rows[150]["account"] = "999"
    (tmp_path / "export.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    done = city.run("import", tmp_path / "export.jsonl")
    assert done.code == 1
    bad, total = done.out.splitlines()
    assert bad.startswith("ligne 151")
    assert "aucun compte de la Ville" in bad
    assert total.startswith("199 ")
    assert len(comments()) == 199


def test_a_file_that_is_something_else_is_refused_in_one_line(city, tmp_path):
    (tmp_path / "photo.csv").write_bytes(bytes(range(256)) * 10)
    done = city.run("import", tmp_path / "photo.csv")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "id, network, account, text" in done.err


# ---------------------------------------------------------------------------------------------- pull
@pytest.fixture
def standin() -> Iterator[tuple[str, Standin]]:
    state = Standin()
    address, stop = run_in_thread(create_standin(state))
    yield address, state
    stop()


@pytest.fixture
def city_page(city, standin) -> PageOfCity:
    """The account's page on the pretend network, with one comment that waits to be read."""
    address, state = standin
    city.set(graph_base_url=address, meta_app_id=state.app_id, meta_app_secret=state.app_secret)
    page = state.page("104", "Ville", TOKEN)
    state.comment(state.post(page, "Avis"), state.citizen("Louise"), "La rue est glacée")
    return page


def test_pull_reads_the_account_and_says_how_much(city, city_page):
    done = city.run("pull")
    assert (done.code, done.err) == (0, "")
    # The name is shown as it is, brackets and all.
    assert done.out.splitlines() == ["Ville [test] :tada:\N{NO-BREAK SPACE}: 1 commentaire lu"]
    assert comments() == [("La rue est glacée", ItemState.RECEIVED, False)]
    assert city.run("pull", "--account", 1).code == 0


def test_one_pull_reads_a_new_account_to_its_oldest_post(city, city_page, standin, monkeypatch):
    _address, state = standin
    monkeypatch.setattr(crawl, "POSTS", 100)
    monkeypatch.setattr(crawl, "OLDER_PAGES", 1)
    for number in range(420):
        oldest = state.post(city_page, f"Avis {number}", at=1_700_000_000 - number)
    state.comment(oldest, state.citizen("Omar"), "Je lis tout")
    done = city.run("pull")
    assert (done.code, done.err) == (0, "")
    assert [text for text, _state, _read in comments()] == ["La rue est glacée", "Je lis tout"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("throttle", times=None, seconds=3600), "demande d’attendre"),
        (Fault("token_expired", times=None), "reconnecté"),
        (Fault("permission", times=None), "permission"),
        (Fault("503", times=None), "ne répond pas"),
    ],
)
def test_a_network_that_says_no_is_said_and_the_exit_is_1(city, city_page, standin, fault, said):
    standin[1].faults.append(fault)
    done = city.run("pull")
    assert (done.code, len(done.out.splitlines())) == (1, 1)
    assert said in done.out
    assert TOKEN not in done.out + done.err


def test_one_dead_account_does_not_stop_the_others(city, city_page, standin):
    _address, state = standin
    add_account(city, "105", "another-token")
    other = state.page("105", "Autre", "another-token")
    state.comment(state.post(other, "Avis"), state.citizen("Omar"), "Et ici?")
    city_page.dead = 463
    done = city.run("pull")
    assert (done.code, len(done.out.splitlines())) == (1, 2)
    assert [text for text, _state, _read in comments()] == ["Et ici?"]


def test_a_token_that_no_key_opens_is_said_and_the_others_are_read(city, city_page, standin):
    with installation() as parvis, parvis.database.write() as session:
        session.add(
            Account(
                network="facebook",
                external_id="1",
                name="Ancienne",
                token_closed="x",
                token_since=parvis.clock(),
                pull_due_at=parvis.clock(),
                created_at=parvis.clock(),
            )
        )
    done = city.run("pull")
    assert done.code == 1
    assert "PARVIS_SECRET_KEY" in done.out
    assert [text for text, _state, _read in comments()] == ["La rue est glacée"]


# ---------------------------------------------------------------------------------------------- dispose
def test_disposal_says_what_it_will_empty_before_it_does(city, tmp_path):
    given = tmp_path / "export.csv"
    given.write_text(
        "id,network,account,author,text,created_at,permalink,parent_id\n"
        "c1,facebook,104,Louise,Un trou,2026-11-20T08:30:00,,\n"
        "c2,facebook,104,Louise,Merci!,2026-11-20T08:40:00,,c1\n",
        encoding="utf-8",
    )
    city.run("import", given)
    with installation() as parvis, parvis.database.write() as session:
        session.execute(update(Comment).where(Comment.external_id == "c1").values(received_at=OLD))
    undecided = "Les commentaires sont conservés jusqu’à ce qu’une personne décide"
    kept = f"{undecided}\N{NO-BREAK SPACE}: PARVIS_COMMENT_DAYS n’est pas réglé."
    assert city.run("dispose", "--now").out.splitlines() == [kept, "Rien n’est échu.", "0 commentaire éliminé"]
    city.set(comment_days="400")
    said = city.run("dispose").out.splitlines()
    assert "comment.text\N{NO-BREAK SPACE}: 1 ligne" in said
    assert [text for text, *_ in comments()] == ["Un trou", "Merci!"], "nothing is changed"
    assert "valeurs à vider" in city.run("doctor").out
    assert city.run("dispose", "--now").out.splitlines() == [*said, "1 commentaire éliminé"]
    assert [text for text, *_ in comments()] == [None, "Merci!"]
    assert city.run("dispose").out.splitlines() == ["Rien n’est échu."]
