import assert from "node:assert/strict";
import { test } from "node:test";
import {
  MOVES, isActive, isIncoming, mayMove, partyName, partyNumber, phase, talkedFor, wantsMedia, wantsMicrophone,
} from "../../static/phone/call.js";

const call = (changes = {}) => ({
  leg_id: "l1", call_id: "c1", direction: "in", state: "ringing", number: "+493012345", name: "", dialled: "101",
  outside: true, emergency: false, started_ms: 1, answered_ms: null, ended_ms: null, muted: false, device_id: "d1",
  here: true, attach: "needed", cause: null, sip_status: null, far_media: "ok", ...changes,
});

test("a leg moves only forward, and never out of its end", () => {
  assert.deepEqual(Object.keys(MOVES), ["idle", "ringing", "answered", "ended"]);
  assert.ok(mayMove("idle", "answered"));
  assert.ok(mayMove("ringing", "ringing"));
  assert.ok(!mayMove("answered", "ringing"));
  for (const state of ["idle", "ringing", "answered"]) {
    assert.ok(mayMove(state, "ended"));
    assert.ok(!mayMove("ended", state));
  }
});

test("a call that rings here is incoming, one dialled here is active from the start", () => {
  assert.ok(isIncoming(call()));
  assert.ok(!isActive(call()));
  assert.ok(isActive(call({ direction: "out", state: "idle" })));
  assert.ok(isActive(call({ state: "answered" })));
  assert.ok(!isActive(call({ state: "ended" })));
});

test("only the owning tab of the call's device holds its sound, and the microphone stays closed while it rings", () => {
  assert.ok(wantsMedia(call(), true));
  assert.ok(!wantsMedia(call(), false));
  assert.ok(!wantsMedia(call({ here: false }), true));
  assert.ok(!wantsMedia(call({ state: "ended" }), true));
  assert.ok(!wantsMicrophone(call()));
  assert.ok(wantsMicrophone(call({ state: "answered" })));
});

test("a caller is named once: by name with the number below, or by number alone", () => {
  assert.equal(partyName(call({ name: "Bruno" })), "Bruno");
  assert.equal(partyNumber(call({ name: "Bruno" })), "+493012345");
  assert.equal(partyName(call()), "+493012345");
  assert.equal(partyNumber(call()), null);
  assert.equal(partyName(call({ number: "", dialled: "" })), null);
});

test("the phase follows direction and state", () => {
  assert.equal(phase(call()), "incoming");
  assert.equal(phase(call({ direction: "out", state: "idle" })), "calling");
  assert.equal(phase(call({ direction: "out", state: "ringing" })), "ringing");
  assert.equal(phase(call({ state: "answered" })), "talking");
  assert.equal(phase(call({ state: "ended" })), "ended");
});

test("talk time counts from the answer to the end, and is nothing without an answer", () => {
  assert.equal(talkedFor(call(), 9_000), 0);
  assert.equal(talkedFor(call({ answered_ms: 2_000 }), 9_000), 7_000);
  assert.equal(talkedFor(call({ answered_ms: 2_000, ended_ms: 5_000 }), 9_000), 3_000);
});
