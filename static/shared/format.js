// @ts-check
/** Numbers, times and durations as people read them. */

/**
 * A call's length: "0:07", "12:34", "1:02:03".
 * @param {number} ms
 */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/**
 * Group an E.164 number for the eye; anything else is shown as it is. A calling code is 1 to 3 digits (ITU-T E.164).
 * @param {string} number
 */
export function phoneNumber(number) {
  if (!/^\+\d{7,15}$/.test(number)) return number;
  const code = /^\+(1|7|2[07]|3[0123469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})/.exec(number)?.[0] ?? "+";
  const rest = number.slice(code.length);
  if (code === "+1") return `+1 ${rest.slice(0, 3)} ${rest.slice(3, 6)} ${rest.slice(6)}`;
  const area = code === "+49" && /^(30|40|69|89)/.test(rest) ? 2 : 3;
  return [code, rest.slice(0, area), ...grouped(rest.slice(area))].join(" ");
}

/** A subscriber's digits in groups of three to five. @param {string} digits */
function grouped(digits) {
  if (digits.length <= 5) return digits === "" ? [] : [digits];
  return [digits.slice(0, -3).replace(/(\d{3,5}?)(?=(\d{3,5})+$)/g, "$1 "), digits.slice(-3)];
}

/**
 * Initials for a colleague's badge: at most two letters.
 * @param {string} name
 */
export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const picked = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return picked.map((word) => [...word][0].toUpperCase()).join("");
}

/**
 * When a call was: the time today, "yesterday" or the weekday within a week, else the date.
 * @param {number} ms
 * @param {number} now_ms
 * @param {string} locale
 * @param {string} [timeZone]
 */
export function when(ms, now_ms, locale, timeZone) {
  const day = (/** @type {number} */ at) => new Intl.DateTimeFormat("en-CA", { timeZone }).format(at);
  const days = Math.round((Date.parse(day(now_ms)) - Date.parse(day(ms))) / 86_400_000);
  const time = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit", timeZone }).format(ms);
  if (days <= 0) return time;
  if (days === 1) return `${new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(-1, "day")} ${time}`;
  if (days < 7) return `${new Intl.DateTimeFormat(locale, { weekday: "short", timeZone }).format(ms)} ${time}`;
  return new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", timeZone }).format(ms);
}

/**
 * A decimal with one place in the user's language: 4.1 or 4,1.
 * @param {number} value
 * @param {string} locale
 */
export function oneDecimal(value, locale) {
  return new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(value);
}
