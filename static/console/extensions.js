// @ts-check
/** Decides: inside numbers. A person's comes with the person; the others lead to an application. */
import { destinationName } from "../shared/destination.js";
import { isExtension } from "./checks.js";
import { hashOf } from "./route.js";
import { rowsOf } from "./usage.js";
/** @typedef {import("./nouns.js").Noun} Noun */

/** @type {Noun} */
export const extensions = {
  noun: "extension",
  room: "extensions",
  key: "number",
  icon: "hash",
  name: (row) => row.number,
  latin: true,
  columns: ["leads_to"],
  cell: (row, _column, { nouns, say }) => {
    const owner = ownerOf(row, nouns);
    return owner ? owner.name : destinationName(row.destination, [], say);
  },
  /** Of a person's number the person is opened. */
  opens: (row, { nouns }) => {
    const owner = ownerOf(row, nouns);
    return owner ? hashOf("users", owner.login) : null;
  },
  fields: () => [
    { name: "number", kind: "text", needed: true, key: true, check: isExtension, latin: true },
    { name: "destination", kind: "destination", needed: true, choices: ["applications"] },
  ],
};

/** @param {any} row  @param {import("./usage.js").Nouns} nouns */
const ownerOf = (row, nouns) => (row.user_id ? rowsOf(nouns, "user").find((user) => user.id === row.user_id) : undefined);
