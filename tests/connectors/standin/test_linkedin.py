"""The pretend LinkedIn, spoken to with bare HTTP: what it is faithful about, whoever the client is."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
import requests

PAGE = "urn:li:organization:5515715"


@pytest.fixture
def ask(linkedin):
    def asked(method: str, path: str, body: Any = None, **headers: str | None) -> requests.Response:
        sent = {
            "Authorization": f"Bearer {linkedin.token}",
            "LinkedIn-Version": "202609",
            "X-Restli-Protocol-Version": "2.0.0",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        sent = {name: value for name, value in sent.items() if value is not None}
        return requests.request(method, f"{linkedin.base_url}/rest/{path}", json=body, headers=sent, timeout=5)

    return asked


def post_of(text: str) -> dict[str, Any]:
    return {
        "author": PAGE,
        "commentary": text,
        "visibility": "PUBLIC",
        "lifecycleState": "PUBLISHED",
        "distribution": {"feedDistribution": "MAIN_FEED"},
    }


def encoded(urn: str) -> str:
    return quote(urn, safe="")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"LinkedIn_Version": None}, 400, "VERSION_MISSING"),
        ({"LinkedIn_Version": "2026"}, 400, "VERSION_MISSING"),
        ({"LinkedIn_Version": "202401"}, 426, "NONEXISTENT_VERSION"),
        ({"X_Restli_Protocol_Version": None}, 400, "ILLEGAL_ARGUMENT"),
        ({"Authorization": None}, 401, "INVALID_ACCESS_TOKEN"),
        ({"Authorization": "Bearer x"}, 401, "INVALID_ACCESS_TOKEN"),
    ],
)
def test_headers_are_what_linkedin_insists_on(ask, headers, status, code):
    answer = ask("GET", f"posts?q=author&author={encoded(PAGE)}", **headers)
    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (status, code, status)


def test_a_token_in_the_address_opens_nothing(linkedin, ask):
    path = f"posts?q=author&author={encoded(PAGE)}&oauth2_access_token={linkedin.token}"
    assert ask("GET", path, Authorization=None).status_code == 401


def test_names_are_to_be_encoded(linkedin, ask):
    post = linkedin.post("Avis")
    assert ask("GET", f"posts/{post.id}").status_code == 400
    assert ask("GET", f"posts?q=author&author={PAGE}").status_code == 400
    assert ask("GET", f"posts/{encoded(post.id)}").json()["commentary"] == "Avis"


def test_a_creation_answers_with_nothing_but_a_header(linkedin, ask):
    answer = ask("POST", "posts", post_of("Bonjour (à tous)"))
    assert (answer.status_code, answer.content) == (201, b"")
    assert linkedin.state.posts[answer.headers["x-restli-id"]].text == "Bonjour "
    (line,) = linkedin.state.journal
    assert (line.operation, line.text) == ("publish", "Bonjour ")


def test_a_comment_is_no_little_text(linkedin, ask):
    post = linkedin.post("Avis")
    message = {"actor": PAGE, "object": post.id, "message": {"text": "Oui (311) \\#1"}}
    answer = ask("POST", f"socialActions/{encoded(post.id)}/comments", message)
    assert answer.status_code == 201
    assert [comment.text for comment in post.comments.values()] == ["Oui (311) \\#1"]


def test_a_post_can_be_deleted_twice(linkedin, ask):
    post = linkedin.post("Avis")
    answers = [ask("DELETE", f"posts/{encoded(post.id)}") for _ in range(2)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    assert ask("GET", f"posts/{encoded(post.id)}").status_code == 404


def test_the_same_words_are_refused_for_a_while(ask):
    assert ask("POST", "posts", post_of("Avis")).status_code == 201
    again = ask("POST", "posts", post_of("Avis"))
    assert again.status_code == 422
    assert again.json()["errorDetails"]["inputErrors"][0]["code"] == "DUPLICATE_POST"


@pytest.mark.parametrize(
    "change",
    [
        {"visibility": "CONNECTIONS"},
        {"distribution": {}},
        {"commentary": " "},
        {"commentary": "x" * 3001},
        {"content": {"article": {"source": "https://ville.example"}}},
        {"content": {"multiImage": {"images": [{"id": "urn:li:image:x"}]}}},
        {"content": {"media": {"id": "urn:li:image:x"}}},
    ],
)
def test_a_post_that_linkedin_would_not_take_is_refused(linkedin, ask, change):
    answer = ask("POST", "posts", post_of("Avis") | change)
    assert answer.status_code in (400, 422)
    assert linkedin.state.journal == []


def test_lists_are_by_offset_and_say_where_the_next_page_is(linkedin, ask):
    post = linkedin.post("Avis")
    for number in range(25):
        linkedin.says(post, f"{number}")
    path = f"socialActions/{encoded(post.id)}/comments"
    first = ask("GET", f"{path}?start=0&count=10").json()
    assert [row["message"]["text"] for row in first["elements"]] == [f"{number}" for number in range(24, 14, -1)]
    assert (first["paging"]["total"], [link["rel"] for link in first["paging"]["links"]]) == (25, ["next"])
    last = ask("GET", f"{path}?start=20&count=10").json()
    assert (len(last["elements"]), [link["rel"] for link in last["paging"]["links"]]) == (5, ["prev"])


@pytest.mark.parametrize("kind", ["image", "document"])
def test_a_file_is_available_after_some_looks(linkedin, ask, kind):
    linkedin.page.polls = 2
    given = ask("POST", f"{kind}s?action=initializeUpload", {"initializeUploadRequest": {"owner": PAGE}}).json()[
        "value"
    ]
    look = f"{kind}s/{encoded(given[kind])}"
    assert ask("GET", look).json()["status"] == "WAITING_UPLOAD"
    assert requests.put(given["uploadUrl"], data=b"x", timeout=5).status_code == 201
    assert [ask("GET", look).json()["status"] for _ in range(3)] == ["PROCESSING", "PROCESSING", "AVAILABLE"]


def test_a_video_with_a_part_missing_is_not_finished(ask):
    asked = {"initializeUploadRequest": {"owner": PAGE, "fileSizeBytes": 5_000_000}}
    given = ask("POST", "videos?action=initializeUpload", asked).json()["value"]
    first, second = given["uploadInstructions"]
    assert (first["lastByte"] + 1, second["lastByte"]) == (second["firstByte"], 4_999_999)
    etag = requests.put(first["uploadUrl"], data=b"\0" * 4_194_304, timeout=5).headers["etag"]
    done = {"finalizeUploadRequest": {"video": given["video"], "uploadToken": "", "uploadedPartIds": [etag]}}
    assert ask("POST", "videos?action=finalizeUpload", done).status_code == 400


def test_throttling_has_three_faces(linkedin, ask):
    for kind in ("throttle", "throttle_403", "throttle_day"):
        linkedin.fault(kind)
    empty, text, day = (ask("GET", f"posts?q=author&author={encoded(PAGE)}") for _ in range(3))
    assert (empty.status_code, empty.content) == (429, b"")
    assert (text.status_code, text.json()["message"]) == (
        403,
        "Throttle limit for calls to this resource is reached.",
    )
    assert (day.status_code, "DAY limit" in day.json()["message"]) == (429, True)


def test_a_webhook_of_a_page_is_set_read_and_taken_away(ask):
    key = f"(developerApplication:urn%3Ali%3AdeveloperApplication%3A1,user:urn%3Ali%3Aperson%3Aa,entity:{encoded(PAGE)}"
    path = f"eventSubscriptions/{key},eventType:ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS)"
    assert ask("GET", path).status_code == 404
    assert ask("PUT", path, {"webhook": "https://parvis.ville.example/webhooks/linkedin"}).status_code == 204
    assert ask("GET", path).json()["webhook"] == "https://parvis.ville.example/webhooks/linkedin"
    assert ask("DELETE", path).status_code == 204
    assert ask("GET", path).status_code == 404


def test_followers_are_counted_in_two_ways(ask):
    size = ask("GET", f"networkSizes/{encoded(PAGE)}?edgeType=COMPANY_FOLLOWED_BY_MEMBER").json()
    assert size == {"firstDegreeSize": 1_204}
    path = f"organizationalEntityFollowerStatistics?q=organizationalEntity&organizationalEntity={encoded(PAGE)}"
    (element,) = ask("GET", path).json()["elements"]
    assert element["followerCountsByAssociationType"][0]["followerCounts"]["organicFollowerCount"] == 1_204


def test_a_hand_makes_pages_and_mentions(linkedin, ask):
    control = f"{linkedin.base_url}/_control/linkedin"
    made = requests.post(f"{control}/organizations", json=[{"id": "77", "name": "Autre", "token": "t"}], timeout=5)
    assert made.json() == {"organizations": ["77"]}
    named = {"organization": "77", "by": "Louise Tremblay", "text": "Merci"}
    urn = requests.post(f"{control}/mention", json=named, timeout=5).json()["id"]
    path = f"organizationalEntityNotifications?q=criteria&organizationalEntity={encoded('urn:li:organization:77')}"
    (told,) = ask("GET", f"{path}&actions=List(SHARE_MENTION)", Authorization="Bearer t").json()["elements"]
    assert told["decoratedGeneratedActivity"]["share"]["entity"] == urn
    assert requests.get(f"{control}/organizations/77", timeout=5).json() == {
        "likes": [],
        "assets": [],
        "subscription": None,
    }
    assert requests.get(f"{control}/organizations/78", timeout=5).status_code == 404


def test_what_is_not_there_is_said_so(ask):
    assert ask("GET", "somethingElse").status_code == 404
    assert ask("GET", f"posts/{encoded('urn:li:share:1')}").json()["code"] == "RESOURCE_NOT_FOUND"
