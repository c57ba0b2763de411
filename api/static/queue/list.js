// The list on the page: rows of the server's HTML, shown as the state says.

import { parse } from "../server.js";

const shell = document.querySelector(".queue");
const news = document.getElementById("news");

export const poll = shell?.dataset.poll;
export const rows = () => document.getElementById("rows");
export const elementOf = (id) => rows().querySelector(`.row[data-id="${id}"]`);
export const linkOf = (id) => elementOf(id)?.querySelector("a") ?? null;

const valueOf = (element) => ({
  id: element.dataset.id,
  held: element.dataset.held ?? "",
  theirs: "theirs" in element.dataset,
  content: element.querySelector("a").innerHTML,
  selectable: Boolean(element.querySelector(".row-check")),
  alike: element.dataset.alike ?? "",
  words: element.querySelector(".row-text:not([data-folded])")?.textContent.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim() ?? "",
  element,
});

// A list of the server as the values that the state merges.
export function read(list) {
  return {
    rows: [...list.querySelectorAll(".row")].map(valueOf),
    more: list.querySelector(".more"),
    counts: Object.fromEntries(["waiting", "danger", "mine", "late", "snoozed", "unseen", "found"].map((name) => [name, Number(list.dataset[name] ?? 0)])),
    list,
  };
}

export const parseList = (html) => read(parse(html).firstElementChild);

const shown = (n) => (n >= 1000 ? "999+" : String(n));

export function showCounts({ counts }) {
  for (const place of document.querySelectorAll("[data-count]")) place.textContent = shown(counts[place.dataset.count]);
  for (const tab of document.querySelectorAll("[data-tab]")) tab.hidden = !counts[tab.dataset.tab] && !tab.hasAttribute("aria-current");
  document.querySelector('[data-count="unseen"]').hidden = !counts.unseen;
  document.title = document.title.replace(/^(\(.*?\) )?/, counts.waiting > 0 ? `(${shown(counts.waiting)}) ` : "");
}

// One comment is the current one, and only one.
export function select(id) {
  for (const link of rows().querySelectorAll("a[aria-current]")) link.removeAttribute("aria-current");
  const link = linkOf(id);
  link?.setAttribute("aria-current", "true");
  link?.closest(".row").scrollIntoView({ block: "nearest" });
}

export function showSelected({ selected }) {
  for (const box of rows().querySelectorAll(".row-check input")) {
    box.checked = selected.has(box.value);
    box.closest(".row").classList.toggle("row-selected", box.checked);
  }
  const said = document.querySelector("[data-selected]");
  if (said && selected.size) said.textContent = selected.size === 1 ? said.dataset.one : said.dataset.many.replace("{n}", selected.size);
}

export function putBack(queue, { id, row }) {
  if (!row || !queue.rows.has(id)) return;
  rows().querySelector(".rows-empty")?.remove();
  const after = queue.order.slice(queue.order.indexOf(id) + 1).find((other) => elementOf(other));
  if (after) elementOf(after).before(row.element);
  else rows().insertBefore(row.element, rows().querySelector(".more"));
}

export function grey(id) {
  const element = elementOf(id);
  element?.classList.add("row-gone");
  element?.querySelector(".row-chips").replaceChildren(document.getElementById("gone-template").content.cloneNode(true));
}

export function refresh({ id, content, held, theirs, element: newer }) {
  const element = elementOf(id);
  if (!element) return;
  element.querySelector("a").innerHTML = content;
  element.className = newer.className;
  element.dataset.held = held;
  element.toggleAttribute("data-theirs", theirs);
}

// The part that follows ours takes the place of the link that asked for it.
export function append(following, more) {
  rows().querySelector(".more")?.remove();
  rows().append(...following.map((row) => row.element), ...(more ? [more] : []));
}

export function tellNews(n) {
  const before = Number(news.dataset.n ?? 0);
  news.hidden = !n;
  news.dataset.n = n;
  if (n !== before) news.querySelector("span").textContent = n === 1 ? news.dataset.one : news.dataset.many.replace("{n}", n);
}
