import assert from "node:assert/strict";
import { test } from "node:test";
import { RING_SECONDS, ringSamples } from "../../static/phone/ring_tone.js";

test("a round of the ring sounds, does not clip, and fades to silence before it repeats", () => {
  const samples = ringSamples(8_000);
  assert.equal(samples.length, RING_SECONDS * 8_000);
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  assert.ok(peak > 0.2 && peak < 1, String(peak));
  assert.ok(Math.abs(samples[0]) < 0.01);
  assert.ok(samples.slice(-80).every((sample) => Math.abs(sample) < 0.01));
});
