// @ts-check
import { useEffect, useRef } from "preact/hooks";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";
import { Mark } from "./mark_view.js";
/** @typedef {import("./state.js").Sheet} Sheet */

/** @type {readonly [Sheet, string][]} */
const ENTRIES = [["devices", "headphones"], ["settings", "settings"], ["help", "keyboard"]];

/**
 * Company, duty and the user's menu.
 * @param {{page: import("./main.js").Page}} props
 */
export function Header({ page }) {
  const { state, ringer } = page;
  const user = state.user.value;
  const ready = state.duty.value && ringer.ready.value && state.owner.value && state.connection.value === "up";
  return html`<header class="top">
    <p class="brand"><${Mark} /><span>${state.tenant.value?.name ?? t("title")}</span></p>
    ${state.demo.value && html`<a class="tag" href="#demo">${t("demo.tag")}</a>`}
    <div class="top-end">
      ${ready && html`<p class="duty-on"><${Icon} name="circle-check" />${t("duty.on")}</p>`}
      <${Menu} page=${page} label=${user ? user.name : ""} extension=${user?.extension ?? null} />
    </div>
  </header>`;
}

/** @param {{page: import("./main.js").Page, label: string, extension: string|null}} props */
function Menu({ page: { state, actions }, label, extension }) {
  const box = useRef(/** @type {HTMLDetailsElement|null} */ (null));
  const user = state.user.value;
  const place = state.place.value;
  const close = () => box.current && (box.current.open = false);
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !box.current?.open) return;
    event.stopPropagation();
    close();
    box.current.querySelector("summary")?.focus();
  };
  const onFocusOut = (/** @type {FocusEvent} */ event) => {
    if (event.relatedTarget instanceof Node && !box.current?.contains(event.relatedTarget)) close();
  };
  useEffect(() => {
    const outside = (/** @type {Event} */ event) => event.target instanceof Node && !box.current?.contains(event.target) && close();
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, []);
  return html`<details class="menu" ref=${box} onKeyDown=${onKeyDown} onFocusOut=${onFocusOut}>
    <summary><${Icon} name="user" /><span class="menu-name">${label}</span>
      ${extension && html`<span class="menu-number" dir="ltr">${extension}</span>`}<${Icon} name="chevron-down" size="small" />
    </summary>
    <div class="menu-list">
      ${user?.role === "admin" && html`<a href=${place === "console" ? "#/" : "#/admin"} onClick=${close}>
        <${Icon} name=${place === "console" ? "phone" : "building-2"} />${t(place === "console" ? "menu.telephone" : "menu.console")}</a>`}
      ${ENTRIES.map(([sheet, icon]) => html`<button type="button" onClick=${() => {
        close();
        box.current?.querySelector("summary")?.focus();
        state.sheet.value = sheet;
      }}><${Icon} name=${icon} />${t(`menu.${sheet}`)}</button>`)}
      ${state.duty.value && html`<button type="button" onClick=${() => {
        close();
        actions.goOffDuty();
      }}><${Icon} name="bell-off" />${t("duty.go_off")}</button>`}
      <button type="button" onClick=${actions.signOut}><${Icon} name="log-out" />${t("menu.sign_out")}</button>
    </div>
  </details>`;
}
