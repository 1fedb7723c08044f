import assert from "node:assert/strict";
import { test } from "node:test";
import { causeKey, causeTone, errorKey, mayRepeat } from "../../static/phone/cause.js";

const call = (cause, more = {}) => ({ cause, direction: "out", answered_ms: null, emergency: false, ...more });

test("each cause has its own sentence, an unknown one the general one", () => {
  assert.equal(causeKey(call("busy")), "cause.busy");
  assert.equal(causeKey(call("martian")), "cause.failed");
  assert.equal(causeKey(call(null)), "cause.failed");
});

test("a call to us that nobody took was missed, one we refused was declined by us", () => {
  assert.equal(causeKey(call("cancelled", { direction: "in" })), "cause.missed");
  assert.equal(causeKey(call("no_answer", { direction: "in" })), "cause.missed");
  assert.equal(causeKey(call("declined", { direction: "in" })), "cause.declined_here");
  assert.equal(causeKey(call("normal", { direction: "in", answered_ms: 1 })), "cause.normal");
});

test("a colleague without a telephone is not on duty, an outside number cannot be reached", () => {
  assert.equal(causeKey(call("unreachable", { outside: false })), "cause.not_on_duty");
  assert.equal(causeKey(call("not_registered", { outside: false })), "cause.not_on_duty");
  assert.equal(causeKey(call("unreachable", { outside: true })), "cause.unreachable");
});

test("an emergency call without a line is the loudest of all and offers no second try", () => {
  assert.equal(causeTone(call("emergency_no_trunk")), "danger");
  assert.ok(!mayRepeat(call("emergency_no_trunk", { emergency: true })));
  assert.equal(causeTone(call("normal")), "quiet");
  assert.equal(causeTone(call("busy")), "warn");
  assert.ok(mayRepeat(call("busy")));
  assert.ok(!mayRepeat(call("unknown_number")));
});

test("the page has its own words for known errors only", () => {
  assert.equal(errorKey("wrong_login"), "error.wrong_login");
  assert.equal(errorKey("something_new"), null);
});
