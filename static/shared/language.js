// @ts-check
/** Edge: the catalog in use. Reading `t` or `locale` inside a view redraws it when the language changes. */
import { signal } from "@preact/signals";
import { chooseLanguage, translator } from "./i18n.js";

const KEPT = "webpbx.language";
/** Parts of the page that bring words of their own. @type {Set<string>} */
const parts = new Set();

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
  const names = [language, ...[...parts].map((part) => `${part}.${language}`)];
  const catalogs = await Promise.all(names.map(async (name) => (await fetch(new URL(`./i18n/${name}.json`, import.meta.url))).json()));
  const catalog = Object.assign({}, ...catalogs);
  if (keep) localStorage.setItem(KEPT, language);
  document.documentElement.lang = language;
  translate.value = translator(catalog, language);
  locale.value = language;
}

/** Load the words of a part of the page too, now and in every language to come. @param {string} part */
export async function usePart(part) {
  parts.add(part);
  await useLanguage(locale.value);
}

/**
 * The language to start with: chosen on this device, else the user's, else the browser's.
 * @param {string|null} [ofUser]
 */
export function preferredLanguage(ofUser) {
  return chooseLanguage([localStorage.getItem(KEPT), ofUser, ...navigator.languages]);
}
