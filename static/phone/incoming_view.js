// @ts-check
import { phoneNumber } from "../shared/format.js";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";
import { partyName, partyNumber } from "./call.js";
import { Line } from "./line_view.js";

/**
 * Somebody calls: who, from where, Answer and Decline.
 * @param {{page: import("./main.js").Page, call: import("./call.js").Call}} props
 */
export function IncomingCall({ page: { state, actions, shortcuts }, call }) {
  const name = partyName(call);
  const number = partyNumber(call);
  const busy = state.active.value.length > 0;
  const offline = state.connection.value !== "up";
  return html`<section class="stage incoming" aria-labelledby=${`in-${call.leg_id}`}>
    <p class="stage-kind"><${Icon} name="phone-incoming" />${t(call.outside ? "incoming.outside" : "incoming.inside")}</p>
    <div class="stage-middle">
    <${Line} me=${state.user.value?.name ?? ""} them=${call.outside ? null : call.name} stands="incoming" />
    <h2 class="stage-name" id=${`in-${call.leg_id}`} dir="auto">${name ? phoneNumber(name) : t("call.anonymous")}</h2>
    ${number && html`<p class="stage-number" dir="ltr">${phoneNumber(number)}</p>`}
    <p class="stage-company">${t("incoming.to", { company: state.tenant.value?.name ?? "" })}</p>
    ${busy && html`<p class="stage-hint">${t("incoming.busy")}</p>`}
    </div>
    <div class=${busy ? "stage-buttons stacked" : "stage-buttons"}>
      <button type="button" class="button decline" aria-keyshortcuts=${shortcuts.value ? "D" : undefined}
        onClick=${() => actions.hangUp(call.leg_id)}><${Icon} name="phone-off" />${t("incoming.decline")}</button>
      <button type="button" class="button answer" aria-keyshortcuts=${shortcuts.value ? "A" : undefined} aria-disabled=${offline}
        onClick=${() => actions.answer(call.leg_id)}>
        <${Icon} name="phone" />${t(busy ? "incoming.answer_busy" : "incoming.answer")}
      </button>
    </div>
  </section>`;
}
