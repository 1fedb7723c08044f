import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { CAUSES, PAGE_CAUSES, PAGE_ERRORS } from "../../static/phone/cause.js";
import { chooseLanguage, translator } from "../../static/shared/i18n.js";

const STATIC = new URL("../../static/", import.meta.url);
const catalog = (language) => JSON.parse(readFileSync(new URL(`shared/i18n/${language}.json`, STATIC), "utf8"));
/** The page's words, and those that the settings bring: no key is in both. */
const whole = (language) => {
  const [page, more] = [catalog(language), catalog(`console.${language}`)];
  assert.deepEqual(Object.keys(page).filter((key) => key in more), []);
  return { ...page, ...more };
};
const en = whole("en");
const de = whole("de");
const forms = (entry) => (typeof entry === "string" ? [entry] : Object.values(entry));
const placeholders = (entry) => [...new Set(forms(entry).join(" ").match(/\{\w+\}/g) ?? [])].sort();
const sources = ["phone", "console", "shared"].flatMap((folder) =>
  readdirSync(new URL(`${folder}/`, STATIC)).filter((name) => name.endsWith(".js"))
    .map((name) => readFileSync(new URL(`${folder}/${name}`, STATIC), "utf8")));

test("both catalogs have the same keys with the same placeholders", () => {
  assert.deepEqual(Object.keys(de).sort(), Object.keys(en).sort());
  for (const key of Object.keys(en)) assert.deepEqual(placeholders(de[key]), placeholders(en[key]), key);
});

test("no entry is empty, and plural entries have every form their language needs", () => {
  for (const [language, all] of [["en", en], ["de", de]]) {
    const needed = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    for (const [key, entry] of Object.entries(all)) {
      for (const text of forms(entry)) assert.ok(text.trim() !== "", `${language} ${key}`);
      if (typeof entry !== "string") assert.deepEqual(Object.keys(entry).sort(), [...needed].sort(), key);
    }
  }
});

test("every cause and every error the page knows has its words", () => {
  for (const cause of CAUSES) assert.ok(en[`calls.cause.${cause}`], cause);
  for (const cause of [...CAUSES, ...PAGE_CAUSES, "missed", "declined_here"]) assert.ok(en[`cause.${cause}`], cause);
  for (const error of PAGE_ERRORS) assert.ok(en[`error.${error}`], error);
});

test("every key written out in the sources is in the catalog", () => {
  const used = sources.flatMap((text) => [...text.matchAll(/\b(?:t|say)\(\s*"([\w.]+)"/g)].map((match) => match[1]));
  assert.ok(used.length > 60);
  assert.deepEqual([...new Set(used)].filter((key) => !(key in en)), []);
});

test("every catalog entry is used: written out, or by a prefix that the sources build keys from", () => {
  const all = sources.join("\n");
  const prefixes = [...all.matchAll(/`([\w.]+\.)\$\{/g)].map((match) => match[1]);
  const idle = Object.keys(en).filter((key) =>
    !all.includes(`"${key}"`) && !prefixes.some((prefix) => key.startsWith(prefix)) && !/^(language|theme)\./.test(key));
  assert.deepEqual(idle, []);
});

test("the first wanted language we have is chosen, English when there is none", () => {
  assert.equal(chooseLanguage([null, "fr-FR", "de-AT", "en"]), "de");
  assert.equal(chooseLanguage(["fr"]), "en");
});

test("sentences are filled in, plurals chosen, unknown keys shown as they are", () => {
  const say = translator({ hi: "Hello {name}", n: { one: "{count} call", other: "{count} calls" } }, "en");
  assert.equal(say("hi", { name: "$& Anna" }), "Hello $& Anna");
  assert.equal(say("n", { count: 1 }), "1 call");
  assert.equal(say("n", { count: 1200 }), "1,200 calls");
  assert.equal(say("missing.key"), "missing.key");
});
