"""Plays a story of citizens: timed actions from a YAML file, done on the pretend networks.

    pages:                                  # label: Page; already there is fine (same id)
      ville: {id: "104", name: Ville de Sainte-Rive, token: jeton-ville}
      insta: {id: "17841400000000104", name: villedesainterive, of: ville}    # with the token of that Page
    citizens:                               # label: name (a label that is not here is a name by itself)
      louise: Louise Tremblay
    posts:                                  # label: post of a Page, there from the start; `ago` in seconds
      tempete: {page: ville, text: "Tempête : stationnement interdit…", ago: 7200}
    actions:                                # `at`: seconds after the start, or `immediate` (the default)
      - {say: "La rue Wolfe n'est pas déneigée", by: louise, on: tempete, as: c1, ago: 3600}
      - {at: 20, say: "Toujours rien!", by: louise, on: c1}
      - {at: 30, edit: c1, text: "La rue Wolfe n'est toujours pas déneigée"}
      - {at: 40, remove: c1}
      - {at: 60, publish: avis, page: ville, text: "Avis d'ébullition…"}

      - {at: 70, mention: "La @Ville de Sainte-Rive dort", by: Marc Roy}
      - {at: 75, review: "Service rapide", by: louise}   # `positive: false`: the contrary
      - {at: 80, hide: c1}                  # the network hides it by itself
      - {at: 85, write: "Bonsoir", by: louise}         # in private

An action has exactly one of `say` (with `by` and `on`, the label of a post or of something said; `as` gives it a label,
`ago` puts it in the past), `edit`, `remove`, `hide`, `mention`, `review` and `write` (with `by`) and `publish` (a new
post; its value is the label). A post may have a `form`: reel, video or ad. `page` may be left out
when there is one Page. `tell: false` keeps an action from the webhooks, so that only a pull can find it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from connectors.standin.people import NETWORK, ShownKind
from connectors.standin.registry import linked
from connectors.standin.state import Comment, Form, Person, Post, Standin


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StoryPage(_Strict):
    id: str
    name: str
    token: str = ""
    of: str | None = None

    @model_validator(mode="after")
    def _one_token(self) -> StoryPage:
        if bool(self.token) == (self.of is not None):
            raise ValueError("a page has a token, or is linked to one that has")
        return self


class StoryPost(_Strict):
    text: str
    page: str | None = None
    ago: float = 0.0
    link: str | None = None
    form: Form = "post"


class Action(_Strict):
    at: float = 0.0
    say: str | None = None
    by: str | None = None
    on: str | None = None
    label: str | None = Field(default=None, alias="as")
    ago: float = 0.0
    shows: ShownKind | None = None
    edit: str | None = None
    remove: str | None = None
    hide: str | None = None
    mention: str | None = None
    review: str | None = None
    positive: bool = True
    write: str | None = None
    """In private, to a page."""
    publish: str | None = None
    page: str | None = None
    text: str | None = None
    link: str | None = None
    form: Form = "post"
    tell: bool = True

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        # YAML 1.1 reads the bare word `on` as true, in keys too.
        if isinstance(value, dict):
            value = {"on" if key is True else key: item for key, item in value.items()}
            if value.get("at") == "immediate":
                value["at"] = 0.0
        return value

    @model_validator(mode="after")
    def _one_verb(self) -> Action:
        verbs = (self.say, self.edit, self.remove, self.hide, self.mention, self.review, self.write, self.publish)
        if sum(verb is not None for verb in verbs) != 1:
            raise ValueError("an action has one of say, edit, remove, hide, mention, review, write and publish")
        if self.by is None and any(verb is not None for verb in (self.mention, self.review, self.write)):
            raise ValueError("an action that mentions, reviews or writes needs by")
        if self.say is not None and (self.by is None or self.on is None):
            raise ValueError("say needs by and on")
        if (self.edit is not None or self.publish is not None) and self.text is None:
            raise ValueError("edit and publish need text")
        return self


class Story(_Strict):
    pages: dict[str, StoryPage]
    citizens: dict[str, str] = {}
    posts: dict[str, StoryPost] = {}
    actions: list[Action] = []

    @model_validator(mode="after")
    def _labels_exist(self) -> Story:
        labels = {*self.posts, *(action.label or action.publish for action in self.actions)}
        for action in self.actions:
            if (label := action.on or action.edit or action.remove or action.hide) and label not in labels:
                raise ValueError(f"an action is about {label}, which is nothing in this story")
        for page in [*(post.page for post in self.posts.values()), *(action.page for action in self.actions)]:
            if page is not None and page not in self.pages:
                raise ValueError(f"{page} is no page of this story")
        if any(page.of not in {None, *self.pages} for page in self.pages.values()):
            raise ValueError("an account is linked to no page of this story")
        return self


def read_story(path: Path) -> Story:
    """A story from its file; ValueError (pydantic's) says which line of it is wrong."""
    return Story.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@dataclass
class Player:
    """Plays one story on one state. `pace` 2 plays twice as fast. Labels are kept in `things`."""

    state: Standin
    story: Story
    pace: float = 1.0
    things: dict[str, Post | Comment] = field(default_factory=dict)
    _people: dict[str, Person] = field(default_factory=dict)
    _left: list[Action] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def set_up(self) -> None:
        """Pages, posts, and the actions that are immediate."""
        with self.state.lock:
            for page in self.story.pages.values():
                if page.id not in self.state.pages and page.of is None:
                    self.state.page(page.id, page.name, page.token)
            for page in self.story.pages.values():
                if page.id not in self.state.pages:
                    linked(self.state, self._page(page.of), page.id, page.name)
            for label, post in self.story.posts.items():
                at = self.state.now() - post.ago
                self.things[label] = self._post(post.page, post.text, post.form, link=post.link, at=at)
            actions = sorted(self.story.actions, key=lambda action: action.at)
            for action in [one for one in actions if one.at <= 0]:
                self._act(action)
            self._left = [one for one in actions if one.at > 0]

    def start(self) -> None:
        """Set up, then play the rest in time, in a thread."""
        self.set_up()
        self._thread = threading.Thread(target=self._play, name="standin-story", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Play at once all that is left."""
        self.stop()
        with self.state.lock:
            while self._left:
                self._act(self._left.pop(0))

    def stop(self) -> None:
        """Play no more."""
        self._stopped.set()
        self.join()

    def join(self) -> None:
        """Wait for the end of the story, if it was started."""
        if self._thread is not None:
            self._thread.join()

    def _play(self) -> None:
        begun = time.monotonic()
        while self._left:
            wait = self._left[0].at / self.pace - (time.monotonic() - begun)
            if self._stopped.wait(max(0.0, wait)):
                return
            with self.state.lock:
                self._act(self._left.pop(0))

    def _act(self, action: Action) -> None:
        if action.publish is not None and action.text is not None:
            post = self._post(action.page, action.text, action.form, link=action.link, tell=action.tell)
            self.things[action.publish] = post
            return
        if action.by is not None and (action.mention or action.review):
            by, page = self._person(action.by), self._page(action.page)
            if action.mention is not None:
                page.mention(self.state, by, action.mention, tell=action.tell)
            else:
                self.state.review(page, by, action.review or "", positive=action.positive, tell=action.tell)
            return
        if action.write is not None and action.by is not None:
            page, by, at = self._page(action.page), self._person(action.by), self.state.now() - action.ago
            shown = (self.state.show(action.shows),) if action.shows else ()
            self.state.letter(page, by, action.write, at=at, tell=action.tell, shown=shown)
            return
        thing = self.things.get(action.on or action.edit or action.remove or action.hide or "")
        if thing is None or (isinstance(thing, Comment) and thing.id not in self.state.comments):
            return  # The city deleted it meanwhile: nobody can answer, edit or remove it any more.
        if action.say is not None and action.by is not None:
            author, at = self._person(action.by), self.state.now() - action.ago
            shown = (self.state.show(action.shows),) if action.shows else ()
            said = self.state.comment(thing, author, action.say, at=at, tell=action.tell, shown=shown)
            if action.label:
                self.things[action.label] = said
        elif isinstance(thing, Comment):
            if action.edit is not None:
                self.state.edit(thing, action.text or "")
            elif action.hide is not None:
                self.state.hide(thing, NETWORK, hidden=True)
            else:
                self.state.remove(thing)

    def _post(self, label: str | None, text: str, form: Form, **more: Any) -> Post:
        return self.state.post(self._page(label), text, form=form, **more)

    def _person(self, label: str) -> Person:
        if label not in self._people:
            self._people[label] = self.state.citizen(self.story.citizens.get(label, label))
        return self._people[label]

    def _page(self, label: str | None) -> Any:
        page = self.story.pages[label] if label else next(iter(self.story.pages.values()))
        return self.state.pages[page.id]
