// @ts-check
/** Edge: how a call is placed. An emergency call waits for nothing: not for the call before, not for a microphone. */
import { batch } from "@preact/signals";
import { isLive } from "./call.js";
import { dialString } from "./dial.js";
import { isEmergency } from "./emergency.js";
import { CommandError } from "./socket.js";

/** How long an emergency call waits for the end of the call before it, in milliseconds. */
const LEAVE_MS = 1_000;

/**
 * @param {object} options
 * @param {import("./state.js").State} options.state
 * @param {ReturnType<typeof import("./sound.js").createSound>} options.sound
 * @param {(name: string, fields: Record<string, unknown>) => Promise<any>} options.send
 * @param {(tone: "info"|"warn"|"danger", words: {key?: string, text?: string}) => void} options.notify
 */
export function createDialling({ state, sound, send, notify }) {
  /** End the calls that are up. @param {boolean} urgent */
  async function leave(urgent) {
    const ends = state.active.value.map((call) => send("hang_up", { leg_id: call.leg_id }));
    if (!urgent) return void (await Promise.all(ends));
    notify("warn", { key: "notice.left_for_emergency" });
    await Promise.race([Promise.allSettled(ends), new Promise((done) => setTimeout(done, LEAVE_MS))]);
  }

  /**
   * Call a number; anything people write between digits is stripped.
   * @param {string} number
   * @param {{instead?: boolean}} [how]  instead: end the call that is up; an emergency call always does
   */
  return async (number, { instead = false } = {}) => {
    const wanted = dialString(number) || number.trim();
    const urgent = isEmergency(wanted, state.settings.value);
    if (state.dialling.value && !urgent) return;
    const busy = state.active.value.length > 0;
    if (busy && !instead && !urgent) throw new CommandError("in_call");
    state.dialling.value = true;
    try {
      state.calls.value = state.calls.value.filter(isLive);
      const place = async () => {
        if (busy) await leave(urgent);
        await send("dial", { number: wanted });
      };
      await (urgent ? sound.withOrWithoutMicrophone(place) : sound.withMicrophone(place));
      batch(() => {
        state.field.value = "";
        state.chosen.value = -1;
        state.dialOpen.value = false;
      });
    } finally {
      state.dialling.value = false;
    }
  };
}
