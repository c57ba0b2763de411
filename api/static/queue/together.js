// Several comments decided at once: what is selected, the preview of each of them, one decision and one undo.

import { ask, parse } from "../server.js";
import { say, sayTemplate } from "../toasts.js";
import * as list from "./list.js";

const dialog = document.getElementById("together-dialog");

export class Together {
  loading = false; // Keys that come meanwhile are for the preview.

  // `leave` takes comments off the list and gives their places; `back` puts places back; `decided` hears of the rest.
  constructor(queue, { leave, back, decided, shown }) {
    Object.assign(this, { queue, leave, back, decided, shown });
  }

  get some() {
    return this.queue.selected.size > 0;
  }

  changed() {
    list.showSelected(this.queue);
  }

  toggle(id) { this.queue.select(id); this.changed(); }
  extend(id) { this.queue.selectTo(id); this.changed(); }
  alike(id) { this.queue.selectAlike(id ?? [...this.queue.selected][0]); this.changed(); }
  clear() { this.queue.selected.clear(); this.changed(); }

  // The preview is the server's: it knows what each comment allows.
  async preview(kind) {
    const to = new URL(list.poll, location.href);
    to.pathname = "/groupe";
    to.searchParams.set("kind", kind);
    for (const id of this.queue.order) if (this.queue.selected.has(id)) to.searchParams.append("ids", id);
    this.loading = true;
    const response = await ask(to.href).catch(() => null);
    this.loading = false;
    if (!response?.ok) { sayTemplate("offline-template"); return; }
    dialog.replaceChildren(parse(await response.text()));
    for (const { dataset } of dialog.querySelectorAll("[data-left]")) {
      this.queue.select(dataset.left, false);
      if (!("gone" in dataset)) continue;
      this.queue.handledElsewhere(dataset.left);
      list.grey(dataset.left);
    }
    this.changed();
    this.shown();
  }

  async decide(form) {
    const data = new URLSearchParams(new FormData(form));
    const confirmed = form.elements.kind.value === "hide" ? data.getAll("opened") : null;
    const items = data.getAll("items").filter((item) => !confirmed || confirmed.includes(item.split(":")[0]));
    if (!items.length) return;
    data.delete("items");
    for (const item of items) data.append("items", item);
    dialog.close();
    const { places, reserved } = this.leave(items.map((item) => item.split(":")[0]));
    await reserved;
    const response = await ask(form.action, { method: "POST", body: data }).catch(() => null);
    if (!response) { this.back(places); sayTemplate("offline-template"); return; }
    const said = parse(await response.text());
    if (!response.ok) { this.back(places); say(said); return; }
    const toast = said.firstElementChild;
    const left = (toast.dataset.left ?? "").split(" ");
    this.back(places.filter(({ id }) => left.includes(id)));
    this.decided(places.filter(({ id }) => !left.includes(id)), toast.dataset.decision);
    say(toast, left[0] ? 0 : 10);
    return toast.dataset.decision;
  }
}

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-close]") || !dialog.open) return;
  event.preventDefault();
  dialog.close();
});
