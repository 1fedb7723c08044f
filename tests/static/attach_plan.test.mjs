import assert from "node:assert/strict";
import { test } from "node:test";
import { GRACE_MS, afterFailure, nextGeneration, onState, waitBefore } from "../../static/phone/attach_plan.js";

test("attempts come at once, then after 1, 2 and every 4 seconds", () => {
  assert.deepEqual([0, 1, 2, 3, 9].map(waitBefore), [0, 1_000, 2_000, 4_000, 4_000]);
});

test("a failed attempt is repeated until the grace ends", () => {
  assert.deepEqual(afterFailure({ error_id: "offline", attempt: 0, trying_ms: 10 }), { again: true, wait_ms: 1_000 });
  assert.deepEqual(afterFailure({ error_id: "timeout", attempt: 7, trying_ms: GRACE_MS - 4_000 }), { again: false, why: "grace_over" });
});

test("a call that is gone or taken is not tried again", () => {
  for (const why of ["gone", "taken"]) {
    assert.deepEqual(afterFailure({ error_id: why, attempt: 0, trying_ms: 0 }), { again: false, why });
  }
});

test("a short interruption is waited out, a failure is acted on at once", () => {
  assert.deepEqual(["connected", "disconnected", "failed", "checking"].map(onState), ["up", "wait", "now", "none"]);
});

test("generations rise within a page and across reloads, and fit 31 bits for decades", () => {
  const now = Date.UTC(2026, 5, 1);
  const first = nextGeneration(-1, now);
  assert.equal(nextGeneration(first, now), first + 1);
  assert.ok(nextGeneration(-1, now + 2_000) > first + 1);
  assert.ok(nextGeneration(-1, Date.UTC(2080, 0, 1)) < 2 ** 31);
  assert.equal(nextGeneration(-1, 0), 0);
});
