// @ts-check
import { useRef } from "preact/hooks";
import { duration, oneDecimal, phoneNumber } from "../shared/format.js";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { locale, t } from "../shared/language.js";
import { partyName, partyNumber, phase, talkedFor } from "./call.js";
import { KEYS } from "./dial.js";
import { Line } from "./line_view.js";
import { useLostFocus } from "./lost_focus_view.js";
import { band } from "./quality.js";
/** Two clicks within this time are one intent. */
const DOUBLE_CLICK_MS = 500;

/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./main.js").Page} Page */

/**
 * A call in progress: with whom, how it stands, how it sounds, what can be done.
 * @param {{page: Page, call: Call}} props
 */
export function ActiveCall({ page, call }) {
  const { state, actions, shortcuts } = page;
  const name = partyName(call);
  const number = partyNumber(call);
  const stands = phase(call);
  const talking = stands === "talking";
  const keypad = state.keypadOpen.value && talking;
  const heading = useLostFocus();
  const sound = state.sounds.value[call.leg_id]?.state;
  const sounds = sound !== "reconnecting" && sound !== "failed" && call.far_media !== "lost";
  // Hang up stands where Call stood: the second half of a double click must not end what the first began.
  const shown = useRef({ leg_id: "", at: 0 });
  if (shown.current.leg_id !== call.leg_id) shown.current = { leg_id: call.leg_id, at: performance.now() };
  const hangUp = () => performance.now() - shown.current.at > DOUBLE_CLICK_MS && actions.hangUp(call.leg_id);
  const key = (/** @type {string} */ letter) => (shortcuts.value ? letter : undefined);
  return html`<section class=${`stage in-call ${talking ? "talking" : "waiting"}`} aria-labelledby=${`call-${call.leg_id}`}>
    <p class="stage-kind"><${Icon} name=${talking ? "phone-call" : "phone-outgoing"} /><span>${t(`phase.${stands}`)}</span>
      ${call.emergency && html`<span class="tag tag-danger">${t("call.emergency")}</span>`}</p>
    <div class="stage-middle">
    <${Line} me=${state.user.value?.name ?? ""} them=${call.outside ? null : call.name} stands=${sounds ? stands : "broken"} />
    <h2 class="stage-name" id=${`call-${call.leg_id}`} dir="auto" tabindex="-1" ref=${heading}>${name ? phoneNumber(name) : t("call.anonymous")}</h2>
    ${number && html`<p class="stage-number" dir="ltr">${phoneNumber(number)}</p>`}
    <p class="stage-time" role="timer" aria-live="off">${talking ? duration(talkedFor(call, state.now.value)) : " "}</p>
    <${SoundState} page=${page} call=${call} />
    ${call.muted && html`<p class="stage-hint"><${Icon} name="mic-off" />${t("call.you_are_muted")}</p>`}
    </div>
    ${keypad && html`<${Keypad} page=${page} call=${call} />`}
    <div class="tools">
      <button type="button" class="tool" aria-pressed=${call.muted} aria-keyshortcuts=${key("M")}
        onClick=${() => actions.mute(call.leg_id, !call.muted)}>
        <${Icon} name=${call.muted ? "mic-off" : "mic"} size="large" />${t("call.mute")}
      </button>
      <button type="button" class="tool" aria-expanded=${keypad} aria-disabled=${!talking} aria-keyshortcuts=${key("K")}
        onClick=${() => talking && (state.keypadOpen.value = !state.keypadOpen.value)}>
        <${Icon} name="grid-3x3" size="large" />${t("call.keypad")}
      </button>
      <button type="button" class="tool" onClick=${() => (state.sheet.value = "devices")}>
        <${Icon} name="headphones" size="large" />${t("menu.devices")}
      </button>
      <button type="button" class="tool" aria-expanded=${state.dialOpen.value} onClick=${() => (state.dialOpen.value = !state.dialOpen.value)}>
        <${Icon} name="phone-outgoing" size="large" />${t("call.other")}
      </button>
    </div>
    <button type="button" class="button hang-up wide" aria-keyshortcuts=${key("H")} onClick=${hangUp}>
      <${Icon} name="phone-off" />${t("call.hang_up")}
    </button>
  </section>`;
}

/** How the sound is doing, in a shape, a word and an estimate. @param {{page: Page, call: Call}} props */
function SoundState({ page: { state, actions }, call }) {
  const sound = state.sounds.value[call.leg_id];
  if (!state.owner.value) return html`<p class="stage-sound"><${Icon} name="monitor" />${t("sound.other_tab")}</p>`;
  if (!call.here) {
    return html`<p class="stage-sound"><${Icon} name="monitor" />${t("sound.other_device")}</p>
      <button type="button" class="button" onClick=${() => actions.bringHere(call.leg_id)}>
        <${Icon} name="phone-forwarded" />${t("use_here")}</button>`;
  }
  if (state.connection.value !== "up") {
    return html`<p class="stage-sound warn"><${Icon} name="wifi-off" />${t("sound.no_server")}</p>`;
  }
  if (sound?.silenced) {
    return html`<button type="button" class="button" onClick=${actions.playSound}>
      <${Icon} name="volume-2" />${t("sound.play")}</button>`;
  }
  if (state.microphoneProblem.value) {
    return html`<p class="stage-hint"><${Icon} name="mic-off" />${t("sound.listening_only")}</p>
      <p class="stage-sound"><small>${t(`error.${state.microphoneProblem.value}`)}</small></p>`;
  }
  if (sound?.state === "failed") {
    return html`<p class="stage-sound warn"><${Icon} name="wifi-off" />${t(`error.${sound.why}`)}</p>`;
  }
  if (sound?.state !== "open") {
    const word = sound?.state === "reconnecting" ? "sound.reconnecting" : "sound.connecting";
    return html`<p class="stage-sound"><${Icon} name="refresh-cw" />${t(word)}</p>`;
  }
  if (call.far_media === "lost") {
    return html`<p class="stage-sound warn"><${Icon} name="wifi-off" />${t("sound.far_lost")}</p>`;
  }
  if (call.state !== "answered") return html`<p class="stage-sound"><${Icon} name="wifi" />${t("sound.connected")}</p>`;
  if (sound.silent) return html`<p class="stage-sound warn"><${Icon} name="volume-2" />${t("sound.silent")}</p>`;
  return html`<${Quality} quality=${sound.quality ?? null} />`;
}

/** @param {{quality: import("./quality.js").Quality|null}} props */
function Quality({ quality }) {
  if (!quality) return html`<p class="stage-sound"><span class="dot dot-none" />${t("quality.measuring")}</p>`;
  const name = band(quality.mos);
  return html`<p class="stage-sound"><span class=${`dot dot-${name}`} /><span>${t(`quality.${name}`)}</span>
    <small>${t("quality.estimate", { mos: oneDecimal(quality.mos, locale.value) })}</small></p>`;
}

/** The keys of a call: the server makes the tones. @param {{page: Page, call: Call}} props */
function Keypad({ page: { state, actions }, call }) {
  const pressed = state.pressed.value;
  return html`<div class="keypad">
    <p class="pressed" dir="ltr" aria-live="off">${pressed.leg_id === call.leg_id ? pressed.keys.slice(-18) : ""}</p>
    <div class="pad" dir="ltr" role="group" aria-label=${t("call.keypad")}>
      ${KEYS.map(([digit, letters]) => html`<button type="button" class="key" key=${digit}
        onClick=${() => actions.digits(call.leg_id, digit)}><b>${digit}</b> <small>${letters === "+" ? "" : letters}</small></button>`)}
    </div>
  </div>`;
}
