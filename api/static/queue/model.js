// The list as values, and nothing of the page: which comments wait and in what order, which one is open, who holds
// which, what was decided here. Every change of the page is a change of this state first.

export class Queue {
  rows = new Map(); // id → { id, held, theirs, content }
  order = []; // ids, as shown
  gone = new Set(); // handled by somebody else; shown grey until the next listing
  open = null;
  counts = {}; // waiting, danger, mine, late, snoozed, unseen as the server has them; found: what the filters let through
  decided = []; // what can be taken back here: { decision: an address, places }, the newest last
  underWay = []; // acts that the server has not answered, the newest last: promises of what takes each back, if anything
  selected = new Set(); // ids that are decided together
  #anchor = null; // where the selection was changed last
  #left = new Map(); // id → when its decision was recorded (Infinity: not yet)
  #back = new Map(); // id → when it came back

  constructor(listing = { rows: [], counts: {} }) {
    this.replace(listing);
  }

  replace({ rows, counts }) {
    this.rows = new Map(rows.map((row) => [row.id, row]));
    this.order = rows.map((row) => row.id);
    this.gone.clear();
    for (const id of this.selected) if (!this.rows.has(id)) this.selected.delete(id);
    this.counts = { ...counts };
  }

  free(id) {
    const row = this.rows.get(id);
    return Boolean(row) && !this.gone.has(id) && !row.held && !row.theirs;
  }

  first() {
    return this.order.find((id) => this.free(id)) ?? null;
  }

  // The nearest comment in that direction that nobody else has or is to do, or null.
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
    this.#count(-1);
    return place;
  }

  // The server has the decision: lists that were asked for before now still hold its comment.
  settle(place, decision, at) {
    this.#left.set(place.id, at);
    if (decision) this.decided.push({ decision, places: [place] });
  }

  // Several at once, which one address takes back.
  settleAll(places, decision, at) {
    for (const place of places) this.settle(place, null, at);
    if (places.length) this.decided.push({ decision, places });
  }

  // Something was done with a comment that stays where it is.
  did(id, decision) {
    this.decided.push({ decision, places: [{ id, row: this.rows.get(id) ?? null, before: null }] });
  }

  began(answer) {
    this.underWay.push(answer);
    answer.finally(() => { this.underWay = this.underWay.filter((one) => one !== answer); });
  }

  get some() {
    return this.underWay.length + this.decided.length > 0;
  }

  // What takes back the newest act, once it is answered; null where that came to nothing, and never what came before.
  async newest() {
    const answer = this.underWay.pop();
    return (answer ? await answer : this.decided.at(-1)?.decision) ?? null;
  }

  // A comment joins what is selected, or leaves it. What nobody may decide among others cannot join.
  select(id, on = !this.selected.has(id)) {
    if (on && !(this.free(id) && this.rows.get(id).selectable)) return;
    if (on) this.selected.add(id);
    else this.selected.delete(id);
    this.#anchor = id;
  }

  // All from where the selection was changed last to here.
  selectTo(id) {
    const [from, to] = [this.order.indexOf(this.#anchor ?? id), this.order.indexOf(id)].sort((a, b) => a - b);
    for (const one of this.order.slice(Math.max(from, 0), to + 1)) this.select(one, true);
  }

  // All that are suggested and meant alike, or say the same, among those that are loaded.
  selectAlike(id) {
    const row = this.rows.get(id);
    if (!row) return;
    const alike = (other) => (row.alike && other.alike === row.alike) || (row.words && other.words === row.words);
    for (const [other, seen] of this.rows) if (other === id || alike(seen)) this.select(other, true);
  }

  // Whether it was decided here after a listing was asked for that still holds it.
  leftSince(id, asked) {
    return (this.#left.get(id) ?? -1) > asked;
  }

  leaving(id) {
    return this.#left.get(id) === Infinity;
  }

  // It waits after all: lists that were asked for before now do not hold it.
  putBack(place, now) {
    this.#left.delete(place.id);
    this.#back.set(place.id, now);
    this.#count(1);
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

  #count(more) {
    for (const name of ["waiting", "found"]) this.counts[name] = Math.max(0, (this.counts[name] ?? 0) + more);
  }

  #remove(id) {
    this.rows.delete(id);
    this.selected.delete(id);
    this.order = this.order.filter((other) => other !== id);
  }

  // A listing that the server gave, asked for at `asked`. Nothing moves under the reader's eyes: known rows change in
  // place, those that are missing go, the part that follows ours joins the end, and what is new waits in `fresh`.
  merge({ rows, more, counts }, asked) {
    const listed = rows.filter((row) => !this.leftSince(row.id, asked));
    const theirs = new Map(listed.map((row) => [row.id, row]));
    this.counts = { ...counts };
    const dropped = this.dropGone((id) => !theirs.has(id));
    // Of a listing that goes on, only what stands before its last known row can be missed.
    const lastKnown = this.order.findLastIndex((id) => theirs.has(id));
    const covered = more ? this.order.slice(0, lastKnown + 1) : this.order;
    const missing = covered.filter((id) => !theirs.has(id) && !this.gone.has(id) && !(this.#back.get(id) > asked));
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
