// @ts-check
/**
 * Which microphone, speaker and ringer to use: the most recently chosen one that is plugged in.
 * @typedef {{id: string, label: string}} Device
 * @typedef {"microphone"|"speaker"|"ringer"} Role
 */

/** @type {readonly Role[]} */
export const ROLES = Object.freeze(["microphone", "speaker", "ringer"]);
const KEPT = 8;

/**
 * The preferred device among those present, by id, else by label (ids change when site data are cleared);
 * null means the system's default.
 * @param {readonly Device[]} preferred  most wanted first
 * @param {readonly Device[]} present
 * @returns {Device|null}
 */
export function chooseDevice(preferred, present) {
  for (const wanted of preferred) {
    if (wanted.id === "") return null;
    const found = present.find((device) => device.id === wanted.id)
      ?? present.find((device) => wanted.label !== "" && device.label === wanted.label);
    if (found) return found;
  }
  return null;
}

/**
 * Put a device first in the order of preference; an empty id stands for the system's default.
 * @param {readonly Device[]} preferred
 * @param {Device} device
 * @returns {Device[]}
 */
export function prefer(preferred, device) {
  return [device, ...preferred.filter((other) => other.id !== device.id)].slice(0, KEPT);
}

/**
 * Name why the microphone did not open.
 * @param {string} name  DOMException.name
 * @returns {"microphone_denied"|"no_microphone"|"microphone_busy"}
 */
export function microphoneError(name) {
  if (name === "NotAllowedError" || name === "SecurityError") return "microphone_denied";
  return name === "NotReadableError" || name === "AbortError" ? "microphone_busy" : "no_microphone";
}
