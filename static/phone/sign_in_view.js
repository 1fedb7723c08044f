// @ts-check
import { useRef } from "preact/hooks";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { LANGUAGES } from "../shared/i18n.js";
import { locale, t } from "../shared/language.js";
import { errorKey } from "./cause.js";
import { Mark } from "./mark_view.js";

/**
 * Name and password; what went wrong is said above them.
 * @param {{page: import("./main.js").Page}} props
 */
export function SignIn({ page: { state, actions } }) {
  const login = useRef(/** @type {HTMLInputElement|null} */ (null));
  const password = useRef(/** @type {HTMLInputElement|null} */ (null));
  const error = state.signInError.value;
  const key = error && errorKey(error.error_id);
  const onSubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    actions.signIn(login.current?.value.trim() ?? "", password.current?.value ?? "");
  };
  return html`<main class="sign-in">
    <div class="sign-in-card">
      <p class="brand"><${Mark} /><span>webpbx</span></p>
      <h1>${t("sign_in.title")}</h1>
      <p class="muted">${t("sign_in.lead")}</p>
      <div role="alert">${error && html`<p class="problem" id="sign-in-problem">
        <${Icon} name="triangle-alert" /><span>${key ? t(key) : error.text || t("error.internal")}</span>
      </p>`}</div>
      <form onSubmit=${onSubmit}>
        <label for="login">${t("sign_in.login")}</label>
        <input id="login" name="login" ref=${login} autocomplete="username" autocapitalize="none" spellcheck=${false} required
          autofocus aria-describedby=${error ? "sign-in-problem" : undefined} />
        <label for="password">${t("sign_in.password")}</label>
        <input id="password" name="password" ref=${password} type="password" autocomplete="current-password" required
          aria-describedby=${error ? "sign-in-problem" : undefined} />
        <button type="submit" class="button primary wide" aria-disabled=${state.asking.value}>
          ${t(state.asking.value ? "sign_in.asking" : "sign_in.button")}
        </button>
      </form>
    </div>
    <p class="languages">${LANGUAGES.map((language) => html`<button type="button" class="button quiet" lang=${language}
      aria-pressed=${locale.value === language} onClick=${() => actions.useLanguage(language)}>${t(`language.${language}`)}</button>`)}
    </p>
  </main>`;
}
