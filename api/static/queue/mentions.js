// Names behind "@" while a note is written: those that fit stay in sight, Tab takes the first one, a click takes any.

const OPEN = /(?:^|\s)@([\p{L}\p{M} '’-]{0,40})$/u;
const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

const namesOf = (area) => [...document.querySelectorAll(`.mentions[data-for="${area.id}"] [data-mention]`)];
const typed = (area) => OPEN.exec(area.value.slice(0, area.selectionStart))?.[1] ?? null;
const fits = (button, begun) => folded(button.dataset.mention).split(" ").some((part, at, all) => folded(all.slice(at).join(" ")).startsWith(folded(begun)));

function narrow(area) {
  const begun = typed(area);
  for (const button of namesOf(area)) button.hidden = begun !== null && !fits(button, begun);
}

function take(area, name) {
  const begun = typed(area);
  const from = area.selectionStart - (begun === null ? 0 : begun.length + 1);
  const before = begun === null && from > 0 && !/\s$/.test(area.value.slice(0, from)) ? " " : "";
  area.setRangeText(`${before}@${name} `, from, area.selectionEnd, "end");
  area.focus();
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("input", ({ target }) => {
  if (target.dataset && "mentions" in target.dataset) narrow(target);
});

document.addEventListener("keydown", (event) => {
  const area = event.target;
  if (event.key !== "Tab" || event.shiftKey || !area.dataset || !("mentions" in area.dataset)) return;
  if (!typed(area)) return; // Nothing is begun: Tab goes on to the next field.
  const first = namesOf(area).find((button) => !button.hidden);
  if (!first) return;
  event.preventDefault();
  take(area, first.dataset.mention);
});

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-mention]");
  if (button) take(document.getElementById(button.closest(".mentions").dataset.for), button.dataset.mention);
});
