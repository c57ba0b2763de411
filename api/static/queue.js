// The queue by keyboard: move, decide, take back. What is decided leaves the list at once; if the server says no, it
// comes back where it was, with the server's sentence and what was typed.

const keysOn = document.documentElement.dataset.singleKeys === "on";
const queue = document.querySelector(".queue");
const pane = document.getElementById("pane");
const toasts = document.getElementById("toasts");
const news = document.getElementById("news");
const part = { "HX-Request": "true" };

const panes = new Map(); // id → promise of the pane's HTML, fetched ahead
const typed = new Map(); // id → what a refused form held
let claimTimer = 0;
let claiming = Promise.resolve(true);
let claimed = null; // id that is reserved here
let renewTimer = 0;
let lastDecision = null; // { id, comment, row, before }
const left = new Map(); // id → when its decision was recorded (Infinity: not yet); older lists still hold it
let etag = null;
let fresh = null; // the newest list that the server gave, not shown yet: { list, asked }

const rows = () => document.getElementById("rows");
const rowOf = (id) => rows().querySelector(`.row[data-id="${id}"]`);
const live = () => [...rows().querySelectorAll(".row:not(.row-gone)")];
const currentRow = () => rows().querySelector("a[aria-current]")?.closest(".row") ?? null;
const openId = () => pane.querySelector(".item")?.dataset.id ?? null;

function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

async function ask(url, options = {}) {
  const response = await fetch(url, { ...options, headers: { ...part, ...options.headers } });
  const elsewhere = response.headers.get("HX-Redirect");
  if (elsewhere) location.assign(elsewhere);
  return response;
}

// ------------------------------------------------------------------------------------------------ what is said
function say(fragment, seconds) {
  const toast = fragment instanceof Element ? fragment : fragment.firstElementChild;
  toasts.replaceChildren(toast);
  if (!seconds) return;
  // It stays while somebody points at it or is in it; the decision can be taken back later too, with z.
  const leave = () => {
    if (toast.matches(":hover, :focus-within")) setTimeout(leave, 1000);
    else toast.remove();
  };
  setTimeout(leave, seconds * 1000);
}
const sayOffline = () => say(document.getElementById("offline-template").content.cloneNode(true));

// ------------------------------------------------------------------------------------------------ opening
function load(row) {
  const id = row.dataset.id;
  if (!panes.has(id)) {
    panes.set(id, ask(row.querySelector("a").href).then(async (response) => {
      if (!response.ok) panes.delete(id);
      return response.ok || response.status === 404 ? response.text() : Promise.reject(response);
    }));
    panes.get(id).catch(() => panes.delete(id));
  }
  return panes.get(id);
}

function mark(row) {
  for (const link of rows().querySelectorAll("a[aria-current]")) link.removeAttribute("aria-current");
  row?.querySelector("a").setAttribute("aria-current", "true");
}

async function open(row, { focus = "row", push = true } = {}) {
  const id = row.dataset.id;
  const link = row.querySelector("a");
  mark(row);
  if (focus === "row") link.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
  queue.classList.add("queue-open");
  if (push) history.replaceState(null, "", link.href);
  let html;
  try {
    html = await load(row);
  } catch {
    sayOffline();
    return;
  }
  panes.delete(id); // A pane is shown once: its form keys serve once.
  if (currentRow() !== row) return;
  pane.replaceChildren(parse(html));
  pane.scrollTop = 0;
  prepare(id);
  if (focus === "pane") pane.focus();
  const list = live();
  const next = list[list.indexOf(row) + 1];
  if (next) load(next).catch(() => {});
}

function prepare(id) {
  const kept = typed.get(id);
  if (kept) {
    typed.delete(id);
    for (const [name, value] of kept.values) {
      for (const field of pane.querySelectorAll(`[data-act="${kept.act}"] [name="${name}"]`)) {
        if (field.type === "radio") field.checked = field.value === value;
        else if (field.type !== "hidden") field.value = value;
      }
    }
  }
  clearTimeout(claimTimer);
  if (claimed && claimed !== id) release();
  if (pane.querySelector(".item")?.dataset.mayDecide !== "yes" || !pane.querySelector("[data-act]")) return;
  claimTimer = setTimeout(() => { claiming = claim(id); }, 250); // Passing by is not opening.
}

function clearPane() {
  pane.replaceChildren();
  queue.classList.remove("queue-open");
  history.replaceState(null, "", queue.dataset.poll);
}

