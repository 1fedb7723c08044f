// @ts-check
/** Edge: the call as the system shows it (headset keys, lock screen, the browser's media bar), where it can. */

const ACTIONS = /** @type {const} */ (["hangup", "togglemicrophone"]);

/**
 * Show a call to the system, or take it away.
 * @param {{title: string, muted: boolean, hangUp: () => void, toggleMute: () => void}|null} call
 */
export function showToSystem(call) {
  const session = /** @type {any} */ (navigator.mediaSession);
  if (!session) return;
  const handlers = { hangup: call?.hangUp ?? null, togglemicrophone: call?.toggleMute ?? null };
  for (const action of ACTIONS) {
    try {
      session.setActionHandler(action, handlers[action]);
    } catch {
      // Not every browser knows every action.
    }
  }
  session.playbackState = call ? "playing" : "none";
  session.metadata = call && "MediaMetadata" in globalThis ? new MediaMetadata({ title: call.title }) : null;
  if ("setMicrophoneActive" in session) Promise.resolve(session.setMicrophoneActive(!!call && !call.muted)).catch(() => undefined);
}
