"""The pretend networks on loopback, and the real connectors that talk to them over HTTP."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trustme

from connectors.base import AccountRef, Media, Network, Operation, Publication
from connectors.instagram_public.profile import PAUSE as LONG_PAUSE
from connectors.instagram_public.profile import PREFIX, WHOLE_EVERY, InstagramPublic, PublicSettings
from connectors.instagram_public.watch import Job, watch
from connectors.linkedin.errors import PAUSE
from connectors.linkedin.rest import LinkedInSettings
from connectors.meta.graph import GraphSettings
from connectors.registry import NetworkSettings, network
from connectors.standin.instagram.state import Profile, profile
from connectors.standin.instagram_public.web import public_id
from connectors.standin.linkedin.state import CLIENT_ID, CLIENT_SECRET, Organization, organization
from connectors.standin.server import create_standin, run_in_thread
from connectors.standin.state import Comment, Fault, PageOfCity, Person, Post, Standin
from connectors.standin.webhooks import Webhooks
from models.errors import (
    Ambiguous,
    Blocked,
    PermissionMissing,
    Rejected,
    Throttled,
    TokenInvalid,
    Transient,
)
from models.vocabulary import AttachmentKind, MediaKind, OperationKind, PublicationForm

TOKEN = "EAAB-a-token-that-must-never-be-seen"

FAULTS = (
    # kind, error of a write, error of a read, was the write applied
    ("reset_before", Ambiguous, Transient, False),
    ("reset_after", Ambiguous, Transient, True),
    ("500_before", Ambiguous, Transient, False),
    ("500_after", Ambiguous, Transient, True),
    ("503", Ambiguous, Transient, False),
    ("hang_after", Ambiguous, Transient, True),
    ("throttle", Throttled, Throttled, False),
    ("token_expired", TokenInvalid, TokenInvalid, False),
    ("permission", PermissionMissing, PermissionMissing, False),
    ("blocked", Blocked, Blocked, False),
    ("duplicate", Ambiguous, Rejected, False),
    ("half_json", Ambiguous, Transient, True),
    ("html_502", Ambiguous, Transient, False),
    ("login_302", Ambiguous, Transient, False),
    ("error_200", Ambiguous, Transient, False),
)


class City:
    """A pretend network with one account of the city on it, and what a test does there: the adapter of a network.

    A new network is one class like `FacebookCity`, and its line in `CITIES`. What is said here is what most networks
    share; an adapter says the rest, or says it again in its own way.
    """

    name: ClassVar[str]
    operations: ClassVar[frozenset[OperationKind]]
    """What the network can do: `capabilities` must promise exactly that."""
    forms: ClassVar[tuple[str, ...]]
    """Names of what can be published, for `publication`."""
    wordless: ClassVar[frozenset[str]] = frozenset()
    """Those that have no words, so that only their time tells them apart."""
    faults: ClassVar[tuple[tuple[str, type, type, bool], ...]] = FAULTS
    receipt_path: ClassVar[str] = ""
    """A fault on reading a path like this one spoils only the permalink of a publication."""
    sources: ClassVar[int] = 1
    """How many listings a round reads before the threads."""
    least: ClassVar[int] = 1
    """How many requests a step needs to come further."""
    threads: ClassVar[tuple[int, ...]] = (150, 0, 80)
    """How many comments the posts of a busy account have."""
    shows_hidden: ClassVar[bool] = True
    """Whoever reads sees what is hidden too."""
    patience: ClassVar[int] = 1
    """After how many rounds everything was seen that happened before them."""
    twice: ClassVar[type[Exception]] = Rejected
    """What it says to what was sent ahead and is published already."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Fixtures that must be there."""
    exempt: ClassVar[Mapping[str, str]] = {}
    """Tests of the contract that bear on nothing here, and why."""
    newest_first: ClassVar[bool] = False
    """The network gives the newest comments first: only within a page do they come in the order of writing."""
    needed: ClassVar[tuple[str, ...]] = ()
    """Some permissions that the work needs, in the order in which `health` says that they are missing."""
    tells: ClassVar[bool] = True
    """The network has webhooks for anybody who asks."""
    tells_usage: ClassVar[bool] = True
    """The network says how much of its budget is spent."""
    timeout: tuple[float, float] = (2.0, 0.8)
    """To connect and to read, in seconds."""
    wait: ClassVar[timedelta] = timedelta(minutes=30)
    """How long a throttle of half an hour stops the account."""
    permalinks_are_read: ClassVar[bool] = True
    """A permalink costs a call; without, it is known from the id."""
    dead: ClassVar[tuple[int, str]] = (460, "password_changed")
    """What the pretend network makes of a token that died, and the reason that is said."""

    shown: ClassVar[Mapping[str, tuple[AttachmentKind, bool]]] = {}
    """What a comment may show, by the word for it here: what it is told as, and whether a still picture comes with it.
    Nothing: the network tells the words alone.
    """

    def __init__(self, server: tuple[str, Standin, Webhooks], folder: Path) -> None:
        self.base_url, self.state, self.webhooks = server
        self.folder = folder
        self.token = TOKEN
        self.posts: list[Post] = []
        self.page = self.account_of_the_city()
        self.citizen: Person = self.state.citizen("Louise Tremblay")

    def account_of_the_city(self) -> PageOfCity:
        """The account, put on the pretend network with `TOKEN`."""
        raise NotImplementedError

    def operation(self, kind: OperationKind) -> Operation:
        """Something of that kind to do, on a target made for it; it is not done yet."""
        raise NotImplementedError

    def publication(self, form: str) -> Publication:
        """Something to publish in that form, never the same words twice."""
        raise NotImplementedError

    def decisive(self, sought: Operation | Publication) -> dict[str, Any]:
        """What a fault must match (`method`, `path`) to meet the very call that applies it."""
        raise NotImplementedError

    def before(self, form: str) -> list[dict[str, Any]]:
        """What faults must match to meet each call of a publication that is made before the decisive one."""
        return []

    def is_published(self, remote_id: str) -> bool:
        return remote_id in self.state.posts

    def named(self, identity: str) -> str:
        """What Parvis calls what the pretend network calls so."""
        return identity

    def refuses(self, network: Network, error: type) -> None:
        """The next reading fails, and says how."""
        with pytest.raises(error) as caught:
            network.pull(None, 1)
        assert type(caught.value) is error

    def known_of(self, person: Person) -> tuple[str | None, str | None]:
        """The id and the name under which the network shows somebody."""
        return person.id, person.name

    def error_of(self, sought: Operation | Publication, fault: str, error: type) -> type:
        """What a fault makes of this very act, where that is not what it makes of most."""
        return error

    @property
    def holder(self) -> PageOfCity:
        """Whose token it is."""
        return self.page

    @property
    def settings(self) -> NetworkSettings:
        graph = GraphSettings(
            base_url=self.base_url,
            app_id=self.state.app_id,
            app_secret=self.state.app_secret,
            timeout=self.timeout,
            retries=(),
        )
        return NetworkSettings(graph)

    @property
    def account(self) -> AccountRef:
        return AccountRef(self.name, self.page.id, self.token)

    def network(self) -> Network:
        return network(self.settings, self.account)

    def post(self, text: str, **more: float) -> Post:
        self.posts.append(self.state.post(self.page, text, **more))
        return self.posts[-1]

    def says(self, on: Post | Comment, text: str, **more: Any) -> Comment:
        return self.state.comment(on, self.citizen, text, **more)

    def answer(self) -> Operation:
        """An answer to somebody who wrote in private just now."""
        self.state.letter(self.page, self.citizen, "Et ma rue?", tell=False)
        return Operation(OperationKind.MESSAGE, f"with:{self.citizen.id}", "C'est noté.")

    def hushed(self) -> None:
        """Nobody has asked the network to tell anything."""
        self.page.subscribed_fields = ()

    def fault(self, kind: str, **more: object) -> None:
        self.state.faults.append(Fault(kind, **more))

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