// ------------------------------------------------------------------------------------------------ who has it open
async function claim(id) {
  if (openId() !== id) return false;
  clearInterval(renewTimer);
  try {
    const response = await ask(`/commentaires/${id}/reservation`, { method: "POST" });
    if (response.ok) {
      if (openId() !== id) { giveUp(id); return false; } // We have moved on.
      claimed = id;
      renewTimer = setInterval(() => { if (openId() === id && !document.hidden) claim(id); else clearInterval(renewTimer); }, 30_000);
      return true;
    }
    if (response.status === 409) tellHolder(id, parse(await response.text()).firstElementChild);
  } catch { /* The decision itself will say that the server does not answer. */ }
  return false;
}

// Beside the buttons that it is about, and not over the message that offers to undo.
function tellHolder(id, note) {
  if (openId() !== id || pane.querySelector(".act-note")) return;
  note.querySelector("strong")?.remove();
  note.className = "act-note";
  note.setAttribute("role", "status");
  pane.querySelector(".act")?.prepend(note);
}

// A comment whose decision is on its way stays reserved until the server has it: whoever waits would come between.
function giveUp(id) {
  if (left.get(id) !== Infinity) navigator.sendBeacon(`/commentaires/${id}/liberation`);
}

function release() {
  if (claimed) giveUp(claimed);
  claimed = null;
  clearInterval(renewTimer);
}
addEventListener("pagehide", release);

// ------------------------------------------------------------------------------------------------ deciding
async function act(form) {
  const id = openId();
  const row = rowOf(id);
  const data = new FormData(form);
  const list = live();
  const place = row ? list.indexOf(row) : -1;
  const next = place >= 0 ? list[place + 1] ?? list[place - 1] : null;
  const before = row?.nextElementSibling ?? null;
  form.closest("dialog")?.close();
  left.set(id, Infinity);
  clearTimeout(claimTimer);
  row?.remove();
  count(-1);
  if (next) open(next);
  else pane.replaceChildren();
  const back = async (html) => {
    left.delete(id);
    typed.set(id, { act: form.dataset.act, values: [...data] });
    count(1);
    if (row) { putBack(row, before); panes.delete(id); await open(row); }
    say(parse(html));
  };
  let response;
  try {
    await claiming;
    if (claimed === id) { claimed = null; clearInterval(renewTimer); }
    response = await ask(form.action, { method: "POST", body: new URLSearchParams(data) });
  } catch {
    await back(document.getElementById("offline-template").innerHTML);
    return;
  }
  const html = await response.text();
  if (!response.ok) { await back(html); return; }
  const toast = parse(html).firstElementChild;
  lastDecision = { id: toast.dataset.decision, comment: id, row, before };
  left.set(id, performance.now());
  if ("stays" in toast.dataset && row) { count(1); putBack(row, before); }
  say(toast, 10);
  if (!row) location.reload();
  else if (live().length) poll();
  else empty();
}

function putBack(row, before) {
  const list = rows();
  list.querySelector(".rows-empty")?.remove();
  if (before?.isConnected) before.before(row);
  else list.append(row);
}

async function takeBack(decisionId, action) {
  const last = lastDecision?.id === decisionId ? lastDecision : null;
  let response;
  try {
    response = await ask(action, { method: "POST" });
  } catch { sayOffline(); return; }
  const html = await response.text();
  say(parse(html), 8);
  if (!response.ok) return;
  lastDecision = null;
  left.delete(last?.comment);
  if (last?.row) {
    count(1);
    putBack(last.row, last.before);
    panes.delete(last.comment);
    await open(last.row);
  } else location.reload();
}

// The pane is shown again with what follows from the correction; what is being typed stays.
async function correct(form, button) {
  const id = openId();
  const data = new URLSearchParams(new FormData(form, button));
  form.closest("dialog")?.close();
  const inside = pane.contains(document.activeElement);
  let response;
  try {
    await claiming;
    response = await ask(form.action, { method: "POST", body: data });
  } catch { sayOffline(); return; }
  const html = await response.text();
  if (!response.ok) { say(parse(html)); return; }
  panes.delete(id);
  if (openId() === id) {
    const reply = document.getElementById("reply-text")?.value;
    const why = pane.querySelector(".why")?.open;
    const place = pane.scrollTop;
    pane.replaceChildren(parse(html));
    if (reply) document.getElementById("reply-text").value = reply;
    if (why) pane.querySelector(".why").open = true;
    pane.scrollTop = place;
    prepare(id);
    if (inside) (pane.querySelector(".right [aria-pressed=true]") ?? pane).focus({ preventScroll: true });
  }
  say(document.getElementById("corrected-template").content.cloneNode(true), 5);
  etag = null;
  poll();
}

