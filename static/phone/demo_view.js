// @ts-check
import { phoneNumber } from "../shared/format.js";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";

/**
 * For newcomers, in the demo only: a caller, a colleague, and numbers that behave in known ways.
 * @param {{page: import("./main.js").Page}} props
 */
export function Demo({ page: { state, actions } }) {
  const numbers = state.settings.value.demo_numbers ?? [];
  const link = state.newTab.value;
  return html`<section class="card demo" id="demo" tabindex="-1" aria-labelledby="demo-title">
    <div class="demo-words"><h2 id="demo-title"><${Icon} name="flask-conical" />${t("demo.title")}</h2>
      <p class="muted">${t("demo.lead")}</p></div>
    <div class="demo-buttons">
      <button type="button" class="button soft" aria-disabled=${state.asking.value} onClick=${actions.callMe}>
        <${Icon} name="phone-incoming" />${t("demo.call_me")}
      </button>
      ${!state.guestTab.value && html`<button type="button" class="button soft" onClick=${actions.openColleague}>
        <${Icon} name="external-link" />${t("demo.colleague")}
      </button>`}
    </div>
    ${link && html`<p class="muted">${t("demo.no_tab")} <a href=${link} target="_blank" rel="noopener"
      onClick=${() => (state.newTab.value = null)}>${t("demo.open_here")}</a></p>`}
    ${numbers.length > 0 && html`<h3>${t("demo.numbers")}</h3>
      <ul class="rows">${numbers.map((one) => html`<li class="row" key=${one.number}>
        <span class="row-main"><span class="who" dir="ltr">${phoneNumber(one.number)}</span>
          <span class="row-sub">${label(one.label_id)}</span></span>
        <button type="button" class="button soft" onClick=${() => actions.dial(one.number)}>
          <${Icon} name="phone" />${t("dial.call")}<span class="hidden"> ${phoneNumber(one.number)}</span></button>
      </li>`)}</ul>`}
  </section>`;
}

/** @param {string} label_id */
function label(label_id) {
  const key = `demo.number.${label_id}`;
  const said = t(key);
  return said === key ? label_id.replaceAll("_", " ") : said;
}
