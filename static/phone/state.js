// @ts-check
/** What the tab shows: the server's snapshot and what only this tab knows, each a signal. */
import { computed, signal } from "@preact/signals";
import { isActive, isIncoming, isLive } from "./call.js";
/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./snapshot.js").Snapshot} Snapshot */
/** @typedef {{state: "connecting"|"open"|"reconnecting"|"failed", why?: string, silenced?: boolean, silent?: boolean, quality?: import("./quality.js").Quality}} Sound */
/** @typedef {{id: number, tone: "info"|"warn"|"danger", key?: string, text?: string}} Notice */
/** @typedef {"settings"|"devices"|"help"|"duty"|null} Sheet */

export function createState() {
  const calls = signal(/** @type {Call[]} */ ([]));
  const user = signal(/** @type {Snapshot["user"]|null} */ (null));
  const route = signal("");
  return {
    screen: signal(/** @type {"starting"|"sign_in"|"phone"} */ ("starting")),
    signInError: signal(/** @type {{error_id: string, text: string}|null} */ (null)),
    /** Signed in by a token of this tab alone. */
    guestTab: signal(false),

    /** Where in the page: the address behind "#". */
    route,
    /** Asked before the place changes; true: it keeps the page where it is. */
    hold: signal(/** @type {((route: string) => boolean)|null} */ (null)),
    /** What fills the page: the telephone, or for those who run the company its settings. */
    place: computed(() => (route.value.startsWith("#/admin") && user.value?.role === "admin" ? "console" : "phone")),

    user,
    tenant: signal(/** @type {Snapshot["tenant"]|null} */ (null)),
    demo: signal(false),
    duty: signal(false),
    calls,
    colleagues: signal(/** @type {Snapshot["colleagues"]} */ ([])),
    settings: signal(/** @type {Snapshot["settings"]} */ ({})),
    recent: signal(/** @type {import("./recent.js").Recent[]|null} */ (null)),
    incoming: computed(() => calls.value.filter(isIncoming)),
    active: computed(() => calls.value.filter(isActive)),
    ended: computed(() => calls.value.filter((call) => !isLive(call))),

    connection: signal(/** @type {"connecting"|"up"|"down"} */ ("connecting")),
    /** null: not known yet whether another tab has the phone. */
    owner: signal(/** @type {boolean|null} */ (null)),
    sounds: signal(/** @type {Record<string, Sound>} */ ({})),
    /** A dial that the server has not acknowledged yet. */
    dialling: signal(false),
    microphoneProblem: signal(/** @type {string|null} */ (null)),

    field: signal(""),
    chosen: signal(-1),
    keypadOpen: signal(false),
    /** The pad lies beside a call in progress, to call somebody else. */
    dialOpen: signal(false),
    /** Keys pressed in a call, shown above its keypad. */
    pressed: signal({ leg_id: "", keys: "" }),
    dutyStep: signal(/** @type {"microphone"|"notifications"} */ ("microphone")),
    sheet: signal(/** @type {Sheet} */ (null)),
    notices: signal(/** @type {Notice[]} */ ([])),
    /** Ticks once a second while something on screen counts. */
    now: signal(Date.now()),
    newTab: signal(/** @type {string|null} */ (null)),
    asking: signal(false),
  };
}

/** @typedef {ReturnType<typeof createState>} State */
