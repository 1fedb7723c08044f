// @ts-check
import { useEffect, useState } from "preact/hooks";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";

/**
 * The way from the telephone to the administrator's calls; drawn when first opened, as few ever do.
 * @param {{page: import("./main.js").Page, id: string|null}} props
 */
export function CallsDoor({ page, id }) {
  const [Calls, setCalls] = useState(/** @type {any} */ (null));
  useEffect(() => void import("../console/calls_view.js").then(
    (part) => setCalls(() => part.Calls), () => setCalls(() => () => html`<p role="alert">${t("sheet.renewed")}</p>`)), []);
  return html`<div class="calls-door">
    <p><a class="button quiet back" href="#/"><${Icon} name="phone" />${t("calls.telephone")}</a></p>
    ${Calls && html`<${Calls} api=${page.api} t=${t} id=${id} />`}
  </div>`;
}
