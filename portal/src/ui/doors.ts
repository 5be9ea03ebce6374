import { html, type TemplateResult } from "lit/html.js";
import type { App } from "../app";
import type { MessageKey } from "../i18n";

type Door = [href: string, text: MessageKey];

const GROUPS: [MessageKey, Door[]][] = [
  [
    "footer.data",
    [
      ["api/v1/stations.geojson", "door.stations"],
      ["api/v1/properties", "door.properties"],
      ["api/v1/live", "door.live"],
      ["api/v1/twin/state", "door.twin"],
    ],
  ],
  [
    "footer.describe",
    [
      ["docs", "door.docs"],
      ["docs?path=/api/v1/sql", "door.sql"],
      ["openapi.json", "door.openapi"],
    ],
  ],
  [
    "footer.operate",
    [
      ["healthz", "door.health"],
      ["readyz", "door.ready"],
      ["metrics", "door.metrics"],
    ],
  ],
];

/** A link to every door of the platform. */
export function doors(app: App): TemplateResult {
  const { t } = app.speech;
  return html`<nav aria-label=${t("footer.label")}>
      ${GROUPS.map(
        ([title, links]) => html`<div class="door-group">
          <h2>${t(title)}</h2>
          <ul>
            ${links.map(([href, text]) => html`<li><a href=${href}>${t(text)}</a></li>`)}
          </ul>
        </div>`,
      )}
    </nav>
    <p class="imprint">
      ${app.town ? t("footer.version", { version: app.town.version }) : t("title")} ·
      <a href="licenses.txt">${t("footer.licences")}</a>
    </p>`;
}
