// @ts-check
import { useState } from "preact/hooks";
import { html } from "../shared/html.js";
import { t } from "../shared/language.js";

const SHOWN = 5;

/**
 * A list's first entries; a button shows the rest.
 * @template T
 * @param {{all: readonly T[], row: (one: T) => any}} props
 */
export function Rows({ all, row }) {
  const [whole, setWhole] = useState(false);
  const left = whole ? 0 : all.length - SHOWN;
  return html`<ul class="rows">${(left > 0 ? all.slice(0, SHOWN) : all).map(row)}</ul>
    ${left > 0 && html`<button type="button" class="button quiet wide-quiet" onClick=${() => setWhole(true)}>
      ${t("more", { count: left })}</button>`}`;
}
