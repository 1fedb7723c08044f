// @ts-check
/**
 * How a trunk stands, and what its provider answered, as keys of the catalog.
 * @typedef {"ok"|"wait"|"bad"|"off"} Tone
 * @typedef {{why: string, values: Record<string, string>}} Why
 * @typedef {Why & {tone: Tone, word: string, more?: Why[]}} Standing  `more`: further reasons, after `why`
 */

/** @param {any} trunk  @returns {Standing} */
export function standing(trunk) {
  if (!trunk.enabled) return { tone: "off", word: "trunk.off", why: "", values: {} };
  const state = trunk.state;
  if (!state) return { tone: "wait", word: "trunk.trying", why: "", values: {} };
  if (state.up) {
    return { tone: "ok", word: trunk.mode === "register" ? "trunk.registered" : "trunk.reachable", why: "", values: {} };
  }
  if (state.reasons?.[0]?.code === "trying") return { tone: "wait", word: "trunk.trying", why: "", values: {} };
  const [first, ...more] = whysOf(state);
  return { tone: "bad", word: "trunk.down", ...first, more };
}

/** The reasons that this page has words for; the rest of each key is the switch's code. */
const WHYS = ["trunk.why.silent", "trunk.why.name", "trunk.why.connection", "trunk.why.closed", "trunk.why.refuses_sip", "trunk.why.unaskable",
  "trunk.why.secret", "trunk.why.no_secret", "trunk.why.challenge", "trunk.why.realm", "trunk.why.refused", "trunk.why.not_answering",
  "trunk.why.not_listening", "trunk.why.taken_away", "trunk.why.fails", "trunk.why.unsent"];

/**
 * What the switch says of a trunk that is down, as sentences of the catalog; what has no words here stays as it was said.
 * @param {{reason?: string, reasons?: {code: string, values: Record<string, string>}[]}} state
 * @returns {Why[]}
 */
function whysOf({ reason = "", reasons = [] }) {
  const whys = reasons.map(({ code, values }) => ({ why: `trunk.why.${code}`, values }));
  return whys.length > 0 && whys.every(({ why }) => WHYS.includes(why)) ? whys : [{ why: "trunk.why.other", values: { reason } }];
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
