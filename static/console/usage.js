// @ts-check
/**
 * What hangs on what: told before something is removed.
 * @typedef {Record<string, {rows: any[], fields: Record<string, any>}>} Nouns
 * @typedef {{room: string, id: string, label: string}} Use
 */

/** @param {Nouns} nouns  @param {string} noun */
export const rowsOf = (nouns, noun) => nouns[noun]?.rows ?? [];

/**
 * The rows that need this one, so that it cannot go before them.
 * @param {string} noun  @param {any} row  @param {Nouns} nouns
 * @returns {Use[]}
 */
export function usesOf(noun, row, nouns) {
  const numbers = (/** @type {(number: any) => boolean} */ fits) => rowsOf(nouns, "number").filter(fits)
    .map((number) => ({ room: "numbers", id: number.number, label: number.number }));
  if (noun === "user") return row.extension ? numbers((number) => number.destination === `extension:${row.extension}`) : [];
  if (noun === "extension") return numbers((number) => number.destination === `extension:${row.number}`);
  if (noun !== "trunk") return [];
  const routes = rowsOf(nouns, "route").filter((route) => route.trunk_ids.includes(row.id))
    .map((route) => ({ room: "routes", id: route.id, label: route.name }));
  return [...numbers((number) => number.trunk_id === row.id), ...routes];
}

/** What can be brought back, nothing of it being secret. */
export const CAN_COME_BACK = Object.freeze(["number", "route", "extension"]);

/** How many rows of each room need it. @param {readonly Use[]} uses */
export function countByRoom(uses) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const { room } of uses) counts[room] = (counts[room] ?? 0) + 1;
  return counts;
}
