// @ts-check
import { useState } from "preact/hooks";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";
import { CHECKLIST } from "./trunks.js";
import { meaningOf, standing } from "./trunk_state.js";

const ICONS = { ok: "circle-check", wait: "clock", bad: "circle-x", off: "circle-minus" };

/** How a trunk or telephone stands: a shape, a word, and why. @param {{standing: import("./trunk_state.js").Standing}} props */
export function State({ standing: { tone, word, why, values, more = [] } }) {
  const whys = why ? [{ why, values }, ...more] : [];
  return html`<span class=${`standing standing-${tone}`}><${Icon} name=${ICONS[tone]} /><span><strong>${t(word)}</strong>${whys.map((each) => html`<br /><span>${t(each.why, each.values)}</span>`)}</span></span>`;
}

/** A trunk's state, and a question to its provider. @param {{desk: import("./desk.js").Desk, trunk: any}} props */
export function TrunkPanel({ desk, trunk }) {
  const [answers, setAnswers] = useState(/** @type {any[]|null} */ (null));
  const [trouble, setTrouble] = useState("");
  const [asking, setAsking] = useState(false);
  async function ask() {
    if (asking) return;
    setAsking(true);
    setTrouble("");
    try {
      setAnswers((await desk.ask(trunk.id)).answers);
    } catch (error) {
      setAnswers(null);
      setTrouble(desk.sentence(error));
    } finally {
      setAsking(false);
    }
  }
  return html`<div class="trunk-panel">
    <div role="status"><${State} standing=${standing(trunk)} /></div>
    <button type="button" class="button" aria-disabled=${asking} onClick=${ask}><${Icon} name="signal" />${t(asking ? "ask.asking" : "ask.button")}</button>
    <div class="asked-answers" role="status">
      ${trouble && html`<p>${trouble}</p>`}
      ${answers?.length === 0 && html`<p>${t("ask.off")}</p>`}
      ${answers?.map(({ address, status }) => html`<p key=${address} class=${status === null ? "standing-bad" : ""}><${Icon} name=${status === null ? "circle-x" : "circle-check"} />
        <span>${t(meaningOf(status), { address, status: String(status) })}</span></p>`)}
    </div>
  </div>`;
}

/** What to have at hand before the form is filled in. */
export function Checklist() {
  return html`<details class="checklist" open><summary><${Icon} name="list-checks" />${t("checklist.title")}</summary>
    <ul>${CHECKLIST.map((item) => html`<li key=${item}><${Icon} name="check" size="small" /><span>${t(`checklist.${item}`)}</span></li>`)}</ul>
  </details>`;
}
