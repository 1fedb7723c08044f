// @ts-check
/** Draws all calls of the company, to be searched by number, name or day; each leads to its page. */
import { useEffect, useRef, useState } from "preact/hooks";
import { duration } from "../shared/format.js";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { locale } from "../shared/language.js";
import { CALLS, dayBounds, parties } from "./calls_route.js";
import { Party } from "./party_view.js";

const PAGE = 50;
const TYPING_MS = 250;
const ICONS = { in: "arrow-down-left", out: "arrow-up-right", inside: "users" };

/**
 * @typedef {(key: string, values?: import("../shared/i18n.js").Values) => string} Say
 * @typedef {{allCalls: (query: Record<string, string|number>) => Promise<{calls: any[], more: boolean}>}} Api
 * @param {{api: Api, t: Say}} props
 */
export function CallsList({ api, t }) {
  const [search, setSearch] = useState("");
  const [day, setDay] = useState("");
  const [found, setFound] = useState(/** @type {{calls: any[], more: boolean}|null} */ (null));
  const [problem, setProblem] = useState(/** @type {string|null} */ (null));
  const asked = useRef(0);

  async function ask(/** @type {any[]} */ shown) {
    const turn = ++asked.current;
    const last = shown[shown.length - 1];
    const bounds = dayBounds(day) ?? {};
    try {
      const page = await api.allCalls({ limit: PAGE, search, ...bounds, ...(last ? { before: last.started_ms } : {}) });
      if (turn !== asked.current) return;
      setFound({ calls: [...shown, ...page.calls], more: page.more });
      setProblem(null);
    } catch (error) {
      if (turn === asked.current) setProblem(/** @type {any} */ (error).text || t("calls.unreachable"));
    }
  }
  useEffect(() => {
    const waiting = setTimeout(() => ask([]), found ? TYPING_MS : 0);
    return () => clearTimeout(waiting);
  }, [search, day]);

  return html`<section class="calls card" aria-labelledby="calls-title">
    <h1 id="calls-title" class="calls-heading">${t("calls.title")}</h1>
    <form class="calls-search" role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <p><label for="calls-search">${t("calls.search")}</label>
        <input id="calls-search" type="search" maxlength="64" autocomplete="off" value=${search}
          onInput=${(/** @type {any} */ event) => setSearch(event.target.value)} /></p>
      <p><label for="calls-day">${t("calls.day")}</label>
        <input id="calls-day" type="date" value=${day} onInput=${(/** @type {any} */ event) => setDay(event.target.value)} /></p>
    </form>
    ${problem && html`<p class="problem" role="alert"><${Icon} name="triangle-alert" />${problem}</p>`}
    <p class="hidden" role="status">${found && t("calls.found", { count: found.calls.length })}</p>
    ${!found && !problem && html`<p class="empty">${t("recent.loading")}</p>`}
    ${found?.calls.length === 0 && html`<p class="empty">${search || day ? t("calls.none_found") : t("calls.none")}</p>`}
    ${found && found.calls.length > 0 && html`<ul class="rows">${found.calls.map((call) =>
      html`<${Row} key=${call.id} call=${call} t=${t} />`)}</ul>`}
    ${found?.more && html`<button type="button" class="button quiet wide-quiet" onClick=${() => ask(found.calls)}>
      ${t("calls.more")}</button>`}
  </section>`;
}

/** @param {{call: any, t: Say}} props */
function Row({ call, t }) {
  const { caller, called } = parties(call);
  const begun = new Intl.DateTimeFormat(locale.value, { dateStyle: "short", timeStyle: "medium" }).format(call.started_ms);
  const failed = call.outcome !== null && call.outcome !== "answered";
  return html`<li class=${`row calls-row${failed ? " calls-failed" : ""}`}>
    <span class="way"><${Icon} name=${ICONS[/** @type {keyof typeof ICONS} */ (call.direction)] ?? "phone"} /></span>
    <a class="row-main" href=${`${CALLS}/${call.id}`}>
      <span class="who"><${Party} party=${caller} t=${t} /> <span class="calls-arrow" aria-hidden="true">→</span>
        <span class="hidden">${t("calls.calls")}</span> <${Party} party=${called} t=${t} /></span>
      <span class="row-sub"><time datetime=${new Date(call.started_ms).toISOString()}>${begun}</time>
        <span class="calls-outcome">${call.ended_ms === null ? t("calls.up") : t(`calls.outcome.${call.outcome ?? "failed"}`)}</span>
        ${call.talk_ms > 0 && html`<span>${duration(call.talk_ms)}</span>`}
      </span>
    </a>
    <${Icon} name="chevron-right" />
  </li>`;
}
