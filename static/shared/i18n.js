// @ts-check
/**
 * Catalogs: an entry is a sentence with {placeholders}, or one sentence for each plural form, chosen by `count`.
 * @typedef {string | Partial<Record<Intl.LDMLPluralRule, string>>} Entry
 * @typedef {Record<string, Entry>} Catalog
 * @typedef {Record<string, string|number>} Values
 */

export const LANGUAGES = Object.freeze(["en", "de"]);

/**
 * Choose the first wanted language we have: "de-AT" → "de"; English when none fits.
 * @param {readonly (string|null|undefined)[]} wanted
 */
export function chooseLanguage(wanted) {
  for (const tag of wanted) {
    const language = tag?.toLowerCase().split("-")[0];
    if (language && LANGUAGES.includes(language)) return language;
  }
  return "en";
}

/**
 * Make the function that turns a key into a sentence. A key the catalog lacks comes back as itself.
 * @param {Catalog} catalog
 * @param {string} locale
 * @returns {(key: string, values?: Values) => string}
 */
export function translator(catalog, locale) {
  const plural = new Intl.PluralRules(locale);
  const number = new Intl.NumberFormat(locale);
  return (key, values = {}) => {
    const entry = catalog[key];
    if (entry === undefined) return key;
    const text = typeof entry === "string" ? entry : entry[plural.select(Number(values.count))] ?? entry.other ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => {
      const value = values[name];
      if (value === undefined) return whole;
      return typeof value === "number" ? number.format(value) : value;
    });
  };
}
