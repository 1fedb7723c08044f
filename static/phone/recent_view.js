// @ts-check
import { duration, phoneNumber, when } from "../shared/format.js";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { locale, t } from "../shared/language.js";
import { Rows } from "./more_view.js";
import { withNames } from "./recent.js";

const ICONS = { in: "arrow-down-left", out: "arrow-up-right", missed: "phone-missed" };

/**
 * The user's last calls; missed ones are marked by icon, word and colour; one button calls back.
 * @param {{page: import("./main.js").Page}} props
 */
export function RecentCalls({ page: { state, actions } }) {
  const calls = state.recent.value && withNames(state.recent.value, state.colleagues.value);
  return html`<section class="card" aria-labelledby="recent-title">
    <h2 id="recent-title">${t("recent.title")}</h2>
    ${calls === null && html`<p class="empty">${t("recent.loading")}</p>`}
    ${calls?.length === 0 && html`<p class="empty">${t("recent.none")}</p>`}
    ${calls && html`<${Rows} all=${calls} row=${(/** @type {import("./recent.js").Recent} */ call) =>
      html`<${Row} key=${call.id} call=${call} now=${state.now.value} onDial=${actions.dial} />`} />`}
  </section>`;
}

/** @param {{call: import("./recent.js").Recent, now: number, onDial: (number: string) => void}} props */
function Row({ call, now, onDial }) {
  const name = call.name ?? (call.number ? phoneNumber(call.number) : t("call.anonymous"));
  const word = t(`recent.${call.kind}`);
  return html`<li class=${`row recent-${call.kind}`}>
    <span class="way"><${Icon} name=${ICONS[call.kind]} /></span>
    <span class="row-main"><span class="who" dir="auto">${name}</span>
      <span class="row-sub"><span>${word}</span>
        <time datetime=${new Date(call.started_ms).toISOString()}>${when(call.started_ms, now, locale.value)}</time>
        ${call.talked_ms > 0 && html`<span>${duration(call.talked_ms)}</span>`}
      </span>
      ${call.name && call.number?.startsWith("+") && html`<span class="row-sub" dir="ltr">${phoneNumber(call.number)}</span>`}
    </span>
    ${call.number && html`<button type="button" class="button soft" onClick=${() => onDial(/** @type {string} */ (call.number))}>
      <${Icon} name="phone" />${t("dial.call")}<span class="hidden"> ${name}</span>
    </button>`}
  </li>`;
}
