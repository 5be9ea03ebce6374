import { html, nothing, type TemplateResult } from "lit/html.js";
import type { App, View } from "../app";
import { controls } from "./controls";
import { doors } from "./doors";
import { languages } from "./languages";
import { mapArea } from "./map-area";
import { logo } from "./marks";
import { panel } from "./panel";
import { tableArea } from "./table";
import { ticker } from "./ticker";

/** The whole page as it should look now. */
export function page(app: App, now: number): TemplateResult {
  const { t } = app.speech;
  return html`
    <a class="skip" href="#content">${t("skip.content")}</a>
    <a class="skip" href="?view=table" @click=${(event: Event) => toTable(app, event)}>
      ${t("skip.table")}
    </a>
    <header class="top">
      <a class="brand" href="./">${logo()}<span class="brand-name">${t("title")}</span></a>
      ${town(app)}
      <nav class="views" aria-label=${t("view.label")}>${viewLink(app, "map")}${viewLink(app, "table")}</nav>
      ${languages(app.speech.language, t("language.label"), (l) => void app.setLanguage(l))}
    </header>
    <main id="content" tabindex="-1" class=${app.selected === null ? "stage" : "stage with-panel"}>
      ${controls(app)} ${mapArea(app)} ${tableArea(app, now)} ${panel(app, now)}
    </main>
    ${ticker(app, now)}
    <footer class="bottom">${doors(app)}</footer>
  `;
}

function town(app: App) {
  if (!app.town) return html`<p class="town"></p>`;
  const { t } = app.speech;
  return html`<p class="town">
    ${app.town.name}
    ${app.town.demo ? html`<span class="badge" title=${t("demo.hint")}>${t("demo")}</span>` : nothing}
  </p>`;
}

function viewLink(app: App, view: View) {
  const choose = (event: Event) => {
    event.preventDefault();
    app.setView(view);
  };
  return html`<a
    href=${view === "map" ? "./" : "?view=table"}
    aria-current=${app.view === view ? "page" : nothing}
    @click=${choose}
    >${app.speech.t(`view.${view}`)}</a
  >`;
}

function toTable(app: App, event: Event): void {
  event.preventDefault();
  app.setView("table");
  requestAnimationFrame(() => document.getElementById("stations-table")?.focus());
}
