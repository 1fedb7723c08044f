import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseDevice, microphoneError, prefer } from "../../static/phone/device_choice.js";

const headset = { id: "h1", label: "Headset" };
const builtIn = { id: "b1", label: "Built-in" };

test("the most wanted device that is plugged in is used, else the system's default", () => {
  assert.equal(chooseDevice([headset, builtIn], [builtIn]), builtIn);
  assert.equal(chooseDevice([headset], [builtIn]), null);
  assert.equal(chooseDevice([], [builtIn]), null);
});

test("a device whose id changed is known by its label", () => {
  const renewed = { id: "h2", label: "Headset" };
  assert.equal(chooseDevice([headset], [builtIn, renewed]), renewed);
  assert.equal(chooseDevice([{ id: "x", label: "" }], [{ id: "y", label: "" }]), null);
});

test("choosing the default again outranks what was preferred before", () => {
  assert.equal(chooseDevice(prefer([headset], { id: "", label: "" }), [headset]), null);
  assert.deepEqual(prefer([headset, builtIn], builtIn), [builtIn, headset]);
});

test("each failure of the microphone has its name", () => {
  assert.equal(microphoneError("NotAllowedError"), "microphone_denied");
  assert.equal(microphoneError("NotFoundError"), "no_microphone");
  assert.equal(microphoneError("NotReadableError"), "microphone_busy");
});
