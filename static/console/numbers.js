// @ts-check
/** Decides: our outside numbers, the trunk each comes in on and where its callers go. */
import { destinationName } from "../shared/destination.js";
import { phoneNumber } from "../shared/format.js";
import { isNumber } from "./checks.js";
import { rowsOf } from "./usage.js";
/** @typedef {import("./nouns.js").Noun} Noun */

/** @type {Noun} */
export const numbers = {
  noun: "number",
  room: "numbers",
  key: "number",
  icon: "phone-incoming",
  name: (row) => phoneNumber(row.number),
  latin: true,
  columns: ["destination", "trunk"],
  cell: (row, column, { nouns, say }) => (column === "trunk"
    ? rowsOf(nouns, "trunk").find((trunk) => trunk.id === row.trunk_id)?.name ?? row.trunk_id
    : destinationName(row.destination, rowsOf(nouns, "user"), say)),
  needs: ["trunk"],
  fields: ({ nouns }) => {
    const trunks = rowsOf(nouns, "trunk");
    return [
      { name: "number", kind: "text", needed: true, key: true, check: isNumber, latin: true },
      { name: "destination", kind: "destination", needed: true },
      {
        name: "trunk", kind: "choice", needed: true, from: "trunk_id", begin: trunks[0]?.id ?? "",
        choices: trunks.map((trunk) => trunk.id), label: (id) => trunks.find((trunk) => trunk.id === id)?.name ?? id,
      },
    ];
  },
};
