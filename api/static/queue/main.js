// The queue by keyboard: move, decide, take back. What is decided leaves the list at once; if the server says no, it
// comes back where it was, with the server's sentence and what was typed.

import { forget as forgetDraft, keep as keepDraft } from "../drafts.js";
import { ask, parse } from "../server.js";
import { say, sayTemplate } from "../toasts.js";
import { folded } from "../words.js";
import { Claims } from "./claims.js";
import { Keys, LATER, TYPED, WORDS, ours, type, usual } from "./keys.js";
import * as list from "./list.js";
import "./mentions.js";
import { Queue } from "./model.js";
import * as pane from "./pane.js";
import { Together } from "./together.js";

const POLL = 5000; // milliseconds
const AHEAD = 2; // comments that are loaded before they are opened
const keysOn = document.documentElement.dataset.singleKeys === "on";
const shell = document.querySelector(".queue");
const wide = matchMedia("(min-width: 60.01rem)");
const low = matchMedia("(max-height: 30rem)");
const queue = new Queue(list.read(list.rows()));
let etag = null;
let listScroll = 0; // pixels
let unchosen = null; // what is open and nobody chose: the first of the list, or what followed a decision
let newest = null; // the newest list that the server gave, not shown yet: { listing, asked }

const waits = () => Boolean(pane.find('.act [data-act="nothing"]'));
const claims = new Claims({ stillOpen: (id) => queue.open === id, deciding: (id) => queue.leaving(id), refused: heldElsewhere });

// ------------------------------------------------------------------------------------------------ opening
async function open(id, { focus = "row", remember = true, again = false } = {}) {
  if (!again && queue.open === id && pane.shows(id) && shell.classList.contains("queue-open")) {
    // What is open already, and perhaps being written in, is not loaded over.
    if (focus === "pane") pane.focus();
    return;
  }
  queue.open = id;
  list.select(id);
  if (focus === "row") list.linkOf(id)?.focus({ preventScroll: true });
  const href = list.linkOf(id)?.href ?? `/commentaires/${id}`;
  const leavesList = !wide.matches && !shell.classList.contains("queue-open");
  if (leavesList) listScroll = scrollY;
  if (remember && leavesList) history.pushState({ list: true }, "", href);
  else if (remember) history.replaceState(history.state, "", href);
  shell.classList.add("queue-open");
  pane.waitFor();
  let html;
  try {
    html = await pane.load(id);
  } catch {
    if (queue.open === id) { keys.forget(); sayTemplate("offline-template"); }
    return;
  }
  if (queue.open !== id) return;
  pane.show(id, html);
  if (waits()) claims.open(id);
  if (focus === "pane") pane.focus();
  loadAhead();
  keys.go();
}

// The next ones come while this one is read: whoever decides fast waits for none of them.
function loadAhead() {
  for (let id = queue.step(1), left = AHEAD; id && left; id = queue.step(1, id), left--) pane.load(id).catch(() => {});
}

function close() {
  claims.leave();
  queue.open = null;
  pane.clear();
  shell.classList.remove("queue-open");
}

// When somebody else has what nobody chose here, the next one does as well.
function goOn(next) {
  unchosen = next;
  if (next) open(next);
  else { close(); if (queue.order.length) pane.say("held-template"); history.replaceState(null, "", list.poll); }
}

// On a narrow screen the comment takes the list's place: going back shows the list where it was.
history.scrollRestoration = "manual";
addEventListener("popstate", () => {
  if (!shell.classList.contains("queue-open")) return;
  const last = queue.open;
  close();
  list.linkOf(last)?.focus({ preventScroll: true });
  scrollTo(0, listScroll);
});

// ------------------------------------------------------------------------------------------------ others at work
function heldElsewhere(id, code, sentence) {
  if (queue.open !== id) return;
  if (code === "claimed") {
    queue.heldElsewhere(id);
    if (id === unchosen && !pane.beingWritten()) goOn(queue.after(id));
    else pane.note(sentence);
    return;
  }
  passOver(id, sentence);
}

