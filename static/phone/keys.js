// @ts-check
/** Edge: keys pressed anywhere on the page. Digits go to the call or the field; Esc closes, it never hangs up. */
import { isDialKey } from "./dial.js";
/** @typedef {import("./main.js").Page} Page */

/** @param {EventTarget|null} target */
function takesText(target) {
  return target instanceof HTMLElement
    && (target.isContentEditable || target.matches("input:not([type=radio], [type=checkbox]), textarea, select"));
}

/** @param {Page} page */
export function listenForKeys({ state, actions, shortcuts }) {
  /** @param {string} letter */
  function shortcut(letter) {
    const ringing = state.incoming.value[0];
    const call = state.active.value[0];
    if (letter === "a" && ringing) actions.answer(ringing.leg_id);
    else if (letter === "d" && ringing) actions.hangUp(ringing.leg_id);
    else if (letter === "m" && call) actions.mute(call.leg_id, !call.muted);
    else if (letter === "h" && call) actions.hangUp(call.leg_id);
    else if (letter === "k" && call) state.keypadOpen.value = !state.keypadOpen.value;
    else return false;
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (state.screen.value !== "phone" || state.place.value !== "phone" || state.sheet.value) return;
    if (event.key === "Escape") {
      if (state.keypadOpen.value) state.keypadOpen.value = false;
      else if (state.dialOpen.value) state.dialOpen.value = false;
      else if (state.notices.value.length > 0) state.notices.value = [];
      else if (state.field.value) state.field.value = "";
      else actions.dismissEnded();
      return;
    }
    if (takesText(event.target)) return;
    const talking = state.active.value.find((call) => call.state === "answered");
    if (isDialKey(event.key)) {
      if (talking && event.key !== "+") {
        state.keypadOpen.value = true;
        actions.digits(talking.leg_id, event.key);
      } else if (!talking) {
        state.field.value += event.key;
        document.getElementById("number")?.focus();
      }
      event.preventDefault();
    } else if (shortcuts.value && shortcut(event.key.toLowerCase())) {
      event.preventDefault();
    }
  });
}
