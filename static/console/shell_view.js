// @ts-check
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";
import { Announcer } from "../phone/announcer_view.js";
import { Banner } from "../phone/banner_view.js";
import { Header } from "../phone/header_view.js";
import { Notices } from "../phone/notices_view.js";
import { Sheets } from "../phone/sheets_view.js";
import { CallBar } from "./call_bar_view.js";
import { NOUNS, nounOf } from "./nouns.js";
import { Question } from "./question_view.js";
import { Room } from "./room_view.js";
import { hashOf, placeOf } from "./route.js";
import { RowPage } from "./row_view.js";
import { Start } from "./start_view.js";
/** @typedef {import("../phone/main.js").Page} Page */
/** @typedef {import("./desk.js").Desk} Desk */

/** Rooms that are no list of settings, by their address. */
const OTHERS = Object.freeze({ start: "list-checks", calls: "history" });

/** The company's settings: calls on top, rooms at the side, the room itself. @param {{page: Page, desk: Desk}} props */
export function Shell({ page, desk }) {
  const { room, id } = placeOf(page.state.route.value);
  const main = useRef(/** @type {HTMLElement|null} */ (null));
  const nouns = desk.nouns.value;
  useEffect(() => void desk.load(), [room]);
  useEffect(() => scrollTo(0, 0), [room, id]);
  const skip = (/** @type {Event} */ event) => {
    event.preventDefault();
    main.current?.focus();
  };
  return html`
    <a class="skip" href="#room" onClick=${skip}>${t("console.skip")}</a>
    <${Header} page=${page} />
    <div class="console">
      <div class="console-top"><${Banner} page=${page} /><${CallBar} page=${page} /></div>
      <${Rooms} here=${room} nouns=${nouns} />
      <main class="room" id="room" tabindex="-1" ref=${main}>
        ${desk.trouble.value && html`<div class="problem" role="alert"><${Icon} name="triangle-alert" /><div><p>${desk.trouble.value}</p>
          <button type="button" class="button" onClick=${desk.load}><${Icon} name="refresh-cw" />${t("console.again")}</button></div></div>`}
        ${room === "calls" ? html`<${Calls} page=${page} id=${id} />`
          : !nouns || !desk.settings.value ? !desk.trouble.value && html`<p class="empty" role="status">${t("starting")}</p>`
          : html`<${Inside} key=${`${room}/${id ?? ""}`} page=${page} desk=${desk} room=${room} id=${id} />`}
      </main>
    </div>
    <${Said} desk=${desk} />
    <${Notices} page=${page} />
    <${Announcer} page=${page} />
    <${Sheets} page=${page} />
    ${desk.question.value && html`<${Question} desk=${desk} />`}
  `;
}

/** @param {{page: Page, desk: Desk, room: string, id: string|null}} props */
function Inside({ page, desk, room, id }) {
  const noun = nounOf(room);
  if (!noun || !desk.nouns.value?.[noun.noun]) return html`<${Start} page=${page} desk=${desk} />`;
  return id === null ? html`<${Room} desk=${desk} noun=${noun} />` : html`<${RowPage} desk=${desk} noun=${noun} id=${id} me=${page.state.user.value?.login ?? ""} />`;
}

/** @param {{here: string, nouns: import("./usage.js").Nouns|null}} props */
function Rooms({ here, nouns }) {
  const list = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    const show = () => {
      const current = list.current?.querySelector("[aria-current]");
      if (list.current && current instanceof HTMLElement) list.current.scrollLeft = current.offsetLeft - list.current.offsetWidth / 3;
    };
    show();
    addEventListener("resize", show);
    return () => removeEventListener("resize", show);
  }, [here]);
  const rooms = [
    ["start", OTHERS.start],
    ...NOUNS.filter((noun) => !nouns || nouns[noun.noun]).map((noun) => [noun.room, noun.icon]),
    ["calls", OTHERS.calls],
  ];
  return html`<nav class="rooms" aria-label=${t("console.rooms")}><ul ref=${list}>
    ${rooms.map(([room, icon]) => html`<li key=${room}><a href=${hashOf(room)} aria-current=${here === room ? "page" : undefined}>
      <${Icon} name=${icon} />${t(`room.${room}`)}</a></li>`)}
  </ul></nav>`;
}

/** Past calls have files of their own, loaded when they are first looked at. @param {{page: Page, id: string|null}} props */
function Calls({ page, id }) {
  const [Part, setPart] = useState(/** @type {any} */ (null));
  useEffect(() => {
    setPart(null);
    const missing = () => setPart(() => Missing);
    if (id === null) import("./calls_list.js").then((part) => setPart(() => part.CallsList), missing);
    else import("./call_page.js").then((part) => setPart(() => part.CallPage), missing);
  }, [id === null]);
  return Part && html`<${Part} key=${id} api=${page.api} t=${t} id=${id} />`;
}

function Missing() {
  return html`<p role="alert">${t("sheet.renewed")}</p>`;
}

/** What was just done, and the way back where there is one. @param {{desk: Desk}} props */
function Said({ desk }) {
  const said = desk.said.value;
  return html`<div class="said" role="status">${said && html`<div class="notice notice-info">
    <${Icon} name="info" /><p>${t(said.key, said.values)}</p>
    ${said.undo && html`<button type="button" class="button soft" onClick=${() => {
      desk.said.value = null;
      said.undo?.();
    }}>${t("console.undo")}</button>`}
    <button type="button" class="button quiet" onClick=${() => (desk.said.value = null)}><${Icon} name="x" size="small" />${t("close")}</button>
  </div>`}</div>`;
}
