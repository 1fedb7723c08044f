// @ts-check
/**
 * The rooms of the settings, in the order of the navigation.
 * @typedef {object} Settings  what the server tells beside the rows
 * @property {{name: string, country: string, language: string}} company
 * @property {number} shortest_password
 * @property {readonly string[]} countries
 * @property {number} sip_port
 * @typedef {object} Context
 * @property {import("./usage.js").Nouns} nouns
 * @property {Settings} settings
 * @property {(key: string, values?: import("../shared/i18n.js").Values) => string} say
 * @property {(code: string) => string} country  a country's name
 * @typedef {object} Noun
 * @property {string} noun  as the server calls it
 * @property {string} room  as the address calls it
 * @property {string} key  the field that names a row
 * @property {string} icon
 * @property {boolean} [live]  it stands one way or another while nobody changes it
 * @property {boolean} [latin]  the name is a number
 * @property {(row: any) => string} name
 * @property {readonly string[]} columns
 * @property {(row: any, column: string, context: Context) => string} cell
 * @property {(row: any) => import("./trunk_state.js").Standing} [standing]  what the column "state" says
 * @property {(answer: any, context: Context & {host: string}) => [string, string][]} [once]  what is shown of a new row, this once
 * @property {(row: any, context: Context) => string|null} [opens]  where else the row is changed
 * @property {readonly string[]} [needs]  nouns of which there must be one before
 * @property {(context: Context) => import("../shared/form.js").Field[]} fields
 */
import { devices } from "./devices.js";
import { extensions } from "./extensions.js";
import { numbers } from "./numbers.js";
import { routes } from "./routes.js";
import { trunks } from "./trunks.js";
import { users } from "./users.js";

/** @type {readonly Noun[]} */
export const NOUNS = Object.freeze([users, devices, extensions, numbers, trunks, routes]);

/** @param {string} room */
export const nounOf = (room) => NOUNS.find((noun) => noun.room === room) ?? null;

/** The fields of a form, as far as the server knows them. @param {Noun} noun  @param {Context} context */
export function fieldsOf(noun, context) {
  const known = context.nouns[noun.noun]?.fields ?? {};
  return noun.fields(context).filter((field) => field.name in known);
}
