// @ts-check
/** Where all calls are; a call's page is at its id below. */
export const CALLS = "#/admin/calls";

/**
 * The day's bounds, from local midnight to the next, for a date field's value; null for none.
 * @param {string} day  2026-11-23
 * @returns {{from: number, before: number}|null}
 */
export function dayBounds(day) {
  const found = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day);
  if (!found) return null;
  const [year, month, date] = found.slice(1).map(Number);
  return { from: new Date(year, month - 1, date).getTime(), before: new Date(year, month - 1, date + 1).getTime() };
}

/**
 * Who called whom, as a list shows it: a name where there is one.
 * @param {{caller_name: string|null, caller_number: string|null, dialled_name: string|null, dialled: string}} call
 */
export function parties(call) {
  return {
    caller: { name: call.caller_name || null, number: call.caller_number || null },
    called: { name: call.dialled_name || null, number: call.dialled || null },
  };
}
