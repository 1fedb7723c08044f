// @ts-check
/**
 * Where a call can be sent, as every form offers it: people by their extension, then applications.
 * @typedef {{value: string, label: string}} Choice
 * @typedef {{group: string, choices: Choice[]}} Group
 */

/** Applications that need no settings of their own. */
export const APPLICATIONS = Object.freeze(["echo"]);

/**
 * @param {{people: readonly {name: string, extension: string|null}[], say: (key: string) => string, chosen: string}} from
 * @returns {Group[]}
 */
export function destinations({ people, say, chosen }) {
  const reachable = people.filter((one) => one.extension).map((one) => ({
    value: `extension:${one.extension}`, label: `${one.name} · ${one.extension}`,
  })).sort((one, other) => one.label.localeCompare(other.label));
  const applications = APPLICATIONS.map((name) => ({ value: name, label: say(`destination.${name}`) }));
  const groups = [{ group: "people", choices: reachable }, { group: "applications", choices: applications }];
  const known = groups.some((group) => group.choices.some((choice) => choice.value === chosen));
  if (chosen !== "" && !known) groups.push({ group: "other", choices: [{ value: chosen, label: plain(chosen) }] });
  return groups.filter((group) => group.choices.length > 0);
}

/**
 * Say in a word or two where calls go.
 * @param {string} value  @param {readonly {name: string, extension: string|null}[]} people
 * @param {(key: string) => string} say
 */
export function destinationName(value, people, say) {
  const [kind, number] = value.split(":");
  const person = kind === "extension" ? people.find((one) => one.extension === number) : undefined;
  if (person) return `${person.name} · ${number}`;
  return APPLICATIONS.includes(kind) ? say(`destination.${kind}`) : plain(value);
}

/** @param {string} value */
const plain = (value) => value.replace(/^\w+:/, "");
