// @ts-check
import { html } from "./html.js";

/**
 * A table whose first column leads to each row; on a narrow screen every row is a card of its own.
 * @typedef {{id: string, name: any, href: string, latin?: boolean, cells: any[]}} Line
 * @param {{caption: string, columns: readonly string[], lines: readonly Line[]}} props
 */
export function Table({ caption, columns, lines }) {
  return html`<table class="lines">
    <caption class="hidden">${caption}</caption>
    <thead><tr>${columns.map((column) => html`<th key=${column} scope="col">${column}</th>`)}</tr></thead>
    <tbody>${lines.map((line) => html`<tr key=${line.id}>
      <th scope="row"><a href=${line.href} data-row=${line.id} dir=${line.latin ? "ltr" : undefined}>${line.name}</a></th>
      ${line.cells.map((cell, place) => html`<td key=${place} data-label=${columns[place + 1]}>${cell}</td>`)}
    </tr>`)}</tbody>
  </table>`;
}
