// @ts-check
/** Draws the ladder: a row for each message, an arrow in each row; arrow keys go through them, Enter opens one. */
import { useRef, useState } from "preact/hooks";
import { phoneNumber } from "../shared/format.js";
import { html } from "../shared/html.js";
import { geometry, ladder, move, since } from "./ladder.js";

/**
 * @typedef {import("./ladder.js").Row} RowOf
 * @typedef {import("./ladder.js").Lane} LaneOf
 * @typedef {(key: string, values?: import("../shared/i18n.js").Values) => string} Say
 * @param {{messages: import("./ladder.js").Message[], legs: {id: string, name: string}[], t: Say}} props
 */
export function LadderView({ messages, legs, t }) {
  const [at, setAt] = useState(0);
  const [open, setOpen] = useState(/** @type {ReadonlySet<number>} */ (new Set()));
  const list = useRef(/** @type {HTMLOListElement|null} */ (null));
  const { lanes, rows } = ladder(messages, legs);
  const go = (/** @type {KeyboardEvent} */ event, /** @type {number} */ index) => {
    const next = event.altKey || event.ctrlKey || event.metaKey ? null : move(index, event.key, rows.length);
    if (next === null) return;
    event.preventDefault();
    setAt(next);
    /** @type {HTMLElement|undefined} */ (list.current?.querySelectorAll(".rung")[next])?.focus();
  };
  const toggle = (/** @type {number} */ index) => {
    const changed = new Set(open);
    if (!changed.delete(index)) changed.add(index);
    setOpen(changed);
    setAt(index);
  };
  return html`<div class=${`ladder lanes-${lanes.length}`}>
    <div class="ladder-head"><span class="rung-time">${t("ladder.seconds")}</span>
      <ul class="ladder-lanes">${lanes.map((lane, index) => html`<li key=${index}><${LaneHead} lane=${lane} t=${t} /></li>`)}</ul></div>
    <ol class="ladder-rows" ref=${list}>${rows.map((row, index) => html`<li key=${index}>
      <button type="button" class=${`rung rung-${row.tone}`} tabindex=${index === at ? 0 : -1} aria-expanded=${open.has(index)}
        onKeyDown=${(/** @type {KeyboardEvent} */ event) => go(event, index)} onClick=${() => toggle(index)}>
        <span class="rung-time" aria-hidden="true">${since(row.after_ms)}</span>
        <${Arrow} row=${row} lanes=${lanes.length} us=${lanes.findIndex((lane) => lane.us)} />
        <span class="hidden">${spoken(row, lanes, t)}</span>
      </button>
      ${open.has(index) && html`<${Opened} row=${row} t=${t} />`}
    </li>`)}</ol>
  </div>`;
}

/** @param {{lane: LaneOf, t: Say}} props */
function LaneHead({ lane, t }) {
  if (lane.us) return html`<strong class="lane-us">webpbx</strong>`;
  return html`${lane.name && html`<strong><bdi>${phoneNumber(lane.name)}</bdi></strong>`}
    <span class="lane-address" dir="ltr">${lane.address}</span>${lane.more && html`<span class="muted">${t("ladder.others")}</span>`}`;
}

/** @param {RowOf} row */
function caption({ message }) {
  return `${message.label}${message.sdp ? " (SDP)" : ""}${message.repeats ? ` ×${message.repeats + 1}` : ""}`;
}

/** @param {RowOf} row  @param {LaneOf[]} lanes  @param {Say} t */
function spoken(row, lanes, t) {
  const name = (/** @type {number} */ lane) => (lanes[lane].us ? "webpbx" : lanes[lane].name || lanes[lane].address);
  return t("ladder.row", { time: since(row.after_ms), from: name(row.from), to: name(row.to), message: caption(row) });
}

/** @param {{row: RowOf, lanes: number, us: number}} props */
function Arrow({ row, lanes, us }) {
  const { x1, x2, label, anchor } = geometry(row, lanes);
  const right = x2 > x1;
  return html`<svg class="rung-drawing" aria-hidden="true" focusable="false">
    ${Array.from({ length: lanes }, (_, lane) => {
      const x = `${geometry({ from: lane, to: lane }, lanes).x1}%`;
      return html`<line key=${lane} class=${lane === us ? "rail rail-us" : "rail"} x1=${x} x2=${x} y1="0" y2="100%" />`;
    })}
    <line class="shaft" x1=${`${x1}%`} x2=${`${x2}%`} y1="30" y2="30" />
    <svg x=${`${x2}%`} y="30" class="tip"><path d=${right ? "M0 0l-9-5v10z" : "M0 0l9-5v10z"} /></svg>
    <text x=${`${label}%`} dx=${anchor === "start" ? 6 : anchor === "end" ? -6 : 0} y="21" text-anchor=${anchor}>${caption(row)}</text>
  </svg>`;
}

/** @param {{row: RowOf, t: Say}} props */
function Opened({ row: { message }, t }) {
  const ends = message.sent ? ["webpbx", message.far_end] : [message.far_end, "webpbx"];
  return html`<div class="message">
    <p class="muted"><bdi dir="ltr">${ends[0]} → ${ends[1]}</bdi>, ${message.transport}, ${t("ladder.bytes", { count: message.bytes })}${
      message.repeats > 0 && html`, ${t("ladder.times", { count: message.repeats + 1 })}`}</p>
    ${message.why && html`<p class="message-why"><strong>${t("ladder.why")}</strong> <bdi dir="ltr">${message.why}</bdi></p>`}
    <pre tabindex="0" dir="ltr" aria-label=${message.label}>${message.text.trimEnd()}</pre>
  </div>`;
}
