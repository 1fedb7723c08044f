// @ts-check
import { useEffect, useState } from "preact/hooks";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";
import { SignIn } from "./sign_in_view.js";

/** The whole page: starting, signing in, or the telephone, or the company's settings. @param {{page: import("./main.js").Page}} props */
export function App({ page }) {
  const screen = page.state.screen.value;
  const Telephone = page.telephone.value;
  if (screen === "sign_in") return html`<${SignIn} page=${page} />`;
  if (screen === "phone" && page.state.place.value === "console") return html`<${Console} page=${page} />`;
  if (screen === "phone" && Telephone) return html`<${Telephone} page=${page} />`;
  return html`<${Starting} />`;
}

/** Loaded when first entered: most people never do. @param {{page: import("./main.js").Page}} props */
function Console({ page }) {
  const [Part, setPart] = useState(/** @type {any} */ (null));
  useEffect(() => {
    import("../console/main.js").then(async (part) => {
      await part.ready;
      setPart(() => part.Console);
    }, () => setPart(() => Renewed));
  }, []);
  return Part ? html`<${Part} page=${page} />` : html`<${Starting} />`;
}

/** The server has a newer page, and this one's missing part is gone. */
function Renewed() {
  return html`<div class="starting" role="alert"><p>${t("sheet.renewed")}</p></div>`;
}

function Starting() {
  return html`<div class="starting" role="status"><${Icon} name="phone" size="large" /><p>${t("starting")}</p></div>`;
}