// Somebody else handled what is open here: the next one takes its place, unless something is being written.
function passOver(id, sentence) {
  queue.handledElsewhere(id);
  list.grey(id);
  if (queue.open !== id) { say(sentence, 10); return; }
  if (pane.beingWritten()) { pane.note(sentence); return; }
  say(sentence, 10);
  goOn(queue.after(id));
}

// ------------------------------------------------------------------------------------------------ deciding
let acts = 0;
let told = 0;

async function act(form) {
  const id = queue.open;
  const data = new URLSearchParams(new FormData(form));
  const next = queue.after(id);
  const turn = ++acts;
  const written = keepDraft(form);
  form.closest("dialog")?.close();
  const place = queue.take(id);
  list.elementOf(id)?.remove();
  list.showCounts(queue);
  const reserved = claims.handOver();
  goOn(next);
  await reserved;
  const response = await ask(form.action, { method: "POST", body: data }).catch(() => null);
  if (!response) { comeBack(place, document.getElementById("offline-template").content.cloneNode(true)); return; }
  const said = parse(await response.text());
  const code = said.firstElementChild.dataset.code;
  if (!response.ok && code === "already_decided") {
    queue.settle(place, null, performance.now());
    const words = form.elements.text?.value;
    if (written && words) said.firstElementChild.append(Object.assign(document.createElement("q"), { textContent: words }));
    told = Math.max(told, turn);
    say(said, written ? 0 : 10);
    refreshList();
    return;
  }
  if (!response.ok) { comeBack(place, said, { reopen: written || code !== "claimed" }); return; }
  forgetDraft(form);
  const toast = said.firstElementChild;
  queue.settle(place, toast.dataset.decision, performance.now());
  if ("stays" in toast.dataset) putBack(place);
  // Answers come in any order: a yes to an earlier act says nothing over what a later one was told.
  if (turn > told) { told = turn; say(toast, 10); }
  refreshList();
  return toast.dataset.decision;
}

const together = new Together(queue, {
  leave(ids) {
    const open = ids.includes(queue.open);
    const reserved = open ? claims.handOver() : null;
    const places = ids.map((id) => { const place = queue.take(id); list.elementOf(id)?.remove(); return place; });
    list.showCounts(queue);
    together.changed();
    if (open) goOn(queue.first());
    return { places, reserved };
  },
  back: (places) => places.toReversed().forEach(putBack),
  decided(places, decision) {
    queue.settleAll(places, decision, performance.now());
    refreshList();
  },
  shown() { show("together-dialog"); keys.go(); },
});

function putBack(place) {
  queue.putBack(place, performance.now());
  list.putBack(queue, place);
  // News that came before does not hold it: the next list says them again.
  newest = etag = null;
  list.tellNews(0);
  list.showCounts(queue);
  pane.forget(place.id);
}

function comeBack(place, said, { reopen = true } = {}) {
  putBack(place);
  say(said);
  keys.forget();
  if (reopen && !pane.beingWritten()) open(place.id, { again: true });
}

// What can be taken back is known by the address that takes it back.
async function takeBack(decision) {
  const response = await ask(decision, { method: "POST" }).catch(() => null);
  if (!response) { sayTemplate("offline-template"); return; }
  say(parse(await response.text()), 8);
  const stand = (document.querySelector("#toasts [data-left]")?.dataset.left ?? "").split(" ");
  const places = queue.decided.find((one) => one.decision === decision)?.places ?? [];
  queue.undone(decision);
  if (!response.ok) return;
  etag = null;
  for (const place of places.toReversed()) if (!queue.rows.has(place.id) && !stand.includes(place.id)) putBack(place);
  const id = places[0]?.id ?? queue.open;
  if (id) { pane.forget(id); open(id, { again: true }); }
  poll();
}

