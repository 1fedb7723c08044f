// @ts-check
/**
 * What a form asks for and what it makes of the answers. A field's words are in the catalog, under its noun and name.
 * @typedef {"text"|"secret"|"number"|"choice"|"switch"|"list"|"checks"|"chosen"|"destination"|"long"} Kind
 * @typedef {object} Field
 * @property {string} name
 * @property {Kind} kind
 * @property {boolean} [needed]
 * @property {boolean} [key]  names the row: asked for when it is new, told when it is changed
 * @property {boolean} [ordered]  of "chosen": the order counts
 * @property {boolean} [advanced]  folded away at first
 * @property {readonly string[]} [choices]
 * @property {(choice: string) => string} [label]  for choices that are no words of the catalog
 * @property {any} [empty]  what an answer left empty means; "" if not said
 * @property {string} [from]  the row's own name for it, if another
 * @property {any} [begin]  the answer to begin with in a new row
 * @property {boolean} [latin]  written from left to right in every language: numbers, addresses
 * @property {string} [autocomplete]
 * @property {(draft: Draft) => boolean} [when]  asked for only then
 * @property {(value: any, draft: Draft) => Wrong|null} [check]
 * @typedef {Record<string, any>} Draft
 * @typedef {{key: string, values?: Record<string, string|number>}|{text: string}} Wrong
 */

/**
 * The answers to begin with: the row's, or of a new one the defaults.
 * @param {readonly Field[]} fields  @param {Record<string, any>|null} row  @param {Record<string, any>} defaults
 * @returns {Draft}
 */
export function draftOf(fields, row, defaults) {
  return Object.fromEntries(fields.map((field) => {
    const given = row ? row[field.from ?? field.name] : field.begin ?? defaults[field.name];
    return [field.name, asDraft(field, given)];
  }));
}

/** @param {Field} field  @param {any} value */
function asDraft(field, value) {
  if (field.kind === "switch") return Boolean(value);
  if (field.kind === "list") return (value ?? []).join("\n");
  if (field.kind === "checks" || field.kind === "chosen") return [...(value ?? [])];
  if (field.kind === "secret") return "";
  return String(value ?? "");
}

/** @param {Field} field  @param {Draft} draft */
export const isAsked = (field, draft) => field.when === undefined || field.when(draft);

/** Whether a typed answer may be left out. @param {Field} field  @param {Draft} draft */
export function isOptional(field, draft) {
  if (field.needed || ["choice", "chosen", "checks", "switch"].includes(field.kind)) return false;
  return !field.check?.(field.kind === "list" ? [] : "", draft);
}

/**
 * What is wrong with the answers, by field.
 * @param {readonly Field[]} fields  @param {Draft} draft  @param {boolean} isNew
 * @returns {Record<string, Wrong>}
 */
export function wrongs(fields, draft, isNew) {
  /** @type {Record<string, Wrong>} */
  const found = {};
  for (const field of fields) {
    if (!isAsked(field, draft) || (field.key && !isNew)) continue;
    const wrong = wrongOf(field, draft, isNew);
    if (wrong) found[field.name] = wrong;
  }
  return found;
}

/** @param {Field} field  @param {Draft} draft  @param {boolean} isNew  @returns {Wrong|null} */
function wrongOf(field, draft, isNew) {
  const value = draft[field.name];
  const empty = typeof value === "string" ? value.trim() === "" : Array.isArray(value) && value.length === 0;
  if (empty) {
    const kept = field.kind === "secret" && !isNew;
    return field.needed && !kept ? { key: "wrong.needed" } : field.check?.(field.kind === "list" ? [] : value, draft) ?? null;
  }
  if (field.kind === "number" && !/^\d+$/.test(value.trim())) return { key: "wrong.number" };
  return field.check?.(field.kind === "list" ? entries(value) : value, draft) ?? null;
}

/**
 * What the server is told: everything asked for of a new row, else what was changed.
 * @param {readonly Field[]} fields  @param {Draft} draft  @param {Draft|null} before
 */
export function told(fields, draft, before) {
  /** @type {Record<string, any>} */
  const answers = {};
  for (const field of fields) {
    if (before && (field.key || JSON.stringify(draft[field.name]) === JSON.stringify(before[field.name]))) continue;
    if (!before && !isAsked(field, draft)) continue;
    const value = asTold(field, draft[field.name]);
    if (field.kind === "secret" && value === "") continue;
    answers[field.name] = value;
  }
  return answers;
}

/** @param {Field} field  @param {any} value */
function asTold(field, value) {
  if (field.kind === "list") return entries(value);
  if (field.kind === "number") return Number(value);
  if (typeof value !== "string" || field.kind === "secret" || field.kind === "long") return value;
  const text = value.trim();
  return text === "" && "empty" in field ? field.empty : text;
}

/** Several answers in one field, parted by commas, spaces or lines. @param {string} text */
export function entries(text) {
  return text.split(/[\s,;]+/).filter((one) => one !== "");
}

/** @param {Draft} one  @param {Draft} other */
export const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/**
 * Where the server's refusal belongs: at a field of the form, or above it all ("").
 * @param {readonly Field[]} fields  @param {Record<string, any>} details
 */
export function fieldAtFault(fields, details) {
  const told = [details.field, ...(details.fields ?? [])].filter(Boolean);
  const names = fields.flatMap((field) => [field.name, field.from ?? field.name].map((name) => [name, field.name]));
  return names.find(([name]) => told.includes(name))?.[1] ?? "";
}
