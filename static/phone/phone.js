// @ts-check
/** The tab's telephone: takes the server's events into the state, and turns what the user does into commands. */
import { effect, batch } from "@preact/signals";
import { isIncoming, isLive, partyName } from "./call.js";
import { errorKey } from "./cause.js";
import { createDialling } from "./dialling.js";
import { showToSystem } from "./media_keys.js";
import { toRecent } from "./recent.js";
import { order, putCall, putPresence, takeCalls } from "./snapshot.js";
import { connect } from "./socket.js";
import { createSound } from "./sound.js";
import { ownPhone } from "./tabs.js";
/** @typedef {import("./state.js").State} State */

const RECENT = 50;
/** How long a notice stays unless it is closed. */
const NOTICE_MS = { info: 8_000, warn: 15_000, danger: 60_000 };
const NOTICES = 2;

/**
 * @param {object} options
 * @param {State} options.state
 * @param {ReturnType<typeof import("../shared/api.js").createApi>} options.api
 * @param {ReturnType<typeof import("./devices.js").createDevices>} options.devices
 * @param {ReturnType<typeof import("./ringer.js").createRinger>} options.ringer
 * @param {ReturnType<typeof import("./alerts.js").createAlerts>} options.alerts
 * @param {{tab_id: string, device_id: string}} options.ids
 * @param {() => string} options.language
 * @param {(key: string, values?: Record<string, string>) => string} options.say
 * @param {{wanted: () => boolean, want: (on: boolean) => void}} options.onDuty  survives a reload: the server forgets
 *   duty with the device's last socket
 * @param {(why: {error_id?: string, text?: string}) => void} options.onRefused
 */
