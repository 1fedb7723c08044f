// @ts-check
/**
 * An estimate of how a call sounds (MOS, 1 to 5), from what the browser counts.
 *
 * @typedef {object} Reading  counters since the connection began
 * @property {number} received   packets
 * @property {number} lost       packets
 * @property {number} samples    audio samples played
 * @property {number} concealed  of these, made up because packets came late or never
 * @property {number} jitter_ms
 * @property {number} rtt_ms
 * @typedef {{mos: number, loss: number, jitter_ms: number, rtt_ms: number}} Quality  loss as a fraction 0 to 1
 * @typedef {"excellent"|"good"|"fair"|"poor"|"bad"} Band
 */

/** @type {readonly [number, Band][]} lowest MOS of each band, best first */
const BANDS = [[4.2, "excellent"], [4.0, "good"], [3.6, "fair"], [3.1, "poor"]];

/** How often a sample goes to the server, in milliseconds. */
export const REPORT_MS = 10_000;

/** @param {number} value  @param {number} low  @param {number} high */
function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

/**
 * Estimate the MOS (after the E-model, ITU-T G.107).
 * @param {{rtt_ms: number, jitter_ms: number, loss: number}} measured  loss as a fraction
 */
export function mos({ rtt_ms, jitter_ms, loss }) {
  const latency = rtt_ms + 2 * jitter_ms + 10;
  const delayed = latency < 160 ? 94.768 - latency / 40 : 94.768 - (latency - 120) / 10;
  const r = clamp(delayed - 2.5 * loss * 100, 0, 100);
  return clamp(1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r), 1, 5);
}

/**
 * Judge the interval between two readings; null when nothing arrived in it or the counters began anew.
 * @param {Reading|null} before
 * @param {Reading} now
 * @returns {Quality|null}
 */
export function between(before, now) {
  if (!before) return null;
  const received = now.received - before.received;
  const lost = Math.max(0, now.lost - before.lost);
  if (received < 0 || received + lost === 0) return null;
  const samples = now.samples - before.samples;
  const concealed = samples > 0 ? clamp((now.concealed - before.concealed) / samples, 0, 1) : 0;
  const loss = clamp(lost / (received + lost) + concealed, 0, 1);
  const measured = { loss, jitter_ms: now.jitter_ms, rtt_ms: now.rtt_ms };
  return { ...measured, mos: mos(measured) };
}

/**
 * Name a MOS by its band.
 * @param {number} value
 * @returns {Band}
 */
export function band(value) {
  return BANDS.find(([lowest]) => value >= lowest)?.[1] ?? "bad";
}

/**
 * Smooth what is shown, so that one lost packet does not flicker the word.
 * @param {Quality|null} shown
 * @param {Quality} latest
 * @returns {Quality}
 */
export function smooth(shown, latest) {
  if (!shown) return latest;
  const mix = (/** @type {number} */ a, /** @type {number} */ b) => a * 0.7 + b * 0.3;
  return {
    mos: mix(shown.mos, latest.mos),
    loss: mix(shown.loss, latest.loss),
    jitter_ms: mix(shown.jitter_ms, latest.jitter_ms),
    rtt_ms: mix(shown.rtt_ms, latest.rtt_ms),
  };
}
