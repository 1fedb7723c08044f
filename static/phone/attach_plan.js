// @ts-check
/** When to put a fresh connection onto a living leg, and when to give up. */

/** How long the server keeps a leg without its tab. */
export const GRACE_MS = 60_000;
/** ICE often mends a short gap itself; only then is a new connection worth it. */
export const DISCONNECTED_MS = 2_000;
const WAITS_MS = [0, 1_000, 2_000, 4_000];
/** Errors after which trying again is pointless. */
const FINAL = new Set(["gone", "taken"]);

/**
 * Milliseconds before the given attempt (0 the first).
 * @param {number} attempt
 */
export function waitBefore(attempt) {
  return WAITS_MS[Math.min(attempt, WAITS_MS.length - 1)];
}

/**
 * Decide what follows a failed attempt.
 * @param {{error_id: string, attempt: number, trying_ms: number}} failure  trying_ms: since the sound was lost
 * @returns {{again: true, wait_ms: number} | {again: false, why: "gone"|"taken"|"grace_over"}}
 */
export function afterFailure({ error_id, attempt, trying_ms }) {
  if (FINAL.has(error_id)) return { again: false, why: /** @type {"gone"|"taken"} */ (error_id) };
  const wait_ms = waitBefore(attempt + 1);
  if (trying_ms + wait_ms >= GRACE_MS) return { again: false, why: "grace_over" };
  return { again: true, wait_ms };
}

/**
 * Decide what a change of the connection asks for.
 * @param {string} state  RTCPeerConnection.connectionState or iceConnectionState
 * @returns {"up"|"wait"|"now"|"none"}
 */
export function onState(state) {
  if (state === "connected" || state === "completed") return "up";
  if (state === "disconnected") return "wait";
  return state === "failed" ? "now" : "none";
}

const EPOCH_MS = Date.UTC(2026, 0, 1);

/**
 * Number a connection: higher than the last one, and after a reload, which forgets the last one, still higher.
 * @param {number} last
 * @param {number} now_ms
 */
export function nextGeneration(last, now_ms) {
  return Math.max(last + 1, Math.floor((now_ms - EPOCH_MS) / 1000), 0);
}
