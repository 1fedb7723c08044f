// @ts-check
import { html } from "../shared/html.js";

/** The mark: two ends and the line between them. */
export function Mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <path d="M8 19.5c2.4-6 5.2-9 8-9s5.6 3 8 9" /><circle cx="8" cy="20.5" r="3" /><circle cx="24" cy="20.5" r="3" />
  </svg>`;
}