class FacebookCity(City):
    name = "facebook"
    shown: ClassVar = {kind.value: (kind, True) for kind in AttachmentKind if kind is not AttachmentKind.OTHER}
    operations = frozenset(OperationKind) - {
        OperationKind.PUBLISH,
        OperationKind.CLOSE_COMMENTS,
        OperationKind.OPEN_COMMENTS,
        OperationKind.SUBMIT,
        OperationKind.SUBMIT_MAIL,
        OperationKind.MAIL,
        OperationKind.ALERT,
        OperationKind.ANNOUNCE,
    }
    forms = ("text", "link", "photo", "photos", "video", "reel", "photo story", "video story")
    wordless = frozenset({"photo story", "video story"})
    receipt_path = r"^\d+(_\d+)?$|/stories$"
    sources = 5
    needed = ("pages_read_user_content", "pages_manage_engagement", "pages_messaging", "read_insights")

    def account_of_the_city(self) -> PageOfCity:
        return self.state.page("104", "Ville de Sainte-Rive", TOKEN)

    def operation(self, kind: OperationKind) -> Operation:
        post = self.post("Tempête")
        said = self.says(post, "Et ma rue?")
        said.hidden, said.liked = kind is OperationKind.UNHIDE, kind is OperationKind.UNLIKE
        if kind is OperationKind.UNBLOCK:
            self.page.blocked[self.citizen.id] = self.citizen
        if kind is OperationKind.MESSAGE:
            return self.answer()
        target = {
            OperationKind.BLOCK: self.citizen.id,
            OperationKind.UNBLOCK: self.citizen.id,
            OperationKind.EDIT_POST: post.id,
            OperationKind.DELETE_POST: post.id,
        }.get(kind, said.id)
        writes = kind in {OperationKind.REPLY, OperationKind.PRIVATE_REPLY, OperationKind.EDIT_POST}
        return Operation(kind, target, "C'est noté." if writes else None)

    def publication(self, form: str) -> Publication:
        text = "" if form in self.wordless else f"Collecte reportée à jeudi 🚛 {len(self.state.journal)}"
        film = Media(MediaKind.VIDEO, self.file("film.mp4", b"\0" * 1_500_000), "video/mp4")
        photos = tuple(
            Media(MediaKind.PHOTO, self.file(f"{number}.jpg", b"\xff\xd8"), "image/jpeg", f"Photo {number}")
            for number in range(3)
        )
        kind, _, story = form.partition(" ")
        media = {"photo": photos[:1], "photos": photos, "video": (film,), "reel": (film,)}.get(kind, ())
        link = "https://ville.example/collecte" if form == "link" else None
        form_of = {"reel": PublicationForm.REEL}.get(kind, PublicationForm.STORY if story else PublicationForm.POST)
        return Publication(text, link=link, media=media, form=form_of)

    def decisive(self, sought: Operation | Publication) -> dict[str, Any]:
        if isinstance(sought, Publication):
            path = self._last_step(sought)
            return {"method": "POST", "path": path, "params": {"upload_phase": "finish"} if "video" in path else {}}
        deletes = {OperationKind.DELETE, OperationKind.UNLIKE, OperationKind.UNBLOCK, OperationKind.DELETE_POST}
        return {"method": "DELETE" if sought.kind in deletes else "POST"}

    def before(self, form: str) -> list[dict[str, Any]]:
        films = [{"method": "POST", "params": {"upload_phase": "start"}}]
        if form == "video":
            return [*films, {"method": "POST", "params": {"upload_phase": "transfer"}}]
        if form in ("reel", "video story"):
            return [*films, {"method": "POST", "path": r"^v[\d.]+/\d+$"}]
        return [{"method": "POST", "path": "/photos$"}] if form in ("photos", "photo story") else []

    @staticmethod
    def _last_step(sought: Publication) -> str:
        filmed = any(one.kind is MediaKind.VIDEO for one in sought.media)
        if sought.form is PublicationForm.STORY:
            return "/video_stories$" if filmed else "/photo_stories$"
        if sought.form is PublicationForm.REEL:
            return "/video_reels$"
        if filmed:
            return "/videos$"
        return "/photos$" if len(sought.media) == 1 else "/feed$"

    def is_published(self, remote_id: str) -> bool:
        """By the id of the post, or by that of the video that it shows."""
        return any(remote_id in (one.id, one.film) for one in self.state.posts.values())


