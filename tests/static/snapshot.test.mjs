import assert from "node:assert/strict";
import { test } from "node:test";
import { order, putCall, putPresence, takeCalls } from "../../static/phone/snapshot.js";

const call = (leg_id, state, more = {}) => ({ leg_id, state, cause: null, ended_ms: null, ...more });

test("the next event is applied, an old one dropped, a gap noticed", () => {
  assert.equal(order(4, 5), "next");
  assert.equal(order(4, 4), "old");
  assert.equal(order(4, 6), "gap");
});

test("a changed call takes its place, a new one comes last", () => {
  const calls = [call("a", "ringing"), call("b", "answered")];
  assert.deepEqual(putCall(calls, call("a", "answered")).map((one) => one.leg_id + one.state), ["aanswered", "banswered"]);
  assert.deepEqual(putCall(calls, call("c", "idle")).map((one) => one.leg_id), ["a", "b", "c"]);
});

test("an ended call never comes back to life", () => {
  const calls = [call("a", "ended", { cause: "busy" })];
  assert.deepEqual(putCall(calls, call("a", "answered")), calls);
});

test("only the latest ended call stays on screen", () => {
  const after = putCall([call("a", "ended"), call("b", "answered")], call("b", "ended"));
  assert.deepEqual(after.map((one) => one.leg_id), ["b"]);
});

test("a call missing from the next server's snapshot is shown as ended by a restart, else as ended unseen", () => {
  const [unseen] = takeCalls([call("a", "answered")], [], { now_ms: 77, restarted: false });
  assert.equal(unseen.cause, "ended_unseen");
  const after = takeCalls([call("a", "answered")], [call("b", "ringing")], { now_ms: 77, restarted: true });
  assert.deepEqual(after.map((one) => [one.leg_id, one.state, one.cause]), [["a", "ended", "restarted"], ["b", "ringing", null]]);
  assert.equal(after[0].ended_ms, 77);
});

test("presence changes one colleague only", () => {
  const all = [{ extension: "102", presence: "free" }, { extension: "103", presence: "free" }];
  assert.deepEqual(putPresence(all, "103", "busy").map((one) => one.presence), ["free", "busy"]);
});
