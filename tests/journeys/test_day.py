"""The same morning as new users would work it: two moderators by keyboard, and one person without single keys."""

from __future__ import annotations

from collections import Counter

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from models.decisions import Decision
from models.effects import Effect
from models.items import Item
from models.people import Person

pytestmark = pytest.mark.browser

KINDS = (
    ("nothing", "Merci pour la patinoire numéro {n}!"),
    ("reply", "À quelle heure ouvre la piscine numéro {n}?"),
    ("request", "Il y a un nid-de-poule devant le {n}, rue Morin."),
    ("nothing", "Bravo aux déneigeurs de l'équipe {n}!"),
    ("hide", "T'es rien qu'un maudit imbécile, ferme ta yeule numéro {n}."),
)


def _fill(city, number: int) -> dict[int, str]:
    """As many comments, of each kind in turn; what is right for each by its id.

    No number has three digits: an insult beside one is read as criticism, for which nothing is proposed.
    """
    city.add_account("Ville de Sainte-Rive")
    right = {}
    for n in range(number):
        kind, text = KINDS[n % len(KINDS)]
        right[city.says(text.format(n=n % 100), by=f"Personne {n}", ago=9000 - 60 * n)] = kind
    city.read()
    with city.parvis.database.write() as session:
        session.execute(update(Item).values(urgency=0))
    return right


def _decided(city) -> list[tuple[int, str]]:
    with city.parvis.database.read() as session:
        rows = session.execute(select(Decision.comment_id, Decision.kind).order_by(Decision.id))
        return [(comment_id, str(kind)) for comment_id, kind in rows]


def _sent(city) -> set[str]:
    with city.parvis.database.read() as session:
        return {one.payload["text"] for one in session.scalars(select(Effect)) if "text" in one.payload}


class Moderator:
    """Somebody at the queue: what they have open and reserved, what they typed, what they were refused."""

    def __init__(self, page: Page, right: dict[int, str]) -> None:
        self.page, self.right = page, right
        self.reserved: set[int] = set()
        self.typed: set[str] = set()
        self.refused: list[str] = []
        self.pressed: Counter[str] = Counter()
        page.on("response", self._heard)

    def _heard(self, response) -> None:
        parts = response.url.partition("?")[0].split("/")
        if parts[-1] == "reservation" and response.status == 204:
            self.reserved.add(int(parts[-2]))
        if parts[-1] == "decision" and not response.ok:
            self.refused.append(f"{response.status} {parts[-2]}")

    def opens(self) -> int | None:
        """The comment that is open and reserved here; None when nothing is left, or others have the rest."""
        for _ in range(400):
            # In one go: the pane may empty between two questions.
            shown = self.page.evaluate("document.querySelector('#pane:not([aria-busy]) .item')?.dataset.id ?? 0")
            if int(shown) in self.reserved:
                return int(shown)
            if self.page.locator(".rows-empty-title, #pane .pane-empty").first.is_visible():
                return None
            self.page.wait_for_timeout(25)
        pytest.fail(f"nothing opens: {self.page.locator('#pane').inner_text()[:200]}")

    def _press(self, kind: str, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.pressed[kind] = max(self.pressed[kind], len(keys))

    def decides(self, comment: int) -> None:
        kind = self.right[comment]
        match kind:
            case "nothing":
                self._press(kind, "i")
            case "reply":
                text = f"Bonjour, elle ouvre à 9 h ({comment})."
                self.page.keyboard.press("r")
                self.page.keyboard.type(text)
                self.page.keyboard.press("Control+Enter")
                self.typed.add(text)
            case "hide":
                self._press(kind, "m", "Enter")  # Its article is the one that is proposed.
            case "request":
                self.page.keyboard.press("q")
                self.page.locator("#place").fill(f"Devant le {comment}, rue Morin")
                self.page.keyboard.press("Enter")
        expect(self.page.locator(f'#pane .item[data-id="{comment}"]')).to_have_count(0)


@pytest.mark.parametrize("number", [10, pytest.param(120, marks=pytest.mark.long)])
def test_two_moderators_empty_the_queue_by_keyboard(served, sign_in, number):
    """Nothing decided twice, no refusal, nothing typed lost, and neither waits for the other."""
    right = _fill(served, number)
    desks = [Moderator(sign_in(name), right) for name in ("Nadia Roy", "Samuel Côté")]
    done: set[int] = set()
    busy = True
    while busy:
        busy = False
        for one in desks:
            comment = one.opens()
            if comment is None:
                continue
            assert comment not in done
            one.decides(comment)
            done.add(comment)
            busy = True
    for one in desks:
        one.page.wait_for_load_state("networkidle")
        expect(one.page.locator(".rows-empty-title")).to_be_visible()
        assert one.refused == []
        assert one.pressed["nothing"] <= 1
        assert one.pressed["hide"] <= 2
    assert sorted(_decided(served)) == sorted(right.items())
    assert set().union(*(one.typed for one in desks)) <= _sent(served)


@pytest.mark.parametrize(("width", "height"), [(360, 740), (683, 384)])
def test_a_person_without_single_keys_decides_on_a_phone_and_at_200_percent(served, sign_in, width, height):
    right = _fill(served, len(KINDS))
    with served.parvis.database.write() as session:
        session.execute(update(Person).where(Person.name == "Nadia Roy").values(single_keys=False))
    page = sign_in("Nadia Roy", width=width, height=height)
    page.locator(".row a").first.press("Enter")
    for comment, kind in right.items():
        expect(page.locator(f'#pane .item[data-id="{comment}"]')).to_be_visible()
        act = page.locator(".act")
        match kind:
            case "nothing":
                act.get_by_role("button", name="Rien à signaler").press("Enter")
            case "reply":
                page.locator("#reply-text").press_sequentially("Bonjour!")
                act.get_by_role("button", name="Envoyer").press("Enter")
            case "hide":
                act.get_by_role("button", name="Masquer").press("Enter")
                page.locator("#hide-dialog").get_by_role("button", name="Masquer").press("Enter")
            case "request":
                act.get_by_role("button", name="Requête 311").press("Enter")
                page.locator("#place").fill("Rue Morin")
                page.locator("#request-dialog").get_by_role("button", name="Transmettre").press("Enter")
    expect(page.locator(".rows-empty-title")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert sorted(_decided(served)) == sorted(right.items())
