// @ts-check
import { duration, phoneNumber } from "../shared/format.js";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";
import { partyName, talkedFor } from "./call.js";
import { causeKey, causeTone, mayRepeat } from "./cause.js";
import { useLostFocus } from "./lost_focus_view.js";

const ICONS = { quiet: "phone", warn: "phone-off", danger: "siren" };

/**
 * A call is over: why, in words, and what to do about it.
 * @param {{page: import("./main.js").Page, call: import("./call.js").Call}} props
 */
export function EndedCall({ page: { actions }, call }) {
  const heading = useLostFocus();
  const tone = causeTone(call);
  const name = partyName(call);
  const again = call.direction === "out" ? call.dialled ?? call.number : call.number;
  const talked = talkedFor(call, call.ended_ms ?? 0);
  return html`<section class=${`card ended ended-${tone}`} aria-label=${t("phase.ended")}>
    <${Icon} name=${ICONS[tone]} size="large" />
    <div class="ended-words">
      <h2 dir="auto" tabindex="-1" ref=${heading}>${name ? phoneNumber(name) : t("call.anonymous")}</h2>
      <p>${t(causeKey(call))}</p>
      ${(talked > 0 || (call.outside && call.sip_status && tone === "warn")) && html`<p class="muted">
        ${talked > 0 && t("ended.talked", { time: duration(talked) })}
        ${call.outside && call.sip_status && tone === "warn" && html` <span>${t("ended.code", { code: String(call.sip_status) })}</span>`}
      </p>`}
    </div>
    <div class="ended-buttons">
      ${again && mayRepeat(call) && html`<button type="button" class="button soft" onClick=${() => actions.dial(again)}>
        <${Icon} name="phone" />${t(call.direction === "out" ? "recent.again" : "recent.back")}
      </button>`}
      <button type="button" class="button quiet" onClick=${actions.dismissEnded}><${Icon} name="x" />${t("close")}</button>
    </div>
  </section>`;
}