class InstagramCity(City):
    name = "instagram"
    operations = frozenset(
        {
            OperationKind.HIDE,
            OperationKind.UNHIDE,
            OperationKind.DELETE,
            OperationKind.REPLY,
            OperationKind.PRIVATE_REPLY,
            OperationKind.MESSAGE,
            OperationKind.DELETE_POST,
            OperationKind.CLOSE_COMMENTS,
            OperationKind.OPEN_COMMENTS,
        }
    )
    forms = ("photo", "carousel", "video", "reel", "story")
    wordless = frozenset({"story"})
    receipt_path = r"^178\d+$"  # Media; those of containers begin with 179.
    sources = 3
    newest_first = True
    needed = ("instagram_manage_comments", "instagram_content_publish")

    def account_of_the_city(self) -> Profile:
        linked = self.state.page("104", "Ville de Sainte-Rive", TOKEN)
        return profile(self.state, linked, "17841400000000104", "villedesainterive", followers=4_212)

    def hushed(self) -> None:
        self.holder.subscribed_fields = ()

    @property
    def holder(self) -> PageOfCity:
        return self.page.page

    def operation(self, kind: OperationKind) -> Operation:
        if kind is OperationKind.MESSAGE:
            return self.answer()
        post = self.post("Tempête")
        said = self.says(post, "Et ma rue?")
        said.hidden = kind is OperationKind.UNHIDE
        post.open = kind is not OperationKind.OPEN_COMMENTS
        about_post = kind in (OperationKind.DELETE_POST, OperationKind.CLOSE_COMMENTS, OperationKind.OPEN_COMMENTS)
        text = "C'est noté." if kind in (OperationKind.REPLY, OperationKind.PRIVATE_REPLY) else None
        return Operation(kind, post.id if about_post else said.id, text)

    def media(self, kind: MediaKind, number: int = 0) -> Media:
        video = kind is MediaKind.VIDEO
        name = f"{number}.mp4" if video else f"{number}.jpg"
        path = self.file(name, b"\0" * 64)
        url = f"https://parvis.ville.example/media/{name}"
        return Media(kind, path, "video/mp4" if video else "image/jpeg", "Une rue enneigée", url)

    def publication(self, form: str) -> Publication:
        filmed = self.media(MediaKind.VIDEO)
        media = {
            "photo": (self.media(MediaKind.PHOTO),),
            "story": (self.media(MediaKind.PHOTO),),
            "carousel": (self.media(MediaKind.PHOTO), filmed, self.media(MediaKind.PHOTO, 2)),
        }.get(form, (filmed,))
        form_of = {"reel": PublicationForm.REEL, "story": PublicationForm.STORY}.get(form, PublicationForm.POST)
        text = "" if form in self.wordless else f"Collecte reportée à jeudi 🚛 {len(self.state.journal)}"
        return Publication(text, media=media, form=form_of)

    def decisive(self, sought: Operation | Publication) -> dict[str, Any]:
        if isinstance(sought, Publication):
            return {"method": "POST", "path": "/media_publish$"}
        deletes = sought.kind in (OperationKind.DELETE, OperationKind.DELETE_POST)
        return {"method": "DELETE" if deletes else "POST"}

    def before(self, form: str) -> list[dict[str, Any]]:
        return [{"method": "POST", "path": "/media$"}]