// A note stays with its comment, which stays where it is.
async function note(form) {
  const id = queue.open;
  keepDraft(form);
  const data = new URLSearchParams(new FormData(form));
  form.closest("dialog").close();
  const response = await ask(form.action, { method: "POST", body: data }).catch(() => null);
  if (!response) { sayTemplate("offline-template"); return; }
  const said = parse(await response.text());
  if (!response.ok) { say(said); return; }
  forgetDraft(form);
  const { decision } = said.firstElementChild.dataset;
  queue.did(id, decision);
  say(said, 10);
  pane.forget(id);
  if (queue.open === id) pane.load(id).then((html) => { if (queue.open === id) pane.replace(html); }, () => {});
  return decision;
}

// The pane is shown again with what follows from the correction; what is being typed stays.
async function correct(form, button) {
  const id = queue.open;
  const data = new URLSearchParams(new FormData(form, button));
  form.closest("dialog")?.close();
  const inside = pane.hasFocus();
  const response = await ask(form.action, { method: "POST", body: data }).catch(() => null);
  if (!response) { sayTemplate("offline-template"); return; }
  const html = await response.text();
  if (!response.ok) { say(parse(html)); return; }
  pane.forget(id);
  if (queue.open === id) {
    pane.replace(html);
    if (inside) (pane.find(".right [aria-pressed=true]") ?? pane).focus({ preventScroll: true });
  }
  sayTemplate("corrected-template", 5);
  refreshList();
}

// ------------------------------------------------------------------------------------------------ the list stays live
async function poll() {
  if (document.hidden) return;
  const headers = { "parvis-poll": "1" };
  if (etag) headers["If-None-Match"] = etag;
  const asked = performance.now();
  const response = await ask(list.poll, { headers }).catch(() => null); // It asks again in five seconds.
  if (response?.status === 304) dropHandled();
  if (response?.status !== 200) return;
  etag = response.headers.get("ETag");
  const listing = list.parseList(await response.text());
  const told = queue.merge(listing, asked);
  list.showCounts(queue);
  for (const id of told.dropped) list.elementOf(id)?.remove();
  for (const id of told.missing) { list.grey(id); pane.forget(id); }
  for (const row of told.changed) { list.refresh(row); pane.forget(row.id); }
  if (list.rows().querySelector(".more") && told.following.length) {
    queue.append(told.following);
    list.append(told.following, listing.more);
  }
  const fresh = told.fresh.filter((row) => !queue.rows.has(row.id));
  newest = fresh.length ? { listing, asked } : null;
  if (told.missing.includes(queue.open)) passOver(queue.open, document.getElementById("handled-template").content.cloneNode(true).firstElementChild);
  if (!queue.order.length && !queue.open && (fresh.length || !list.rows().querySelector(".rows-empty"))) { newest ??= { listing, asked }; showNew(); }
  else list.tellNews(fresh.length);
}

// A list that has not changed since the rows turned grey: they have been seen.
function dropHandled() {
  const dropped = queue.dropGone();
  for (const id of dropped) list.elementOf(id)?.remove();
  if (dropped.length && !queue.order.length) refreshList();
}

function refreshList() {
  etag = null;
  poll();
}

function showNew() {
  if (!newest) return;
  const { listing, asked } = newest;
  newest = null;
  const still = listing.rows.filter((row) => !queue.leftSince(row.id, asked));
  for (const row of listing.rows) if (!still.includes(row)) row.element.remove();
  list.rows().replaceWith(listing.list);
  if (!queue.open) pane.clear();
  queue.replace({ ...listing, rows: still });
  list.showCounts(queue);
  together.changed();
  list.tellNews(0);
  if (queue.rows.has(queue.open)) list.select(queue.open);
  else if (!queue.open && wide.matches && queue.first()) goOn(queue.first());
  list.linkOf(queue.open ?? queue.first())?.focus();
}

async function more(link) {
  const response = await ask(link.href).catch(() => null);
  if (!response?.ok) { sayTemplate("offline-template"); return; }
  const listing = list.parseList(await response.text());
  const rows = listing.rows.filter((row) => !queue.rows.has(row.id));
  queue.append(rows);
  list.append(rows, listing.more);
  list.linkOf(rows[0]?.id)?.focus();
}

