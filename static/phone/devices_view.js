// @ts-check
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";
import { MicrophoneProblem } from "./microphone_view.js";
/** @typedef {import("./device_choice.js").Role} Role */

const PROBLEMS = { denied: "microphone_denied", missing: "no_microphone", insecure: "no_media_devices" };

/**
 * Microphone, speaker and ringer, each with its own choice; what the browser allows is said first.
 * @param {{page: import("./main.js").Page}} props
 */
export function Part({ page: { devices, actions } }) {
  const state = devices.permission.value;
  const problem = PROBLEMS[/** @type {keyof typeof PROBLEMS} */ (state)] ?? null;
  return html`
    <${MicrophoneProblem} problem=${problem} />
    ${(state === "prompt" || state === "unknown") && html`<p>${t("devices.not_asked")}</p>
      <button type="button" class="button primary" onClick=${actions.allowMicrophone}>
        <${Icon} name="mic" />${t("duty.microphone.ask")}</button>`}
    ${state === "granted" && html`<p class="fine"><${Icon} name="circle-check" />${t("devices.allowed")}</p>`}
    <${Picker} role="microphone" icon="mic" page=${{ devices, actions }} />
    ${devices.canChooseOutput
      ? html`<${Picker} role="speaker" icon="headphones" page=${{ devices, actions }} />
        <${Picker} role="ringer" icon="bell" page=${{ devices, actions }} />`
      : html`<p class="muted">${t("devices.no_choice")}</p>`}
    <button type="button" class="button soft" onClick=${actions.tryRinger}><${Icon} name="bell-ring" />${t("devices.try_ringer")}</button>
  `;
}

/** @param {{role: Role, icon: string, page: Pick<import("./main.js").Page, "devices"|"actions">}} props */
function Picker({ role, icon, page: { devices, actions } }) {
  const present = (role === "microphone" ? devices.inputs : devices.outputs).value;
  const chosen = devices.chosen(role);
  const onChange = (/** @type {any} */ event) => {
    const id = event.target.value;
    actions.chooseDevice(role, { id, label: present.find((device) => device.id === id)?.label ?? "" });
  };
  return html`<div class="picker">
    <label for=${`pick-${role}`}><${Icon} name=${icon} />${t(`devices.${role}`)}</label>
    <select id=${`pick-${role}`} onChange=${onChange} value=${chosen?.id ?? ""}>
      <option value="" selected=${!chosen}>${t("devices.default")}</option>
      ${present.map((device, index) => html`<option key=${device.id} value=${device.id} selected=${chosen?.id === device.id}>
        ${device.label || t("devices.unnamed", { number: index + 1 })}</option>`)}
    </select>
  </div>`;
}