class LinkedInCity(City):
    name = "linkedin"
    tells = False
    shown: ClassVar = {
        **dict.fromkeys(("photo", "sticker", "gif"), (AttachmentKind.PHOTO, True)),
        "video": (AttachmentKind.VIDEO, False),
        "link": (AttachmentKind.LINK, False),
    }
    operations = frozenset(
        {
            OperationKind.DELETE,
            OperationKind.REPLY,
            OperationKind.LIKE,
            OperationKind.UNLIKE,
            OperationKind.EDIT_POST,
            OperationKind.DELETE_POST,
        }
    )
    forms = ("text", "link", "photo", "photos", "video")
    # Half of an empty answer is that answer, and nothing is blocked for a while.
    faults = (
        *(one for one in FAULTS if one[0] not in ("half_json", "blocked")),
        ("throttle_403", Throttled, Throttled, False),
        ("throttle_day", Throttled, Throttled, False),
    )
    sources = 3
    newest_first = True
    needed = ("w_organization_social", "w_organization_social_feed", "rw_organization_admin")
    tells_usage = False
    wait = PAUSE
    receipt_path = "^posts/"
    dead = (65601, "revoked")
    twice = Ambiguous  # It refuses the same words; a file may stand in several posts.
    permalinks_are_read = False
    version = "202609"
    retries: tuple[float, ...] = ()

    def account_of_the_city(self) -> Organization:
        return organization(self.state, "5515715", "Ville de Sainte-Rive", TOKEN, followers=1_204)

    @property
    def settings(self) -> NetworkSettings:
        linkedin = LinkedInSettings(
            base_url=self.base_url,
            auth_url=f"{self.base_url}/oauth/v2",
            version=self.version,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            timeout=self.timeout,
            retries=self.retries,
            looks=(0.0, 0.0, 0.0),
        )
        return NetworkSettings(linkedin)

    def operation(self, kind: OperationKind) -> Operation:
        post = self.post("Tempête")
        said = self.says(post, "Et ma rue?")
        if kind is OperationKind.UNLIKE:
            self.page.likes.add(said.id)
        about_post = kind in (OperationKind.EDIT_POST, OperationKind.DELETE_POST)
        text = "C'est noté (#tempête)." if kind in (OperationKind.REPLY, OperationKind.EDIT_POST) else None
        return Operation(kind, post.id if about_post else said.id, text)

    def publication(self, form: str) -> Publication:
        text = f"Collecte (résidus) reportée à jeudi #collecte-{len(self.state.journal)} @ville 🚛"
        photos = tuple(
            Media(MediaKind.PHOTO, self.file(f"{number}.jpg", b"\xff\xd8"), "image/jpeg", f"Photo {number}")
            for number in range(3)
        )
        film = Media(MediaKind.VIDEO, self.file("film.mp4", b"\0" * 5_000_000), "video/mp4")
        media = {"photo": photos[:1], "photos": photos, "video": (film,)}.get(form, ())
        return Publication(text, link="https://ville.example/collecte" if form == "link" else None, media=media)

    def decisive(self, sought: Operation | Publication) -> dict[str, Any]:
        if isinstance(sought, Publication):
            return {"method": "POST", "path": "^posts$"}
        deletes = sought.kind in (OperationKind.DELETE, OperationKind.DELETE_POST, OperationKind.UNLIKE)
        return {"method": "DELETE" if deletes else "POST"}

    def before(self, form: str) -> list[dict[str, Any]]:
        sent = [{"method": "POST", "path": "^(images|videos)$"}, {"method": "PUT"}]
        return sent if form in ("photo", "photos", "video") else []

    def known_of(self, person: Person) -> tuple[str, str | None]:
        return f"urn:li:person:{person.id}", None

    def error_of(self, sought: Operation | Publication, fault: str, error: type) -> type:
        """A refusal to delete what a member wrote, with the permission for it, is LinkedIn's own decision."""
        deletes = isinstance(sought, Operation) and sought.kind is OperationKind.DELETE
        return Rejected if deletes and fault == "permission" else error


