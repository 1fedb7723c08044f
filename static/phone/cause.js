// @ts-check
/** Why a call ended: which sentence the card shows, in which tone, and whether calling again makes sense. */

/** Every cause the exchange names, as in `webpbx/model/cause.py`. */
export const CAUSES = Object.freeze([
  "normal", "busy", "no_answer", "declined", "cancelled", "unknown_number", "not_registered", "unreachable",
  "forbidden", "no_route", "trunk_down", "trunk_refused", "trunk_busy", "call_limit", "media_lost",
  "incompatible_media", "answered_elsewhere", "shutting_down", "restarted", "emergency_no_trunk", "lost_tab",
  "timeout", "failed",
]);

/** What only the page can tell. */
export const PAGE_CAUSES = Object.freeze(["ended_unseen"]);

/** What the page itself says about commands that came to nothing, beside the server's own words. */
export const PAGE_ERRORS = Object.freeze([
  "offline", "timeout", "in_call", "no_microphone", "microphone_denied", "microphone_busy", "no_media_devices", "wrong_login",
  "link_invalid", "too_many_attempts", "too_many_requests", "too_many_tabs", "too_many_calls", "login_required", "session_ended",
  "bad_number", "bad_digits", "bad_sdp", "off_line", "no_media", "shutting_down", "busy", "origin_refused",
  "csrf_refused", "worker_lost", "draining", "failed", "server_unreachable", "outside_silent", "outside_refused",
  "outside_not_registered", "gone", "taken", "not_found", "bad_request", "unknown_leg",
  "grace_over", "internal",
]);

const QUIET = new Set(["normal", "cancelled", "answered_elsewhere", "declined"]);
const REPEAT = new Set([
  "busy", "no_answer", "not_registered", "unreachable", "trunk_down", "trunk_refused", "trunk_busy", "call_limit",
  "media_lost", "shutting_down", "restarted", "lost_tab", "timeout", "failed", "declined", "ended_unseen",
]);

/**
 * The catalog entry for an ended call: incoming calls that nobody took are "missed", colleagues without a phone "not on duty".
 * @param {{cause: string|null, direction: "in"|"out", answered_ms: number|null, outside?: boolean}} call
 */
export function causeKey(call) {
  const cause = call.cause && (CAUSES.includes(call.cause) || PAGE_CAUSES.includes(call.cause)) ? call.cause : "failed";
  if (call.direction === "in" && !call.answered_ms) {
    if (cause === "cancelled" || cause === "no_answer" || cause === "timeout" || cause === "normal") return "cause.missed";
    if (cause === "declined") return "cause.declined_here";
  }
  if ((cause === "unreachable" || cause === "not_registered") && call.outside === false) return "cause.not_on_duty";
  return `cause.${cause}`;
}

/**
 * @param {{cause: string|null}} call
 * @returns {"quiet"|"warn"|"danger"}
 */
export function causeTone(call) {
  if (call.cause === "emergency_no_trunk") return "danger";
  return call.cause !== null && QUIET.has(call.cause) ? "quiet" : "warn";
}

/**
 * @param {{cause: string|null, direction: "in"|"out", emergency: boolean}} call
 */
export function mayRepeat(call) {
  return call.cause !== null && REPEAT.has(call.cause) && !call.emergency;
}

/**
 * The catalog entry for an error: the page's own words where it has them, else null (show the server's text).
 * @param {string} error_id
 */
export function errorKey(error_id) {
  return PAGE_ERRORS.includes(error_id) ? `error.${error_id}` : null;
}
