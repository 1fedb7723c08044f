// @ts-check
import { useEffect, useRef } from "preact/hooks";
import { html } from "../shared/html.js";
import { t } from "../shared/language.js";
import { hashOf } from "./route.js";

/** A question before something is lost. Esc and "Keep" change nothing; the focus goes back. @param {{desk: import("./desk.js").Desk}} props */
export function Question({ desk }) {
  const dialog = useRef(/** @type {HTMLDialogElement|null} */ (null));
  const asked = /** @type {import("./desk.js").Question} */ (desk.question.value);
  const agreed = useRef(false);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => before instanceof HTMLElement && before.isConnected && before.focus();
  }, []);
  const onClose = () => {
    desk.question.value = null;
    if (agreed.current) asked.onGo?.();
    else asked.onStay?.();
  };
  const go = () => {
    agreed.current = true;
    dialog.current?.close();
  };
  // What is shown this once is not closed by a stray Esc.
  const onCancel = (/** @type {Event} */ event) => asked.facts && event.preventDefault();
  return html`<dialog class="sheet" ref=${dialog} aria-labelledby="question" onCancel=${onCancel} onClose=${onClose}>
    <div class="sheet-body">
      <h2 id="question">${asked.title}</h2>
      ${asked.lines.map((line) => html`<p key=${line}>${line}</p>`)}
      ${asked.facts && html`<dl class="once">${asked.facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd dir="ltr">${value}</dd></div>`)}</dl>`}
      ${asked.links && html`<ul class="uses">${asked.links.map((use) => html`<li key=${`${use.room}/${use.id}`}>
        <a href=${hashOf(use.room, use.id)} onClick=${() => dialog.current?.close()} dir="ltr">${use.label}</a></li>`)}</ul>`}
      <div class="sheet-buttons">
        <button type="button" class="button" autofocus onClick=${() => dialog.current?.close()}>${t(asked.go ? "console.keep" : "close")}</button>
        ${asked.go && html`<button type="button" class="button decline" onClick=${go}>${asked.go}</button>`}
      </div>
    </div>
  </dialog>`;
}
