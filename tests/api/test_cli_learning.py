"""`parvis train --with-decisions`: what was corrected at the queue changes the next model, and stays the city's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from administration import people, sign_in
from api.app import create_app
from api.settings import load as load_settings
from api.wiring import Parvis, build
from classifiers.base import Context
from classifiers.engine import load
from classifiers.training import evaluate, train
from classifiers.training.sources import Row
from models.accounts import Account
from models.comments import Comment, CommentVersion
from models.vocabulary import Breach, Intention, ItemState, Role
from moderation import items
from moderation.triage import classification

FORMS = {
    "question": "À quelle heure ouvre {} cette semaine, et {}?",
    "plainte": "Encore une fois {} est fermé, c'est une honte pour {}",
    "eloge": "Merci pour {}, quel beau travail, et bravo pour {}",
}
THINGS = ["la piscine", "le parc", "la rue", "le service", "la patinoire", "le bac", "la biblio", "le camp"]
SECRET = "Tu parles d'une affaire de zarzouille à Gontran"


def corpus() -> list[Row]:
    return [
        Row(
            form.format(thing, THINGS[number - 1])
            + (" espèce de nono" if intention == "plainte" and number % 2 else ""),
            "corpus",
            f"a-{10 + number}",
            {breach: intention == "plainte" and number % 2 == 1 and breach == Breach.INSULT for breach in Breach},
            intention,
            "parcs" if number % 2 else "loisirs",
            "2" if number == 3 else "1" if number == 5 else "0",
        )
        for intention, form in FORMS.items()
        for number, thing in enumerate(THINGS)
    ]


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "corpus", corpus)
    monkeypatch.setattr(evaluate, "RESAMPLES", 10)


@pytest.fixture
def parvis(command):
    parvis = build(load_settings())
    yield parvis
    parvis.close()


def _said(parvis: Parvis, texts: list[str]) -> list[int]:
    """Citizens wrote these, and the shipped model has read them."""
    now = parvis.clock()
    with parvis.database.write() as session:
        account = Account(
            network="facebook",
            external_id="page",
            name="Ville",
            token_closed="",
            token_since=now,
            pull_due_at=now,
            created_at=now,
        )
        session.add(account)
        session.flush()
        made = []
        for number, text in enumerate(texts):
            comment = Comment(
                account_id=account.id, external_id=str(number), text=text, created_at=now, received_at=now
            )
            session.add(comment)
            session.flush()
            session.add(CommentVersion(comment_id=comment.id, source="add", text=text, said_at=now, seen_at=now))
            made.append(comment.id)
        session.flush()
        items.put(session, made, ItemState.RECEIVED, now=now)
    classification.classify_due(parvis.database, parvis.classifier, Context(), now=now)
    return made


def _moderator(parvis: Parvis) -> TestClient:
    with parvis.database.write() as session:
        person = people.invite(
            session, "mona@ville.example", "Mona", [(Role.MODERATOR, people.CITY)], by=None, now=parvis.clock()
        )
        session.flush()
        token = sign_in._open(session, person.id, now=parvis.clock(), proved=True, browser="")
    client = TestClient(create_app(parvis), base_url="http://127.0.0.1:8000", headers={"sec-fetch-site": "same-origin"})
    client.cookies.set("parvis", token)
    return client


def _probability(folder: Path, text: str, intention: Intention) -> float:
    scores = load(folder)._model.score([train.read(text)])[0].probabilities["intention"]
    return float(np.asarray(scores)[list(Intention).index(intention)])


def test_corrections_made_at_the_queue_change_the_next_model(command, parvis, tmp_path):
    ids = _said(parvis, [f"{SECRET} numéro {number}" for number in range(6)])
    moderator = _moderator(parvis)
    for comment_id in ids:
        answer = moderator.post(
            f"/commentaires/{comment_id}/corrections", data={"version": 1, "intention": "eloge"}, follow_redirects=False
        )
        assert answer.status_code == 303
    before, after = tmp_path / "before", tmp_path / "after"
    assert command.run("train", "--out", before).code == 0
    done = command.run("train", "--with-decisions", "--out", after)
    assert (done.code, done.err) == (0, "")
    unseen = "Quelle affaire de zarzouille"
    assert _probability(after, unseen, Intention.PRAISE) > _probability(before, unseen, Intention.PRAISE) + 0.1
    # Another version, so that its calibration here starts anew; and nothing of what citizens wrote is in its files.
    assert load(after).version.startswith(f"{load(before).version}+")
    written = b"".join(path.read_bytes() for path in after.rglob("*") if path.is_file())
    assert b"zarzouille" not in written
    assert "zarzouille" not in done.out


def test_the_model_made_is_one_that_the_other_commands_take(command, parvis, tmp_path):
    (first,) = _said(parvis, ["Merci"])
    _moderator(parvis).post(f"/commentaires/{first}/corrections", data={"version": 1, "intention": "eloge"})
    assert command.run("train", "--with-decisions", "--out", tmp_path / "ours").code == 0
    (tmp_path / "rows.csv").write_text("text,label\nMerci pour le parc,eloge\nÀ quelle heure?,question\n")
    command.set(model=str(tmp_path / "ours"))
    done = command.run("evaluate", tmp_path / "rows.csv", "--task", "intention", "--against", tmp_path / "ours")
    assert (done.code, "+20" in done.out) == (0, True)


def test_a_city_where_nobody_decided_is_told_so(command, tmp_path):
    done = command.run("train", "--with-decisions", "--out", tmp_path / "ours")
    assert done.code == 2
    assert "Rien n’a" in done.err
    assert not (tmp_path / "ours").exists()


def test_what_citizens_wrote_does_not_go_into_the_package(command):
    package = Path(train.__file__).parent
    for folder in (package, package / "weights", package / "weights" / ".." / "weights" / "ours"):
        done = command.run("train", "--with-decisions", "--out", folder)
        assert done.code == 2
        assert "--out" in done.err
