// @ts-check
/**
 * Call records as the user's own recent calls: with whom, which way, missed or not, and what calling back dials.
 *
 * @typedef {object} Recent
 * @property {string} id
 * @property {"in"|"out"|"missed"} kind
 * @property {string|null} name
 * @property {string|null} number  what calling back dials
 * @property {number} started_ms
 * @property {number} talked_ms  0 when it was not answered
 * @property {string|null} cause  why nobody talked; null when they did
 */

/** Outcomes of a call to us that make it a missed one. */
const TAKEN = new Set(["answered", "voicemail"]);

/**
 * @param {any} record  a call record as `/api/v1/calls` gives it
 * @param {string|null} extension  the user's own
 * @returns {Recent}
 */
export function toRecent(record, extension) {
  const outgoing = record.direction === "out"
    || (record.direction === "inside" && record.caller_number === extension && record.dialled !== extension);
  const answered = record.answered_ms != null;
  const declined = record.cause === "declined";
  return {
    id: record.id,
    kind: outgoing ? "out" : answered || declined || TAKEN.has(record.outcome) ? "in" : "missed",
    name: outgoing ? record.callee_name ?? null : record.caller_name || null,
    number: (outgoing ? record.dialled : record.caller_number) || null,
    started_ms: record.started_ms,
    talked_ms: answered && record.ended_ms ? record.ended_ms - record.answered_ms : 0,
    cause: answered ? null : record.cause ?? null,
  };
}

/**
 * Name numbers that are colleagues'.
 * @param {readonly Recent[]} calls
 * @param {readonly {extension: string, name: string}[]} colleagues
 * @returns {Recent[]}
 */
export function withNames(calls, colleagues) {
  return calls.map((call) =>
    call.name ? call : { ...call, name: colleagues.find((one) => one.extension === call.number)?.name ?? null });
}
