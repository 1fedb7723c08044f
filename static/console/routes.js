// @ts-check
/** Decides: which outside calls are allowed, and which trunks carry them. */
import { arePrefixes, within } from "./checks.js";
import { rowsOf } from "./usage.js";
/** @typedef {import("./nouns.js").Noun} Noun */

const SPECIAL = ["premium_rate", "shared_cost", "personal_number", "pager", "uan", "voicemail", "unknown"];

/** @type {Noun} */
export const routes = {
  noun: "route",
  room: "routes",
  key: "id",
  icon: "waypoints",
  name: (row) => row.name,
  columns: ["allows", "trunks", "priority"],
  cell: (row, column, { nouns, country }) => {
    if (column === "priority") return String(row.priority);
    if (column === "allows") return [...row.countries.map(country), ...row.prefixes].join(", ");
    const trunks = rowsOf(nouns, "trunk");
    return row.trunk_ids.map((/** @type {string} */ id) => trunks.find((trunk) => trunk.id === id)?.name ?? id).join(", ");
  },
  needs: ["trunk"],
  fields: ({ nouns, settings, country }) => {
    const trunks = rowsOf(nouns, "trunk");
    return [
      { name: "name", kind: "text", needed: true },
      {
        name: "countries", kind: "chosen", choices: settings.countries, label: country, begin: [settings.company.country],
        check: (value, draft) => (value.length > 0 || draft.prefixes.trim() !== "" ? null : { key: "wrong.allows_nothing" }),
      },
      {
        name: "trunks", kind: "chosen", needed: true, ordered: true, from: "trunk_ids", begin: trunks.slice(0, 1).map((trunk) => trunk.id),
        choices: trunks.map((trunk) => trunk.id), label: (id) => trunks.find((trunk) => trunk.id === id)?.name ?? id,
      },
      { name: "prefixes", kind: "list", check: arePrefixes, advanced: true, latin: true },
      { name: "special_types", kind: "checks", choices: SPECIAL, advanced: true },
      { name: "priority", kind: "number", check: within(0, 1000), advanced: true },
    ];
  },
};
