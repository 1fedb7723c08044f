// @ts-check
import { html } from "./html.js";

const SPRITE = new URL("../vendor/icons.svg", import.meta.url).href;

/**
 * Draw one icon of the sprite. It is decoration: the word beside it carries the meaning.
 * @param {{name: string, size?: "small"|"large"|"huge"}} props
 */
export function Icon({ name, size }) {
  return html`<svg class=${`icon${size ? ` icon-${size}` : ""}`} aria-hidden="true" focusable="false">
    <use href=${`${SPRITE}#${name}`} />
  </svg>`;
}
