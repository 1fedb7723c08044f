import assert from "node:assert/strict";
import { test } from "node:test";
import { bannerFor, nextStep } from "../../static/phone/duty.js";

test("the microphone is asked first, then notifications, which may be skipped", () => {
  assert.equal(nextStep({ microphone: "prompt", notifications: "default", skipped: false }), "microphone");
  assert.equal(nextStep({ microphone: "granted", notifications: "default", skipped: false }), "notifications");
  assert.equal(nextStep({ microphone: "granted", notifications: "default", skipped: true }), "ready");
  assert.equal(nextStep({ microphone: "granted", notifications: "denied", skipped: false }), "ready");
  assert.equal(nextStep({ microphone: "denied", notifications: "granted", skipped: true }), "microphone");
});

test("a tab says that it cannot ring until it is on duty, and wants a click until it may sound", () => {
  const now = { owner: true, duty: true, canRing: true, microphone: "granted" };
  assert.equal(bannerFor(now), null);
  assert.equal(bannerFor({ ...now, duty: false }), "cannot_ring");
  assert.equal(bannerFor({ ...now, canRing: false }), "needs_click");
  assert.equal(bannerFor({ ...now, owner: false }), "other_tab");
  assert.equal(bannerFor({ ...now, microphone: "missing" }), "microphone");
  assert.equal(bannerFor({ ...now, owner: false, microphone: "insecure" }), "insecure");
});
