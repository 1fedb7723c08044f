import assert from "node:assert/strict";
import { test } from "node:test";
import { toRecent, withNames } from "../../static/phone/recent.js";

const record = (more) => ({
  id: "r", direction: "in", started_ms: 1_000, answered_ms: null, ended_ms: 9_000, caller_number: "+491", caller_name: "",
  dialled: "101", outcome: "no_answer", cause: "no_answer", ...more,
});

test("a call from outside that nobody took was missed and is called back at its number", () => {
  const recent = toRecent(record({}), "101");
  assert.equal(recent.kind, "missed");
  assert.equal(recent.number, "+491");
  assert.equal(recent.talked_ms, 0);
});

test("an inside call is outgoing for the caller and incoming for the called", () => {
  const inside = record({ direction: "inside", caller_number: "101", dialled: "102", answered_ms: 3_000, outcome: "answered" });
  assert.equal(toRecent(inside, "101").kind, "out");
  assert.equal(toRecent(inside, "101").number, "102");
  assert.equal(toRecent(inside, "102").kind, "in");
  assert.equal(toRecent(inside, "102").talked_ms, 6_000);
});

test("a declined call was not missed", () => {
  assert.equal(toRecent(record({ cause: "declined", outcome: "busy" }), "101").kind, "in");
});

test("an anonymous caller has no number to call back", () => {
  assert.equal(toRecent(record({ caller_number: "" }), "101").number, null);
});

test("colleagues' numbers get their names", () => {
  const named = withNames([toRecent(record({ caller_number: "102" }), "101")], [{ extension: "102", name: "Bruno" }]);
  assert.equal(named[0].name, "Bruno");
});
