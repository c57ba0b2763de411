// The reading pane: one comment with all that a decision needs, loaded a step ahead.

import { dressIn } from "../combobox.js";
import { dirty, giveBack } from "../drafts.js";
import { ask, parse } from "../server.js";
import { linkOf } from "./list.js";

// Milliseconds for which a pane that was loaded ahead is shown without asking again: longer than an item is read. What
// changes on its line of the list is loaded again by the poll, and the server refuses what came too late.
const FRESH = 60_000;
const SLOW = 150; // milliseconds after which a person is told that something loads

const pane = document.getElementById("pane");
const ahead = new Map(); // id → { at, html: promise }
let slow = 0;

export const find = (selector) => pane.querySelector(selector);
export const forms = () => [...pane.querySelectorAll("form[data-draft]")];
export const shownId = () => find(".item")?.dataset.id ?? null;
export const shows = (id) => shownId() === id && !pane.hasAttribute("aria-busy");
export const focus = () => pane.focus();
export const hasFocus = () => pane.contains(document.activeElement);
export const beingWritten = () => Boolean(document.querySelector("dialog[open]")) || forms().some(dirty);
export const forget = (id) => ahead.delete(id);

async function fetchPane(href) {
  const response = await ask(href);
  if (response.ok || response.status === 404) return response.text();
  throw new Error(response.status);
}

export function load(id) {
  const known = ahead.get(id);
  if (known && performance.now() - known.at < FRESH) return known.html;
  const html = fetchPane(linkOf(id)?.href ?? `/commentaires/${id}`);
  html.catch(() => ahead.delete(id));
  ahead.set(id, { at: performance.now(), html });
  return html;
}

export function waitFor() {
  clearTimeout(slow);
  pane.setAttribute("aria-busy", "true");
  slow = setTimeout(() => pane.classList.add("loading"), SLOW);
}

function settled() {
  clearTimeout(slow);
  pane.removeAttribute("aria-busy");
  pane.classList.remove("loading");
}

// A pane is shown once: its form keys serve once.
export function show(id, html) {
  ahead.delete(id);
  settled();
  pane.replaceChildren(parse(html));
  pane.scrollTop = 0;
  adopt();
}

// What is shown already came with the page.
export function adopt() {
  for (const form of forms()) giveBack(form);
  dressIn(pane);
}

export function clear() {
  settled();
  pane.replaceChildren();
}

// Nothing is open, and this says why.
export function say(template) {
  pane.replaceChildren(document.getElementById(template).content.cloneNode(true));
}

// What follows from a correction; what is being typed and read stays in its place.
export function replace(html) {
  const why = find(".why")?.open;
  const place = pane.scrollTop;
  pane.replaceChildren(parse(html));
  adopt();
  if (why) find(".why").open = true;
  pane.scrollTop = place;
}

// Beside the buttons that it is about, and not over the message that offers to undo.
export function note(toast) {
  if (find(".act-note-now")) return;
  toast.querySelector("strong")?.remove();
  toast.className = "act-note act-note-now";
  toast.setAttribute("role", "status");
  find(".act")?.prepend(toast);
}
