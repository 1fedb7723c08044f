// @ts-check
import { useState } from "preact/hooks";
import { DestinationPicker } from "./destination_picker_view.js";
import { isAsked, isOptional } from "./form.js";
import { html } from "./html.js";
import { Icon } from "./icon_view.js";
import { t } from "./language.js";
/** @typedef {import("./form.js").Field} Field */
/** @typedef {import("./form.js").Draft} Draft */
/** @typedef {{field: Field, noun: string, draft: Draft, wrong: import("./form.js").Wrong|undefined, isNew: boolean, people: readonly any[], set: (name: string, value: any) => void}} Asked */

const RADIOS = 3;

/**
 * The fields of a form, each with its words, its help and what is wrong with it; rare ones are folded away.
 * @param {{fields: readonly Field[], noun: string, draft: Draft, wrong: Record<string, any>, isNew: boolean, people: readonly any[], set: (name: string, value: any) => void}} props
 */
export function Fields({ fields, wrong, ...rest }) {
  const asked = fields.filter((field) => isAsked(field, rest.draft));
  const rare = asked.filter((field) => field.advanced);
  const row = (/** @type {Field} */ field) => html`<${Row} key=${field.name} field=${field} wrong=${wrong[field.name]} ...${rest} />`;
  return html`${asked.filter((field) => !field.advanced).map(row)}
    ${rare.length > 0 && html`<${Rare} open=${rare.some((field) => wrong[field.name])}>${rare.map(row)}<//>`}`;
}

/** @param {{open: boolean, children?: any}} props */
function Rare({ open, children }) {
  const [shown, show] = useState(false);
  return html`<details class="rare" open=${open || shown} onToggle=${(/** @type {any} */ event) => show(event.target.open)}>
    <summary><${Icon} name="chevron-down" />${t("form.rare")}</summary>
    <p class="help">${t("form.rare_help")}</p>
    <div class="rare-fields">${children}</div>
  </details>`;
}

/** @param {Asked} props */
function Row(props) {
  const { field, noun, wrong, isNew } = props;
  const id = `field-${field.name}`;
  const help = `help.${noun}.${field.name}`;
  const kept = field.kind === "secret" && !isNew;
  const words = html`
    ${t(help) !== help && html`<p class="help" id=${`${id}-help`}>${kept ? `${t("form.kept")} ` : ""}${t(help)}</p>`}
    ${wrong && html`<p class="wrong" id=${`${id}-wrong`}><${Icon} name="triangle-alert" size="small" /><span>${"text" in wrong ? wrong.text : t(wrong.key, wrong.values)}</span></p>`}`;
  const label = t(`field.${noun}.${field.name}`);
  const more = {
    "aria-describedby": [wrong ? `${id}-wrong` : "", `${id}-help`].join(" ").trim(),
    "aria-invalid": wrong ? "true" : undefined,
    "aria-required": field.needed && !kept ? "true" : undefined,
  };
  const grouped = (field.kind === "choice" && !field.label && (field.choices?.length ?? 0) <= RADIOS) || field.kind === "checks";
  if (grouped) {
    return html`<fieldset class="asked" data-field=${field.name}><legend>${label}</legend>
      <${Options} ...${props} />${words}</fieldset>`;
  }
  if (field.kind === "switch") {
    return html`<div class="asked" data-field=${field.name}>
      <label class="option" for=${id}><input type="checkbox" role="switch" id=${id} checked=${props.draft[field.name]} ...${more}
        onChange=${(/** @type {any} */ event) => props.set(field.name, event.target.checked)} /><span>${label}</span></label>${words}</div>`;
  }
  return html`<div class="asked" data-field=${field.name}>
    <label for=${id}>${label}${isOptional(field, props.draft) && html` <span class="optional">${t("form.optional")}</span>`}</label>
    <${Input} ...${props} id=${id} more=${more} />${words}</div>`;
}

