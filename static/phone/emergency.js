// @ts-check
/** Which numbers must go out whatever else is going on: the country's, and the company's own. */
import { dialString } from "./dial.js";

/**
 * Tell whether the text, with or without the outside prefix, is exactly an emergency number.
 * @param {string} typed
 * @param {{emergency_pattern?: string, outside_prefix?: string|null}} settings  the server's; the pattern fits digits
 */
export function isEmergency(typed, { emergency_pattern, outside_prefix }) {
  const keys = dialString(typed);
  if (!emergency_pattern || keys === "") return false;
  const exact = new RegExp(`^(?:${emergency_pattern})$`);
  return exact.test(keys) || (!!outside_prefix && keys.startsWith(outside_prefix) && exact.test(keys.slice(outside_prefix.length)));
}
