// Keys in their order. A key that comes while the pane of its comment is still loading waits for it, and so does
// whatever is typed after: a place typed behind `q` goes into its field, and never runs as commands.

const LONGEST = 200;

export class Keys {
  #waiting = [];

  // `ready` says whether what the keys act on is shown; `run` does one key; `show` is told what waits.
  constructor({ ready, run, show = () => {} }) {
    Object.assign(this, { ready, run, show });
  }

  get empty() {
    return !this.#waiting.length;
  }

  press(key) {
    if (this.#waiting.length < LONGEST) this.#waiting.push(key);
    this.go();
  }

  // Whatever was shown may have changed: go on with what waits, one by one, as long as the page is ready.
  go() {
    while (!this.empty && this.ready()) this.run(this.#waiting.shift());
    this.show(this.#waiting);
  }

  forget() {
    this.#waiting = [];
    this.show(this.#waiting);
  }
}

// The character that was produced decides, so that every keyboard layout works; a chord or a dead key is not ours.
export const ours = (event) => !(
  event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.key === "Dead"
  || event.getModifierState?.("AltGraph"));

// The usual key for the one that was pressed: a person may have put others in place of the usual ones.
let own = null;
export const usual = (key) => (own ??= JSON.parse(document.documentElement.dataset.keys ?? "{}"))[key] ?? key;

export const WORDS = "input:not([type=radio]):not([type=checkbox]), textarea";
// They do nothing of ours alone, and keep their place behind a key that waits.
export const LATER = ["Enter", "Backspace"];
export const TYPED = `${WORDS}, select, [contenteditable]`;

// What a key that waited would have typed.
export function type(field, key) {
  if (key === "Backspace") field.setRangeText("", Math.max(0, field.selectionStart - 1), field.selectionEnd, "end");
  else if (key.length === 1) field.setRangeText(key, field.selectionStart, field.selectionEnd, "end");
  else return;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
