// The composer: counts characters for each chosen account against what its network takes, as the server counts them;
// keeps what is written until the server has it, and asks before it is left.

import { dirty, forget, giveBack } from "./drafts.js";
import { ask, parse } from "./server.js";
import { say, sayTemplate } from "./toasts.js";

const format = new Intl.NumberFormat(document.documentElement.lang);
const composer = () => document.querySelector(".composer");
let leaving = false;

function count(form) {
  for (const place of form.querySelectorAll("[data-counter]")) {
    const own = form.elements[`text-${place.dataset.counter}`].value.trim();
    const n = [...(own || form.elements.text.value.trim())].length;
    const most = Number(place.dataset.most);
    place.textContent = `${format.format(n)} / ${format.format(most)}`;
    place.classList.toggle("counter-over", n > most);
  }
}

const bodyOf = (form) => (form.enctype === "multipart/form-data" ? new FormData(form) : new URLSearchParams(new FormData(form)));

async function send(form) {
  const response = await ask(form.action, { method: "POST", body: bodyOf(form) }).catch(() => null);
  if (!response) { sayTemplate("offline-template"); return; }
  if (response.redirected) {
    forget(form);
    leaving = true;
    location.assign(response.url);
    return;
  }
  // What is wrong stands beside its field, and everything that was written is still there.
  const html = await response.text();
  const main = new DOMParser().parseFromString(html, "text/html").getElementById("main");
  if (!main) { say(parse(html)); return; }
  document.getElementById("main").replaceWith(main);
  (document.querySelector("[aria-invalid]") ?? document.getElementById("main")).focus();
}

// The strip of pictures: where the answer of an upload or a choice in the library goes, in the order of the post.
const strip = () => document.querySelector("[data-strip]");

function put(parts) {
  for (const picked of [...parts.children]) {
    if (!strip().querySelector(`[data-media="${picked.dataset.media}"]`)) strip().append(picked);
  }
  settle();
}

function settle() {
  const all = [...strip().children];
  for (const [place, picked] of all.entries()) {
    picked.querySelector("[data-earlier]").disabled = place === 0;
    picked.querySelector("[data-later]").disabled = place === all.length - 1;
  }
  strip().dispatchEvent(new Event("input", { bubbles: true }));
}

function move(button) {
  const picked = button.closest("[data-media]");
  if ("earlier" in button.dataset) picked.previousElementSibling?.before(picked);
  else if ("later" in button.dataset) picked.nextElementSibling?.after(picked);
  else {
    const next = picked.nextElementSibling ?? picked.previousElementSibling;
    picked.remove();
    (next?.querySelector("textarea") ?? document.querySelector("[data-library]")).focus();
    settle();
    return;
  }
  settle();
  // A button that cannot be pressed any more would lose the focus.
  (button.disabled ? picked.querySelector("textarea") : button).focus();
}

const library = () => document.getElementById("library-dialog");

async function search() {
  const words = library().querySelector("[type=search]").value;
  const response = await ask(`/medias?pour=publication&mots=${encodeURIComponent(words)}`).catch(() => null);
  if (!response?.ok) { sayTemplate("offline-template"); return; }
  library().querySelector("[data-place]").replaceChildren(parse(await response.text()));
}

async function pick(id) {
  library().close();
  const response = await ask(`/medias/${id}?pour=publication`).catch(() => null);
  if (!response) { sayTemplate("offline-template"); return; }
  const parts = parse(await response.text());
  if (!response.ok) { say(parts); return; }
  put(parts);
  strip().querySelector(`[data-media="${id}"] textarea`)?.focus();
}

if (composer()) {
  settle();
  document.addEventListener("pictures", ({ detail }) => put(detail));
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    if (button.closest("[data-strip]")) move(button);
    else if ("library" in button.dataset) { library().showModal(); search(); }
    else if (button.dataset.pick) pick(button.dataset.pick);
  });
  library().querySelector("[type=search]").addEventListener("input", search);
  library().querySelector("[data-search]").addEventListener("submit", (event) => { event.preventDefault(); search(); });
  giveBack(composer());
  count(composer());
  document.addEventListener("input", () => composer() && count(composer()));
  document.addEventListener("submit", (event) => {
    if (event.target !== composer()) return;
    event.preventDefault();
    send(event.target);
  });
  addEventListener("beforeunload", (event) => { if (!leaving && composer() && dirty(composer())) event.preventDefault(); });
}
