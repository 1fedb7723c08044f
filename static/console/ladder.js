// @ts-check
/**
 * A call's SIP messages as a ladder: who stands where, and which way each arrow goes.
 *
 * @typedef {object} Message  as `/api/v1/calls/ID/sip` gives it
 * @property {number} at_ms
 * @property {boolean} sent
 * @property {string} transport
 * @property {string} far_end
 * @property {string} sip_call_id
 * @property {string|null} leg_id
 * @property {string} label
 * @property {string} method
 * @property {number|null} status
 * @property {boolean} sdp
 * @property {string} why
 * @property {number} repeats
 * @property {number} bytes
 * @property {string} text
 *
 * @typedef {{address: string, name: string, us: boolean, more: boolean}} Lane
 * @typedef {"request"|"progress"|"success"|"challenge"|"failure"} Tone
 * @typedef {{from: number, to: number, after_ms: number, tone: Tone, message: Message}} Row
 * @typedef {{lanes: Lane[], rows: Row[]}} Ladder
 */

const MOST_BEFORE = 2;
const MOST_LANES = 5;

/**
 * Callers' far ends stand left of us, those we called right; beyond five the rest share the last column of their side.
 * @param {readonly Message[]} messages
 * @param {readonly {id: string, name: string}[]} legs
 * @returns {Ladder}
 */
export function ladder(messages, legs) {
  const { before, after } = sides(messages);
  const left = before.slice(0, MOST_BEFORE);
  const right = after.slice(0, MOST_LANES - 1 - left.length);
  const names = new Map(legs.map((leg) => [leg.id, leg.name]));
  const lane = (/** @type {Message} */ one, /** @type {boolean} */ more) =>
    ({ address: one.far_end, name: names.get(one.leg_id ?? "") ?? "", us: false, more });
  const lanes = [
    ...left.map((one, at) => lane(one, at === MOST_BEFORE - 1 && before.length > left.length)),
    { address: "", name: "", us: true, more: false },
    ...right.map((one, at) => lane(one, at === right.length - 1 && after.length > right.length)),
  ];
  const us = left.length;
  const place = new Map(before.map((one, at) => [key(one), Math.min(at, left.length - 1)]));
  after.forEach((one, at) => place.set(key(one), Math.min(us + 1 + at, lanes.length - 1)));
  const begun = messages[0]?.at_ms ?? 0;
  const rows = messages.map((message) => {
    const far = place.get(key(message)) ?? us;
    return {
      from: message.sent ? us : far, to: message.sent ? far : us, after_ms: message.at_ms - begun, tone: tone(message), message,
    };
  });
  return { lanes, rows };
}

/** @param {readonly Message[]} messages */
function sides(messages) {
  /** @type {Map<string, boolean>} */
  const ours = new Map();
  /** @type {Map<string, Message>} */
  const ends = new Map();
  for (const message of messages) {
    if (!ours.has(message.sip_call_id)) ours.set(message.sip_call_id, message.sent);
    if (!ends.has(key(message))) ends.set(key(message), message);
  }
  const all = [...ends.values()];
  const order = [...ours.keys()];
  all.sort((one, other) => order.indexOf(one.sip_call_id) - order.indexOf(other.sip_call_id));
  return {
    before: all.filter((one) => !ours.get(one.sip_call_id)), after: all.filter((one) => ours.get(one.sip_call_id)),
  };
}

/** @param {Message} message */
const key = (message) => `${message.sip_call_id} ${message.far_end}`;

/**
 * @param {{status: number|null}} message
 * @returns {Tone}
 */
export function tone({ status }) {
  if (status === null) return "request";
  if (status < 200) return "progress";
  if (status < 300) return "success";
  return status === 401 || status === 407 ? "challenge" : "failure";
}

/**
 * Where a key leads from one of `count` messages; null where it means something else.
 * @param {number} index
 * @param {string} pressed
 * @param {number} count
 */
export function move(index, pressed, count) {
  const steps = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: count - 1 };
  if (!Object.hasOwn(steps, pressed)) return null;
  return Math.max(0, Math.min(count - 1, steps[/** @type {keyof typeof steps} */ (pressed)]));
}

/**
 * Seconds since the first message: "+0.008".
 * @param {number} ms
 */
export const since = (ms) => `+${(Math.max(0, ms) / 1000).toFixed(3)}`;

/**
 * Where an arrow and its label lie, in percent of the drawing's width; a label near an edge begins or ends with its arrow.
 * @param {{from: number, to: number}} row
 * @param {number} lanes
 * @returns {{x1: number, x2: number, label: number, anchor: "start"|"middle"|"end"}}
 */
export function geometry({ from, to }, lanes) {
  const at = (/** @type {number} */ lane) => Math.round(((lane + 0.5) / lanes) * 1000) / 10;
  const middle = Math.round((at(from) + at(to)) * 5) / 10;
  const [x1, x2] = [at(from), at(to)];
  if (lanes > 3 && middle < 25) return { x1, x2, label: Math.min(x1, x2), anchor: "start" };
  if (lanes > 3 && middle > 75) return { x1, x2, label: Math.max(x1, x2), anchor: "end" };
  return { x1, x2, label: middle, anchor: "middle" };
}
