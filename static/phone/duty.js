// @ts-check
/** Going on duty: sound first, inside the click; then the microphone, then notifications, each explained before asked. */

/**
 * Decide what is still to be asked before this tab can go on duty.
 * @param {{microphone: string, notifications: string, skipped: boolean}} now  permission states; skipped: "not now"
 * @returns {"microphone"|"notifications"|"ready"}
 */
export function nextStep({ microphone, notifications, skipped }) {
  if (microphone !== "granted") return "microphone";
  return notifications === "default" && !skipped ? "notifications" : "ready";
}

/**
 * Decide which standing banner the page shows; null when the phone can be used as it is.
 * @param {object} now
 * @param {boolean} now.owner
 * @param {boolean} now.duty
 * @param {boolean} now.canRing
 * @param {string} now.microphone  permission state
 * @returns {"other_tab"|"insecure"|"cannot_ring"|"needs_click"|"microphone"|null}
 */
export function bannerFor({ owner, duty, canRing, microphone }) {
  if (microphone === "insecure") return "insecure";
  if (!owner) return "other_tab";
  if (!duty) return "cannot_ring";
  if (!canRing) return "needs_click";
  return microphone === "denied" || microphone === "missing" ? "microphone" : null;
}