class Here(InstagramPublic):
    """The reading in this process: to start another one takes a second, and most tests are not about that."""

    def _watch(self, job: Mapping[str, Any]) -> Mapping[str, Any]:
        told: dict[str, Any] = json.loads(json.dumps(asdict(watch(Job(**job)))))
        return told


class PublicCity(City):
    """The public pages of the profile, over TLS with Instagram's own host names (`browsing`).

    It only reads: no operation, no form, no figure, no webhook. Much of the contract bears on nothing here (`exempt`),
    because a reading is one run of instaloader from its start, which asks as little as it can and ends at the first
    refusal: an error is no exception but a pause (`refuses`), and a budget smaller than a run goes nowhere (`least`).
    What is in place of it has its tests in `test_instagram_public.py`, which also start the real other process.
    """

    name = "instagram_public"
    operations = frozenset()
    forms = ()
    # Nothing is written, and nobody waits for half a minute here: the time limit is the other process's.
    faults = (
        ("reset_before", Ambiguous, Transient, False),
        ("reset_after", Ambiguous, Transient, False),
        ("500_before", Ambiguous, Transient, False),
        ("500_after", Ambiguous, Transient, False),
        ("503", Ambiguous, Transient, False),
        ("throttle", Throttled, Throttled, False),
        ("throttle_403", Throttled, Throttled, False),
        ("permission", Throttled, Throttled, False),
        ("token_expired", TokenInvalid, TokenInvalid, False),
        ("blocked", TokenInvalid, TokenInvalid, False),
        ("feedback", TokenInvalid, TokenInvalid, False),
        ("half_json", Ambiguous, Transient, False),
        ("html_502", Ambiguous, Transient, False),
    )
    least = 6
    threads = (9, 0, 5)  # Longer ones come from another host, without some of the answers: its own tests.
    newest_first = True
    shows_hidden = False
    patience = WHOLE_EVERY
    needs = ("browsing",)
    tells = False
    exempt: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            (
                "test_what_was_undone_is_found_to_be_so",
                "test_what_is_gone_cannot_be_done",
                "test_a_reply_is_found_by_its_text_as_people_would_compare_it",
                "test_a_citizen_with_the_same_words_is_not_the_city",
                "test_an_old_reply_is_not_taken_for_a_new_one",
                "test_the_same_reply_twice_is_two_replies",
                "test_a_reply_to_a_reply_is_found_in_its_thread",
                "test_an_empty_reply_is_refused",
                "test_json_under_another_name_is_read",
                "test_an_answer_that_drips_is_given_up",
                "test_a_write_that_is_seen_late_is_found_late",
                "test_nobody_at_the_address_means_that_nothing_was_applied",
                "test_what_was_sent_ahead_is_published_once",
            ),
            "nothing is written",
        ),
        **dict.fromkeys(
            (
                "test_a_thread_that_was_read_whole_says_so_and_since_when",
                "test_a_thread_that_was_cut_short_is_not_said_to_be_whole",
            ),
            "no thread is said to be whole: instaloader cuts answers, so that nothing may be taken for gone",
        ),
        **dict.fromkeys(
            (
                "test_a_far_side_that_turns_in_circles_ends_and_the_next_round_has_everything",
                "test_a_page_with_nothing_in_it_is_not_the_last",
            ),
            "instaloader follows the pages, and the number of requests ends it",
        ),
        **dict.fromkeys(
            (
                "test_a_failure_after_something_was_read_keeps_what_was_read",
                "test_throttling_stops_until_the_time_that_the_network_gives",
                "test_the_token_is_never_seen",
            ),
            "a failure is a pause, and no exception",
        ),
        "test_a_round_that_read_something_proves_the_permissions_that_it_needed": "it asks for none",
        "test_posts_beyond_the_newest_are_read_once": "only the newest are read: nothing is claimed of such an account",
        "test_a_pause_that_the_answer_to_an_act_names_comes_back_with_it": "nothing is done on it",
        "test_one_comment_is_looked_at": "one comment alone is not asked for",
        "test_usage_comes_back_with_a_page": "the web tells no budget; the pause after a reading is our own",
        "test_the_health_of_a_token": "cookies have neither permissions nor an end that they say",
        "test_a_dead_token_is_an_answer": "nobody is asked whether cookies live: each question is a risk",
    }

    def account_of_the_city(self) -> Profile:
        linked = self.state.page("104", "Ville de Sainte-Rive", "a token of the Page")
        return profile(self.state, linked, "17841400000000104", "villedesainterive")

    @property
    def settings(self) -> NetworkSettings:
        public = PublicSettings(justification="Accord écrit de Meta, dossier 2026-114", limit=60.0, pace=False)
        return NetworkSettings(public)

    @property
    def account(self) -> AccountRef:
        cookies = {"csrftoken": "jeton", "sessionid": self.token, "ds_user_id": "8800"}
        return AccountRef(self.name, self.page.name, json.dumps(cookies))

    def network(self) -> Network:
        return Here(self.settings.of(PublicSettings), self.account)

    def named(self, identity: str) -> str:
        post = self.state.posts.get(identity)
        return PREFIX + (public_id(identity) if post is None else post.code)

    def refuses(self, network: Network, error: type) -> None:
        """A pause of six hours; or, where a person is needed, nothing more is asked."""
        page = network.pull(None, 50)
        assert page.more
        if error is not TokenInvalid:
            assert page.usage.resume_at - datetime.now(UTC) > LONG_PAUSE - timedelta(minutes=1)
            return
        calls = self.state.calls
        with pytest.raises(TokenInvalid):
            network.pull(page.cursor, 50)
        assert self.state.calls == calls

    def known_of(self, person: Person) -> tuple[str | None, str | None]:
        return None, person.name.lower()

    def hushed(self) -> None:
        self.page.page.subscribed_fields = ()

    def fault(self, kind: str, **more: object) -> None:
        """Only queries are answered with a wish to see a person."""
        queries = {"path": "^(query|graphql)$"} if kind in ("blocked", "feedback") else {}
        super().fault(kind, **(queries | more))