export function createPhone({ state, api, devices, ringer, alerts, ids, language, say, onDuty, onRefused }) {
  let seq = -1;
  /** @type {number|null} */
  let epoch = null;
  let noticeId = 0;
  let greeting = false;
  let greetAgain = false;
  /** Mutes the server has not confirmed: they hold here whatever a snapshot says, and are said again. */
  const wishes = new Map();

  const send = (/** @type {string} */ name, /** @type {Record<string, unknown>} */ fields) => socket.send(name, fields);
  const sound = createSound({ state, devices, send });
  const place = createDialling({ state, sound, send, notify: (tone, words) => notify(tone, words) });

  /** @param {"info"|"warn"|"danger"} tone  @param {{key?: string, text?: string}} words  the catalog's or the server's */
  function notify(tone, words) {
    noticeId += 1;
    const notice = { id: noticeId, tone, ...words };
    const others = state.notices.value.filter((other) => !words.key || other.key !== words.key);
    state.notices.value = [...others, notice].slice(-NOTICES);
    setTimeout(() => dismiss(notice.id), NOTICE_MS[tone]);
  }

  /** @param {number} id */
  function dismiss(id) {
    state.notices.value = state.notices.value.filter((notice) => notice.id !== id);
  }

  /**
   * Run a command and say in words when it comes to nothing.
   * @template T
   * @param {() => Promise<T>} command
   * @returns {Promise<T|undefined>}
   */
  async function attempt(command) {
    try {
      return await command();
    } catch (error) {
      const { error_id, text } = /** @type {any} */ (error);
      if (!error_id) throw error;
      notify("warn", { key: errorKey(error_id) ?? undefined, text });
      return undefined;
    }
  }

  /** @param {import("./call.js").Call} call */
  const asWished = (call) => (wishes.has(call.leg_id) ? { ...call, muted: wishes.get(call.leg_id) } : call);

  /** @param {import("./snapshot.js").Snapshot} snapshot */
  function take(snapshot) {
    seq = snapshot.seq;
    batch(() => {
      state.user.value = snapshot.user;
      state.tenant.value = snapshot.tenant;
      state.demo.value = snapshot.demo;
      state.duty.value = snapshot.duty;
      state.colleagues.value = snapshot.colleagues;
      state.settings.value = snapshot.settings ?? {};
      const how = { now_ms: Date.now(), restarted: epoch !== null && snapshot.epoch !== epoch };
      state.calls.value = takeCalls(state.calls.value, snapshot.calls, how).map(asWished);
    });
    epoch = snapshot.epoch;
    sound.reconcile();
  }

  async function hello() {
    if (!socket.connected() || state.owner.value === null) return;
    greetAgain = greeting;
    if (greeting) return;
    greeting = true;
    try {
      const ack = await send("hello", { ...ids, owner: state.owner.value === true, language: language() });
      take(ack.snapshot ?? ack);
      state.connection.value = "up";
      await socket.flush();
      if (state.owner.value && onDuty.wanted() && !state.duty.value) await setDuty(true);
      for (const [leg_id, on] of [...wishes]) mute(leg_id, on);
      sound.nudge();
      loadRecent();
    } catch {
      if (socket.connected()) setTimeout(hello, 1_000);
    } finally {
      greeting = false;
      if (greetAgain) hello();
    }
  }

  /**
   * Mute, shown at once: the one thing that does not wait for the server. Muted stays muted while offline.
   * @param {string} leg_id
   * @param {boolean} on
   */
  async function mute(leg_id, on) {
    const show = (/** @type {boolean} */ muted) => {
      state.calls.value = state.calls.value.map((call) => (call.leg_id === leg_id ? { ...call, muted } : call));
      sound.mute(muted);
    };
    wishes.set(leg_id, on);
    show(on);
    try {
      await send("mute", { leg_id, on });
      wishes.delete(leg_id);
    } catch (error) {
      if (!socket.connected()) return;
      wishes.delete(leg_id);
      show(!on);
      throw error;
    }
  }

  /** @param {boolean} on */
  async function setDuty(on) {
    await send("duty", { on });
    onDuty.want(on);
    state.duty.value = on;
  }

  async function loadRecent() {
    const records = await api.calls(RECENT).catch(() => null);
    if (records) {
      state.recent.value = records.map((/** @type {any} */ one) => toRecent(one, state.user.value?.extension ?? null));
    }
  }

  /** @param {import("./call.js").Call} call */
  function callChanged(call) {
    const before = state.calls.value.find((other) => other.leg_id === call.leg_id);
    state.calls.value = putCall(state.calls.value, asWished(call));
    sound.reconcile();
    if (isLive(call)) return;
    if (before && isLive(before)) setTimeout(loadRecent, 400);
    const missed = before && isIncoming(before) && call.cause !== "answered_elsewhere" && call.cause !== "declined";
    if (missed && document.hidden && state.owner.value) {
      alerts.show(call.leg_id, say("alert.missed", { name: partyName(call) ?? say("call.anonymous") }), "", false);
    }
  }

  /** @param {string} name  @param {any} data */
  function onEvent(name, data) {
    if (name === "snapshot") return void take(data);
    const place = seq < 0 ? "old" : order(seq, data.seq);
    if (place === "old") return undefined;
    if (place === "gap") return void hello();
    seq = data.seq;
    if (name === "call") callChanged(data.call);
    if (name === "presence") state.colleagues.value = putPresence(state.colleagues.value, data.extension, data.presence);
    if (name === "notice") notify("info", { text: data.text });
    return undefined;
  }

  const socket = connect({
    credentials: api.credentials,
    onUp: () => {
      seq = -1;
      hello();
    },
    onDown: () => (state.connection.value = state.connection.value === "connecting" ? "connecting" : "down"),
    onRefused,
    onEvent,
  });

  const tabs = ownPhone(/** @type {any} */ (state.user.value).id, (owner) => {
    state.owner.value = owner;
    // Who takes the phone over goes on with its duty, also after a reload.
    if (owner && state.duty.value) onDuty.want(true);
    sound.reconcile();
    hello();
  });

  addEventListener("online", () => {
    socket.reconnectNow();
    sound.nudge();
  });

  const stopRinging = effect(() => {
    const ringing = state.owner.value && state.duty.value
      ? state.incoming.value.filter((call) => call.state === "ringing" || call.state === "idle") : [];
    if (ringing.length > 0 && state.active.value.length === 0) ringer.start();
    else ringer.stop();
    const name = ringing[0] ? partyName(ringing[0]) ?? say("call.anonymous") : null;
    alerts.title(name ? say("alert.title", { name }) : null);
  });
  /** @type {Set<string>} */
  const alerted = new Set();
  const stopAlerts = effect(() => {
    const calls = state.owner.value ? state.incoming.value : [];
    for (const leg_id of [...alerted]) {
      if (calls.some((call) => call.leg_id === leg_id)) continue;
      alerts.hide(leg_id);
      alerted.delete(leg_id);
    }
    for (const call of calls) {
      if (alerted.has(call.leg_id)) continue;
      alerted.add(call.leg_id);
      const name = partyName(call) ?? say("call.anonymous");
      if (document.hidden) alerts.show(call.leg_id, say("alert.incoming", { name }), call.number ?? "", true);
    }
  });
  const stopAwake = effect(() => void alerts.keepAwake(state.active.value.length > 0 && state.owner.value === true));
  const stopShowing = effect(() => {
    const call = state.owner.value ? state.active.value[0] : undefined;
    showToSystem(call ? {
      title: partyName(call) ?? say("call.anonymous"),
      muted: call.muted,
      hangUp: () => attempt(() => send("hang_up", { leg_id: call.leg_id })),
      toggleMute: () => attempt(() => mute(call.leg_id, !call.muted)),
    } : null);
  });

  return {
    notify,
    dismiss,
    attempt,
    sound,
    /** @param {string} number  @param {{instead?: boolean}} [how] */
    dial: (number, how) => attempt(() => place(number, how)),
    /** @param {string} leg_id */
    answer: (leg_id) => attempt(() => sound.withMicrophone(async () => {
      for (const other of state.active.value) await send("hang_up", { leg_id: other.leg_id });
      await sound.feed(leg_id);
      await send("answer", { leg_id });
    })),
    /** @param {string} leg_id  while it rings this declines */
    hangUp: (leg_id) => attempt(() => send("hang_up", { leg_id })),
    /** @param {string} leg_id  @param {boolean} on */
    mute: (leg_id, on) => attempt(() => mute(leg_id, on)),
    /** @param {string} leg_id  @param {string} keys */
    digits: (leg_id, keys) => attempt(() => send("digits", { leg_id, keys })),
    /** @param {boolean} on */
    duty: (on) => attempt(() => setDuty(on)),
    /** Take the phone over from another tab of this browser. */
    useHere: () => tabs.steal(),
    dismissEnded: () => (state.calls.value = state.calls.value.filter(isLive)),
    loadRecent,
    hello,
    close() {
      for (const stop of [stopRinging, stopAlerts, stopAwake, stopShowing]) stop();
      ringer.stop();
      showToSystem(null);
      state.calls.value = [];
      sound.reconcile();
      tabs.close();
      state.owner.value = null;
      socket.close();
    },
  };
}
