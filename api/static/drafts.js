// What somebody types stays until it is sent, in this browser and for this person only: another row, Esc, an expired
// session or a closed tab lose nothing. A form says with `data-draft` what its words are about.

const KEPT = 14 * 24 * 3600 * 1000; // milliseconds
const OF = "parvis:draft:";
const SENT = "parvis:sent";
const keyOf = (form) => `${OF}${document.documentElement.dataset.person}:${form.dataset.draft}`;

const fields = (form) => [...form.elements].filter((field) => field.name && !["hidden", "password", "file", "submit", "button"].includes(field.type));
const choice = (field) => field.type === "radio" || field.type === "checkbox";
const changed = (field) => {
  if (choice(field)) return field.checked !== field.defaultChecked;
  // A list in which nothing is chosen begins with its first option.
  if (field.options) return field.value !== "" && field.value !== ([...field.options].find((option) => option.defaultSelected) ?? field.options[0]).value;
  return field.value !== field.defaultValue;
};

export const dirty = (form) => fields(form).some(changed);

// Whether there was anything to keep.
export function keep(form) {
  if (!dirty(form)) { forget(form); return false; }
  const values = fields(form).map((field) => [field.name, field.value, choice(field) ? field.checked : null]);
  localStorage.setItem(keyOf(form), JSON.stringify({ at: Date.now(), values }));
  return true;
}

// Whether there was anything to give back.
export function giveBack(form) {
  const kept = localStorage.getItem(keyOf(form));
  if (!kept) return false;
  for (const [name, value, checked] of JSON.parse(kept).values) {
    const field = fields(form).find((one) => one.name === name && (checked === null || one.value === value));
    if (!field) continue;
    if (checked === null) field.value = value;
    else field.checked = checked;
  }
  form.dispatchEvent(new Event("input", { bubbles: true }));
  return true;
}

export const forget = (form) => localStorage.removeItem(keyOf(form));

document.addEventListener("input", ({ target }) => {
  if (target.form && "draft" in target.form.dataset) keep(target.form);
});
document.addEventListener("change", ({ target }) => {
  if (target.form && "draft" in target.form.dataset) keep(target.form);
});

// Forms that the browser sends by itself: what was typed is there again, until the page after one says that it was taken.
export function follow(forms) {
  const sent = sessionStorage.getItem(SENT);
  if (sent && new URLSearchParams(location.search).has("fait")) forget({ dataset: { draft: sent } });
  sessionStorage.removeItem(SENT);
  for (const form of forms) {
    giveBack(form);
    form.addEventListener("submit", () => sessionStorage.setItem(SENT, form.dataset.draft));
  }
}

for (const key of Object.keys(localStorage)) {
  if (key.startsWith(OF) && Date.now() - JSON.parse(localStorage.getItem(key)).at > KEPT) localStorage.removeItem(key);
}
