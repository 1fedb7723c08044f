import assert from "node:assert/strict";
import { test } from "node:test";
import { band, between, mos, smooth } from "../../static/phone/quality.js";

const near = (a, b, by = 0.005) => assert.ok(Math.abs(a - b) < by, `${a} is not near ${b}`);
const reading = (more) => ({ received: 0, lost: 0, samples: 0, concealed: 0, jitter_ms: 0, rtt_ms: 0, ...more });

test("a clean short path is excellent, loss and delay bring the estimate down", () => {
  near(mos({ rtt_ms: 40, jitter_ms: 5, loss: 0 }), 4.4, 0.05);
  near(mos({ rtt_ms: 40, jitter_ms: 5, loss: 0.1 }), 3.55, 0.1);
  assert.ok(mos({ rtt_ms: 400, jitter_ms: 5, loss: 0 }) < mos({ rtt_ms: 100, jitter_ms: 5, loss: 0 }));
  assert.equal(mos({ rtt_ms: 0, jitter_ms: 0, loss: 1 }), 1);
});

test("the delay term has its knee at 160 ms", () => {
  const at = (latency) => mos({ rtt_ms: latency - 10, jitter_ms: 0, loss: 0 });
  near(at(159.9), at(160), 0.01);
  assert.ok(at(170) - at(180) > at(140) - at(150));
});

test("an interval is judged by its own packets, plus what had to be concealed", () => {
  const before = reading({ received: 100, lost: 50, samples: 1000, concealed: 500 });
  const now = reading({ received: 195, lost: 55, samples: 2000, concealed: 550, rtt_ms: 30, jitter_ms: 4 });
  const quality = between(before, now);
  near(quality.loss, 0.1);
  assert.equal(quality.rtt_ms, 30);
});

test("nothing is said without a first reading, without packets or after the counters began anew", () => {
  assert.equal(between(null, reading({ received: 5 })), null);
  assert.equal(between(reading({ received: 5 }), reading({ received: 5 })), null);
  assert.equal(between(reading({ received: 5 }), reading({ received: 2 })), null);
});

test("a late packet that turns up does not make loss negative", () => {
  assert.equal(between(reading({ lost: 5, received: 10 }), reading({ lost: 3, received: 20 })).loss, 0);
});

test("each band begins at its own mark", () => {
  assert.deepEqual([4.2, 4.19, 4.0, 3.6, 3.1, 3.09].map(band), ["excellent", "good", "good", "fair", "poor", "bad"]);
});

test("what is shown follows slowly", () => {
  const good = { mos: 4.4, loss: 0, jitter_ms: 1, rtt_ms: 20 };
  near(smooth(good, { ...good, mos: 2.4 }).mos, 3.8);
  assert.deepEqual(smooth(null, good), good);
});
