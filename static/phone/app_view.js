// @ts-check
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";
import { SignIn } from "./sign_in_view.js";

/** The whole page: starting, signing in, or the telephone. @param {{page: import("./main.js").Page}} props */
export function App({ page }) {
  const screen = page.state.screen.value;
  const Telephone = page.telephone.value;
  if (screen === "sign_in") return html`<${SignIn} page=${page} />`;
  if (screen === "phone" && Telephone) return html`<${Telephone} page=${page} />`;
  return html`<div class="starting" role="status"><${Icon} name="phone" size="large" /><p>${t("starting")}</p></div>`;
}
