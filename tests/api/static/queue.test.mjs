// The state of the queue's page without a page; `node --test` runs it, and tests/api/test_static.py runs that.
import assert from "node:assert/strict";
import test from "node:test";

import { Keys } from "../../../api/static/queue/keys.js";
import { Queue } from "../../../api/static/queue/model.js";

const row = (id, more = {}) => ({ id, held: "", content: id, selectable: true, ...more });
const listing = (ids, more = {}) => ({ rows: ids.map((id) => row(id)), more: false, counts: { waiting: ids.length }, ...more });

test("going on skips what somebody else holds, has handled or is to do", () => {
  const queue = new Queue({ ...listing([]), rows: [row("1"), row("2", { held: "Bo" }), row("3"), row("5", { theirs: true }), row("4")] });
  queue.open = "1";
  queue.handledElsewhere("3");
  assert.equal(queue.step(1), "4");
  queue.open = "4";
  assert.equal(queue.step(-1), "1");
  assert.equal(queue.step(1), null);
});

test("what leaves goes on forward, else back, else nowhere", () => {
  const queue = new Queue(listing(["1", "2"]));
  assert.equal(queue.after("2"), "1");
  queue.take("1");
  assert.equal(queue.after("2"), null);
});

test("a refused decision comes back where it was", () => {
  const queue = new Queue(listing(["1", "2", "3"]));
  const place = queue.take("2");
  assert.deepEqual([queue.order, queue.counts.waiting], [["1", "3"], 2]);
  queue.putBack(place, 1);
  assert.deepEqual([queue.order, queue.counts.waiting], [["1", "2", "3"], 3]);
});

test("two that come back find their order again, whatever left meanwhile", () => {
  const queue = new Queue(listing(["1", "2", "3"]));
  const second = queue.take("2");
  queue.take("3");
  queue.putBack(second, 1);
  assert.deepEqual(queue.order, ["1", "2"]);
});

test("a list from before a decision does not bring its comment back", () => {
  const queue = new Queue(listing(["1", "2"]));
  const place = queue.take("1");
  assert.deepEqual(queue.merge(listing(["1", "2"]), 5).fresh, []);
  queue.settle(place, "9", 10);
  assert.deepEqual(queue.merge(listing(["1", "2"]), 9).fresh, []);
  assert.deepEqual(queue.merge(listing(["1", "2"]), 11).fresh.map(({ id }) => id), ["1"]);
});

test("a list from before an undo does not take its comment away again", () => {
  const queue = new Queue(listing(["1", "2"]));
  const place = queue.take("1");
  queue.settle(place, "9", 10);
  queue.putBack(place, 20);
  assert.deepEqual(queue.merge(listing(["2"]), 15).missing, []);
  assert.ok(queue.free("1"));
  assert.deepEqual(queue.merge(listing(["2"]), 21).missing, ["1"]);
});

test("rows handled elsewhere turn grey, then leave; the open one stays", () => {
  const queue = new Queue(listing(["1", "2", "3"]));
  queue.open = "1";
  assert.deepEqual(queue.merge(listing(["3"]), 1).missing, ["1", "2"]);
  assert.equal(queue.first(), "3");
  assert.deepEqual(queue.merge(listing(["3"]), 2).dropped, ["2"]);
  assert.deepEqual(queue.order, ["1", "3"]);
});

test("of a listing that goes on, what follows its end is not missing", () => {
  const queue = new Queue(listing(["1", "2", "3", "4"]));
  const told = queue.merge(listing(["2", "3"], { more: true }), 1);
  assert.deepEqual(told.missing, ["1"]);
  assert.ok(queue.free("4"));
});

test("what was taken back elsewhere is there again", () => {
  const queue = new Queue(listing(["1", "2"]));
  queue.merge(listing(["2"]), 1);
  assert.deepEqual(queue.merge(listing(["1", "2"]), 2).changed.map(({ id }) => id), ["1"]);
  assert.ok(queue.free("1"));
});

test("what follows the known part and what is new are told apart", () => {
  const queue = new Queue(listing(["2", "3"]));
  const told = queue.merge(listing(["1", "2", "3", "4"]), 1);
  assert.deepEqual(told.following.map(({ id }) => id), ["4"]);
  assert.deepEqual(told.fresh.map(({ id }) => id), ["1", "4"]);
});

