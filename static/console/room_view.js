// @ts-check
import { useEffect, useRef } from "preact/hooks";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";
import { Table } from "../shared/table_view.js";
import { contextOf } from "./context_view.js";
import { NOUNS } from "./nouns.js";
import { hashOf } from "./route.js";
import { State } from "./trunk_view.js";
import { rowsOf } from "./usage.js";

/** All rows of a noun; when there is none, what to do first. @param {{desk: import("./desk.js").Desk, noun: import("./nouns.js").Noun}} props */
export function Room({ desk, noun }) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const context = contextOf(desk);
  const rows = rowsOf(context.nouns, noun.noun);
  const missing = noun.needs?.find((need) => rowsOf(context.nouns, need).length === 0);
  useEffect(() => {
    desk.watch(noun.live ? noun.noun : null);
    const last = desk.left.value;
    desk.left.value = null;
    const line = [...(box.current?.querySelectorAll("[data-row]") ?? [])].find((one) => one.getAttribute("data-row") === last);
    const place = line ?? box.current?.querySelector("h1");
    if (place instanceof HTMLElement) place.focus();
    return () => desk.watch(null);
  }, [noun.noun]);
  const lines = rows.map((row) => ({
    id: row[noun.key],
    name: noun.name(row),
    latin: noun.latin,
    href: noun.opens?.(row, context) ?? hashOf(noun.room, row[noun.key]),
    cells: noun.columns.map((column) => (column === "state" ? html`<${State} standing=${noun.standing?.(row)} />` : noun.cell(row, column, context))),
  }));
  return html`<section class="card" ref=${box} aria-labelledby="room-title">
    <header class="room-top"><h1 id="room-title" tabindex="-1">${t(`room.${noun.room}`)}</h1>
      ${!missing && html`<a class="button primary" href=${hashOf(noun.room, "new")}><${Icon} name="plus" />${t(`add.${noun.noun}`)}</a>`}</header>
    <p class="intro">${t(`intro.${noun.room}`)}</p>
    ${lines.length > 0 && html`<${Table} caption=${t(`room.${noun.room}`)} lines=${lines}
      columns=${[t(`field.${noun.noun}.${["id", "login", "username"].includes(noun.key) ? "name" : noun.key}`), ...noun.columns.map((column) => t(`column.${column}`))]} />`}
    ${lines.length === 0 && html`<div class="none"><${Icon} name=${noun.icon} size="large" /><p>${t(missing ? `first.${missing}` : `none.${noun.room}`)}</p>
      ${missing && html`<a class="button primary" href=${hashOf(NOUNS.find((one) => one.noun === missing)?.room ?? "start")}>${t(`go.${missing}`)}</a>`}</div>`}
  </section>`;
}