// ------------------------------------------------------------------------------------------------ mouse and forms
document.addEventListener("click", (event) => {
  const box = event.target.closest?.(".row-check input");
  if (box) {
    if (event.shiftKey && box.checked) together.extend(box.value);
    else together.toggle(box.value);
    return;
  }
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  keys.forget();
  const link = event.target.closest("#rows a");
  if (link) {
    event.preventDefault();
    if (link.closest(".more")) more(link);
    // Enter on a link is a click without a pointer: whoever works so goes on in the pane.
    else open(link.closest(".row").dataset.id, { focus: event.detail === 0 || !wide.matches ? "pane" : "row" });
    return;
  }
  if (event.target.closest(".back")) { event.preventDefault(); backToList(); return; }
  const runner = event.target.closest("[data-run]");
  if (runner) {
    runner.closest("dialog").close();
    COMMANDS[runner.dataset.run]();
    if (runner.dataset.text) fill(document.getElementById("reply-text"), runner.dataset.text);
    return;
  }
  const command = event.target.closest("[data-command]");
  if (command) { COMMANDS[command.dataset.command](); return; }
  if (event.target.closest("[data-alike]")) { event.preventDefault(); takeAlike(); return; }
  const filler = event.target.closest("[data-fill]");
  if (filler) { takeSaved(filler); return; }
  if (event.target.closest("#news")) showNew();
});

function backToList() {
  if (history.state && "list" in history.state) { history.back(); return; }
  const last = queue.open;
  close();
  history.replaceState(null, "", list.poll);
  list.linkOf(last)?.focus();
}

// A saved reply is read before it leaves; the server counts of which wording it was made.
function takeSaved(button) {
  button.closest("dialog").close();
  const area = document.getElementById(button.dataset.fill);
  area.form.elements.template_id.value = button.dataset.template;
  fill(area, button.dataset.text);
}

// Words that the City sent before: they take the place of nothing that is written, and say where they come from.
async function takeAlike() {
  const link = pane.find("[data-alike]");
  const id = queue.open;
  if (!link || !id) return;
  const response = await ask(link.href).catch(() => null);
  if (!response) { sayTemplate("offline-template"); return; }
  const said = parse(await response.text());
  if (!response.ok) { say(said); return; }
  const area = document.getElementById("reply-text");
  if (queue.open !== id || !area) return;
  const { text } = said.firstElementChild.dataset;
  document.getElementById("alike").replaceChildren(said);
  if (text && !area.value.trim()) fill(area, text); else area.focus();
}

function fill(area, text) {
  area.value = text;
  area.focus();
  area.dispatchEvent(new Event("input", { bubbles: true }));
  const blank = text.search(/\{\w+\}/);
  if (blank >= 0) area.setSelectionRange(blank, text.indexOf("}", blank) + 1);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id === "group") { event.preventDefault(); together.preview(event.submitter.value); return; }
  if ("together" in form.dataset) { event.preventDefault(); queue.began(together.decide(form)); return; }
  if ("correct" in form.dataset) { event.preventDefault(); correct(form, event.submitter); return; }
  if ("note" in form.dataset) { event.preventDefault(); queue.began(note(form)); return; }
  if (form.dataset.act) {
    event.preventDefault();
    if ("confirm" in form.dataset) show(form.dataset.confirm);
    else queue.began(act(form));
    return;
  }
  if ("undo" in form.dataset || "takesBack" in form.dataset || form.closest("[data-decision]")) { event.preventDefault(); takeBack(new URL(form.action).pathname); }
});

