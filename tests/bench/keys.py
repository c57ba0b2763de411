"""From a key to the next comment on the screen, in Chromium, with a line that takes its time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import city
from figures import Figure, most
from playwright.sync_api import Page, sync_playwright
from running import installation, product
from sqlalchemy import select, update

from api.wiring import Parvis
from models.comments import VerdictRow
from models.decisions import Decision
from models.items import Item

PRESSED, AT_ONCE = 40, 20
"""Keys of each kind in a round, one after the other; and in one go."""
SLOW, SLOWER = 150, 600
"""Milliseconds that each answer takes more."""

# A frame that begins after the change has painted it when a message that was posted in it comes.
_WATCH = """() => {
  window.painted = [];
  const shown = () => document.querySelector("#pane .item")?.dataset.id;
  addEventListener("keydown", () => {
    const pressed = performance.now(), before = shown();
    const watch = new MutationObserver(() => {
      if (!shown() || shown() === before) return;
      watch.disconnect();
      requestAnimationFrame(() => {
        const after = new MessageChannel();
        after.port1.onmessage = () => painted.push(performance.now() - pressed);
        after.port2.postMessage(0);
      });
    });
    watch.observe(document.body, { childList: true, subtree: true });
  }, true);
}"""


def keys(home: Path, rounds: int) -> list[Figure]:
    """Next (`j`) and nothing to report (`i`), 95th percentiles; and what many `i` in one go decide on a slower line."""
    taken: dict[str, list[float]] = {"j": [], "i": []}
    astray = 0
    with _queue(home) as (parvis, page):
        for turn in range(rounds + 1):
            for key, slow in taken.items():
                _line(page, SLOW)
                page.goto("/")
                page.wait_for_load_state("networkidle")
                page.evaluate(_WATCH)
                for _ in range(PRESSED):
                    _press(page, key)
                if turn:  # The first one warms up.
                    slow.append(quantiles(page.evaluate("painted"), n=20)[-1])
            astray += _lost(parvis, page)
    lost = f"of {(rounds + 1) * AT_ONCE} keys pressed in one go at {SLOWER} ms, lost or astray"
    return [
        *[most(f"key {key} to paint at {SLOW} ms, p95", median(slow), "ms", 50) for key, slow in taken.items()],
        Figure(lost, astray, "keys", 0, "keys", float(astray), "== 0", astray == 0),
    ]


def _press(page: Page, key: str) -> None:
    """Press it, and wait as a person does: until the next comment is there."""
    before = page.evaluate("painted.length")
    page.keyboard.press(key)
    page.wait_for_function("before => painted.length > before", arg=before)
    page.wait_for_timeout(120)  # Nobody reads faster.


def _lost(parvis: Parvis, page: Page) -> int:
    """How many comments on top of the list so many keys in one go left undecided, and how many others they decided.
    What they send leaves side by side: the server may hear two of them in another order.
    """
    _line(page, SLOWER)
    page.goto("/")
    page.wait_for_load_state("networkidle")
    wanted = page.locator(".row[data-id]").evaluate_all(f"rows => rows.slice(0, {AT_ONCE}).map(row => +row.dataset.id)")
    with parvis.database.read() as session:
        before = len(session.scalars(select(Decision.id)).all())
    for _ in range(AT_ONCE):
        page.keyboard.press("i")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(10 * SLOWER)
    with parvis.database.read() as session:
        made = session.scalars(select(Decision.comment_id).order_by(Decision.id).offset(before)).all()
    return len(set(wanted) ^ set(made)) + len(made) - len(set(made))


def _line(page: Page, milliseconds: int) -> None:
    line = {"offline": False, "latency": milliseconds, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", line)


@contextmanager
def _queue(home: Path) -> Iterator[tuple[Parvis, Page]]:
    """A city in which a thousand comments wait, and its queue in the browser."""
    chromium: Any = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with installation(home / "keys") as parvis:
        city.fill(parvis, city.found(parvis, now=datetime.now(UTC)), 1_000, now=datetime.now(UTC))
        with parvis.database.write() as session:  # A danger asks before it is gone.
            session.execute(update(Item).values(urgency=0))
            session.execute(update(VerdictRow).values(urgency=0))
        with product(parvis.settings), sync_playwright() as browsers:
            browser = browsers.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            context = browser.new_context(base_url=parvis.settings.base_url, locale="fr-CA", bypass_csp=True)
            context.add_cookies([{"name": "parvis", "value": city.TOKEN, "url": parvis.settings.base_url}])
            yield parvis, context.new_page()
            browser.close()
