// @ts-check
import { useEffect, useRef } from "preact/hooks";
import { phoneNumber } from "../shared/format.js";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { locale, t } from "../shared/language.js";
import { KEYS, isNumber, search, toDial } from "./dial.js";
import { isEmergency } from "./emergency.js";
import { PresenceMark } from "./presence_view.js";

const SHOWN = 6;
/** While digits are typed the list must not lie on the keys. */
const SHOWN_FOR_DIGITS = 2;

/**
 * One field for digits and names, whom it finds, the pad and Call.
 * @param {{page: import("./main.js").Page}} props
 */
export function DialPad({ page: { state, actions } }) {
  const input = useRef(/** @type {HTMLInputElement|null} */ (null));
  const typed = state.field.value;
  const found = typed.trim() === "" ? [] : search(state.colleagues.value, typed, locale.value).slice(0, isNumber(typed) ? SHOWN_FOR_DIGITS : SHOWN);
  const chosen = Math.min(state.chosen.value, found.length - 1);
  const number = toDial(typed, found, chosen);
  const offline = state.connection.value !== "up";
  const instead = state.active.value.length > 0;
  // One stray click must not call for help.
  const last = state.recent.value?.find((call) =>
    call.kind === "out" && call.number && !isEmergency(call.number, state.settings.value))?.number ?? null;
  const lastName = state.colleagues.value.find((one) => one.extension === last)?.name;
  useEffect(() => {
    if (instead) input.current?.focus();
  }, []);

  /** @param {string} text */
  const type = (text) => {
    state.field.value = text;
    state.chosen.value = -1;
  };
  const call = () => (number && !offline ? actions.dial(number, { instead }) : input.current?.focus());
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length > 0) {
      event.preventDefault();
      state.chosen.value = Math.max(-1, Math.min(found.length - 1, chosen + step));
    }
  };
  const onSubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    call();
  };

  return html`<section class="card dial" aria-label=${t("dial.title")}>
    <form class="dial-form" onSubmit=${onSubmit}>
      <label for="number">${t("dial.field")}</label>
      <div class="field">
        <${Icon} name="search" />
        <input id="number" ref=${input} type="text" inputmode="text" autocomplete="off" spellcheck=${false} enterkeyhint="go"
          placeholder=${t("dial.placeholder")} value=${typed} role="combobox" aria-autocomplete="list"
          aria-expanded=${found.length > 0} aria-controls="found" maxlength="64"
          aria-activedescendant=${chosen >= 0 ? `found-${chosen}` : undefined}
          onInput=${(/** @type {any} */ event) => type(event.target.value)} onKeyDown=${onKeyDown} />
        ${typed !== "" && html`<button type="button" class="button quiet" onClick=${() => {
          type(typed.slice(0, -1));
          input.current?.focus();
        }}><${Icon} name="delete" /><span>${t("dial.delete")}</span></button>`}
      </div>
      <div class="under-field">
      ${typed.trim() === "" && (last && !instead
        ? html`<button type="button" class="button quiet redial" onClick=${() => actions.dial(last)}>
          <${Icon} name="history" />${t("dial.redial")} <span dir="auto">${lastName ?? phoneNumber(last)}</span></button>`
        : html`<p class="muted">${t("dial.hint")}</p>`)}
      <ul id="found" class=${found.length > 0 ? "found" : "found none"} role="listbox" aria-label=${t("dial.found")}>
        ${found.map((colleague, index) => html`<li key=${colleague.extension} id=${`found-${index}`} role="option"
          aria-selected=${index === chosen} onClick=${() => actions.dial(colleague.extension, { instead })}>
          <${PresenceMark} presence=${colleague.presence} />
          <span class="who">${colleague.name}</span><span class="ext" dir="ltr">${colleague.extension}</span>
        </li>`)}
      </ul>
      </div>
      <p class="hidden" role="status">${typed.trim() !== "" && t("dial.found_count", { count: found.length })}</p>
      <div class="pad" dir="ltr" role="group" aria-label=${t("dial.pad")}>
        ${KEYS.map(([digit, letters]) => html`<button type="button" class="key" key=${digit} onClick=${() => type(typed + digit)}>
          <b>${digit}</b> <small>${letters}</small>
        </button>`)}
      </div>
      <button type="submit" class="button call wide" aria-disabled=${number === null || offline || state.dialling.value}>
        <${Icon} name="phone" />${t(state.dialling.value ? "dial.calling" : instead ? "dial.call_instead" : "dial.call")}
      </button>
    </form>
  </section>`;
}
