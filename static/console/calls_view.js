// @ts-check
import { html } from "../shared/html.js";
import { CallPage } from "./call_page.js";
import { CallsList } from "./calls_list.js";

/**
 * The administrator's calls: all of them, or one.
 * @param {{api: any, t: (key: string, values?: any) => string, id: string|null}} props
 */
export function Calls({ api, t, id }) {
  return id === null ? html`<${CallsList} api=${api} t=${t} />` : html`<${CallPage} key=${id} api=${api} t=${t} id=${id} />`;
}
