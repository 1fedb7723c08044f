// @ts-check
/** The page's beginning: who signs in, then the telephone; every action a view can ask for. */
import { effect, signal } from "@preact/signals";
import { render } from "preact";
import { createApi } from "../shared/api.js";
import { html } from "../shared/html.js";
import { locale, preferredLanguage, t, useLanguage } from "../shared/language.js";
import { useTheme } from "../shared/theme.js";
import { createAlerts } from "./alerts.js";
import { App } from "./app_view.js";
import { createDevices } from "./devices.js";
import { nextStep } from "./duty.js";
import { listenForKeys } from "./keys.js";
import { createRinger } from "./ringer.js";
import { randomId } from "./socket.js";
import { createState } from "./state.js";
import { telFrom } from "./tel_link.js";
import { deviceId, openChannel, tabId } from "./tabs.js";

// Signing in must not wait for the telephone, but the telephone is wanted next: both load side by side.
const loading = Promise.all([import("./phone.js"), import("./telephone_view.js")]);

const SHORTCUTS = "webpbx.shortcuts";
const DUTY = "webpbx.duty";
/** How long a link stands in for a new tab that the browser may have blocked, in milliseconds. */
const NEW_TAB_MS = 20_000;

const state = createState();
const telephone = signal(/** @type {((props: {page: Page}) => any)|null} */ (null));
const shortcuts = signal(localStorage.getItem(SHORTCUTS) === "on");
const api = createApi(() => locale.value);
const devices = createDevices({ onLost: () => phone?.notify("info", { key: "notice.device_lost" }) });
const ringer = createRinger();
const alerts = createAlerts(() => state.active.value.length > 0 && state.owner.value === true);
const ids = { device_id: deviceId(randomId), tab_id: tabId(randomId) };
const channel = openChannel(({ type, value }) => {
  if (type === "theme") useTheme(/** @type {import("../shared/theme.js").Theme} */ (value));
  if (type === "language") useLanguage(value);
  if (type === "duty" && value === state.user.value?.id) phone?.hello();
  if (type === "signed_out" && !api.hasToken()) leave();
});
/** @type {ReturnType<typeof import("./phone.js").createPhone>|null} */
let phone = null;
let skippedNotifications = false;

const onDuty = {
  wanted: () => sessionStorage.getItem(DUTY) === "on",
  want: (/** @type {boolean} */ on) => {
    sessionStorage.setItem(DUTY, on ? "on" : "off");
    channel.tell("duty", state.user.value?.id ?? "");
  },
};

/** @param {any} user */
async function enter(user) {
  state.user.value = user;
  state.guestTab.value = api.hasToken();
  state.signInError.value = null;
  const [[{ createPhone }, { Telephone }]] = await Promise.all([
    loading, useLanguage(preferredLanguage(user.language)), devices.started,
  ]);
  telephone.value = Telephone;
  phone = createPhone({
    state, api, devices, ringer, alerts, ids, onDuty, language: () => locale.value, say: t, onRefused: checkSession,
  });
  state.screen.value = "phone";
  if (devices.permission.value === "granted") ringer.unlock();
}

function leave() {
  phone?.close();
  phone = null;
  state.user.value = null;
  state.connection.value = "connecting";
  state.sheet.value = null;
  state.notices.value = [];
  state.recent.value = null;
  state.screen.value = "sign_in";
}

/** The socket was refused: back to signing in if the session has ended, else it will try again by itself. */
async function checkSession(/** @type {{error_id?: string, text?: string}} */ why) {
  try {
    await api.session();
    if (why.text && why.error_id !== "login_required") phone?.notify("warn", { key: "notice.refused", text: why.text });
  } catch (error) {
    if (/** @type {any} */ (error).status !== 401) return;
    api.dropToken();
    leave();
    state.signInError.value = { error_id: "session_ended", text: "" };
  }
}

/** @param {() => Promise<any>} way */
async function signInBy(way) {
  try {
    await enter(await way());
  } catch (error) {
    const { error_id, text } = /** @type {any} */ (error);
    if (!error_id) throw error;
    state.signInError.value = error_id === "login_required" ? null : { error_id, text };
    if (error_id === "login_required") api.dropToken();
    state.screen.value = "sign_in";
  }
}

/** A link's token is taken out of the address before anything else sees it. */
function tokenFromAddress() {
  const found = new URLSearchParams(location.hash.slice(1));
  if (found.has("link") || found.has("token")) history.replaceState(null, "", location.pathname + location.search);
  return { link: found.get("link"), token: found.get("token") };
}