CITIES: tuple[type[City], ...] = (FacebookCity, InstagramCity, LinkedInCity, PublicCity)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `city` runs on each network; with `kind` or `form`, for each that the network has; with
    `fault`, for each of its faults.
    """
    if "city" not in metafunc.fixturenames:
        return
    cities = [one for one in CITIES if metafunc.function.__name__ not in one.exempt]
    cases = [(city, kind, form, fault) for city in cities for kind, form, fault in _cases(city, metafunc.fixturenames)]
    names = [name for name in ("kind", "form", "fault") if name in metafunc.fixturenames]
    rows = [(city, *(v for v in (kind, form, fault) if v is not None)) for city, kind, form, fault in cases]
    ids = ["-".join([city.name, *(row[0] if isinstance(row, tuple) else row for row in more)]) for city, *more in rows]
    metafunc.parametrize(["city", *names], rows, indirect=["city"], ids=ids)


def _cases(city: type[City], asked: list[str]) -> Iterator[tuple[Any, Any, Any]]:
    for kind in sorted(city.operations) if "kind" in asked else (None,):
        for form in city.forms if "form" in asked else (None,):
            for fault in city.faults if "fault" in asked else (None,):
                yield kind, form, fault


@pytest.fixture(scope="session")
def server() -> Iterator[tuple[str, Standin, Webhooks]]:
    state = Standin()
    app = create_standin(state)
    base_url, stop = run_in_thread(app)
    yield base_url, state, app.state.webhooks
    stop()


@pytest.fixture
def empty(server: tuple[str, Standin, Webhooks]) -> Iterator[tuple[str, Standin, Webhooks]]:
    """The pretend networks with nothing on them."""
    _, state, webhooks = server
    state.reset()
    webhooks.forget()
    webhooks.urls = {}
    yield server
    webhooks.urls = {}


@pytest.fixture
def city(request: pytest.FixtureRequest, empty: tuple[str, Standin, Webhooks], tmp_path: Path) -> City:
    """The city on each network that Parvis speaks to."""
    adapter: type[City] = request.param
    for name in adapter.needs:
        request.getfixturevalue(name)
    return adapter(empty, tmp_path)


@pytest.fixture
def standin(empty: tuple[str, Standin, Webhooks], tmp_path: Path) -> FacebookCity:
    """The city on Facebook."""
    return FacebookCity(empty, tmp_path)


@pytest.fixture
def instagram(empty: tuple[str, Standin, Webhooks], tmp_path: Path) -> InstagramCity:
    """The city on Instagram."""
    return InstagramCity(empty, tmp_path)


@pytest.fixture
def linkedin(empty: tuple[str, Standin, Webhooks], tmp_path: Path) -> LinkedInCity:
    """The city on LinkedIn."""
    return LinkedInCity(empty, tmp_path)


@pytest.fixture
def public(empty: tuple[str, Standin, Webhooks], tmp_path: Path, browsing: None) -> PublicCity:
    """The public pages of the city's profile."""
    return PublicCity(empty, tmp_path)


