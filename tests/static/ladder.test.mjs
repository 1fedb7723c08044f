import assert from "node:assert/strict";
import { test } from "node:test";
import { geometry, ladder, move, since, tone } from "../../static/console/ladder.js";

const said = (sip_call_id, sent, far_end, at_ms, more = {}) =>
  ({ sip_call_id, sent, far_end, at_ms, leg_id: `leg-${sip_call_id}`, label: "INVITE", status: null, ...more });

test("the caller stands left of us, whom we called right, each arrow goes the way of its message", () => {
  const { lanes, rows } = ladder([
    said("in", false, "192.0.2.1:5060", 1000), said("in", true, "192.0.2.1:5060", 1001, { status: 100 }),
    said("out", true, "192.0.2.7:5062", 1008), said("out", false, "192.0.2.7:5062", 1030, { status: 180 }),
  ], [{ id: "leg-in", name: "Carla" }]);
  assert.deepEqual(lanes.map((lane) => [lane.us, lane.name, lane.address]), [
    [false, "Carla", "192.0.2.1:5060"], [true, "", ""], [false, "", "192.0.2.7:5062"],
  ]);
  assert.deepEqual(rows.map(({ from, to }) => [from, to]), [[0, 1], [1, 0], [1, 2], [2, 1]]);
  assert.deepEqual(rows.map((row) => row.after_ms), [0, 1, 8, 30]);
});

test("a call of ours alone has us at the left, and a second way tried stands beside the first", () => {
  const { lanes, rows } = ladder([
    said("out", true, "a:1", 0), said("out", false, "a:1", 1, { status: 503 }), said("out", true, "b:2", 2), said("out", false, "b:2", 3),
  ], []);
  assert.deepEqual(lanes.map((lane) => lane.us || lane.address), [true, "a:1", "b:2"]);
  assert.deepEqual(rows.map(({ from, to }) => [from, to]), [[0, 1], [1, 0], [0, 2], [2, 0]]);
});

test("the same provider on both sides of a call stands on both", () => {
  const { lanes } = ladder([said("in", false, "p:5060", 0), said("out", true, "p:5060", 1)], []);
  assert.deepEqual(lanes.map((lane) => lane.us || lane.address), ["p:5060", true, "p:5060"]);
});

test("many far ends share columns and no message is lost", () => {
  for (const sent of [true, false]) {
    const messages = Array.from({ length: 9 }, (_, index) => said(`c${index}`, sent, `h${index}:1`, index));
    const { lanes, rows } = ladder(messages, []);
    assert.ok(lanes.length <= 5);
    assert.equal(lanes.filter((lane) => lane.more).length, 1);
    assert.equal(rows.length, 9);
    for (const { from, to } of rows) assert.ok(from !== to && lanes[from] && lanes[to]);
  }
});

test("nothing said is an empty ladder", () => {
  assert.deepEqual(ladder([], []), { lanes: [{ address: "", name: "", us: true, more: false }], rows: [] });
});

test("a message's colour follows its class, and a challenge is no failure", () => {
  assert.deepEqual([null, 100, 183, 200, 202, 302, 401, 407, 486, 603].map((status) => tone({ status })), [
    "request", "progress", "progress", "success", "success", "failure", "challenge", "challenge", "failure", "failure",
  ]);
});

test("arrow keys, Home and End lead through the messages and stop at the ends", () => {
  assert.equal(move(0, "ArrowDown", 3), 1);
  assert.equal(move(2, "ArrowDown", 3), 2);
  assert.equal(move(0, "ArrowUp", 3), 0);
  assert.equal(move(1, "End", 3), 2);
  assert.equal(move(1, "Home", 3), 0);
  for (const key of ["Enter", " ", "a", "toString"]) assert.equal(move(1, key, 3), null, key);
});

test("times count from the first message", () => {
  assert.equal(since(8), "+0.008");
  assert.equal(since(61_234), "+61.234");
  assert.equal(since(-5), "+0.000");
});

test("arrows end at their columns and labels stay within the drawing", () => {
  assert.deepEqual(geometry({ from: 0, to: 1 }, 3), { x1: 16.7, x2: 50, label: 33.4, anchor: "middle" });
  assert.deepEqual(geometry({ from: 1, to: 0 }, 5), { x1: 30, x2: 10, label: 10, anchor: "start" });
  assert.deepEqual(geometry({ from: 3, to: 4 }, 5), { x1: 70, x2: 90, label: 90, anchor: "end" });
});
