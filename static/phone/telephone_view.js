// @ts-check
import { html } from "../shared/html.js";
import { t } from "../shared/language.js";
import { Announcer } from "./announcer_view.js";
import { Banner } from "./banner_view.js";
import { ActiveCall } from "./call_view.js";
import { Colleagues } from "./colleagues_view.js";
import { Demo } from "./demo_view.js";
import { DialPad } from "./dial_view.js";
import { EndedCall } from "./ended_view.js";
import { Header } from "./header_view.js";
import { IncomingCall } from "./incoming_view.js";
import { Notices } from "./notices_view.js";
import { RecentCalls } from "./recent_view.js";
import { Sheets } from "./sheets_view.js";

/** The telephone: calls and the pad at one side, people and past calls at the other. @param {{page: import("./main.js").Page}} props */
export function Telephone({ page }) {
  const { state } = page;
  const active = state.active.value;
  // One thing at a time: the pad gives way to a ringing call, unless something is being typed.
  const idle = active.length === 0 && (state.incoming.value.length === 0 || state.field.value !== "");
  return html`
    <a class="skip" href="#desk">${t("skip")}</a>
    <${Header} page=${page} />
    <main class="desk" id="desk" tabindex="-1">
      <div class="banners"><${Banner} page=${page} /></div>
      <div class=${active.length > 0 || state.incoming.value.length > 0 ? "handset in-use" : "handset"}>
        <h1 class="hidden">${t("title")}</h1>
        ${state.incoming.value.map((call) => html`<${IncomingCall} key=${call.leg_id} page=${page} call=${call} />`)}
        ${active.map((call) => html`<${ActiveCall} key=${call.leg_id} page=${page} call=${call} />`)}
        ${state.ended.value.map((call) => html`<${EndedCall} key=${call.leg_id} page=${page} call=${call} />`)}
        ${(idle || state.dialOpen.value) && html`<${DialPad} page=${page} />`}
      </div>
      <div class="side">
        <${Colleagues} page=${page} />
        <${RecentCalls} page=${page} />
        ${state.demo.value && html`<${Demo} page=${page} />`}
      </div>
    </main>
    <${Notices} page=${page} />
    <${Announcer} page=${page} />
    <${Sheets} page=${page} />
  `;
}
