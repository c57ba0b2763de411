// Who has a comment open: it is reserved while it is being read here, and given up when it is left without a decision.

import { ask, parse } from "../server.js";

const RENEW = 30_000; // milliseconds; the server keeps a reservation for 90 seconds
const PASSING = 250; // Passing by is not opening.

const giveUp = (id) => navigator.sendBeacon(`/commentaires/${id}/liberation`);

export class Claims {
  #held = null;
  #timer = 0;
  #renewing = 0;
  #asked = Promise.resolve(null);

  // `refused` hears that somebody else has a comment or has handled it: (id, code, the server's sentence).
  constructor({ stillOpen, deciding, refused }) {
    Object.assign(this, { stillOpen, deciding, refused });
    addEventListener("pagehide", () => this.leave());
  }

  open(id) {
    clearTimeout(this.#timer);
    if (this.#held && this.#held !== id) this.leave();
    this.#timer = setTimeout(() => { this.#asked = this.#claim(id); }, PASSING);
  }

  // Left without a decision.
  leave() {
    clearTimeout(this.#timer);
    clearInterval(this.#renewing);
    if (this.#held) giveUp(this.#held);
    this.#held = null;
  }

  // Decided: the decision itself ends the reservation, and until the server has it nobody may come between.
  async handOver() {
    clearTimeout(this.#timer);
    clearInterval(this.#renewing);
    this.#held = null;
    await this.#asked;
  }

  async #claim(id) {
    if (!this.stillOpen(id)) return;
    const response = await ask(`/commentaires/${id}/reservation`, { method: "POST" }).catch(() => null);
    if (response?.status === 409) {
      const said = parse(await response.text()).firstElementChild;
      this.refused(id, said.dataset.code, said);
    }
    if (!response?.ok) return;
    if (!this.stillOpen(id)) {
      // We moved on meanwhile; what is being decided stays ours until the server has it.
      if (!this.deciding(id)) giveUp(id);
      return;
    }
    this.#held = id;
    clearInterval(this.#renewing);
    this.#renewing = setInterval(() => { if (!document.hidden) this.#claim(id); }, RENEW);
  }
}
