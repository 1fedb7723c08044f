// @ts-check
/** Decides: lines to providers. What most providers' letters name comes first, the rest is folded away. */
import { areAddresses, areHosts, isHost, isNumber, within } from "./checks.js";
import { standing } from "./trunk_state.js";
/** @typedef {import("./nouns.js").Noun} Noun */
/** @typedef {import("../shared/form.js").Draft} Draft */

const registers = (/** @type {Draft} */ draft) => draft.mode === "register";
const overTls = (/** @type {Draft} */ draft) => draft.transport === "tls";

/** @type {Noun} */
export const trunks = {
  noun: "trunk",
  room: "trunks",
  key: "id",
  icon: "plug",
  name: (row) => row.name,
  columns: ["state", "provider"],
  cell: (row) => row.proxies[0] ?? "",
  live: true,
  standing,
  fields: ({ settings, country, nouns }) => [
    { name: "name", kind: "text", needed: true },
    { name: "mode", kind: "choice", choices: ["register", "address"] },
    { name: "proxies", kind: "list", needed: true, check: areHosts, latin: true },
    {
      name: "username", kind: "text", latin: true, autocomplete: "off",
      check: (value, draft) => (registers(draft) && value.trim() === "" ? { key: "wrong.needed" } : null),
    },
    { name: "secret", kind: "secret", autocomplete: "new-password", needed: true, when: (draft) => registers(draft) || draft.username !== "" },
    {
      name: "addresses", kind: "list", latin: true, when: (draft) => !registers(draft),
      check: (value) => (value.length === 0 ? { key: "wrong.needed" } : areAddresses(value)),
    },
    { name: "caller_id_default", kind: "text", check: isNumber, latin: true },
    { name: "enabled", kind: "switch" },
    { name: "transport", kind: "choice", choices: ["udp", "tcp", "tls"], advanced: true },
    { name: "tls_name", kind: "text", check: isHost, latin: true, advanced: true, when: overTls },
    { name: "tls_authorities", kind: "long", latin: true, advanced: true, when: overTls },
    { name: "srtp", kind: "choice", choices: ["none", "offer", "require"], advanced: true, when: overTls },
    { name: "domain", kind: "text", check: isHost, latin: true, advanced: true },
    { name: "auth_username", kind: "text", latin: true, advanced: true, autocomplete: "off" },
    { name: "realm", kind: "text", latin: true, advanced: true },
    { name: "number_format", kind: "choice", choices: ["e164", "international", "national"], advanced: true },
    {
      name: "country", kind: "choice", choices: settings.countries.filter((code) => code !== "001"), label: country, begin: settings.company.country,
      advanced: true, needed: true,
    },
    { name: "caller_id_way", kind: "choice", choices: ["from", "pai", "rpid"], advanced: true },
    { name: "hide_caller_id", kind: "switch", advanced: true },
    { name: "trust_caller_id", kind: "switch", advanced: true },
    { name: "dtmf", kind: "choice", choices: ["rfc4733", "info", "inband"], advanced: true },
    {
      name: "codecs", kind: "chosen", ordered: true, needed: true, advanced: true,
      choices: "srtp" in (nouns.trunk?.fields ?? {}) ? ["PCMA", "PCMU", "G722", "opus"] : ["PCMA", "PCMU"],
    },
    { name: "max_calls", kind: "number", needed: true, check: within(1, 10000), advanced: true },
    { name: "ring_limit", kind: "number", needed: true, check: within(10, 180), advanced: true },
    { name: "qualify_interval", kind: "number", needed: true, check: within(0, 3600), advanced: true },
    { name: "register_expires", kind: "number", needed: true, check: within(60, 86400), advanced: true, when: registers },
  ],
};

/** What a provider's letter should name, in the order of the form. */
export const CHECKLIST = Object.freeze(["server", "account", "numbers", "way"]);
