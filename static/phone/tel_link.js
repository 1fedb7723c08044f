// @ts-check
/** A `tel:` link that the system opened with this page: fills the field, never dials. */
import { dialString } from "./dial.js";

/**
 * Read the number out of the page's query; null when there is none.
 * @param {string} search
 * @returns {string|null}
 */
export function telFrom(search) {
  const link = new URLSearchParams(search).get("tel");
  if (link === null) return null;
  const number = link.replace(/^(?:web\+)?tel:(?:\/\/)?/i, "").split(";")[0];
  return dialString(number).slice(0, 32) || null;
}
