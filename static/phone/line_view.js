// @ts-check
import { initials } from "../shared/format.js";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";

/**
 * The mark come alive: two ends and the line between them. It says by sight what the words beside it say.
 * @param {{me: string, them: string|null, stands: "incoming"|"calling"|"ringing"|"talking"|"ended"|"broken"}} props  them: a
 *   colleague's name, null for anybody outside
 */
export function Line({ me, them, stands }) {
  return html`<div class=${`line line-${stands}`} dir="ltr" aria-hidden="true">
    <span class="line-end">${initials(me)}</span>
    <svg viewBox="0 0 120 44" focusable="false"><path class="line-way" d="M3 38C30 4 90 4 117 38" /><path
      class="line-live" pathLength="100" d="M3 38C30 4 90 4 117 38" /></svg>
    <span class="line-end line-far">${them ? initials(them) : html`<${Icon} name="phone" />`}</span>
  </div>`;
}
