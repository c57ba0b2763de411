"""The JSON API: what each address says, to whom, and what happens when two ask at once or one asks twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import update

from administration import seeds
from models.accounts import Account
from models.comments import Attachment, VerdictRow
from models.decisions import Decision
from models.effects import Effect
from models.posts import Post
from models.requests311 import Service
from models.vocabulary import Role

API = "/api/v1"


@pytest.fixture
def moderator(town):
    return town.person("Mona", (Role.MODERATOR, None))


@pytest.fixture
def account(town):
    return town.account()


# ------------------------------------------------------------------------------------------ lists and places in them
def test_a_list_is_walked_to_its_end_without_a_hole_or_a_twin(town, account, moderator):
    calm = town.waiting(account, *(f"Commentaire {n}" for n in range(7)))
    danger = town.waiting(account, "Fuite de gaz!", urgency=2)
    seen, path = [], f"{API}/comments?limit=3&account={account}"
    while path:
        answer = town.client.get(path, headers=moderator)
        assert answer.status_code == 200
        seen += [comment["id"] for comment in answer.json()["items"]]
        link = answer.headers.get("link")
        assert (link is None) == (answer.json()["next"] is None)
        path = link and link[1 : link.index(">")]
    assert seen == danger + calm


def test_filters_narrow_a_list(town, account, moderator):
    town.waiting(account, "Nid-de-poule, rue Saint-Jean", "100 % d'accord", "Déneigement")
    town.waiting(town.account("205"), "Nid-de-poule ailleurs")

    def texts(**wanted: object) -> list[str]:
        answer = town.client.get(f"{API}/comments", params=wanted, headers=moderator)
        return [comment["text"] for comment in answer.json()["items"]]

    assert texts(q="nid rue") == ["Nid-de-poule, rue Saint-Jean"]
    assert texts(q="100 %") == ["100 % d'accord"]
    assert len(texts(account=account)) == 3
    assert texts(state="handled") == texts(urgency=2) == []


MADE_UP = [
    ("comments?after=x", "after"),
    ("comments?after=W10", "after"),
    ("comments?after=WzIsICIyMDI2LTAxLTAxIiwgMWU0MDBd", "after"),
    ("comments?after=" + "W1tb" * 60, "after"),
    ("comments?state=handled&after=WzkyMjMzNzIwMzY4NTQ3NzU4MDhd", "after"),
    ("decisions?after=LTE", "after"),
    ("posts?after=eHh4", "after"),
    ("comments?limit=0", "limit"),
    ("comments?limit=201", "limit"),
    ("comments?q=%00", "q"),
    ("comments?account=99999999999999999999", "account"),
    ("comments?state=gone", "state"),
    ("comments/99999999999999999999", "comment_id"),
    ("requests/%00", "number"),
    ("requests?service=%00", "service"),
]


def test_what_a_program_made_up_is_refused_and_named(town):
    key = town.key("comments:read", "posts:read", "requests:read")
    for path, field in MADE_UP:
        answer = town.client.get(f"{API}/{path}", headers=key)
        assert answer.status_code == 422, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert [error["field"] for error in answer.json()["errors"]] == [field]


# ------------------------------------------------------------------------------------------ who may
def test_a_key_reads_what_its_scope_names_and_nothing_else(town):
    needed = {
        "comments": "comments:read",
        "decisions": "comments:read",
        "requests": "requests:read",
        "posts": "posts:read",
        "accounts": "accounts:read",
        "figures/analysis": "figures:read",
    }
    for path, scope in needed.items():
        assert town.client.get(f"{API}/{path}", headers=town.key(scope)).status_code == 200
        others = town.key(*set(needed.values()) - {scope})
        assert town.client.get(f"{API}/{path}", headers=others).status_code == 403
        assert town.client.get(f"{API}/{path}", headers={"Authorization": "Bearer nothing"}).status_code == 401
        assert town.client.get(f"{API}/{path}").status_code == 401


def test_a_key_decides_nothing(town, account):
    (comment,) = town.waiting(account, "Bonjour")
    key = town.key("comments:read", "requests:read", "posts:read", "accounts:read")
    body = {"comment_id": comment, "version": 1, "kind": "nothing"}
    assert town.client.post(f"{API}/decisions", json=body, headers=key).status_code == 403
    post = {"title": "t", "variants": [{"account_id": account, "text": "x"}]}
    assert town.client.post(f"{API}/posts", json=post, headers=key).status_code == 403
    assert town.count(Decision) == town.count(Post) == 0


def test_somebody_of_one_borough_sees_and_decides_there_only(town):
    here, there = town.add_borough("nord"), town.add_borough("sud")
    ours, theirs = town.account("1", borough_id=here), town.account("2", borough_id=there)
    (mine,) = town.waiting(ours, "d'ici", borough_id=here)
    (other,) = town.waiting(theirs, "de là", borough_id=there)
    (whole,) = town.waiting(town.account("3"), "de partout")
    reader = town.person("Nora", (Role.MODERATOR, here))
    listed = town.client.get(f"{API}/comments", headers=reader).json()["items"]
    assert [comment["id"] for comment in listed] == [mine]
    assert [row["id"] for row in town.client.get(f"{API}/accounts", headers=reader).json()["items"]] == [ours]
    for hidden in (other, whole):
        assert town.client.get(f"{API}/comments/{hidden}", headers=reader).status_code == 404
        body = {"comment_id": hidden, "version": 1, "kind": "nothing"}
        assert town.client.post(f"{API}/decisions", json=body, headers=reader).status_code == 404
    whole_city = town.person("Mona", (Role.MODERATOR, None))
    body = {"comment_id": other, "version": 1, "kind": "nothing"}
    decided = town.client.post(f"{API}/decisions", json=body, headers=whole_city).json()
    assert town.client.get(f"{API}/decisions", headers=reader).json()["items"] == []
    assert town.client.post(f"{API}/decisions/{decided['id']}/undo", headers=reader).status_code == 404


def test_another_site_cannot_decide_for_somebody(town, account, moderator):
    (comment,) = town.waiting(account, "Bonjour")
    body = {"comment_id": comment, "version": 1, "kind": "nothing"}
    for origin in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {}):
        answer = town.client.post(f"{API}/decisions", json=body, headers={"Cookie": moderator["Cookie"]} | origin)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    # Nor can a form whose body is JSON only by chance.
    plain = moderator | {"Content-Type": "text/plain"}
    assert town.client.post(f"{API}/decisions", content="{}", headers=plain).status_code == 422
    assert town.count(Decision) == 0


def test_a_token_is_nowhere_in_what_is_said_of_an_account(town, account, moderator):
    with town.parvis.database.write() as session:
        from models.accounts import Account

        row = session.get_one(Account, account)
        row.missing, row.pulled_at = ["pages_read"], town.now
        closed = row.token_closed
    answer = town.client.get(f"{API}/accounts", headers=moderator)
    (said,) = answer.json()["items"]
    assert (said["state"], said["state_reason"], said["pulled_at"]) == (
        "permission_missing",
        "pages_read",
        "2026-01-15T14:00:00Z",
    )
    assert closed not in answer.text
    assert "token" not in answer.text


# ------------------------------------------------------------------------------------------ decisions
def test_a_decision_its_trace_and_its_undo(town, account, moderator):
    (comment,) = town.waiting(account, "Merci!")
    assert town.client.get(f"{API}/comments/{comment}", headers=moderator).headers["etag"] == '"1"'
    body = {"comment_id": comment, "version": 1, "kind": "reply", "text": "De rien!"}
    answer = town.client.post(f"{API}/decisions", json=body, headers=moderator)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["kind"], made["person"]["name"], made["at"]) == ("reply", "Mona", town.now.isoformat()[:19] + "Z")
    whole = town.client.get(f"{API}/comments/{comment}", headers=moderator).json()
    assert (whole["state"], [decision["id"] for decision in whole["decisions"]]) == ("handled", [made["id"]])
    undone = town.client.post(f"{API}/decisions/{made['id']}/undo", headers=moderator)
    assert (undone.status_code, undone.json()["cancels_id"]) == (201, made["id"])
    again = town.client.post(f"{API}/decisions/{made['id']}/undo", headers=moderator)
    assert (again.status_code, again.json()["code"]) == (409, "already_undone")
    listed = town.client.get(f"{API}/decisions?limit=1", headers=moderator).json()
    assert [decision["kind"] for decision in listed["items"]] == ["cancel"]
    rest = town.client.get(f"{API}/decisions?after={listed['next']}", headers=moderator).json()
    assert ([decision["kind"] for decision in rest["items"]], rest["next"]) == (["reply"], None)


def test_criticism_is_hidden_by_two_people_or_stays_with_the_reason_why(town, account, moderator):
    comments = town.waiting(account, "Quelle honte!", "Quelle gestion!")
    with town.parvis.database.write() as session:
        seeds.plant(session, now=town.now)
        session.execute(update(VerdictRow).values(intention="plainte"))
    zoe = town.person("Zoé", (Role.MODERATOR, None))
    asked = []
    for comment in comments:
        body = {"comment_id": comment, "version": 1, "kind": "hide", "rule_code": "N2"}
        alone = town.client.post(f"{API}/decisions", json=body, headers=moderator)
        assert (alone.status_code, alone.json()["code"]) == (409, "second_person_needed")
        headers = moderator | {"Idempotency-Key": f"ask-{comment}"}
        answers = [town.client.post(f"{API}/proposals", json=body, headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201], answers[0].text
        assert answers[0].json()["id"] == answers[1].json()["id"]
        asked.append(answers[0].json()["id"])
    yes, no = (f"{API}/proposals/{one}/answer" for one in asked)
    own = town.client.post(yes, json={"confirmed": True}, headers=moderator)
    assert (own.status_code, own.json()["code"]) == (409, "second_person_needed")
    silent = town.client.post(no, json={"confirmed": False}, headers=zoe)
    assert (silent.status_code, silent.json()["errors"][0]["field"]) == (422, "motive")
    declined = town.client.post(no, json={"confirmed": False, "motive": "Une critique."}, headers=zoe).json()
    assert (declined["confirmed"], declined["motive"], declined["answered_by"]["name"]) == (
        False,
        "Une critique.",
        "Zoé",
    )
    assert town.client.post(yes, json={"confirmed": True}, headers=zoe).json()["article"]["code"] == "N2"
    (item,) = town.client.get(f"{API}/items", headers=moderator).json()["items"]
    assert (item["comment"]["id"], item["proposal"]["motive"]) == (comments[1], "Une critique.")
    assert town.client.get(f"{API}/items/{item['id']}", headers=moderator).json() == item
    (decision,) = town.client.get(f"{API}/decisions", headers=moderator).json()["items"]
    assert (decision["kind"], decision["person"]["name"], decision["proposal_id"]) == ("hide", "Zoé", asked[0])
    listed = town.client.get(f"{API}/proposals?limit=1", headers=moderator).json()
    rest = town.client.get(f"{API}/proposals?after={listed['next']}", headers=moderator).json()
    assert [one["id"] for one in listed["items"] + rest["items"]] == asked[::-1]


def test_two_people_at_once_one_wins_and_the_other_is_told_who(town, account, moderator):
    (comment,) = town.waiting(account, "Merci!")
    body = {"comment_id": comment, "version": 1, "kind": "nothing"}
    assert town.client.post(f"{API}/decisions", json=body, headers=moderator).status_code == 201
    other = town.person("Zoé", (Role.MODERATOR, None))
    answer = town.client.post(f"{API}/decisions", json=body, headers=other)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_decided")
    assert "Mona" in answer.json()["detail"]


def test_the_same_key_makes_one_decision_and_another_body_is_a_mistake(town, account, moderator):
    first, second = town.waiting(account, "un", "deux")
    headers = moderator | {"Idempotency-Key": "a-1"}
    body = {"comment_id": first, "version": 1, "kind": "reply", "text": "Bonjour"}
    made = [town.client.post(f"{API}/decisions", json=body, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in made] == [201] * 3
    assert {answer.json()["id"] for answer in made} == {made[0].json()["id"]}
    assert town.count(Decision) == town.count(Effect) == 1
    for change in ({"text": "Bonsoir"}, {"comment_id": second}, {"kind": "nothing"}):
        answer = town.client.post(f"{API}/decisions", json=body | change, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    # Keys are each person's own, and are forgotten after a day.
    other = town.person("Zoé", (Role.MODERATOR, None)) | {"Idempotency-Key": "a-1"}
    answer = town.client.post(f"{API}/decisions", json=body | {"comment_id": second}, headers=other)
    assert answer.status_code == 201


def test_the_same_key_many_times_at_once_makes_one_decision(town, account, moderator):
    (comment,) = town.waiting(account, "un")
    body = {"comment_id": comment, "version": 1, "kind": "reply", "text": "Bonjour"}
    headers = moderator | {"Idempotency-Key": "a-1"}
    with ThreadPoolExecutor(8) as threads:
        sent = [threads.submit(town.client.post, f"{API}/decisions", json=body, headers=headers) for _ in range(8)]
        answers = [answer.result() for answer in sent]
    assert {(answer.status_code, answer.json()["id"]) for answer in answers} == {(201, answers[0].json()["id"])}
    assert town.count(Decision) == town.count(Effect) == 1


def test_a_refused_request_does_not_use_its_key_up(town, account, moderator):
    (comment,) = town.waiting(account, "un")
    headers = moderator | {"Idempotency-Key": "a-1"}
    body = {"comment_id": comment, "version": 1, "kind": "reply"}
    assert town.client.post(f"{API}/decisions", json=body, headers=headers).json()["code"] == "reply_empty"
    good = body | {"text": "Bonjour"}
    assert town.client.post(f"{API}/decisions", json=good, headers=headers).status_code == 201


# ------------------------------------------------------------------------------------------ 311 requests
def test_a_request_is_moved_on_by_whoever_read_its_newest_version(town, account, moderator):
    with town.parvis.database.write() as session:
        session.add(Service(code="nids", name="Nids-de-poule", group="chaussee_trottoir", days=5))
    (comment,) = town.waiting(account, "Nid-de-poule rue Saint-Jean")
    body = {"comment_id": comment, "version": 1, "kind": "request", "service_code": "nids", "place": "Rue Saint-Jean"}
    assert town.client.post(f"{API}/decisions", json=body, headers=moderator).status_code == 201
    agent = town.person("Aline", (Role.AGENT311, None))
    (listed,) = town.client.get(f"{API}/requests?status=accepted", headers=agent).json()["items"]
    path = f"{API}/requests/{listed['number']}"
    read = town.client.get(path, headers=agent)
    assert (read.headers["etag"], read.json()["comment_ids"]) == ('"1"', [comment])
    step = {"status": "in_progress"}
    assert town.client.post(f"{path}/changes", json=step, headers=agent).status_code == 428
    for stale in ('"0"', '"2"', "1", "*", 'W/"1"', '"x"'):
        answer = town.client.post(f"{path}/changes", json=step, headers=agent | {"If-Match": stale})
        assert (answer.status_code, answer.json()["code"]) == (412, "version_changed")
    moved = town.client.post(f"{path}/changes", json=step, headers=agent | {"If-Match": read.headers["etag"]})
    assert (moved.status_code, moved.json()["status"], moved.headers["etag"]) == (201, "in_progress", '"2"')
    late = town.client.post(
        f"{path}/changes", json={"status": "done", "note": "x"}, headers=agent | {"If-Match": '"1"'}
    )
    assert late.status_code == 412
    bare = town.client.post(f"{path}/changes", json={"status": "done"}, headers=agent | {"If-Match": '"2"'})
    assert (bare.status_code, bare.json()["code"]) == (422, "note_needed")
    assert town.client.post(f"{path}/changes", json=step, headers=moderator | {"If-Match": '"2"'}).status_code == 403
    missing = town.client.get(f"{API}/requests/PAR-2026-000999", headers=agent)
    assert missing.status_code == 404


ASKS = [
    {"code": "taille", "datatype": "singlevaluelist", "fr": "Taille?", "values": [{"key": "g", "fr": "Grand"}]},
    {"code": "mots", "datatype": "string", "fr": "Quoi?"},
]


def test_a_request_is_corrected_assigned_noted_and_made_more_pressing(town, account, moderator):
    with town.parvis.database.write() as session:
        session.add(Service(code="nids", name="Nids-de-poule", group="chaussee_trottoir", days=5, attributes=ASKS))
    (comment,) = town.waiting(account, "Nid-de-poule")
    body = {"comment_id": comment, "version": 1, "kind": "request", "service_code": "nids"}
    assert town.client.post(f"{API}/decisions", json=body, headers=moderator).status_code == 201
    agent = town.person("Aline", (Role.AGENT311, None))
    other = town.person("Omar", (Role.AGENT311, None))
    omar = town.people["Omar"].person_id
    (listed,) = town.client.get(f"{API}/requests", headers=agent).json()["items"]
    assert (listed["attributes"], listed["priority"], listed["assignee"]) == ({}, "normal", None)
    path = f"{API}/requests/{listed['number']}"

    def done(what, said, version=None, status=200, who=agent):
        headers = who | ({} if version is None else {"If-Match": f'"{version}"'})
        answer = town.client.post(f"{path}/{what}", json=said, headers=headers)
        assert answer.status_code == status, answer.text
        return answer

    for what, said in (("assignment", {"person_id": omar}), ("priority", {"priority": "high"}), ("correction", {})):
        done(what, said, status=428)
        done(what, said, version=7, status=412)
        done(what, said, version=1, status=403, who=moderator)
    done("assignment", {"person_id": 999}, version=1, status=422)
    done("correction", {"attributes": {"taille": "p"}}, version=1, status=422)
    fixed = done("correction", {"place": "Rue Saint-Jean", "attributes": {"taille": "g", "mots": ["gros"]}}, version=1)
    assert (fixed.json()["attributes"], fixed.headers["etag"]) == ({"taille": "g", "mots": "gros"}, '"2"')
    kept = done("correction", {"place": "Rue Wolfe"}, version=2).json()
    assert (kept["place"], kept["attributes"]) == ("Rue Wolfe", {"taille": "g", "mots": "gros"})
    assert done("assignment", {"person_id": omar}, version=3).json()["assignee"] == {"id": omar, "name": "Omar"}
    assert done("priority", {"priority": "high"}, version=4).json()["priority"] == "high"
    whole = done("notes", {"text": "Vu sur place."}, status=201).json()
    assert [(one["kind"], one["text"], one["person"]["name"]) for one in whole["notes"]] == [
        ("correct", None, "Aline"),
        ("correct", None, "Aline"),
        ("assign", None, "Aline"),
        ("priority", None, "Aline"),
        ("note", "Vu sur place.", "Aline"),
    ]
    told = town.client.get("/avis", headers=other).text
    assert "Aline vous a attribué une requête" in told
    assert f'href="/requetes/{listed["number"]}"' in told


def test_what_a_comment_shows_comes_with_our_own_picture_of_it(town, account):
    (comment,) = town.waiting(account, "")
    of = {"comment_id": comment, "seen_at": town.now}
    with town.parvis.database.write() as session:
        session.add_all(
            [
                Attachment(**of, position=0, kind="photo", picture_address="https://x", picture=b"jpeg"),
                Attachment(**of, position=1, kind="sticker", failure="gone", description="Un coeur"),
                Attachment(**of, position=2, kind="gif", gone_at=town.now),
            ]
        )
    key = town.key("comments:read")
    photo, sticker = town.client.get(f"{API}/comments/{comment}", headers=key).json()["attachments"]
    assert (photo["kind"], photo["pictured"], sticker["kind"]) == ("photo", "kept", "sticker")
    assert (sticker["picture"], sticker["pictured"], sticker["description"]) == (None, "missing", "Un coeur")
    answer = town.client.get(photo["picture"], headers=key)
    assert (answer.content, answer.headers["content-type"]) == (b"jpeg", "image/jpeg")
    assert town.client.get(photo["picture"]).status_code == 401
    none = f"{API}/comments/{comment}/attachments/{sticker['id']}"
    assert town.client.get(none, headers=key).status_code == 404


# ------------------------------------------------------------------------------------------ posts
def test_a_post_from_draft_to_its_hour_and_back(town, account):
    officer = town.person("Odile", (Role.COMMUNICATIONS, None), (Role.APPROVER, None))
    approver = town.person("Alain", (Role.APPROVER, None))
    body = {"title": "Collecte", "variants": [{"account_id": account, "text": "Collecte jeudi."}]}
    headers = officer | {"Idempotency-Key": "collecte"}
    made = [town.client.post(f"{API}/posts", json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201], made[0].text
    assert made[0].headers["location"] == made[1].headers["location"]
    assert town.count(Post) == 1
    other = body | {"title": "Autre"}
    assert town.client.post(f"{API}/posts", json=other, headers=headers).status_code == 422
    path, version = made[0].headers["location"], made[0].headers["etag"]

    def act(name: str, who: dict[str, str], body: dict[str, object] | None = None, match: str | None = None):
        given = {"If-Match": match} if match else {}
        return town.client.post(f"{path}/{name}", json=body, headers=who | given)

    assert act("submit", officer).status_code == 428
    assert act("submit", officer, match='"9"').status_code == 412
    submitted = act("submit", officer, match=version)
    assert (submitted.status_code, submitted.json()["state"]) == (200, "submitted")
    version = submitted.headers["etag"]
    assert act("approve", officer, match=version).json()["code"] == "own_post"
    assert act("send-back", approver, {"comment": " "}, version).json()["code"] == "reason_needed"
    assert act("schedule", officer, {"publish_at": "2026-01-16T09:00:00"}, version).status_code == 422
    at = {"publish_at": (town.now + timedelta(days=1)).isoformat()}
    assert act("schedule", officer, at, version).json()["code"] == "post_not_approved"
    approved = act("approve", approver, match=version)
    assert (approved.status_code, approved.json()["approvals"][0]["person"]["name"]) == (200, "Alain")
    scheduled = act("schedule", officer, at, approved.headers["etag"])
    assert (scheduled.status_code, scheduled.json()["sending"][0]["state"]) == (200, "ready")
    assert scheduled.json()["publish_at"] == "2026-01-16T14:00:00Z"
    back = act("unschedule", officer, match=scheduled.headers["etag"])
    assert (back.status_code, back.json()["state"], back.json()["sending"]) == (200, "approved", [])
    listed = town.client.get(f"{API}/posts?state=approved", headers=approver).json()["items"]
    assert [post["id"] for post in listed] == [back.json()["id"]]
    variant = {"account_id": account, "text": "Collecte vendredi.", "publish_at": "2026-01-17T08:00:00-05:00"}
    edited = town.client.put(path, json=body | {"variants": [variant]}, headers=officer | {"If-Match": version})
    assert edited.status_code == 412
    again = officer | {"If-Match": back.headers["etag"]}
    edited = town.client.put(path, json=body | {"variants": [variant]}, headers=again)
    assert (edited.status_code, edited.json()["state"]) == (200, "draft")
    was, now = back.json()["variants"][0], edited.json()["variants"][0]
    assert (now["id"], now["publish_at"]) == (was["id"], "2026-01-17T13:00:00Z")
    assert edited.json()["approvals"], "what was said of it stays"
    assert edited.json()["contributors"] == [edited.json()["author"]]
    one = town.client.get(path, headers=town.key("posts:read"))
    assert one.headers["etag"] == edited.headers["etag"]


def test_a_post_for_an_account_of_others_is_refused(town):
    north, south = town.add_borough("nord"), town.add_borough("sud")
    theirs = town.account("2", borough_id=south)
    officer = town.person("Odile", (Role.COMMUNICATIONS, north))
    body = {"title": "t", "variants": [{"account_id": theirs, "text": "x"}]}
    answer = town.client.post(f"{API}/posts", json=body, headers=officer)
    assert (answer.status_code, answer.json()["code"]) == (422, "account_unknown")


def test_a_post_that_could_never_leave_is_kept_and_refused_when_it_is_submitted(town):
    photos = town.account("1")
    with town.parvis.database.write() as session:
        session.get_one(Account, photos).network = "instagram"
    officer = town.person("Odile", (Role.COMMUNICATIONS, None))
    body = {"title": "t", "variants": [{"account_id": photos, "text": "x"}]}
    kept = town.client.post(f"{API}/posts", json=body, headers=officer)
    assert kept.status_code == 201
    asked = {**officer, "if-match": kept.headers["etag"]}
    answer = town.client.post(f"{API}/posts/{kept.json()['id']}/submit", headers=asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "media_needed")
    assert [error["field"] for error in answer.json()["errors"]] == ["pictures"]


def test_two_texts_for_one_account_are_refused_rather_than_one_dropped(town):
    ours = town.account("1")
    officer = town.person("Odile", (Role.COMMUNICATIONS, None))
    variants = [{"account_id": ours, "text": text} for text in ("Un", "Deux")]
    answer = town.client.post(f"{API}/posts", json={"title": "t", "variants": variants}, headers=officer)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, ["variants"])
    assert town.count(Post) == 0
    assert town.count(Post) == 0
