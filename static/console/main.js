// @ts-check
/** Edge: the beginning of the settings, loaded when they are first opened. */
import { usePart } from "../shared/language.js";
import { createDesk } from "./desk.js";
import { Shell } from "./shell_view.js";
import { html } from "../shared/html.js";

/** @type {ReturnType<typeof createDesk>|null} */
let desk = null;

/** Words and looks are there before anything is drawn. */
export const ready = Promise.all([usePart("console"), useLooks("console"), useLooks("calls")]);

/** @param {{page: import("../phone/main.js").Page}} props */
export function Console({ page }) {
  desk ??= createDesk(page);
  return html`<${Shell} page=${page} desk=${desk} />`;
}

/** @param {string} name */
function useLooks(name) {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL(`../css/${name}.css`, import.meta.url).href;
  document.head.append(link);
  return new Promise((done) => {
    link.addEventListener("load", done);
    link.addEventListener("error", done);
  });
}