/** A call's short address, #/calls/ID, leads to its page. */
function lengthenAddress() {
  if (/^#\/calls(\/|$)/.test(location.hash)) history.replaceState(null, "", `#/admin${location.hash.slice(1)}`);
}

async function advanceDuty() {
  const step = nextStep({
    microphone: devices.permission.value, notifications: alerts.permission(), skipped: skippedNotifications,
  });
  if (step !== "ready") {
    state.sheet.value = "duty";
    state.dutyStep.value = step;
    return;
  }
  state.sheet.value = null;
  await ringer.useDevice(devices.chosen("ringer")?.id ?? "");
  await phone?.duty(true);
}

export const actions = {
  ownDevices: api.ownDevices,
  /** @param {string} login  @param {string} password */
  signIn: async (login, password) => {
    state.asking.value = true;
    await signInBy(() => api.signIn(login, password));
    state.asking.value = false;
  },
  signOut: async () => {
    const guest = api.hasToken();
    await api.signOut().catch(() => api.dropToken());
    sessionStorage.removeItem(DUTY);
    if (!guest) channel.tell("signed_out", "");
    leave();
  },
  goOnDuty: async () => {
    await ringer.unlock();
    await advanceDuty();
  },
  allowMicrophone: async () => {
    try {
      (await devices.openMicrophone()).stop();
      await phone?.sound.renew();
      state.microphoneProblem.value = null;
      if (state.sheet.value === "duty") await advanceDuty();
    } catch (error) {
      state.microphoneProblem.value = /** @type {any} */ (error).error_id;
    }
  },
  /** @param {boolean} wanted */
  notifications: async (wanted) => {
    skippedNotifications = !wanted;
    if (wanted) await alerts.ask();
    skippedNotifications = true;
    await advanceDuty();
  },
  goOffDuty: () => phone?.duty(false),
  useHere: () => {
    ringer.unlock();
    phone?.useHere();
  },
  /** @param {string} leg_id  a call that another device has */
  bringHere: (leg_id) => phone?.attempt(async () => phone?.sound.takeOver(leg_id)),
  /** @param {string} number  @param {{instead?: boolean}} [how] */
  dial: (number, how) => phone?.dial(number, how),
  /** @param {string} leg_id */
  answer: (leg_id) => phone?.answer(leg_id),
  /** @param {string} leg_id */
  hangUp: (leg_id) => phone?.hangUp(leg_id),
  /** @param {string} leg_id  @param {boolean} on */
  mute: (leg_id, on) => phone?.mute(leg_id, on),
  /** @param {string} leg_id  @param {string} keys */
  digits: (leg_id, keys) => {
    state.pressed.value = { leg_id, keys: (state.pressed.value.leg_id === leg_id ? state.pressed.value.keys : "") + keys };
    phone?.digits(leg_id, keys);
  },
  dismissEnded: () => phone?.dismissEnded(),
  /** @param {number} id */
  dismissNotice: (id) => phone?.dismiss(id),
  playSound: () => phone?.sound.play(),
  /** @param {import("./device_choice.js").Role} role  @param {import("./device_choice.js").Device} device */
  chooseDevice: (role, device) => {
    devices.choose(role, device);
    if (role === "microphone") phone?.sound.renew();
    if (role === "speaker") phone?.sound.useSpeaker(device.id);
    if (role === "ringer") ringer.useDevice(device.id);
  },
  tryRinger: async () => {
    await ringer.unlock();
    ringer.try();
  },
  callMe: async () => {
    if (!state.duty.value) return void phone?.notify("info", { key: "demo.duty_first" });
    state.asking.value = true;
    const call = await phone?.attempt(() => api.demoCallMe());
    if (call?.state === "ended") phone?.notify("info", { key: call.sip_status === 486 ? "demo.caller_busy" : "demo.caller_lost" });
    state.asking.value = false;
  },
  openColleague: async () => {
    const token = await phone?.attempt(() => api.demoColleague());
    if (!token) return;
    state.newTab.value = `/#token=${encodeURIComponent(token)}`;
    open(state.newTab.value, "_blank", "noopener");
    setTimeout(() => (state.newTab.value = null), NEW_TAB_MS);
  },
  /** @param {import("../shared/theme.js").Theme} theme */
  useTheme: (theme) => {
    useTheme(theme, { keep: true });
    channel.tell("theme", theme);
  },
  /** @param {string} language */
  useLanguage: async (language) => {
    await useLanguage(language, { keep: true });
    channel.tell("language", language);
    phone?.hello();
  },
  /** @param {boolean} on */
  useShortcuts: (on) => {
    localStorage.setItem(SHORTCUTS, on ? "on" : "off");
    shortcuts.value = on;
  },
};

/** @typedef {{state: typeof state, actions: typeof actions, devices: typeof devices, ringer: typeof ringer, shortcuts: typeof shortcuts, telephone: typeof telephone, api: typeof api}} Page */

async function begin() {
  lengthenAddress();
  addEventListener("hashchange", lengthenAddress);
  useTheme(/** @type {any} */ (localStorage.getItem("webpbx.theme") ?? "system"));
  await useLanguage(preferredLanguage());
  const page = { state, actions, devices, ringer, shortcuts, telephone, api };
  render(html`<${App} page=${page} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
  listenForKeys(page);
  effect(() => void (document.title = t(state.place.value === "console" ? "menu.console" : "title")));
  effect(() => {
    if (state.active.value.length === 0) state.dialOpen.value = false;
  });
  const tel = telFrom(location.search);
  if (tel) {
    state.field.value = tel;
    history.replaceState(null, "", location.pathname + location.hash);
  }
  setInterval(() => (state.now.value = Date.now()), 1_000);
  // Not at "pointerdown": the banner that goes away then would move the button from under the pointer.
  for (const gesture of ["click", "keyup"]) {
    addEventListener(gesture, () => state.duty.value && !ringer.ready.value && ringer.unlock());
  }
  addEventListener("hashchange", () => {
    if (/^#(link|token)=/.test(location.hash)) location.reload();
    else if (!state.hold.value?.(location.hash)) state.route.value = location.hash;
  });
  const { link, token } = tokenFromAddress();
  state.route.value = location.hash;
  if (token) api.useToken(token);
  if (link) api.dropToken();
  await signInBy(() => (link ? api.signInByLink(link) : api.session()));
}

begin();
