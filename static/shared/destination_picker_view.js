// @ts-check
import { destinations } from "./destination.js";
import { html } from "./html.js";
import { t } from "./language.js";

/**
 * Choose where a call goes: the one picker of every form.
 * @param {{id: string, value: string, people: readonly {name: string, extension: string|null}[], only?: readonly string[],
 *   onChange: (value: string) => void, more: Record<string, any>}} props
 */
export function DestinationPicker({ id, value, people, only, onChange, more }) {
  const groups = destinations({ people, say: t, chosen: value }).filter(({ group }) => !only || group === "other" || only.includes(group));
  return html`<select id=${id} value=${value} ...${more} onChange=${(/** @type {any} */ event) => onChange(event.target.value)}>
    <option value="" disabled hidden>${t("destination.choose")}</option>
    ${groups.map(({ group, choices }) => html`<optgroup key=${group} label=${t(`destination.${group}`)}>
      ${choices.map((choice) => html`<option key=${choice.value} value=${choice.value} selected=${choice.value === value}>${choice.label}</option>`)}
    </optgroup>`)}
  </select>`;
}
