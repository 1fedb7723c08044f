// @ts-check
import { useEffect, useRef } from "preact/hooks";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";
import { hashOf } from "./route.js";
import { stepsOf } from "./setup.js";

const ICONS = { done: "circle-check", check: "triangle-alert", next: "chevron-right", later: "circle" };

/** The way to the first outside call, step by step. @param {{page: import("../phone/main.js").Page, desk: import("./desk.js").Desk}} props */
export function Start({ desk }) {
  const steps = stepsOf(desk.nouns.value ?? {});
  const done = steps.filter((step) => step.stand === "done").length;
  const heading = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    heading.current?.focus();
    desk.watch("trunk");
    return () => desk.watch(null);
  }, []);
  return html`<section class="card" aria-labelledby="start-title">
    <h1 id="start-title" tabindex="-1" ref=${heading}>${t("start.title", { company: desk.settings.value?.company.name ?? "" })}</h1>
    <p class="intro">${t(done === steps.length ? "start.all_done" : "start.intro")}</p>
    <p class="progress">${t("start.progress", { done, all: steps.length })}</p>
    <ol class="setup">${steps.map((step, place) => html`<li key=${step.room} class=${`setup-${step.stand}`}>
      <span class="setup-mark"><${Icon} name=${ICONS[step.stand]} /></span>
      <div><h2><span class="setup-number">${place + 1}</span> ${t(`start.${step.noun}`)}</h2>
        <p>${t(`start.why.${step.noun}`)}</p>
        <p class="setup-state">${t(`start.stand.${step.stand}`)} · ${t(`start.count.${step.noun}`, { count: step.count })}</p></div>
      <a class=${`button ${step.stand === "next" ? "primary" : ""}`} href=${hashOf(step.room, step.stand === "next" && step.count === 0 ? "new" : null)}>
        ${t(step.stand === "next" ? `add.${step.noun}` : "start.look")}<span class="hidden"> ${t(`room.${step.room}`)}</span></a>
    </li>`)}</ol>
  </section>`;
}