/** @param {Asked & {id: string, more: Record<string, any>}} props */
function Input({ field, draft, isNew, people, set, id, more }) {
  const value = draft[field.name];
  const onInput = (/** @type {any} */ event) => set(field.name, event.target.value);
  const dir = field.latin ? "ltr" : undefined;
  if (field.key && !isNew) return html`<output id=${id} class="fixed" dir=${dir}>${value}</output>`;
  if (field.kind === "destination") {
    return html`<${DestinationPicker} id=${id} value=${value} people=${people} only=${field.choices} more=${more}
      onChange=${(/** @type {string} */ to) => set(field.name, to)} />`;
  }
  if (field.kind === "chosen") return html`<${Chosen} field=${field} value=${value} id=${id} more=${more} onChange=${(/** @type {string[]} */ to) => set(field.name, to)} />`;
  if (field.kind === "choice") {
    return html`<select id=${id} value=${value} ...${more} onChange=${onInput}>
      ${sorted(field).map(([choice, label]) => html`<option key=${choice} value=${choice} selected=${choice === value}>${label}</option>`)}</select>`;
  }
  if (field.kind === "list" || field.kind === "long") {
    return html`<textarea id=${id} rows=${field.kind === "long" ? 5 : Math.max(1, value.split("\n").length)} dir=${dir} spellcheck=${false}
      class=${field.kind === "list" ? "one-line" : ""} ...${more} value=${value} onInput=${onInput} />`;
  }
  const type = field.kind === "secret" ? "password" : "text";
  return html`<input id=${id} type=${type} dir=${dir} inputmode=${field.kind === "number" ? "numeric" : undefined} autocomplete=${field.autocomplete ?? "off"}
    spellcheck=${false} placeholder=${field.kind === "secret" && !isNew ? "••••••••" : undefined} ...${more} value=${value} onInput=${onInput} />`;
}

/** A few choices side by side: one of them, or any of them. @param {Asked} props */
function Options({ field, draft, wrong, set }) {
  const value = draft[field.name];
  const many = field.kind === "checks";
  return html`<div class="options">${field.choices?.map((choice) => html`<label key=${choice} class="option">
    <input type=${many ? "checkbox" : "radio"} name=${`field-${field.name}`} value=${choice} checked=${many ? value.includes(choice) : value === choice}
      aria-describedby=${`field-${field.name}-help`} aria-invalid=${wrong ? "true" : undefined}
      onChange=${() => set(field.name, !many ? choice : value.includes(choice) ? value.filter((/** @type {string} */ one) => one !== choice) : [...value, choice])} />
    <span>${wordFor(field, choice)}</span></label>`)}</div>`;
}

/** Some of many, picked one by one; where the order counts they can be moved. @param {{field: Field, value: string[], id: string, more: any, onChange: (value: string[]) => void}} props */
function Chosen({ field, value, id, more, onChange }) {
  const [next, setNext] = useState("");
  const left = sorted(field).filter(([choice]) => !value.includes(choice));
  const pick = left.some(([choice]) => choice === next) ? next : "";
  const add = () => {
    if (pick === "") return;
    onChange([...value, pick]);
    setNext("");
  };
  const up = (/** @type {number} */ place) => onChange([...value.slice(0, place - 1), value[place], value[place - 1], ...value.slice(place + 1)]);
  return html`<div class="chosen">
    ${value.length > 0 && html`<ol class="chips">${value.map((choice, place) => html`<li key=${choice} class="chip"><span>${wordFor(field, choice)}</span>
      ${field.ordered && place > 0 && html`<button type="button" onClick=${() => up(place)}>${t("form.first")}<span class="hidden"> ${wordFor(field, choice)}</span></button>`}
      <button type="button" onClick=${() => onChange(value.filter((one) => one !== choice))}><${Icon} name="x" size="small" /><span class="hidden">${t("form.take_out", { name: wordFor(field, choice) })}</span></button>
    </li>`)}</ol>`}
    <div class="chosen-add"><select id=${id} value=${pick} ...${more} disabled=${left.length === 0} onChange=${(/** @type {any} */ event) => setNext(event.target.value)}>
      <option value="" selected=${pick === ""}>${t(left.length === 0 ? "form.all_chosen" : "form.choose")}</option>
      ${left.map(([choice, label]) => html`<option key=${choice} value=${choice} selected=${choice === pick}>${label}</option>`)}</select>
      <button type="button" class="button" disabled=${left.length === 0} onClick=${add}><${Icon} name="plus" />${t("form.add")}</button></div>
  </div>`;
}

/** @param {Field} field  @param {string} choice */
const wordFor = (field, choice) => field.label?.(choice) ?? t(`choice.${field.name}.${choice || "none"}`);

/** @param {Field} field  @returns {[string, string][]} */
function sorted(field) {
  const pairs = /** @type {[string, string][]} */ ((field.choices ?? []).map((choice) => [choice, wordFor(field, choice)]));
  return field.label ? pairs.sort(([, one], [, other]) => one.localeCompare(other)) : pairs;
}
