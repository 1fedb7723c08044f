// @ts-check
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";
import { bannerFor } from "./duty.js";

const ICONS = { cannot_ring: "bell-off", needs_click: "bell-off", other_tab: "copy", insecure: "lock", microphone: "mic-off" };

/**
 * The standing banner: why this tab cannot ring or speak, and the one button that mends it.
 * @param {{page: import("./main.js").Page}} props
 */
export function Banner({ page: { state, actions, devices, ringer } }) {
  const offline = state.connection.value === "down";
  const owner = state.owner.value;
  const kind = state.connection.value === "connecting" || owner === null ? null : bannerFor({
    owner, duty: state.duty.value, canRing: ringer.ready.value, microphone: devices.permission.value,
  });
  return html`
    ${offline && html`<div class="banner banner-danger">
      <${Icon} name="wifi-off" /><p><strong>${t("banner.offline")}</strong> <span>${t(state.active.value.length > 0 ? "banner.offline.talking" : "banner.offline.idle")}</span></p>
    </div>`}
    ${!offline && state.settings.value.outside_down === true && html`<div class="banner banner-warn">
      <${Icon} name="phone-off" /><p><strong>${t("banner.outside_down")}</strong> <span>${t("banner.outside_down.more")}</span></p>
    </div>`}
    ${kind && html`<div class=${`banner ${kind === "other_tab" ? "banner-info" : "banner-warn"}`}>
      <${Icon} name=${ICONS[kind]} />
      <p><strong>${t(`banner.${kind}`)}</strong> <span>${t(`banner.${kind}.more`)}</span></p>
      ${(kind === "cannot_ring" || kind === "needs_click") && html`<button type="button" class="button primary" onClick=${actions.goOnDuty}>
        <${Icon} name="bell-ring" />${t(kind === "cannot_ring" ? "duty.go_on" : "duty.ring_again")}
      </button>`}
      ${kind === "other_tab" && html`<button type="button" class="button primary" onClick=${actions.useHere}>
        <${Icon} name="phone-forwarded" />${t("use_here")}
      </button>`}
      ${kind === "microphone" && html`<button type="button" class="button" onClick=${() => (state.sheet.value = "devices")}>
        <${Icon} name="mic" />${t("menu.devices")}
      </button>`}
    </div>`}
  `;
}
