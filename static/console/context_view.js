// @ts-check
import { locale, t } from "../shared/language.js";

/**
 * What a noun's decisions are made from, read anew each time something is drawn.
 * @param {import("./desk.js").Desk} desk
 * @returns {import("./nouns.js").Context}
 */
export function contextOf(desk) {
  void locale.value;
  return {
    nouns: desk.nouns.value ?? {},
    settings: /** @type {import("./nouns.js").Settings} */ (desk.settings.value),
    say: t,
    country: desk.country,
  };
}
