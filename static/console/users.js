// @ts-check
/** Decides: people who sign in, what is asked of one and what a list tells. */
import { isExtension, isLogin, longEnough } from "./checks.js";
/** @typedef {import("./nouns.js").Noun} Noun */

/** @type {Noun} */
export const users = {
  noun: "user",
  room: "users",
  key: "login",
  icon: "users",
  name: (row) => row.name,
  columns: ["extension", "login", "role"],
  cell: (row, column, { say }) => (column === "role" ? say(`role.${row.role}`) : row[column] ?? "–"),
  fields: ({ settings }) => [
    { name: "name", kind: "text", needed: true, autocomplete: "off" },
    { name: "extension", kind: "text", empty: null, check: isExtension, latin: true },
    { name: "login", kind: "text", needed: true, key: true, check: isLogin, latin: true, autocomplete: "off" },
    { name: "password", kind: "secret", needed: true, check: longEnough(settings.shortest_password), autocomplete: "new-password" },
    { name: "role", kind: "choice", choices: ["user", "admin"] },
    { name: "language", kind: "choice", choices: ["", "de", "en"], empty: null },
  ],
};