async function empty() {
  const asked = performance.now();
  const response = await ask(queue.dataset.poll).catch(() => null);
  if (!response?.ok) return;
  fresh = { list: parse(await response.text()).firstElementChild, asked };
  if (live().length) return;
  showNew();
  if (!live().length) clearPane();
}

// A list that was asked for before a decision was recorded still holds its comment.
function drop(list, asked) {
  for (const row of list.querySelectorAll(".row")) if (left.get(row.dataset.id) > asked) row.remove();
}

// ------------------------------------------------------------------------------------------------ the list stays live
function shown(n) { return n >= 1000 ? "999+" : String(n); }

function count(change) {
  const list = rows();
  list.dataset.waiting = Math.max(0, Number(list.dataset.waiting) + change);
  showCounts(list);
}

function showCounts(list) {
  for (const place of document.querySelectorAll("[data-count]")) place.textContent = shown(Number(list.dataset[place.dataset.count]));
  document.title = document.title.replace(/^(\(.*?\) )?/, list.dataset.waiting > 0 ? `(${shown(Number(list.dataset.waiting))}) ` : "");
}

async function poll() {
  if (document.hidden) return;
  const headers = { "parvis-poll": "1" };
  if (etag) headers["If-None-Match"] = etag;
  const asked = performance.now();
  let response;
  try {
    response = await ask(queue.dataset.poll, { headers });
  } catch { return; } // It asks again in five seconds.
  if (response.status !== 200) return;
  etag = response.headers.get("ETag");
  merge(parse(await response.text()).firstElementChild, asked);
}

// Nothing moves under the reader's eyes: known lines are refreshed in place, those that a colleague handled turn grey,
// the part that follows ours joins the end without a word, and what is new waits behind the bar.
function merge(list, asked) {
  const ours = rows();
  drop(list, asked);
  ours.dataset.waiting = list.dataset.waiting;
  ours.dataset.danger = list.dataset.danger;
  showCounts(ours);
  const theirs = [...list.querySelectorAll(".row")];
  const byId = new Map(theirs.map((row) => [row.dataset.id, row]));
  for (const row of live()) {
    const newer = byId.get(row.dataset.id);
    if (newer) refresh(row, newer);
    else if (!list.querySelector(".more") && !queue.dataset.poll.includes("etat=traites")) grey(row);
  }
  const isKnown = (row) => Boolean(rowOf(row.dataset.id));
  const ourMore = ours.querySelector(".more");
  const lastKnown = theirs.findLastIndex(isKnown);
  if (ourMore && lastKnown >= 0 && lastKnown < theirs.length - 1) {
    ourMore.replaceWith(...theirs.slice(lastKnown + 1), ...list.querySelectorAll(".more"));
  }
  const n = theirs.filter((row) => !isKnown(row)).length;
  fresh = n ? { list, asked } : null;
  if (n && !live().length && !openId()) { showNew(); return; }
  news.hidden = !n;
  news.querySelector("span").textContent = n === 1 ? news.dataset.one : news.dataset.many.replace("{n}", n);
}

function refresh(row, newer) {
  const link = row.querySelector("a");
  const other = newer.querySelector("a");
  if (link.innerHTML === other.innerHTML) return;
  link.innerHTML = other.innerHTML;
  row.className = newer.className;
  panes.delete(row.dataset.id);
}

function grey(row) {
  row.classList.add("row-gone");
  row.querySelector(".row-chips").replaceChildren(document.getElementById("gone-template").content.cloneNode(true));
  panes.delete(row.dataset.id);
}

function showNew() {
  if (!fresh) return;
  const selected = currentRow()?.dataset.id;
  drop(fresh.list, fresh.asked);
  rows().replaceWith(fresh.list);
  showCounts(rows());
  fresh = null;
  news.hidden = true;
  const row = selected && rowOf(selected);
  if (row) mark(row);
  else if (!openId() && live().length) open(live()[0]);
  (row ?? live()[0])?.querySelector("a").focus();
}

async function more(link) {
  const response = await ask(link.href).catch(() => null);
  if (!response?.ok) { sayOffline(); return; }
  const items = [...parse(await response.text()).querySelectorAll("#rows > li")];
  link.closest("li").replaceWith(...items);
  items[0]?.querySelector("a")?.focus();
}

