// @ts-check
/** Decides: SIP telephones of people. User name and secret are made by the switch, the secret is shown once. */
import { rowsOf } from "./usage.js";
/** @typedef {import("./nouns.js").Noun} Noun */

/** @type {Noun} */
export const devices = {
  noun: "device",
  room: "telephones",
  key: "username",
  icon: "phone",
  name: (row) => row.name,
  columns: ["state", "user", "username"],
  cell: (row, column, { nouns }) => (column === "user"
    ? rowsOf(nouns, "user").find((user) => user.login === row.user)?.name ?? row.user : row[column] ?? ""),
  live: true,
  standing: (row) => {
    if (!row.enabled) return { tone: "off", word: "device.off", why: "", values: {} };
    if (!row.registered) return { tone: "off", word: "device.away", why: "", values: {} };
    return { tone: "ok", word: "device.registered", why: "device.from", values: { from: (row.from ?? []).join(", ") } };
  },
  fields: ({ nouns }) => {
    const people = rowsOf(nouns, "user");
    return [
      { name: "name", kind: "text", needed: true },
      {
        name: "user", kind: "choice", needed: true, begin: people[0]?.login ?? "", choices: people.map((user) => user.login),
        label: (login) => people.find((user) => user.login === login)?.name ?? login,
      },
      { name: "enabled", kind: "switch" },
      { name: "srtp", kind: "choice", choices: ["none", "offer", "require"], advanced: true },
      { name: "codecs", kind: "chosen", ordered: true, needed: true, choices: ["G722", "PCMA", "PCMU"], advanced: true },
      { name: "older", kind: "switch", advanced: true },
    ];
  },
  once: (answer, { settings, host }) => [
    ["device.server", settings.sip_port === 5060 ? host : `${host}:${settings.sip_port}`],
    ["device.username", answer.username],
    ["device.secret", answer.secret],
    ["device.realm", answer.realm],
  ],
};
