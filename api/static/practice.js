// A round of practice by the keys of the queue, one comment at a time; and how long it takes, which is said, and never a
// limit.

import { TYPED, ours, usual } from "./queue/keys.js";

const form = document.querySelector("[data-practice]");
const clock = form?.querySelector("[data-clock]");
const cards = form ? [...form.querySelectorAll(".cards > li")] : [];
let at = cards.length; // the card that the keys are for; past the last: none
let since = null;

function show() {
  clock.textContent = clock.dataset.said.replace("{n}", Math.floor((performance.now() - since) / 1000));
}

form?.addEventListener("change", () => {
  if (since !== null) return;
  since = performance.now();
  clock.hidden = false;
  show();
  setInterval(show, 1000);
});

// Past the last one all of them are shown again, to be looked over.
function turn(to) {
  at = Math.max(0, to);
  for (const [place, card] of cards.entries()) card.hidden = at < cards.length && place !== at;
  if (at >= cards.length) form.querySelector("[type=submit]").focus();
}

// Whether the key means anything here. A hide waits for its article.
function press(key) {
  const choice = cards[at].querySelector(`[data-key="${CSS.escape(key)}"]`);
  const articles = cards[at].querySelector("select");
  if (choice) {
    choice.click();
    if (!("cites" in choice.dataset)) turn(at + 1);
  } else if (/^[1-9]$/.test(key) && cards[at].querySelector("[data-cites]:checked") && articles.options[Number(key)]) {
    articles.selectedIndex = Number(key);
    turn(at + 1);
  } else if (key === "j" || key === "k") turn(at + (key === "j" ? 1 : -1));
  else return false;
  return true;
}

if (form && document.documentElement.dataset.singleKeys === "on") {
  turn(0);
  document.addEventListener("keydown", (event) => {
    if (at >= cards.length || !ours(event) || event.repeat || event.target.matches?.(TYPED)) return;
    if (press(usual(event.key))) event.preventDefault();
  });
}
