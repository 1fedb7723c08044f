// @ts-check
import { useEffect, useRef, useState } from "preact/hooks";
import { draftOf, fieldAtFault, same, told, wrongs } from "../shared/form.js";
import { Fields } from "../shared/form_view.js";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { locale, t } from "../shared/language.js";
import { contextOf } from "./context_view.js";
import { fieldsOf } from "./nouns.js";
import { hashOf } from "./route.js";
import { Checklist, State, TrunkPanel } from "./trunk_view.js";
import { countByRoom, rowsOf, usesOf } from "./usage.js";
/** @typedef {import("./nouns.js").Noun} Noun */
/** @typedef {import("./desk.js").Desk} Desk */

/** One row's form, or that of a new one. Enter keeps it, Esc leaves it. @param {{desk: Desk, noun: Noun, id: string, me: string}} props */
export function RowPage({ desk, noun, id, me }) {
  const row = id === "new" ? null : rowsOf(desk.nouns.value ?? {}, noun.noun).find((one) => one[noun.key] === id);
  const [gone] = useState(row === undefined);
  if (row === undefined) {
    return html`<section class="card"><h1 tabindex="-1">${t("row.gone_title")}</h1><p>${t(gone ? "row.gone" : "row.gone_now")}</p>
      <p><a class="button" href=${hashOf(noun.room)}><${Icon} name="arrow-left" />${t(`room.${noun.room}`)}</a></p></section>`;
  }
  return html`<${RowForm} desk=${desk} noun=${noun} row=${row} me=${me} />`;
}

