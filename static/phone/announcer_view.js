// @ts-check
import { html } from "../shared/html.js";
import { t } from "../shared/language.js";
import { partyName, phase } from "./call.js";
import { causeKey } from "./cause.js";

/**
 * What screen readers hear by themselves: at once an incoming call or a lost connection, politely how a call stands.
 * @param {{page: import("./main.js").Page}} props
 */
export function Announcer({ page }) {
  const { state } = page;
  const name = (/** @type {import("./call.js").Call} */ call) => partyName(call) ?? t("call.anonymous");
  const urgent = state.incoming.value.map((call) => t("announce.incoming", { name: name(call) }));
  if (state.connection.value === "down") urgent.push(t("banner.offline"));
  const calm = [
    ...state.active.value.map((call) => t(`announce.${phase(call)}`, { name: name(call) })),
    ...state.ended.value.map((call) => t(causeKey(call))),
  ];
  return html`
    <div class="hidden" role="alert" aria-live="assertive">${urgent.join(" ")}</div>
    <div class="hidden" role="status" aria-live="polite">${calm.join(" ")}</div>
  `;
}
