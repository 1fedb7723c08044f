// @ts-check
/** Edge: what calls for attention outside the page: notifications, the tab's title, staying awake, leaving. */

/** @param {() => boolean} inCall  leaving is asked about while this holds */
export function createAlerts(inCall) {
  const plain = document.title;
  /** @type {Map<string, Notification>} */
  const shown = new Map();
  let flash = 0;
  /** @type {WakeLockSentinel|null} */
  let awake = null;
  let wantAwake = false;

  addEventListener("beforeunload", (event) => {
    if (inCall()) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => wantAwake && keepAwake(true));

  /** @param {boolean} on */
  async function keepAwake(on) {
    wantAwake = on;
    if (!on) {
      await awake?.release();
      awake = null;
    } else if (navigator.wakeLock && document.visibilityState === "visible" && (!awake || awake.released)) {
      awake = await navigator.wakeLock.request("screen").catch(() => null);
    }
  }

  return {
    permission: () => ("Notification" in globalThis ? Notification.permission : "denied"),
    ask: async () => ("Notification" in globalThis ? Notification.requestPermission() : "denied"),
    keepAwake,
    /**
     * Show a notification, one for each call; it brings the tab to the front when clicked.
     * @param {string} tag  @param {string} title  @param {string} body  @param {boolean} stay
     */
    show(tag, title, body, stay) {
      if (!("Notification" in globalThis) || Notification.permission !== "granted") return;
      try {
        const notification = new Notification(title, { body, tag, requireInteraction: stay });
        notification.addEventListener("click", () => {
          focus();
          notification.close();
        });
        shown.set(tag, notification);
      } catch {
        // Android allows notifications from a service worker only; the title and the ring remain.
      }
    },
    /** @param {string} tag */
    hide(tag) {
      shown.get(tag)?.close();
      shown.delete(tag);
    },
    /**
     * Let the tab's title alternate with a text; null stops it.
     * @param {string|null} text
     */
    title(text) {
      clearInterval(flash);
      document.title = text ?? plain;
      if (text === null) return;
      let on = true;
      flash = setInterval(() => {
        on = !on;
        document.title = on ? text : plain;
      }, 1_000);
    },
  };
}
