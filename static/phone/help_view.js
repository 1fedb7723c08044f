// @ts-check
import { html } from "../shared/html.js";
import { t } from "../shared/language.js";

const ALWAYS = [["0–9 * #", "digits"], ["Enter", "enter"], ["↑ ↓", "arrows"], ["Esc", "escape"], ["Tab", "tab"]];
const SINGLE = [["A", "answer"], ["D", "decline"], ["M", "mute"], ["K", "keypad"], ["H", "hang_up"]];

/**
 * What the keyboard does.
 * @param {{page: import("./main.js").Page}} props
 */
export function Part({ page: { shortcuts } }) {
  return html`<${Table} caption=${t("help.always")} rows=${ALWAYS} />
    <${Table} caption=${t(shortcuts.value ? "help.single_on" : "help.single_off")} rows=${SINGLE} />`;
}

/** @param {{caption: string, rows: string[][]}} props */
function Table({ caption, rows }) {
  return html`<table class="keys"><caption>${caption}</caption><tbody>
    ${rows.map(([keys, id]) => html`<tr key=${id}><th scope="row"><kbd>${keys}</kbd></th><td>${t(`help.${id}`)}</td></tr>`)}
  </tbody></table>`;
}