// What is proposed to say depends on whether it is known already, on what may be said of its service in public, and on what
// nobody may file for another.
document.addEventListener("change", ({ target }) => {
  if (!["request_number", "service_code", "nature"].includes(target.name) || !target.closest("#request-dialog")) return;
  const dialog = target.closest("dialog");
  const joined = dialog.querySelector('[name="request_number"]:checked:not([value=""])');
  dialog.querySelector(".new-request").hidden = Boolean(joined);
  const area = document.getElementById("acknowledgement");
  const usual = area && [area.dataset.opened, area.dataset.joined, area.dataset.discreet, area.dataset.complaint];
  if (!usual?.includes(area.value)) return;
  const chosen = joined ?? dialog.querySelector("#service_code").selectedOptions[0];
  const complains = !joined && dialog.querySelector("#nature").value === "complaint";
  area.value = complains ? area.dataset.complaint : "confidential" in chosen.dataset ? area.dataset.discreet : joined ? area.dataset.joined : area.dataset.opened;
});

// How long a reply is, its signature included, of what its network takes; counted as the server counts.
document.addEventListener("input", ({ target }) => {
  const counter = target.id && document.querySelector(`[data-counts="${target.id}"]`);
  if (!counter) return;
  const { most, spent, said, over } = counter.dataset;
  const n = [...target.value.trim()].length + (target.value.trim() ? Number(spent) : 0);
  counter.textContent = n > Number(most) ? over.replace("{n}", n - Number(most)) : said.replace("{n}", n);
  counter.classList.toggle("wrong", n > Number(most));
});

// Letters narrow the saved replies.
document.addEventListener("input", ({ target }) => {
  if (!target.dataset?.narrows) return;
  const words = folded(target.value).split(/\s+/);
  for (const line of document.getElementById(target.dataset.narrows).children) {
    const text = folded(line.textContent);
    line.hidden = !words.every((word) => text.includes(word));
  }
});

// On a low screen the words that are answered stay in sight.
document.addEventListener("focusin", ({ target }) => {
  if (target.id !== "reply-text" || !low.matches) return;
  requestAnimationFrame(() => pane.find(".words")?.scrollIntoView({ block: "nearest" }));
});

// ------------------------------------------------------------------------------------------------ keys
function step(by) {
  const to = queue.open ? queue.step(by) : queue.first();
  if (to) open(to);
}

function show(id) {
  const dialog = document.getElementById(id);
  if (!dialog || dialog.open) return;
  dialog.showModal();
  const first = ["[autofocus]", "input:checked", "input[type=radio], [role=combobox], select", "button"].map((wanted) => dialog.querySelector(wanted));
  first.find(Boolean).focus();
}

// On a narrow screen the pane may hold a comment that nobody opened.
const submit = (selector) => { if (queue.open) pane.find(selector)?.requestSubmit(); };

const COMMANDS = {
  j: () => step(1),
  k: () => step(-1),
  i: () => (together.some ? together.preview("nothing") : submit('.act [data-act="nothing"]')),
  l: () => (together.some ? together.preview("like") : submit('.act [data-act="like"]')),
  r: () => (together.some ? together.preview("reply") : document.getElementById("reply-text")?.focus()),
  m: () => (together.some ? together.preview("hide") : show("hide-dialog")),
  x: () => { if (queue.open) together.toggle(queue.open); },
  X: () => { if (queue.open) together.extend(queue.open); },
  "=": () => together.alike(queue.open),
  unselect: () => together.clear(),
  c: () => show("correct-dialog"),
  e: () => show("saved-dialog"),
  s: () => takeAlike(),
  a: () => show("assign-dialog"),
  p: () => show("snooze-dialog"),
  n: () => show("note-dialog"),
  q: () => show("request-dialog"),
  o: () => {
    const sure = pane.find(".act [data-sure]");
    if (sure?.hasAttribute("commandfor")) show(sure.getAttribute("commandfor"));
    else if (sure?.form && sure.matches("button")) sure.form.requestSubmit(sure);
    else sure?.focus();
  },
  u: () => submit('[data-act="unhide"]'),
  w: () => { const why = pane.find(".why"); if (why) why.open = !why.open; },
  z: async () => {
    if (!queue.some) { submit("[data-undo][data-own]"); return; }
    const decision = await queue.newest();
    if (decision) takeBack(decision);
  },
  "/": () => { document.querySelector(".filters").open = true; document.getElementById("mots").focus(); },
  v: () => document.querySelector("#views a")?.focus(),
  ".": () => showNew(),
  "?": () => show("help"),
};
COMMANDS.f = COMMANDS["/"];
COMMANDS.h = COMMANDS["?"];
for (const digit of "123456") COMMANDS[digit] = () => pane.find(`.right [data-key="${digit}"]`)?.click();

