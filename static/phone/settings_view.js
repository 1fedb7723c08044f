// @ts-check
import { html } from "../shared/html.js";
import { LANGUAGES } from "../shared/i18n.js";
import { locale, t } from "../shared/language.js";
import { theme } from "../shared/theme.js";
import { Telephones } from "./telephones_view.js";

const THEMES = ["system", "light", "dark"];

/**
 * Language, theme and single-key shortcuts, kept on this device; and what other telephones the user has.
 * @param {{page: import("./main.js").Page}} props
 */
export function Part({ page: { actions, shortcuts } }) {
  return html`
    <${Choice} name="language" values=${LANGUAGES} chosen=${locale.value} onChoose=${actions.useLanguage} />
    <${Choice} name="theme" values=${THEMES} chosen=${theme.value} onChoose=${actions.useTheme} />
    <fieldset class="choice"><legend>${t("settings.keys")}</legend>
      <label class="option"><input type="checkbox" checked=${shortcuts.value}
        onChange=${(/** @type {any} */ event) => actions.useShortcuts(event.target.checked)} /><span>${t("settings.shortcuts")}</span></label>
    </fieldset>
    <p class="muted">${t("settings.kept")}</p>
    <${Telephones} load=${actions.ownDevices} />
  `;
}

/** @param {{name: string, values: readonly string[], chosen: string, onChoose: (value: any) => void}} props */
function Choice({ name, values, chosen, onChoose }) {
  return html`<fieldset class="choice"><legend>${t(`settings.${name}`)}</legend>
    ${values.map((value) => html`<label key=${value} class="option">
      <input type="radio" name=${name} value=${value} checked=${value === chosen} onChange=${() => onChoose(value)} />
      <span>${t(`${name}.${value}`)}</span></label>`)}
  </fieldset>`;
}
