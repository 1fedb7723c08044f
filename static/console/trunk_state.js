// @ts-check
/**
 * How a trunk stands, and what its provider answered, as keys of the catalog.
 * @typedef {"ok"|"wait"|"bad"|"off"} Tone
 * @typedef {{tone: Tone, word: string, why: string, values: Record<string, string>}} Standing
 */

/** @param {any} trunk  @returns {Standing} */
export function standing(trunk) {
  if (!trunk.enabled) return { tone: "off", word: "trunk.off", why: "", values: {} };
  const state = trunk.state;
  if (!state) return { tone: "wait", word: "trunk.trying", why: "", values: {} };
  if (state.up) {
    return { tone: "ok", word: trunk.mode === "register" ? "trunk.registered" : "trunk.reachable", why: "", values: {} };
  }
  const reason = String(state.reason ?? "");
  if (/^We are registering/.test(reason)) return { tone: "wait", word: "trunk.trying", why: "", values: {} };
  return { tone: "bad", word: "trunk.down", ...whyOf(reason) };
}

/** What the switch says of a trunk that is down, as a sentence of the catalog; what is not known stays as it was said. */
const REASONS = /** @type {[RegExp, string, string[]][]} */ ([
  [/^No answer from (\S+)\.$/, "trunk.why.silent", ["address"]],
  [/^The name (\S+) is not found\.$/, "trunk.why.name", ["name"]],
  [/^No (\w+) connection to (\S+): (.+?)\.?$/, "trunk.why.connection", ["transport", "address", "words"]],
  [/^(\S+) refuses SIP \((\d+)\)\.$/, "trunk.why.refuses_sip", ["address", "code"]],
  [/^The provider refuses our registration: (401|407)\b/, "trunk.why.secret", ["code"]],
  [/^The provider refuses our registration: ([3-6]\d\d):? ?(.*?)\.?$/, "trunk.why.refused", ["code", "words"]],
]);

/** @param {string} reason  @returns {{why: string, values: Record<string, string>}} */
function whyOf(reason) {
  for (const [shape, why, names] of REASONS) {
    const found = shape.exec(reason);
    if (found) return { why, values: Object.fromEntries(names.map((name, place) => [name, found[place + 1]])) };
  }
  return { why: "trunk.why.other", values: { reason } };
}

/**
 * What an answer to "are you there?" means: the key of a sentence.
 * @param {number|null} status
 */
export function meaningOf(status) {
  if (status === null) return "ask.silent";
  if (status < 300) return "ask.there";
  if (status >= 500 && status !== 501) return "ask.trouble";
  return "ask.there_unwilling";
}