test("only one's own decisions can be taken back, the newest first", () => {
  const queue = new Queue(listing(["1", "2"]));
  queue.settle(queue.take("1"), "11", 1);
  queue.settle(queue.take("2"), "12", 2);
  assert.equal(queue.decided.at(-1).decision, "12");
  queue.undone("12");
  assert.equal(queue.decided.at(-1).places[0].id, "1");
});

test("what is taken back is the newest act, also while its answer is on its way, and nothing in its place", async () => {
  const queue = new Queue(listing(["1", "2", "3"]));
  queue.settle(queue.take("1"), "/decisions/1", 1);
  let answer;
  queue.began(new Promise((resolve) => { answer = resolve; }));
  const place = queue.take("2");
  const first = queue.newest();
  const second = queue.newest(); // Pressed twice: the one before it, too.
  queue.settle(place, "/decisions/2", 2);
  answer("/decisions/2");
  assert.equal(await first, "/decisions/2");
  assert.equal(await second, "/decisions/1");
  queue.began(Promise.resolve(undefined)); // Refused: it came back by itself.
  assert.equal(await queue.newest(), null);
  assert.equal(await queue.newest(), "/decisions/2");
});

test("several at once are one thing to take back, and a note is one that stays", () => {
  const queue = new Queue(listing(["1", "2", "3"]));
  queue.settleAll(["1", "3"].map((id) => queue.take(id)), "/groupes/5/annulation", 1);
  queue.did("2", "/notes/6/annulation");
  assert.deepEqual(queue.order, ["2"]);
  assert.deepEqual(queue.decided.map(({ decision, places }) => [decision, places.map(({ id }) => id)]), [
    ["/groupes/5/annulation", ["1", "3"]], ["/notes/6/annulation", ["2"]]]);
  for (const place of queue.decided[0].places.toReversed()) queue.putBack(place, 1);
  assert.deepEqual(queue.order, ["1", "2", "3"]);
});

test("what is selected: one, from there to here, all that look alike; never what is not to be decided among others", () => {
  const rows = [
    row("1", { alike: "nothing eloge", words: "merci" }), row("2", { selectable: false, alike: "nothing eloge" }),
    row("3", { held: "Bo", alike: "nothing eloge" }), row("4", { words: "merci" }), row("5"), row("6", { alike: "nothing eloge" }),
  ];
  const queue = new Queue({ rows, counts: {} });
  queue.selectAlike("1");
  assert.deepEqual([...queue.selected], ["1", "4", "6"]);
  queue.select("4");
  queue.select("2");
  assert.deepEqual([...queue.selected], ["1", "6"]);
  queue.select("6", false);
  queue.selectTo("4");
  assert.deepEqual([...queue.selected].sort(), ["1", "4", "5", "6"]);
  queue.take("5");
  queue.replace(listing(["1", "4"]));
  assert.deepEqual([...queue.selected].sort(), ["1", "4"]);
  const plain = new Queue(listing(["7", "8"]));
  plain.selectAlike("7");
  assert.deepEqual([...plain.selected], ["7"], "nothing in common is not alike");
});

function typing() {
  const done = [];
  const page = { shown: true };
  const keys = new Keys({ ready: () => page.shown, run: (key) => done.push(key) });
  return { done, page, keys };
}

test("keys run at once when the page is ready", () => {
  const { done, keys } = typing();
  keys.press("j");
  assert.deepEqual(done, ["j"]);
});

test("keys that come while a pane loads wait, in their order", () => {
  const { done, page, keys } = typing();
  page.shown = false;
  for (const key of "qru") keys.press(key);
  assert.deepEqual(done, []);
  page.shown = true;
  keys.press("e"); // Behind those that wait.
  assert.deepEqual(done, ["q", "r", "u", "e"]);
});

test("a key that makes the page unready holds back those behind it", () => {
  const done = [];
  let shown = false;
  const keys = new Keys({ ready: () => shown, run: (key) => { done.push(key); shown = false; } });
  for (const key of "iii") keys.press(key);
  shown = true;
  keys.go();
  assert.deepEqual(done, ["i"]);
  shown = true;
  keys.go();
  assert.deepEqual(done, ["i", "i"]);
  keys.forget();
  shown = true;
  keys.go();
  assert.deepEqual(done, ["i", "i"]);
});
