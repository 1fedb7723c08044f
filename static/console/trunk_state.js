// @ts-check
/**
 * How a trunk stands, and what its provider answered, as keys of the catalog.
 * @typedef {"ok"|"wait"|"bad"|"off"} Tone
 * @typedef {{tone: Tone, word: string, why: string, values: Record<string, string>}} Standing
 */

const WRONG_SECRET = new Set(["401", "407"]);

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
  if (/does not answer/.test(reason)) return { tone: "bad", word: "trunk.down", why: "trunk.why.silent", values: {} };
  const [, code = "", words = ""] = /\b([3-6]\d\d)\b:? ?(.*?)\.?$/.exec(reason) ?? [];
  if (WRONG_SECRET.has(code)) return { tone: "bad", word: "trunk.down", why: "trunk.why.secret", values: { code } };
  if (code) return { tone: "bad", word: "trunk.down", why: "trunk.why.refused", values: { code, words } };
  return { tone: "bad", word: "trunk.down", why: "trunk.why.other", values: { reason } };
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
