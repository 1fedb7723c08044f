// @ts-check
/** The ring: three soft struck notes, then a rest. Made of numbers, so that it plays without timers in a hidden tab. */

export const RING_SECONDS = 3.2;
/** @type {readonly {at: number, hz: number}[]} */
const NOTES = [
  { at: 0, hz: 659.26 }, { at: 0.16, hz: 830.61 }, { at: 0.32, hz: 987.77 },
  { at: 0.8, hz: 659.26 }, { at: 0.96, hz: 830.61 }, { at: 1.12, hz: 1318.51 },
];

/**
 * One round of the ring, mono, between -1 and 1.
 * @param {number} rate  samples a second
 */
export function ringSamples(rate) {
  const samples = new Float32Array(Math.round(RING_SECONDS * rate));
  for (const { at, hz } of NOTES) {
    const start = Math.round(at * rate);
    for (let i = start; i < samples.length; i += 1) {
      const seconds = (i - start) / rate;
      const attack = Math.min(1, seconds / 0.006);
      const wave = Math.sin(2 * Math.PI * hz * seconds) + 0.25 * Math.sin(4 * Math.PI * hz * seconds);
      samples[i] += 0.28 * attack * Math.exp(-4.5 * seconds) * wave;
    }
  }
  return samples;
}
