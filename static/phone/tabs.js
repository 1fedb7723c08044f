// @ts-check
/** Edge: which of a user's tabs owns the phone, and word between tabs. */

/**
 * Ask for the phone of a user. The owner rings and carries sound; the next tab in line takes over when it closes.
 * @param {string} user_id
 * @param {(owner: boolean) => void} onOwner  called at once with the first answer, then at each change
 */
export function ownPhone(user_id, onOwner) {
  const name = `phone:${user_id}`;
  let closed = false;
  let release = () => {};
  const hold = () => new Promise((/** @type {(v: void) => void} */ done) => {
    release = () => done();
    if (closed) release();
    else onOwner(true);
  });
  if (!navigator.locks) {
    // Only on plain HTTP, where there is no microphone either.
    onOwner(true);
    return { steal() {}, close() {} };
  }

  async function queue() {
    try {
      await navigator.locks.request(name, hold);
    } catch {
      lost();
    }
  }

  function lost() {
    if (closed) return;
    onOwner(false);
    queue();
  }

  navigator.locks.request(name, { ifAvailable: true }, (lock) => {
    if (lock) return hold();
    onOwner(false);
    queue();
    return undefined;
  }).catch(lost);

  return {
    /** Take the phone over from the tab that has it. */
    steal() {
      navigator.locks.request(name, { steal: true }, hold).catch(lost);
    },
    close() {
      closed = true;
      release();
    },
  };
}

/**
 * Word between the tabs of this browser: signing out, duty, theme, language.
 * @param {(message: {type: "signed_out"|"duty"|"theme"|"language", value: string}) => void} onMessage
 */
export function openChannel(onMessage) {
  const channel = new BroadcastChannel("webpbx");
  channel.addEventListener("message", (event) => onMessage(event.data));
  return {
    /** @param {"signed_out"|"duty"|"theme"|"language"} type  @param {string} value */
    tell: (type, value) => channel.postMessage({ type, value }),
  };
}

const TAB = "webpbx.tab";
const DEVICE = "webpbx.device";

/**
 * This tab's id, the same after a reload. While the page lives the id is not in the storage, so that a duplicated tab
 * does not inherit it.
 * @param {() => string} random
 */
export function tabId(random) {
  const id = sessionStorage.getItem(TAB) ?? random();
  sessionStorage.removeItem(TAB);
  addEventListener("pagehide", () => sessionStorage.setItem(TAB, id));
  addEventListener("pageshow", () => sessionStorage.removeItem(TAB));
  return id;
}

/**
 * This browser's id, kept for good.
 * @param {() => string} random
 */
export function deviceId(random) {
  const id = localStorage.getItem(DEVICE) ?? random();
  localStorage.setItem(DEVICE, id);
  return id;
}
