// @ts-check
/** Edge: the settings as this tab has them, and what can be done to them. */
import { effect, signal } from "@preact/signals";
import { locale, t } from "../shared/language.js";
import { idFrom, hashOf } from "./route.js";
import { CAN_COME_BACK, rowsOf } from "./usage.js";
/** @typedef {import("./nouns.js").Noun} Noun */
/** @typedef {import("./nouns.js").Settings} Settings */
/** @typedef {{key: string, values?: Record<string, string|number>, undo?: () => void}} Said */
/** @typedef {{title: string, lines: string[], facts?: [string, string][], links?: import("./usage.js").Use[], go?: string, onGo?: () => void, onStay?: () => void}} Question */

/** How often a room that lives is looked at again, in milliseconds, while somebody can see it. */
const LOOK_MS = 2_000;
const SAID_MS = 12_000;

/** @param {Pick<import("../phone/main.js").Page, "api"|"state">} page */
export function createDesk({ api, state }) {
  const nouns = signal(/** @type {import("./usage.js").Nouns|null} */ (null));
  const settings = signal(/** @type {Settings|null} */ (null));
  const trouble = signal(/** @type {string|null} */ (null));
  const said = signal(/** @type {Said|null} */ (null));
  const question = signal(/** @type {Question|null} */ (null));
  /** The row that was open last: where the focus returns to. */
  const left = signal(/** @type {string|null} */ (null));
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let silence;
  /** @type {ReturnType<typeof setInterval>|undefined} */
  let looking;

  async function load() {
    try {
      const all = await api.settings.all();
      nouns.value = all.nouns;
      settings.value = all;
      trouble.value = null;
    } catch (error) {
      trouble.value = sentence(error);
    }
  }

  /** @param {string} noun */
  async function look(noun) {
    const listed = await api.settings.list(noun);
    if (nouns.value) nouns.value = { ...nouns.value, [noun]: listed };
  }

  /** @param {Said} what */
  function say(what) {
    clearTimeout(silence);
    said.value = what;
    silence = setTimeout(() => (said.value = null), SAID_MS);
  }

  /**
   * Keep a row; an error is the form's to show.
   * @param {Noun} noun  @param {any} row  null: a new one  @param {Record<string, any>} answers
   */
  async function save(noun, row, answers) {
    const name = answers.name ?? answers[noun.key] ?? (row && noun.name(row)) ?? "";
    if (row) {
      await api.settings.change(noun.noun, row[noun.key], { ...answers, version: row.version });
    } else {
      const fields = nouns.value?.[noun.noun]?.fields ?? {};
      const id = "id" in fields && !("id" in answers) ? { id: idFrom(name, rowsOf(nouns.value ?? {}, noun.noun).map((one) => one.id)) } : {};
      const answer = await api.settings.add(noun.noun, { ...id, ...answers });
      if (noun.once && settings.value) {
        const context = { nouns: nouns.value ?? {}, settings: settings.value, say: t, country, host: location.hostname };
        const facts = noun.once(answer, context).map(([key, value]) => /** @type {[string, string]} */ ([t(key), value]));
        question.value = { title: t(`once.${noun.noun}.title`), lines: [t(`once.${noun.noun}`)], facts };
      }
    }
    left.value = row ? row[noun.key] : null;
    state.hold.value = null;
    say({ key: row ? "said.changed" : `said.added.${noun.noun}`, values: { name } });
    location.hash = hashOf(noun.room);
    await load();
  }

  /** @param {Noun} noun  @param {any} row */
  async function remove(noun, row) {
    try {
      await api.settings.remove(noun.noun, row[noun.key]);
    } catch (error) {
      say({ key: "said.not_removed", values: { why: sentence(error) } });
      return;
    }
    state.hold.value = null;
    const undo = CAN_COME_BACK.includes(noun.noun) ? () => bringBack(noun, row) : undefined;
    say({ key: "said.removed", values: { name: noun.name(row) }, undo });
    location.hash = hashOf(noun.room);
    await load();
  }

  /** @param {Noun} noun  @param {any} row */
  async function bringBack(noun, row) {
    const fields = Object.keys(nouns.value?.[noun.noun]?.fields ?? {});
    const names = /** @type {Record<string, string>} */ ({ trunk: "trunk_id", trunks: "trunk_ids" });
    const answers = Object.fromEntries(fields.map((field) => [field, row[field] ?? row[names[field]]]).filter(([, value]) => value !== undefined));
    try {
      await api.settings.add(noun.noun, answers);
      say({ key: "said.back", values: { name: noun.name(row) } });
    } catch (error) {
      say({ key: "said.not_back", values: { why: sentence(error) } });
    }
    await load();
  }

  /** What a thing that failed says to its reader. @param {any} error */
  function sentence(error) {
    for (const key of [`wrong.${error.error_id}`, `error.${error.error_id}`]) {
      if (t(key) !== key) return t(key, error.details ?? {});
    }
    return error.text || t("error.internal");
  }

  /** Look again and again at a room that lives, while the page can be seen. @param {string|null} noun */
  function watch(noun) {
    clearInterval(looking);
    if (noun === null) return;
    looking = setInterval(() => {
      if (document.visibilityState === "visible") look(noun).catch(() => undefined);
    }, LOOK_MS);
  }

  /** Ask before what was typed is lost. @param {boolean} dirty */
  function hold(dirty) {
    state.hold.value = !dirty ? null : (route) => {
      if (route === state.route.value) return true;
      question.value = {
        title: t("leave.title"), lines: [t("leave.text")], go: t("leave.go"),
        onGo: () => {
          state.hold.value = null;
          state.route.value = route;
          if (location.hash !== route) location.hash = route;
        },
        onStay: () => history.replaceState(null, "", state.route.value),
      };
      return true;
    };
  }

  addEventListener("beforeunload", (event) => state.hold.value && event.preventDefault());
  effect(() => {
    if (state.place.value !== "console") {
      watch(null);
      said.value = null;
    }
  });

  /** A country's name in the reader's language. @param {string} code */
  function country(code) {
    if (code === "001") return t("country.worldwide");
    return new Intl.DisplayNames(locale.value, { type: "region" }).of(code) ?? code;
  }

  return { nouns, settings, trouble, said, question, left, load, look, save, remove, sentence, watch, hold, country, ask: api.settings.askTrunk };
}

/** @typedef {ReturnType<typeof createDesk>} Desk */
