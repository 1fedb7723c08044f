// @ts-check
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";

/**
 * Short words about what just happened; each can be closed.
 * @param {{page: import("./main.js").Page}} props
 */
export function Notices({ page: { state, actions } }) {
  return html`<div class="notices" role="status">
    ${state.notices.value.map((notice) => html`<div key=${notice.id} class=${`notice notice-${notice.tone}`}>
      <${Icon} name=${notice.tone === "info" ? "info" : "triangle-alert"} />
      <p>${words(notice)}</p>
      <button type="button" class="button quiet" onClick=${() => actions.dismissNotice(notice.id)}>
        <${Icon} name="x" size="small" />${t("close")}</button>
    </div>`)}
  </div>`;
}

/** The catalog's words where it has them, else the server's. @param {import("./state.js").Notice} notice */
function words(notice) {
  if (notice.key && t(notice.key) !== notice.key) return t(notice.key);
  return notice.text || t("error.internal");
}
