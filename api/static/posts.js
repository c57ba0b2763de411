// The composer: shows beside the words what each account would show, and what is found in them, as the server sees it;
// keeps what is typed by itself, and asks before it is left.

import { dirty, forget, giveBack } from "./drafts.js";
import { ask, parse } from "./server.js";
import { say, sayTemplate } from "./toasts.js";

const composer = () => document.querySelector(".composer");
let leaving = false;

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
  if (composer()) {
    settle();
    preview(composer());
  }
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

// What is typed is shown after a moment's rest. An answer that a newer question has overtaken is left out.
let asked = 0;
let looks = 0; // How often it was asked again for what its links lead to, since something was typed.

async function preview(form) {
  const turn = ++asked;
  const response = await ask("/publications/apercu", { method: "POST", body: new URLSearchParams(new FormData(form)) }).catch(() => null);
  if (!response?.ok || turn !== asked) return;
  const parts = parse(await response.text());
  for (const place of form.querySelectorAll("[data-counter]")) {
    const told = parts.querySelector(`[data-count-of="${place.dataset.counter}"]`);
    if (!told) continue;
    place.textContent = told.textContent;
    place.className = told.className;
  }
  const open = document.querySelector("#preview details[open]");
  document.getElementById("preview").replaceChildren(parts);
  if (open) for (const details of document.querySelectorAll("#preview details")) details.open = true;
  if (document.querySelector("#preview [data-looking]") && looks < 8) {
    looks += 1;
    setTimeout(() => { if (turn === asked) preview(form); }, 1500);
  }
}

// Kept by itself: a draft only, since what is approved or scheduled changes by one's own will.
let keeping = Promise.resolve();
let changes = 0;
let kept = -1; // How many changes the server has.

async function autosave(form) {
  if (!form.isConnected || leaving || !form.querySelector("[name=accounts]:checked")) return;
  const sent = changes;
  const response = await ask(form.action, {
    method: "POST",
    body: new URLSearchParams(new FormData(form)),
    headers: { "Parvis-Autosave": "1" },
  }).catch(() => null);
  const place = form.querySelector("[data-kept]");
  if (response?.status !== 204) {
    place.textContent = form.querySelector("[data-kept-not]").innerHTML;
    return;
  }
  const address = response.headers.get("location");
  form.action = address;
  form.elements.post.value = address.split("/").pop();
  form.elements.version.disabled = false;
  form.elements.version.value = JSON.parse(response.headers.get("etag"));
  place.textContent = form.querySelector("[data-kept-now]").innerHTML;
  forget(form);
  kept = sent;
  form.dataset.draft = `post:${form.elements.post.value}`;
  history.replaceState(null, "", `${address}/modifier`);
}

function mend(button) {
  const written = button.dataset.written;
  for (const area of composer().querySelectorAll("textarea")) {
    if (area.value.replaceAll("\r\n", "\n").trim() === written) area.value = button.dataset.mend;
  }
  composer().dispatchEvent(new Event("input", { bubbles: true }));
}

let soon = null;
let later = null;

function typed(form) {
  changes += 1;
  looks = 0;
  clearTimeout(soon);
  soon = setTimeout(() => preview(form), 300);
  if (!("autosave" in form.dataset)) return;
  clearTimeout(later);
  later = setTimeout(() => { keeping = keeping.then(() => autosave(form)); }, 4000);
}

if (composer()) {
  settle();
  document.addEventListener("pictures", ({ detail }) => put(detail));
  document.addEventListener("click", ({ target }) => {
    const to = target.closest("[data-where]");
    const field = to && document.getElementById(to.dataset.where);
    if (field?.closest("details")) field.closest("details").open = true;
    if (field) field.focus();
    const button = target.closest("button");
    if (!button) return;
    if ("mend" in button.dataset) mend(button);
    else if (button.closest("[data-strip]")) move(button);
    else if ("library" in button.dataset) { library().showModal(); search(); }
    else if (button.dataset.pick) pick(button.dataset.pick);
  });
  // The page's main part may be another one after a refusal: what is listened to is the document.
  document.addEventListener("input", ({ target }) => { if (target.id === "library-words") search(); });
  giveBack(composer());
  preview(composer());
  for (const kind of ["input", "change"]) {
    document.addEventListener(kind, ({ target }) => { if (composer()?.contains(target)) typed(composer()); });
  }
  document.addEventListener("change", ({ target }) => {
    if (target.name === "width") document.getElementById("preview").dataset.width = target.value;
  });
  document.addEventListener("keydown", (event) => {
    const button = event.altKey && !event.ctrlKey && event.key.toLowerCase() === "t" && document.querySelector("[data-mend]");
    if (!button) return;
    event.preventDefault();
    mend(button);
  });
  document.addEventListener("submit", (event) => {
    if ("search" in event.target.dataset) { event.preventDefault(); search(); }
    if (event.target !== composer()) return;
    event.preventDefault();
    clearTimeout(later);
    keeping = keeping.then(() => send(event.target));
  });
  addEventListener("beforeunload", (event) => { if (!leaving && kept !== changes && composer() && dirty(composer())) event.preventDefault(); });
}
