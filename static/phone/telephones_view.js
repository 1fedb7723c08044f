// @ts-check
import { useEffect, useState } from "preact/hooks";
import { html } from "../shared/html.js";
import { Icon } from "../shared/icon_view.js";
import { t } from "../shared/language.js";

/**
 * The user's SIP telephones, which ring beside this page: each with its name and whether it is registered.
 * @param {{load: () => Promise<import("../shared/api.js").OwnDevice[]>}} props
 */
export function Telephones({ load }) {
  const [own, setOwn] = useState(/** @type {import("../shared/api.js").OwnDevice[]|null} */ (null));
  useEffect(() => {
    let shown = true;
    load().then((found) => shown && setOwn(found), () => {});
    return () => {
      shown = false;
    };
  }, []);
  if (own === null) return null;
  return html`<section aria-labelledby="telephones-title">
    <h3 id="telephones-title">${t("telephones.title")}</h3>
    ${own.length === 0
      ? html`<p class="empty">${t("telephones.none")}</p>`
      : html`<ul class="rows">${own.map((one) => html`<${Row} key=${one.username} one=${one} />`)}</ul>`}
  </section>`;
}

/** @param {{one: import("../shared/api.js").OwnDevice}} props */
function Row({ one }) {
  const state = !one.enabled ? "off" : one.registered ? "registered" : "away";
  const icon = { registered: "circle-check", away: "circle-x", off: "circle-slash" }[state];
  return html`<li class="row">
    <${Icon} name="phone" />
    <span class="row-main"><span class="who" dir="auto">${one.name}</span>
      <span class="row-sub"><span class=${`telephone-${state}`}><${Icon} name=${icon} size="small" /> ${t(`telephones.${state}`)}</span>
        <span dir="ltr">${one.username}</span></span>
    </span>
  </li>`;
}
