// @ts-check
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";

/**
 * Why there is no microphone, and where to undo it.
 * @param {{problem: string|null}} props  an error_id, or null
 */
export function MicrophoneProblem({ problem }) {
  if (!problem) return null;
  return html`<div class="problem"><${Icon} name="mic-off" /><div>
    <p>${t(`error.${problem}`)}</p>
    ${problem === "microphone_denied" && html`<ol>
      <li>${t("microphone.undo.address")}</li><li>${t("microphone.undo.allow")}</li><li>${t("microphone.undo.again")}</li>
    </ol>`}
  </div></div>`;
}