@pytest.fixture(scope="session")
def web_proxy(
    server: tuple[str, Standin, Webhooks], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """A proxy on loopback behind which Instagram's host names have our certificates and lead to the pretend networks:
    the environment that leads there.
    """
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("www.instagram.com", "i.instagram.com").configure_cert(context)
    behind = ("127.0.0.1", int(server[0].rpartition(":")[2]))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            self.send_response(200)
            self.end_headers()
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(self.connection, server_side=True) as inside,
                socket.create_connection(behind) as outside,
            ):
                back = threading.Thread(target=_pour, args=(outside, inside))
                back.start()
                _pour(inside, outside)
                back.join()

        def log_message(self, *_: object) -> None:
            pass

    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    bundle = tmp_path_factory.mktemp("authority") / "authority.pem"
    authority.cert_pem.write_to_path(bundle)
    yield {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.server_port}", "REQUESTS_CA_BUNDLE": str(bundle)}
    proxy.shutdown()
    thread.join()
    proxy.server_close()


def _pour(source: socket.socket, sink: socket.socket) -> None:
    """All that comes from one side goes to the other, at once, and its end too."""
    with contextlib.suppress(OSError):
        sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := source.recv(65_536):
            sink.sendall(data)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def browsing(web_proxy: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """This process, and those that it starts, find Instagram's web through the proxy."""
    for name, value in web_proxy.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def unused_tcp_port() -> Iterator[int]:
    """A port that is bound and not listened on: a connection to it is refused, and nobody else can take it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def received() -> list[str]:
    """The methods that `answering` received."""
    return []


@pytest.fixture
def answering(received: list[str]) -> Iterator[Callable[..., Network]]:
    """A Page whose far side gives always the same answer, byte for byte."""
    with contextlib.ExitStack() as stack:

        def start(raw: bytes, status: int = 200, *, name: str = "facebook", **more: str) -> Network:
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_POST(self) -> None:
                    self.rfile.read(int(self.headers.get("Content-Length", 0)))
                    received.append(self.command)
                    self.send_response(status)
                    self.send_header("Location", "/elsewhere")
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(raw)))
                    self.end_headers()
                    self.wfile.write(raw)

                do_GET = do_DELETE = do_POST  # noqa: N815  The names are http.server's.

                def log_message(self, *_: object) -> None:
                    pass

            server = stack.enter_context(http.server.HTTPServer(("127.0.0.1", 0), Handler))
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            settings = NetworkSettings(
                GraphSettings(base_url=f"http://127.0.0.1:{server.server_port}", retries=(), **more)
            )
            return network(settings, AccountRef(name, "104", TOKEN))

        yield start
