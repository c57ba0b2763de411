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
  content: element.querySelector("a").innerHTML,
  element,
});

// A list of the server as the values that the state merges.
export function read(list) {
  return {
    rows: [...list.querySelectorAll(".row")].map(valueOf),
    more: list.querySelector(".more"),
    waiting: Number(list.dataset.waiting),
    danger: Number(list.dataset.danger),
    found: Number(list.dataset.found ?? 0),
    list,
  };
}

export const parseList = (html) => read(parse(html).firstElementChild);

const shown = (n) => (n >= 1000 ? "999+" : String(n));

export function showCounts({ waiting, danger, found }) {
  const counts = { waiting, danger, found };
  for (const place of document.querySelectorAll("[data-count]")) place.textContent = shown(counts[place.dataset.count]);
  document.title = document.title.replace(/^(\(.*?\) )?/, waiting > 0 ? `(${shown(waiting)}) ` : "");
}

// One comment is the current one, and only one.
export function select(id) {
  for (const link of rows().querySelectorAll("a[aria-current]")) link.removeAttribute("aria-current");
  const link = linkOf(id);
  link?.setAttribute("aria-current", "true");
  link?.closest(".row").scrollIntoView({ block: "nearest" });
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

export function refresh({ id, content, held, element: newer }) {
  const element = elementOf(id);
  if (!element) return;
  element.querySelector("a").innerHTML = content;
  element.className = newer.className;
  element.dataset.held = held;
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
