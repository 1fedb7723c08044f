// @ts-check
/** Draws the page of one call: who, when, how it ended, each party's part in it, and what was said in SIP. */
import { useEffect, useRef, useState } from "preact/hooks";
import { duration, oneDecimal } from "../shared/format.js";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { locale } from "../shared/language.js";
import { CALLS, parties } from "./calls_route.js";
import { LadderView } from "./ladder_view.js";
import { Party } from "./party_view.js";

/**
 * @typedef {(key: string, values?: import("../shared/i18n.js").Values) => string} Say
 * @typedef {{call: (id: string) => Promise<any>, callSip: (id: string) => Promise<any>, sipTextPath: (id: string, numbers: boolean) => string}} Api
 * @param {{api: Api, t: Say, id: string|null}} props  no id: the page is just being left
 */
export function CallPage({ api, t, id }) {
  const [call, setCall] = useState(/** @type {any} */ (null));
  const [sip, setSip] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {string|null} */ (null));
  const shown = useRef(id);
  async function load() {
    if (id === null) return;
    try {
      const [facts, said] = await Promise.all([api.call(id), api.callSip(id)]);
      if (shown.current !== id) return;
      setCall(facts);
      setSip(said);
      setProblem(null);
    } catch (error) {
      if (shown.current !== id) return;
      const { status, text } = /** @type {any} */ (error);
      setProblem(status === 404 ? t("calls.gone") : text || t("calls.unreachable"));
    }
  }
  useEffect(() => {
    shown.current = id;
    setCall(null);
    load();
  }, [id]);
  return html`<section class="call-page" aria-labelledby="call-title">
    <p><a class="button quiet back" href=${CALLS}><${Icon} name="corner-down-left" />${t("calls.back")}</a></p>
    ${problem && html`<p class="problem" role="alert"><${Icon} name="triangle-alert" />${problem}</p>`}
    ${!call && !problem && html`<p class="empty" role="status">${t("recent.loading")}</p>`}
    ${call && html`<${Facts} call=${call} t=${t} onRefresh=${load} /><${Legs} call=${call} t=${t} />`}
    ${call && sip && html`<${Sip} call=${call} sip=${sip} t=${t} api=${api} />`}
  </section>`;
}

/** @param {{call: any, t: Say, onRefresh: () => void}} props */
function Facts({ call, t, onRefresh }) {
  const { caller, called } = parties(call);
  const begun = new Intl.DateTimeFormat(locale.value, { dateStyle: "full", timeStyle: "medium" }).format(call.started_ms);
  const up = call.ended_ms === null;
  const facts = [
    ["calls.fact.when", begun],
    ["calls.fact.waited", call.answered_ms && duration(call.answered_ms - call.started_ms)],
    ["calls.fact.talked", call.talk_ms > 0 && duration(call.talk_ms)],
    ["calls.fact.ended_by", call.ended_by && t(`calls.ended_by.${call.ended_by}`)],
    ["calls.fact.number", call.did && html`<bdi dir="ltr">${call.did}</bdi>`],
    ["calls.fact.trunk", call.trunk_id],
    ["calls.fact.route", call.route_id],
    ["calls.fact.code", call.sip_status && html`<bdi dir="ltr">SIP ${call.sip_status}</bdi>`],
    ["calls.fact.id", html`<code dir="ltr">${call.id}</code>`],
  ];
  return html`<section class="card">
    <h1 id="call-title" class="calls-heading call-title"><${Party} party=${caller} t=${t} both /> <span class="calls-arrow" aria-hidden="true">→</span>
      <span class="hidden">${t("calls.calls")}</span> <${Party} party=${called} t=${t} both /></h1>
    <p class=${`call-cause${up || call.outcome === "answered" ? "" : " call-cause-failed"}`}>
      <${Icon} name=${up ? "phone-call" : call.outcome === "answered" ? "circle-check" : "circle-x"} />
      <span>${up ? t("calls.up_now") : t(`calls.cause.${call.cause ?? "failed"}`)}</span>
      ${up && html`<button type="button" class="button soft" onClick=${onRefresh}><${Icon} name="refresh-cw" />${t("calls.refresh")}</button>`}</p>
    <dl class="facts">${facts.filter(([, value]) => value).map(([name, value]) =>
      html`<div key=${name}><dt>${t(String(name))}</dt><dd>${value}</dd></div>`)}</dl>
  </section>`;
}

/** @param {{call: any, t: Say}} props */
function Legs({ call, t }) {
  if (call.legs.length === 0) return null;
  return html`<section class="card" aria-labelledby="legs-title"><h2 id="legs-title">${t("calls.legs")}</h2>
    <ul class="legs">${call.legs.map((/** @type {any} */ leg) => html`<li key=${leg.id} class="leg">
      <p class="who"><${Icon} name=${leg.kind === "browser" ? "monitor" : leg.kind === "trunk" ? "globe" : "phone"} />
        <${Party} party=${{ name: leg.name === leg.party ? null : leg.name, number: leg.party }} t=${t} both /></p>
      <p class="row-sub"><span>${t(`calls.kind.${leg.kind}`)}</span><span>${t(`calls.leg.${leg.direction}`)}</span>
        <span>${leg.answered_ms ? t("calls.leg.answered", { time: duration(leg.answered_ms - leg.started_ms) }) : t("calls.leg.unanswered")}</span>
        ${leg.codec && html`<span dir="ltr">${leg.codec}</span>`}
        ${leg.mos !== null && html`<span>${t("quality.estimate", { mos: oneDecimal(leg.mos, locale.value) })}</span>`}
        ${leg.loss !== null && html`<span>${t("calls.leg.loss", { percent: oneDecimal(leg.loss * 100, locale.value) })}</span>`}
        ${leg.sip_status && html`<span dir="ltr">SIP ${leg.sip_status}</span>`}
        ${leg.cause && leg.cause !== "normal" && html`<span>${t(`calls.cause.${leg.cause}`)}</span>`}</p>
    </li>`)}</ul></section>`;
}

/** @param {{call: any, sip: any, t: Say, api: Api}} props */
function Sip({ call, sip, t, api }) {
  return html`<section class="card" aria-labelledby="sip-title"><h2 id="sip-title">${t("ladder.title")}</h2>
    ${sip.messages.length === 0
      ? html`<p class="empty">${t("ladder.none")}</p>`
      : html`<p class="muted">${t("ladder.lead")}</p>
        <${LadderView} messages=${sip.messages} legs=${call.legs} t=${t} />
        ${sip.left_out > 0 && html`<p class="muted">${t("ladder.left_out", { count: sip.left_out })}</p>`}
        <p class="ladder-files"><a class="button" download href=${api.sipTextPath(call.id, false)}>${t("ladder.download")}</a>
          <a class="button quiet" download href=${api.sipTextPath(call.id, true)}>${t("ladder.download_numbers")}</a></p>`}
  </section>`;
}
