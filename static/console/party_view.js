// @ts-check
import { phoneNumber } from "../shared/format.js";
import { html } from "../shared/html.js";

/**
 * One side of a call: the name and the number, each in its own direction of writing.
 * @param {{party: {name: string|null, number: string|null}, t: (key: string) => string, both?: boolean}} props
 */
export function Party({ party, t, both }) {
  const number = party.number && phoneNumber(party.number);
  if (!party.name && !number) return html`<span>${t("call.anonymous")}</span>`;
  return html`<span>${party.name ? html`<bdi>${party.name}</bdi>` : html`<bdi dir="ltr">${number}</bdi>`}${
    both && party.name && number && html` <bdi class="muted party-number" dir="ltr">${number}</bdi>`}</span>`;
}
