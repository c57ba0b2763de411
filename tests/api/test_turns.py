"""One program leaves room for the others: so many requests of a key in a minute, and it is told where it stands."""

from __future__ import annotations

from datetime import timedelta

from administration import keys
from models.vocabulary import Role


def test_a_key_has_its_turns_and_people_are_not_counted(
    open_parvis, sqlite_parvis, seed_city, visit, sign_in_as, clock
):
    parvis = open_parvis(sqlite_parvis.database.url, requests_per_minute=3)
    city = seed_city(parvis)
    with parvis.database.write() as session:
        made = [keys.add_key(session, name, ["comments:read"], now=parvis.clock()) for name in ("bi", "site")]
    client = visit(parvis)

    def ask(key):
        return client.get("/api/v1/comments", headers={"authorization": f"Bearer {key}"})

    busy, other = made
    answers = [ask(busy) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert [one.headers.get("ratelimit") for one in answers[:3]] == [f'"key";r={left};t=60' for left in (2, 1, 0)]
    assert answers[0].headers["ratelimit-policy"] == '"key";q=3;w=60'
    assert (answers[3].headers["retry-after"], answers[3].json()["code"]) == ("60", "throttled")
    assert ask(other).status_code == 200
    clock.now += timedelta(seconds=45)
    assert ask(busy).headers["retry-after"] == "15"
    clock.now += timedelta(seconds=15)
    assert ask(busy).status_code == 200
    person = sign_in_as(parvis, visit(parvis), city.person(Role.MODERATOR, "city"))
    assert [person.get("/api/v1/comments").status_code for _ in range(5)] == [200] * 5