/** @param {{desk: Desk, noun: Noun, row: any, me: string}} props */
function RowForm({ desk, noun, row, me }) {
  const context = contextOf(desk);
  const fields = fieldsOf(noun, context);
  const [seen, setSeen] = useState(row);
  const [before, setBefore] = useState(() => draftOf(fields, row, context.nouns[noun.noun].fields));
  const [draft, setDraft] = useState(before);
  const [wrong, setWrong] = useState(/** @type {Record<string, any>} */ ({}));
  const [busy, setBusy] = useState(false);
  const form = useRef(/** @type {HTMLFormElement|null} */ (null));
  const heading = useRef(/** @type {HTMLElement|null} */ (null));
  const dirty = !same(draft, before);
  useEffect(() => desk.hold(dirty), [dirty]);
  useEffect(() => {
    desk.watch(row && noun.live ? noun.noun : null);
    if (row) heading.current?.focus();
    else focusOn(form.current, fields[0]?.name ?? "");
    return () => {
      desk.hold(false);
      desk.watch(null);
    };
  }, []);

  const leave = () => {
    desk.left.value = row ? row[noun.key] : "";
    location.hash = hashOf(noun.room);
  };
  const set = (/** @type {string} */ name, /** @type {any} */ value) => {
    setDraft((/** @type {any} */ now) => ({ ...now, [name]: value }));
    setWrong((/** @type {any} */ now) => Object.fromEntries(Object.entries(now).filter(([field]) => field !== name && field !== "")));
  };
  const show = (/** @type {Record<string, any>} */ found) => {
    setWrong(found);
    const first = fields.find((field) => found[field.name]);
    setTimeout(() => focusOn(form.current, first?.name ?? ""));
  };
  const again = async () => {
    await desk.load();
    const now = rowsOf(desk.nouns.value ?? {}, noun.noun).find((one) => one[noun.key] === row[noun.key]);
    if (!now) return leave();
    const fresh = draftOf(fields, now, {});
    setSeen(now);
    setBefore(fresh);
    setDraft(fresh);
    setWrong({});
    return undefined;
  };
  async function submit(/** @type {Event} */ event) {
    event.preventDefault();
    if (busy) return;
    const found = wrongs(fields, draft, !row);
    if (Object.keys(found).length > 0) return void show(found);
    const answers = told(fields, draft, row ? before : null);
    if (row && Object.keys(answers).length === 0) return void leave();
    setBusy(true);
    try {
      await desk.save(noun, seen, answers);
    } catch (error) {
      const { details = {}, error_id } = /** @type {any} */ (error);
      const field = fieldAtFault(fields, details);
      const text = error_id === "invalid_setting" && locale.value !== "en" ? t("wrong.not_usable") : desk.sentence(error);
      show({ [field]: { text, meanwhile: error_id === "changed_meanwhile" } });
    } finally {
      setBusy(false);
    }
    return undefined;
  }
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    leave();
  };
  const name = row ? noun.name(row) : t(`add.${noun.noun}`);
  const people = rowsOf(context.nouns, "user");
  return html`<section class="card" aria-labelledby="row-title" onKeyDown=${onKeyDown}>
    <p><a class="way-back" href=${hashOf(noun.room)} onClick=${() => (desk.left.value = row ? row[noun.key] : "")}><${Icon} name="arrow-left" size="small" />${t(`room.${noun.room}`)}</a></p>
    <h1 id="row-title" tabindex="-1" ref=${heading} dir=${row && noun.latin ? "ltr" : undefined}>${name}</h1>
    ${row && noun.noun !== "trunk" && noun.standing && html`<div class="trunk-panel" role="status"><${State} standing=${noun.standing(row)} /></div>`}
    ${noun.noun === "trunk" && (row ? html`<${TrunkPanel} desk=${desk} trunk=${row} />` : html`<${Checklist} />`)}
    <form class="row-form" ref=${form} onSubmit=${submit} novalidate>
      ${wrong[""] && html`<div class="problem" role="alert" tabindex="-1" data-field=""><${Icon} name="triangle-alert" /><div><p>${wrong[""].text}</p>
        ${wrong[""].meanwhile && html`<button type="button" class="button" onClick=${again}><${Icon} name="refresh-cw" />${t("row.look_again")}</button>`}</div></div>`}
      <${Fields} fields=${fields} noun=${noun.noun} draft=${draft} wrong=${wrong} isNew=${!row} people=${people} set=${set} />
      <div class="row-buttons">
        <button type="submit" class="button primary" aria-disabled=${busy}><${Icon} name="check" />${t(row ? "row.save" : `save.${noun.noun}`)}</button>
        <button type="button" class="button" onClick=${leave}>${t("row.cancel")}</button>
        ${row && html`<button type="button" class="button danger" onClick=${() => askRemoval(desk, noun, row, me)}><${Icon} name="trash-2" />${t("row.remove")}</button>`}
      </div>
      <p class="help">${t("row.takes_effect")}</p>
    </form>
  </section>`;
}

/** Say what removing means, or why it cannot be. @param {Desk} desk  @param {Noun} noun  @param {any} row  @param {string} me */
function askRemoval(desk, noun, row, me) {
  const name = noun.name(row);
  const uses = usesOf(noun.noun, row, desk.nouns.value ?? {});
  const title = t("remove.title", { name });
  if (noun.noun === "user" && row.login === me) {
    desk.question.value = { title, lines: [t("wrong.own_account")] };
    return;
  }
  if (uses.length > 0) {
    const lines = Object.entries(countByRoom(uses)).map(([room, count]) => t(`remove.used.${room}`, { count, name }));
    desk.question.value = { title, lines: [...lines, t("remove.first")], links: uses };
    return;
  }
  desk.question.value = {
    title, lines: [t(`remove.means.${noun.noun}`, { name })], go: t("row.remove"), onGo: () => desk.remove(noun, row),
  };
}

/** Put the focus into a field, or on what is said above them all. @param {HTMLElement|null} form  @param {string} name */
function focusOn(form, name) {
  const place = [...(form?.querySelectorAll("[data-field]") ?? [])].find((one) => one.getAttribute("data-field") === name);
  const input = name === "" ? place : place?.querySelector("input, select, textarea");
  if (input instanceof HTMLElement) input.focus();
}