if (queue) {
  setInterval(poll, 5000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
}

// ------------------------------------------------------------------------------------------------ mouse and forms
document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const link = event.target.closest("#rows a");
  if (link) {
    event.preventDefault();
    if (link.closest(".more")) more(link);
    else open(link.closest(".row"), { focus: matchMedia("(max-width: 60rem)").matches ? "pane" : "row" });
    return;
  }
  if (event.target.closest(".back")) { event.preventDefault(); const row = currentRow(); release(); clearPane(); row?.querySelector("a").focus(); return; }
  const filler = event.target.closest("[data-fill]");
  if (filler) { fill(document.getElementById(filler.dataset.fill), filler.textContent); filler.closest("details").open = false; return; }
  if (event.target.closest("#news")) showNew();
});

function fill(area, text) {
  area.value = text;
  area.focus();
  const blank = text.search(/\{\w+\}/);
  if (blank >= 0) area.setSelectionRange(blank, text.indexOf("}", blank) + 1);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if ("correct" in form.dataset) { event.preventDefault(); correct(form, event.submitter); return; }
  if (form.dataset.act) { event.preventDefault(); act(form); return; }
  const undoing = form.dataset.undo ?? form.closest("[data-decision]")?.dataset.decision;
  if (undoing) { event.preventDefault(); takeBack(undoing, form.action); }
});

document.addEventListener("change", (event) => {
  if (event.target.name !== "request_number") return;
  const area = document.getElementById("acknowledgement");
  const dialog = event.target.closest("dialog");
  const joining = event.target.value !== "";
  dialog.querySelector(".new-request").hidden = joining;
  if (area && (area.value === area.dataset.opened || area.value === area.dataset.joined)) area.value = joining ? area.dataset.joined : area.dataset.opened;
});

// ------------------------------------------------------------------------------------------------ keys
const typing = (element) => element.closest?.("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]");

function step(by) {
  const list = live();
  if (!list.length) return;
  const row = currentRow();
  const from = row ? list.indexOf(row) : by > 0 ? -1 : list.length;
  const to = list[Math.min(list.length - 1, Math.max(0, from + by))];
  if (to !== row || !openId()) open(to);
}

function show(id) {
  const dialog = document.getElementById(id);
  if (!dialog) return;
  dialog.showModal();
  const first = ["input:checked", "input[type=radio], select", "button"].map((wanted) => dialog.querySelector(wanted));
  first.find(Boolean).focus();
}

const submit = (selector) => pane.querySelector(selector)?.requestSubmit();

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  i: () => submit('[data-act="nothing"]'),
  r: () => document.getElementById("reply-text")?.focus(),
  m: () => show("hide-dialog"),
  c: () => show("correct-dialog"),
  q: () => show("request-dialog"),
  u: () => submit('[data-act="unhide"]'),
  w: () => { const why = pane.querySelector(".why"); if (why) why.open = !why.open; },
  z: () => {
    if (lastDecision) takeBack(lastDecision.id, `/decisions/${lastDecision.id}/annulation`);
    else submit("[data-undo]");
  },
  "/": () => { const filters = document.querySelector(".filters"); filters.open = true; document.getElementById("mots").focus(); },
  ".": () => showNew(),
  "?": () => show("help"),
};
KEYS.f = KEYS["/"];
for (const digit of "123456") KEYS[digit] = () => pane.querySelector(`.right [data-key="${digit}"]`)?.click();
KEYS.h = KEYS["?"];

document.addEventListener("keydown", (event) => {
  const here = event.target;
  if (here.id === "reply-text" && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    here.form.requestSubmit();
    return;
  }
  if (here.id === "reply-text" && event.key === "Escape") { (currentRow()?.querySelector("a") ?? pane).focus(); return; }
  // The character that was produced decides, so that every keyboard layout works; a chord or a dead key is not ours.
  if (!keysOn || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.key === "Dead") return;
  if (event.getModifierState("AltGraph") || typing(here)) return;
  const dialog = document.querySelector("dialog[open]");
  if (dialog) {
    const choice = /^\d$/.test(event.key) && dialog.querySelector(`[data-digit="${event.key}"]`);
    if (choice) { event.preventDefault(); choice.click(); choice.focus(); }
    return;
  }
  if (event.key === "Enter" && here.closest("#rows .row")) {
    event.preventDefault();
    const row = here.closest(".row");
    if (row === currentRow() && openId() === row.dataset.id) pane.focus();
    else open(row, { focus: "pane" });
    return;
  }
  const command = KEYS[event.key];
  if (!command) return;
  event.preventDefault();
  command();
});

if (queue) {
  const opened = openId();
  if (opened) prepare(opened);
  const row = currentRow();
  if (row) { row.scrollIntoView({ block: "nearest" }); row.querySelector("a").focus({ preventScroll: true }); }
  else if (!opened && live().length && matchMedia("(min-width: 60.01rem)").matches) open(live()[0]);
}
