// @ts-check
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";

/** Drawn when first opened: most visits never need them. */
const PARTS = {
  devices: () => import("./devices_view.js"),
  settings: () => import("./settings_view.js"),
  help: () => import("./help_view.js"),
  duty: () => import("./duty_view.js"),
};

/**
 * The one sheet that may lie over the page. Esc closes it and the focus goes back where it was.
 * @param {{page: import("./main.js").Page}} props
 */
export function Sheets({ page }) {
  const name = page.state.sheet.value;
  return name && html`<${Sheet} key=${name} page=${page} name=${name} />`;
}

/** @param {{page: import("./main.js").Page, name: keyof typeof PARTS}} props */
function Sheet({ page, name }) {
  const dialog = useRef(/** @type {HTMLDialogElement|null} */ (null));
  const [Part, setPart] = useState(/** @type {any} */ (null));
  const close = () => (page.state.sheet.value = null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    PARTS[name]().then((part) => setPart(() => part.Part), () => setPart(() => Renewed));
    return () => before instanceof HTMLElement && before.focus();
  }, [name]);
  return html`<dialog class="sheet" ref=${dialog} aria-labelledby="sheet-title" onClose=${close}
    onClick=${(/** @type {Event} */ event) => event.target === dialog.current && close()}>
    <div class="sheet-body">
      <header class="sheet-top"><h2 id="sheet-title">${t(`menu.${name}`)}</h2>
        <button type="button" class="button quiet" onClick=${close}><${Icon} name="x" />${t("close")}</button></header>
      ${Part && html`<${Part} page=${page} />`}
    </div>
  </dialog>`;
}

/** The server has a newer page, and this one's missing part is gone. */
function Renewed() {
  return html`<p role="alert">${t("sheet.renewed")}</p>`;
}
