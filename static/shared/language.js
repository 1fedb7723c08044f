// @ts-check
/** Edge: the catalog in use. Reading `t` or `locale` inside a view redraws it when the language changes. */
import { signal } from "@preact/signals";
import { chooseLanguage, translator } from "./i18n.js";

const KEPT = "webpbx.language";

export const locale = signal("en");
const translate = signal(translator({}, "en"));

/**
 * Say something in the user's language.
 * @param {string} key
 * @param {import("./i18n.js").Values} [values]
 */
export function t(key, values) {
  return translate.value(key, values);
}

/**
 * Load a language and use it; `keep` remembers it as the user's own choice on this device.
 * @param {string} language
 * @param {{keep?: boolean}} [options]
 */
export async function useLanguage(language, { keep = false } = {}) {
  const answer = await fetch(new URL(`./i18n/${language}.json`, import.meta.url));
  const catalog = await answer.json();
  if (keep) localStorage.setItem(KEPT, language);
  document.documentElement.lang = language;
  translate.value = translator(catalog, language);
  locale.value = language;
}

/**
 * The language to start with: chosen on this device, else the user's, else the browser's.
 * @param {string|null} [ofUser]
 */
export function preferredLanguage(ofUser) {
  return chooseLanguage([localStorage.getItem(KEPT), ofUser, ...navigator.languages]);
}
