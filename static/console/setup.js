// @ts-check
/**
 * The way from nothing to the first outside call, in four steps, each with how it stands.
 * @typedef {"done"|"check"|"next"|"later"} Stand
 * @typedef {{room: string, noun: string, stand: Stand, count: number}} Step
 */
import { standing } from "./trunk_state.js";
import { rowsOf } from "./usage.js";

/** @param {import("./usage.js").Nouns} nouns  @returns {Step[]} */
export function stepsOf(nouns) {
  const trunks = rowsOf(nouns, "trunk");
  const down = trunks.length > 0 && !trunks.some((trunk) => standing(trunk).tone === "ok");
  let next = true;
  return [["trunk", "trunks", 1], ["number", "numbers", 1], ["user", "users", 2], ["route", "routes", 1]].map((row) => {
    const [noun, room, enough] = /** @type {[string, string, number]} */ (row);
    const count = rowsOf(nouns, noun).length;
    /** @type {Stand} */
    let stand = noun === "trunk" && down ? "check" : "done";
    if (count < enough) {
      stand = next ? "next" : "later";
      next = false;
    }
    return { room, noun, stand, count };
  });
}
