// The list as values, and nothing of the page: which comments wait and in what order, which one is open, who holds
// which, what was decided here. Every change of the page is a change of this state first.

export class Queue {
  rows = new Map(); // id → { id, held, content }
  order = []; // ids, as shown
  gone = new Set(); // handled by somebody else; shown grey until the next listing
  open = null;
  waiting = 0;
  danger = 0;
  found = 0; // of those, what the filters let through
  decided = []; // what can be taken back here: { decision: an address, id, row, before }, the newest last
  #left = new Map(); // id → when its decision was recorded (Infinity: not yet)

  constructor(listing = { rows: [], waiting: 0, danger: 0, found: 0 }) {
    this.replace(listing);
  }

  replace({ rows, waiting, danger, found = 0 }) {
    this.rows = new Map(rows.map((row) => [row.id, row]));
    this.order = rows.map((row) => row.id);
    this.gone.clear();
    Object.assign(this, { waiting, danger, found });
  }

  free(id) {
    return this.rows.has(id) && !this.gone.has(id) && !this.rows.get(id).held;
  }

  first() {
    return this.order.find((id) => this.free(id)) ?? null;
  }

  // The nearest comment in that direction that nobody else has, or null.
  step(by, from = this.open) {
    const at = this.order.indexOf(from);
    const ids = by > 0 ? this.order.slice(at + 1) : this.order.slice(0, Math.max(at, 0)).reverse();
    return ids.find((id) => this.free(id)) ?? null;
  }

  // Where to go on from a comment that leaves: forward, else back.
  after(id) {
    return this.step(1, id) ?? this.step(-1, id);
  }

  // Take a comment off the list because it is decided here; gives what `putBack` needs.
  take(id) {
    const at = this.order.indexOf(id);
    const place = { id, row: this.rows.get(id) ?? null, before: at < 0 ? null : this.order[at + 1] ?? null };
    this.#left.set(id, Infinity);
    this.#remove(id);
    this.waiting = Math.max(0, this.waiting - 1);
    this.found = Math.max(0, this.found - 1);
    return place;
  }

  // The server has the decision: lists that were asked for before now still hold its comment.
  settle(place, decision, at) {
    this.#left.set(place.id, at);
    if (decision) this.decided.push({ decision, ...place });
  }

  // Whether it was decided here after a listing was asked for that still holds it.
  leftSince(id, asked) {
    return (this.#left.get(id) ?? -1) > asked;
  }

  leaving(id) {
    return this.#left.get(id) === Infinity;
  }

  // It waits after all.
  putBack(place) {
    this.#left.delete(place.id);
    this.waiting += 1;
    this.found += 1;
    if (!place.row || this.rows.has(place.id)) return;
    this.rows.set(place.id, place.row);
    const at = this.order.indexOf(place.before);
    this.order.splice(at < 0 ? this.order.length : at, 0, place.id);
  }

  // Somebody else handled it: it is passed over at once, and leaves with the next listing.
  handledElsewhere(id) {
    if (this.rows.has(id)) this.gone.add(id);
  }

  // Somebody else has it open; the next listing says who.
  heldElsewhere(id) {
    const row = this.rows.get(id);
    if (row) this.rows.set(id, { ...row, held: row.held || "?" });
  }

  undone(decision) {
    this.decided = this.decided.filter((one) => one.decision !== decision);
  }

  drop(id) {
    this.gone.delete(id);
    this.#remove(id);
  }

  // What others handled and what was shown grey leaves, but for what is open; gives what left.
  dropGone(leaves = () => true) {
    const dropped = [...this.gone].filter((id) => id !== this.open && leaves(id));
    for (const id of dropped) this.drop(id);
    return dropped;
  }

  #remove(id) {
    this.rows.delete(id);
    this.order = this.order.filter((other) => other !== id);
  }

  // A listing that the server gave, asked for at `asked`. Nothing moves under the reader's eyes: known rows change in
  // place, those that are missing go, the part that follows ours joins the end, and what is new waits in `fresh`.
  merge({ rows, more, waiting, danger, found = 0 }, asked) {
    const listed = rows.filter((row) => !this.leftSince(row.id, asked));
    const theirs = new Map(listed.map((row) => [row.id, row]));
    Object.assign(this, { waiting, danger, found });
    const dropped = this.dropGone((id) => !theirs.has(id));
    // Of a listing that goes on, only what stands before its last known row can be missed.
    const lastKnown = this.order.findLastIndex((id) => theirs.has(id));
    const covered = more ? this.order.slice(0, lastKnown + 1) : this.order;
    const missing = covered.filter((id) => !theirs.has(id) && !this.gone.has(id));
    for (const id of missing) this.gone.add(id);
    const changed = [];
    for (const [id, row] of theirs) {
      if (!this.rows.has(id)) continue;
      const back = this.gone.delete(id); // Taken back elsewhere.
      if (back || this.rows.get(id).content !== row.content) changed.push(row);
      this.rows.set(id, row);
    }
    const at = listed.findLastIndex((row) => this.rows.has(row.id));
    const following = at < 0 ? [] : listed.slice(at + 1);
    const fresh = listed.filter((row) => !this.rows.has(row.id));
    return { dropped, missing, changed, following, fresh };
  }

  append(rows) {
    for (const row of rows) {
      if (this.rows.has(row.id)) continue;
      this.rows.set(row.id, row);
      this.order.push(row.id);
    }
  }
}
