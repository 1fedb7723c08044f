// @ts-check
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";

const ICONS = { free: "circle-check", ringing: "bell-ring", busy: "circle-minus", offline: "circle" };

/**
 * Presence as shape, colour and word.
 * @param {{presence: import("./snapshot.js").Presence}} props
 */
export function PresenceMark({ presence }) {
  return html`<span class=${`presence presence-${presence}`}><${Icon} name=${ICONS[presence] ?? "circle"} size="small" />
    <span>${t(`presence.${presence}`)}</span></span>`;
}
