// @ts-check
import { duration, phoneNumber } from "../shared/format.js";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";
import { partyName, phase, talkedFor } from "../phone/call.js";
/** @typedef {import("../phone/main.js").Page} Page */
/** @typedef {import("../phone/call.js").Call} Call */

/** The calls while the settings fill the page: whom one talks to or who rings, and what can be done. @param {{page: Page}} props */
export function CallBar({ page }) {
  const { state } = page;
  return html`<div class="call-bars">
    ${state.incoming.value.map((call) => html`<${Incoming} key=${call.leg_id} page=${page} call=${call} />`)}
    ${state.active.value.map((call) => html`<${Active} key=${call.leg_id} page=${page} call=${call} />`)}
  </div>`;
}

/** @param {Call} call */
function nameOf(call) {
  const name = partyName(call);
  return name ? phoneNumber(name) : t("call.anonymous");
}

/** @param {{page: Page, call: Call}} props */
function Incoming({ page: { actions }, call }) {
  return html`<section class="call-bar" aria-label=${t("phase.incoming")}>
    <p><${Icon} name="phone-incoming" /><span>${t("phase.incoming")}</span> <strong dir="auto">${nameOf(call)}</strong></p>
    <button type="button" class="button answer" onClick=${() => actions.answer(call.leg_id)}><${Icon} name="phone" />${t("incoming.answer")}</button>
    <button type="button" class="button decline" onClick=${() => actions.hangUp(call.leg_id)}><${Icon} name="phone-off" />${t("incoming.decline")}</button>
  </section>`;
}

/** @param {{page: Page, call: Call}} props */
function Active({ page: { state, actions }, call }) {
  const stands = phase(call);
  return html`<section class="call-bar" aria-label=${t(`phase.${stands}`)}>
    <p><${Icon} name="phone-call" /><span>${t(`phase.${stands}`)}</span> <strong dir="auto">${nameOf(call)}</strong>
      ${stands === "talking" && html`<span role="timer" aria-live="off">${duration(talkedFor(call, state.now.value))}</span>`}</p>
    <a class="button" href="#/"><${Icon} name="phone" />${t("menu.telephone")}</a>
    <button type="button" class="button" aria-pressed=${call.muted} onClick=${() => actions.mute(call.leg_id, !call.muted)}>
      <${Icon} name=${call.muted ? "mic-off" : "mic"} />${t("call.mute")}</button>
    <button type="button" class="button hang-up" onClick=${() => actions.hangUp(call.leg_id)}><${Icon} name="phone-off" />${t("call.hang_up")}</button>
  </section>`;
}
