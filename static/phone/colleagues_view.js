// @ts-check
import { initials } from "../shared/format.js";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { locale, t } from "../shared/language.js";
import { search } from "./dial.js";
import { Rows } from "./more_view.js";
import { PresenceMark } from "./presence_view.js";

/**
 * Everyone in the company, with presence; one button calls.
 * @param {{page: import("./main.js").Page}} props
 */
export function Colleagues({ page: { state, actions } }) {
  const all = search(state.colleagues.value, "", locale.value);
  return html`<section class="card" aria-labelledby="colleagues-title">
    <h2 id="colleagues-title">${t("colleagues.title")}</h2>
    ${all.length === 0 && html`<p class="empty">${t("colleagues.none")}</p>`}
    <${Rows} all=${all} row=${(/** @type {import("./snapshot.js").Colleague} */ colleague) => html`<${Row}
      key=${colleague.extension} colleague=${colleague} onDial=${actions.dial} />`} />
  </section>`;
}

/** @param {{colleague: import("./snapshot.js").Colleague, onDial: (number: string) => void}} props */
function Row({ colleague, onDial }) {
  return html`<li class="row">
    <span class="badge" aria-hidden="true">${initials(colleague.name)}</span>
    <span class="row-main"><span class="who" dir="auto">${colleague.name}</span>
      <span class="row-sub"><span dir="ltr">${colleague.extension}</span><${PresenceMark} presence=${colleague.presence} /></span>
    </span>
    <button type="button" class="button soft" onClick=${() => onDial(colleague.extension)}>
      <${Icon} name="phone" />${t("dial.call")}<span class="hidden"> ${colleague.name}</span>
    </button>
  </li>`;
}