// In a dialog digits choose, letters go to the field that takes words; in a field, what waited is typed.
function inDialog(dialog, key) {
  const choice = /^\d$/.test(key) && dialog.querySelector(`[data-digit="${key}"]`);
  if (choice) { choice.click(); choice.focus(); return; }
  const field = dialog.querySelector("[data-takes-words]");
  if (!field || !/^\p{L}$/u.test(key)) return;
  field.focus();
  type(field, key);
}

// What Enter would have done: the next line in a text, else the dialog's own button, else what has the focus.
function enter(here, dialog) {
  if (here.matches?.("textarea")) type(here, "\n");
  else if (dialog && !here.matches?.("button, summary")) (here.form ?? dialog.querySelector("form"))?.requestSubmit();
  else here.click?.();
}

function run(key) {
  const here = document.activeElement;
  const dialog = document.querySelector("dialog[open]");
  if (key === "Enter") enter(here, dialog);
  else if (here.matches?.(WORDS)) type(here, key);
  else if (dialog) inDialog(dialog, key);
  else COMMANDS[usual(key)]?.();
}

const held = document.getElementById("keys-waiting");
const keys = new Keys({
  ready: () => !together.loading && (!queue.open || pane.shows(queue.open)),
  run,
  show: (waiting) => { held.hidden = !waiting.length; held.querySelector("kbd").textContent = waiting.join(" "); },
});

document.addEventListener("keydown", (event) => {
  const here = event.target;
  if (here.matches?.("#reply-text, [data-mentions]") && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    here.form.requestSubmit();
    return;
  }
  if (here.id === "reply-text" && event.key === "Escape") { (list.linkOf(queue.open) ?? here).focus(); return; }
  if (here.dataset?.narrows && (event.key === "Enter" || (/^\d$/.test(event.key) && ours(event)))) {
    // In a field that narrows a list, a number chooses, and Enter the first that is left.
    event.preventDefault();
    const which = event.key === "Enter" ? "li:not([hidden]) button" : `[data-digit="${event.key}"]`;
    document.querySelector(`#${here.dataset.narrows} ${which}`)?.click();
    return;
  }
  if (event.key === "Escape") {
    keys.forget();
    if (!document.querySelector("dialog[open]") && !here.matches?.(TYPED)) together.clear();
  }
  if (!keysOn || !ours(event) || (event.repeat && !["j", "k"].includes(usual(event.key))) || here.closest?.("#sign-in-again")) return;
  const follows = (!keys.empty || together.loading) && LATER.includes(event.key);
  const known = follows || (event.key.length === 1 && usual(event.key) in COMMANDS) || document.querySelector("dialog[open]") || !keys.empty;
  if ((here.matches?.(TYPED) && keys.empty) || (event.key.length > 1 && !follows) || !known) return;
  event.preventDefault();
  keys.press(event.key);
});

// ------------------------------------------------------------------------------------------------ begin
setInterval(poll, POLL);
document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
const first = pane.shownId();
if (first && (shell.classList.contains("queue-open") || wide.matches)) {
  queue.open = first;
  if (!shell.classList.contains("queue-open")) unchosen = first;
  shell.classList.add("queue-open");
  list.select(first);
  pane.adopt();
  if (waits()) claims.open(first);
  list.linkOf(first)?.focus({ preventScroll: true });
  loadAhead();
}
for (const key of globalThis.earlyKeys?.() ?? []) keys.press(key);
