// A long <select> is searched in a field. The select stays, out of sight, and says what is chosen: forms, drafts and
// whoever listens to it know nothing of the field.

import Combobox from "./vendor/combobox-nav.js";
import { folded } from "./words.js";

const made = (name, properties, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};

function dress(select) {
  const label = select.labels[0];
  const input = made("input", { type: "text", id: `${select.id}-words`, autocomplete: "off", spellcheck: false });
  const list = made("div", { id: `${select.id}-list`, className: "combobox-list", role: "listbox", hidden: true, tabIndex: -1 });
  const none = made("p", { className: "hint combobox-none", role: "status" });
  list.setAttribute("aria-label", label.textContent);
  for (const name of ["aria-describedby", "aria-invalid"]) if (select.hasAttribute(name)) input.setAttribute(name, select.getAttribute(name));
  if (select.autofocus) { input.autofocus = true; select.autofocus = false; }
  label.htmlFor = input.id;
  select.before(input, list, none);
  select.classList.add("visually-hidden");
  select.tabIndex = -1;
  select.setAttribute("aria-hidden", "true");

  const options = [];
  for (const part of select.children) {
    const group = part.matches("optgroup") ? made("div", { role: "group" }) : null;
    group?.setAttribute("aria-label", part.label);
    group?.append(made("div", { className: "combobox-group", ariaHidden: "true", textContent: part.label }));
    for (const option of group ? part.children : [part]) {
      if (!option.value) continue;
      const line = made("div", { id: `${list.id}-${options.length}`, role: "option" }, option.text);
      if (option.dataset.why) line.append(made("span", { className: "hint", textContent: option.dataset.why }));
      line.dataset.value = option.value;
      options.push({ line, group, words: folded(`${option.text} ${option.dataset.words ?? ""}`) });
      (group ?? list).append(line);
    }
    if (group) list.append(group);
  }

  const combobox = new Combobox(input, list, { tabInsertsSuggestions: false });
  const chosen = () => (select.value ? select.selectedOptions[0].text : "");
  const sync = () => { if (list.hidden) input.value = chosen(); };
  const active = () => list.querySelector('[aria-selected="true"]');

  function narrow(query) {
    const words = folded(query).split(/\s+/).filter(Boolean);
    for (const one of options) {
      one.line.hidden = !words.every((word) => one.words.includes(word));
      delete one.line.dataset.first;
    }
    for (const group of list.querySelectorAll('[role="group"]')) group.hidden = !group.querySelector('[role="option"]:not([hidden])');
    const left = options.filter(({ line }) => !line.hidden);
    if (words.length && left.length) left[0].line.dataset.first = "";
    none.textContent = left.length ? "" : select.dataset.none;
  }

  function open() {
    if (!list.hidden) return;
    narrow("");
    list.hidden = false;
    combobox.start();
  }

  function close() {
    if (list.hidden) return;
    combobox.stop();
    list.hidden = true;
    none.textContent = "";
    sync();
  }

  list.addEventListener("combobox-commit", ({ target }) => {
    select.value = target.dataset.value;
    close();
    select.dispatchEvent(new Event("change", { bubbles: true }));
  });
  list.addEventListener("mousedown", (event) => event.preventDefault());  // The field keeps the focus.
  input.addEventListener("click", () => { open(); input.select(); });
  input.addEventListener("blur", () => { active()?.click(); close(); });
  input.addEventListener("keydown", (event) => {
    if (list.hidden) {
      if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
      open();
      combobox.navigate(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Escape") {
      close();
    } else if (event.key === "Enter" && !active()) {
      // The first that has the words; with no words typed, Enter is the form's.
      const first = list.querySelector("[data-first]");
      if (!first) { if (none.textContent) event.preventDefault(); close(); return; }
      first.click();
    } else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  });
  input.addEventListener("input", (event) => { event.stopPropagation(); open(); narrow(input.value); });
  select.addEventListener("change", sync);
  select.form.addEventListener("input", sync);
  sync();
}

// Those of a part of the page that has just come.
export function dressIn(part) {
  for (const select of part.querySelectorAll("select[data-combobox]:not(.visually-hidden)")) dress(select);
}

dressIn(document);
