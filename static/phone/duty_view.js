// @ts-check
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";
import { MicrophoneProblem } from "./microphone_view.js";

/**
 * Going on duty, a step at a time: each question of the browser is explained before it is asked.
 * @param {{page: import("./main.js").Page}} props
 */
export function Part({ page: { state, actions, ringer } }) {
  const step = state.dutyStep.value;
  return html`<ol class="steps">
      <${Step} name="ringer" now=${false} done=${ringer.ready.value} />
      <${Step} name="microphone" now=${step === "microphone"} done=${step === "notifications"} />
      <${Step} name="notifications" now=${step === "notifications"} done=${false} />
    </ol>
    ${step === "microphone" && html`<p>${t("duty.microphone.why")}</p>
      <div role="alert"><${MicrophoneProblem} problem=${state.microphoneProblem.value} /></div>
      <button type="button" class="button primary wide" onClick=${actions.allowMicrophone}><${Icon} name="mic" />
        ${t(state.microphoneProblem.value ? "duty.microphone.again" : "duty.microphone.ask")}</button>`}
    ${step === "notifications" && html`<p>${t("duty.notifications.why")}</p>
      <div class="sheet-buttons">
        <button type="button" class="button primary" onClick=${() => actions.notifications(true)}>
          <${Icon} name="bell" />${t("duty.notifications.ask")}</button>
        <button type="button" class="button quiet" onClick=${() => actions.notifications(false)}>${t("duty.notifications.skip")}</button>
      </div>`}`;
}

/** @param {{name: string, now: boolean, done: boolean}} props */
function Step({ name, now, done }) {
  return html`<li class=${now ? "step-now" : ""} aria-current=${now ? "step" : undefined}>
    <${Icon} name=${done ? "circle-check" : now ? "circle-dot" : "circle"} /><span>${t(`duty.step.${name}`)}</span>
    <span class="muted">${done ? t("duty.done") : ""}</span></li>`;
}
