// The list of requests and one of them by keyboard; what will be proposed in the threads, as its note is written; a
// sheet's lines, copied.

import { TYPED, ours } from "./queue/keys.js";

const form = document.querySelector("form[data-request]");
const preview = document.getElementById("answer");

function show() {
  const status = form.querySelector("[name=status]:checked");
  for (const line of document.querySelectorAll("#ready li")) line.hidden = Boolean(status) && line.dataset.status !== status.value;
  preview.hidden = !status?.dataset.answer;
  if (preview.hidden) return;
  const written = form.elements.note.value.trim();
  // As escalation.sentence has it.
  const note = /[\p{L}\p{N}_)»]$/u.test(written) && !written.split(/\s/).at(-1).includes("://") ? `${written}.` : written;
  // A function: in a string, "$$" or "$'" of a note would be read as an order.
  const text = status.dataset.answer.replaceAll("{numero}", form.dataset.request).replaceAll("{note}", () => note || "{note}");
  preview.querySelector("blockquote").textContent = text;
}

// What somebody wrote is not lost: a ready note goes behind it.
function take(ready) {
  const area = form.elements.note;
  const others = [...document.querySelectorAll("#ready [data-note]")].map((one) => one.dataset.note);
  const written = area.value.trim();
  area.value = !written || others.includes(written) ? ready.dataset.note : `${written} ${ready.dataset.note}`;
  form.querySelector(`[name=status][value="${ready.closest("li").dataset.status}"]`).checked = true;
  area.focus();
  show();
}

if (form && preview) {
  form.addEventListener("input", show);
  form.addEventListener("click", (event) => {
    const ready = event.target.closest("[data-note]");
    if (!ready || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    take(ready);
  });
  show();
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    const told = document.getElementById("copied");
    told.textContent = told.dataset.said;
  });
}

// ------------------------------------------------------------------------------------------------ keys
// The list that a request was opened from, so that it leads on to the next one.
const LIST = "parvis:requests";
const links = () => [...document.querySelectorAll("a[data-request]")];

function remember() {
  const addresses = links().map((link) => link.pathname);
  sessionStorage.setItem(LIST, JSON.stringify({ list: location.pathname + location.search, addresses }));
}

const back = document.querySelector("a[data-list]");
const kept = JSON.parse(sessionStorage.getItem(LIST) ?? "null");
if (back && kept) back.href = kept.list;

function step(by) {
  if (back) {
    const at = kept?.addresses.indexOf(location.pathname) ?? -1;
    const next = at < 0 ? null : kept.addresses[at + by];
    if (next) location.assign(next);
    else back.click();
    return;
  }
  const all = links();
  const at = all.indexOf(document.activeElement);
  const more = document.querySelector("a[data-more]");
  if (at < 0) all[0]?.focus();
  else if (at + by === all.length) more?.focus();
  else all[at + by]?.focus();
}

// What stands behind a key is opened, chosen, followed, or written in.
function use(target) {
  if (target.matches("details")) {
    target.open = true;
    [...target.querySelectorAll(`a, ${TYPED}`)].find((one) => one.checkVisibility() && one.tabIndex >= 0)?.focus();
  } else if (target.matches("a, button")) target.click();
  else if (target.matches("[type=radio]")) { target.click(); form.elements.note.focus(); }
  else target.focus();
}

// Whether the key means anything here.
function press(key) {
  const target = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (key === "?") document.getElementById("help")?.showModal();
  else if ("jk".includes(key)) step(key === "j" ? 1 : -1);
  else if (target) use(target);
  else return false;
  return true;
}

document.addEventListener("click", (event) => {
  if (event.target.closest("a[data-request]")) remember();
});
document.addEventListener("keydown", (event) => {
  const here = event.target;
  if (here.matches?.("textarea") && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    here.form.requestSubmit();
  }
  if (document.documentElement.dataset.singleKeys !== "on" || !ours(event) || here.matches?.(TYPED)) return;
  if (document.querySelector("dialog[open]") || event.key.length > 1) return;
  if (press(event.key)) event.preventDefault();
});

// What was pressed before this script was there.
for (const key of globalThis.earlyKeys?.() ?? []) {
  if (key === "Enter") document.activeElement?.click();
  else press(key);
}
