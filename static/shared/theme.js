// @ts-check
/** Edge: light, dark or as the system has it. `first_paint.js` applies the kept choice before anything is drawn. */
import { signal } from "@preact/signals";

/** @typedef {"system"|"light"|"dark"} Theme */

const KEPT = "webpbx.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

/** @param {string|null} text  @returns {Theme} */
function asTheme(text) {
  return text === "light" || text === "dark" ? text : "system";
}

export const theme = signal(asTheme(localStorage.getItem(KEPT)));

/**
 * Use a theme in this tab; `keep` remembers it on this device.
 * @param {Theme} wanted
 * @param {{keep?: boolean}} [options]
 */
export function useTheme(wanted, { keep = false } = {}) {
  if (keep) localStorage.setItem(KEPT, wanted);
  theme.value = asTheme(wanted);
  const shown = theme.value === "system" ? (dark.matches ? "dark" : "light") : theme.value;
  document.documentElement.dataset.theme = shown;
}

dark.addEventListener("change", () => useTheme(theme.value));
