// @ts-check
/**
 * The tab's mirror of what the server holds. A snapshot replaces everything; later events carry the next `seq`.
 *
 * @typedef {import("./call.js").Call} Call
 * @typedef {"offline"|"free"|"ringing"|"busy"} Presence
 * @typedef {{extension: string, name: string, presence: Presence}} Colleague
 * @typedef {{id: string, name: string, extension: string|null, login: string, role: string, language: string|null}} User
 * @typedef {{number: string, label_id: string}} DemoNumber
 * @typedef {object} Snapshot
 * @property {number} seq
 * @property {number} epoch  another one means another life of the server
 * @property {User} user
 * @property {{name: string, country: string, language: string}} tenant
 * @property {boolean} demo
 * @property {boolean} duty
 * @property {Call[]} calls
 * @property {Colleague[]} colleagues
 * @property {{demo_numbers?: DemoNumber[], emergency_pattern?: string, outside_prefix?: string|null} & Record<string, unknown>} settings
 */
import { ENDED, mayMove } from "./call.js";

/** Ended calls kept on screen until dismissed. */
const KEPT_ENDED = 1;

/**
 * Decide what to do with an event by its number: "next" apply, "old" drop (a snapshot already has it), "gap" say hello.
 * @param {number} known  the last seq applied
 * @param {number} seq
 * @returns {"next"|"old"|"gap"}
 */
export function order(known, seq) {
  if (seq === known + 1) return "next";
  return seq <= known ? "old" : "gap";
}

/**
 * Put one changed call among the others. An ended call never comes back to life.
 * @param {readonly Call[]} calls
 * @param {Call} changed
 * @returns {Call[]}
 */
export function putCall(calls, changed) {
  const before = calls.find((call) => call.leg_id === changed.leg_id);
  if (before && !mayMove(before.state, changed.state)) return [...calls];
  const others = calls.filter((call) => call.leg_id !== changed.leg_id);
  const all = before ? calls.map((call) => (call === before ? changed : call)) : [...others, changed];
  const ended = all.filter((call) => call.state === ENDED);
  const dropped = new Set(ended.filter((call) => call !== changed).slice(0, Math.max(0, ended.length - KEPT_ENDED)));
  return all.filter((call) => !dropped.has(call));
}

/**
 * Take over the calls of a new snapshot and keep a just ended call's last card until it is dismissed.
 * A call that vanished while the page heard nothing is shown as ended: by a restart if there was one, else unseen.
 * @param {readonly Call[]} before
 * @param {readonly Call[]} now
 * @param {{now_ms: number, restarted: boolean}} how
 * @returns {Call[]}
 */
export function takeCalls(before, now, { now_ms, restarted }) {
  const known = new Set(now.map((call) => call.leg_id));
  const gone = before.filter((call) => !known.has(call.leg_id)).slice(-KEPT_ENDED);
  const ended = gone.map((call) =>
    call.state === ENDED ? call : { ...call, state: ENDED, ended_ms: now_ms, cause: call.cause ?? (restarted ? "restarted" : "ended_unseen") },
  );
  return [...(/** @type {Call[]} */ (ended)), ...now];
}

/**
 * @param {readonly Colleague[]} colleagues
 * @param {string} extension
 * @param {Presence} presence
 * @returns {Colleague[]}
 */
export function putPresence(colleagues, extension, presence) {
  return colleagues.map((colleague) => (colleague.extension === extension ? { ...colleague, presence } : colleague));
}
