// @ts-check
/**
 * What one leg of a call is and may become. The same four states and table as the exchange's `calls/leg.py`.
 *
 * @typedef {"idle"|"ringing"|"answered"|"ended"} State
 * @typedef {object} Call
 * @property {string} leg_id
 * @property {string} call_id
 * @property {"in"|"out"} direction  as the user sees it: "in" rings here, "out" was dialled here
 * @property {State} state
 * @property {string|null} number
 * @property {string|null} name
 * @property {string|null} dialled
 * @property {boolean} outside
 * @property {boolean} emergency
 * @property {number|null} started_ms
 * @property {number|null} answered_ms
 * @property {number|null} ended_ms
 * @property {boolean} muted
 * @property {string|null} device_id
 * @property {boolean} here  this device carries the leg's sound
 * @property {"needed"|"open"|null} attach
 * @property {string|null} cause
 * @property {number|null} sip_status
 * @property {"ok"|"lost"} far_media
 */

export const IDLE = /** @type {const} */ ("idle");
export const RINGING = /** @type {const} */ ("ringing");
export const ANSWERED = /** @type {const} */ ("answered");
export const ENDED = /** @type {const} */ ("ended");

/** @type {Readonly<Record<State, readonly State[]>>} */
export const MOVES = Object.freeze({
  idle: [RINGING, ANSWERED, ENDED],
  ringing: [ANSWERED, ENDED],
  answered: [ENDED],
  ended: [],
});

/**
 * Tell whether a leg may go from one state to another; staying is always allowed.
 * @param {State} from
 * @param {State} to
 */
export function mayMove(from, to) {
  return from === to || MOVES[from].includes(to);
}

/** @param {Call} call */
export function isLive(call) {
  return call.state !== ENDED;
}

/**
 * Tell whether a call rings at this user and waits for Answer or Decline.
 * @param {Call} call
 */
export function isIncoming(call) {
  return call.direction === "in" && (call.state === IDLE || call.state === RINGING);
}

/**
 * Tell whether the call belongs on the in-call card: dialled by us, or answered.
 * @param {Call} call
 */
export function isActive(call) {
  return isLive(call) && !isIncoming(call);
}

/**
 * Tell whether this tab should hold the leg's sound: it lives, it is this device's, and this tab owns the phone.
 * @param {Call} call
 * @param {boolean} owner
 */
export function wantsMedia(call, owner) {
  return owner && isLive(call) && call.here;
}

/**
 * Tell whether the microphone may be open for the leg: never while it still rings at us.
 * @param {Call} call
 */
export function wantsMicrophone(call) {
  return isActive(call);
}

/**
 * Name whom the call is with, the better known first; null when the caller is withheld.
 * @param {Call} call
 * @returns {string|null}
 */
export function partyName(call) {
  return call.name || call.number || call.dialled || null;
}

/**
 * The number shown under the name; null when the number already stands in the name's place.
 * @param {Call} call
 * @returns {string|null}
 */
export function partyNumber(call) {
  return call.name ? call.number || call.dialled || null : null;
}

/**
 * Name the phase for words on the card.
 * @param {Call} call
 * @returns {"incoming"|"calling"|"ringing"|"talking"|"ended"}
 */
export function phase(call) {
  if (call.state === ENDED) return "ended";
  if (call.state === ANSWERED) return "talking";
  if (call.direction === "in") return "incoming";
  return call.state === RINGING ? "ringing" : "calling";
}

/**
 * Milliseconds of talk so far, or in all; 0 when never answered.
 * @param {Call} call
 * @param {number} now_ms
 */
export function talkedFor(call, now_ms) {
  if (!call.answered_ms) return 0;
  return Math.max(0, (call.ended_ms ?? now_ms) - call.answered_ms);
}
