import { html, nothing, type TemplateResult } from "lit/html.js";
import type { App } from "../app";
import { readingOf } from "../stations";
import { glyph } from "./marks";
import { placed } from "./placed";

/** The map with its buttons, its tooltip and whatever must be said instead of it. */
export function mapArea(app: App): TemplateResult {
  const { t } = app.speech;
  const ready = app.mapState === "ready";
  return html`<section class="map-area" ?hidden=${app.view !== "map"} aria-label=${t("view.map")}>
    <div id="map" data-state=${app.mapState}></div>
    <span class="cross-hairs" aria-hidden="true"></span>
    ${
      ready
        ? html`<div class="map-buttons">
            ${button("plus", t("map.zoom_in"), () => app.map?.zoom(1))}
            ${button("minus", t("map.zoom_out"), () => app.map?.zoom(-1))}
            ${button("home", t("map.home"), () => app.map?.fitHome())}
          </div>`
        : nothing
    }
    ${tooltip(app)} ${notice(app)}
    <p class="sr-only" role="status">
      ${
        app.aimed
          ? t("map.aimed", { name: app.aimed.name, kind: app.kindName(app.aimed.kind) })
          : nothing
      }
    </p>
  </section>`;
}

function button(icon: "plus" | "minus" | "home", label: string, press: () => void) {
  return html`<button type="button" aria-label=${label} title=${label} @click=${press}>
    ${glyph(icon)}
  </button>`;
}

const LINES = 3;

function tooltip(app: App) {
  if (!app.hover) return nothing;
  const { format } = app.speech;
  const { station, x, y } = app.hover;
  const chosen = app.property ? readingOf(station, app.property) : undefined;
  const shown = chosen ? [chosen] : station.latest.slice(0, LINES);
  const place = { transform: `translate(${Math.round(x)}px, ${Math.round(y)}px)` };
  return html`<div class="tooltip" ${placed(place)} aria-hidden="true">
    <div>
      <strong>${station.name}</strong>
      ${shown.map(
        (l) => html`<span class="tooltip-line">
          <span>${app.readingName(l)}</span>
          <b>${format.quantity(l.value, l.symbol, l.unit)}</b>
        </span>`,
      )}
    </div>
  </div>`;
}

function notice(app: App) {
  const { t } = app.speech;
  if (app.stations === "loading")
    return html`<p class="notice" role="status">${t("stations.loading")}</p>`;
  if (app.stations === "failed") {
    return html`<div class="notice" role="alert">
      <p>${t("stations.failed")}</p>
      <button type="button" @click=${() => app.loadStations()}>${t("stations.retry")}</button>
    </div>`;
  }
  if (app.mapState === "failed") {
    return html`<div class="notice" role="alert">
      <p>${t("map.failed")}</p>
      <button type="button" @click=${() => app.setView("table")}>${t("view.table")}</button>
    </div>`;
  }
  if (app.mapState === "loading")
    return html`<p class="notice" role="status">${t("map.loading")}</p>`;
  if (app.book.size === 0) {
    return html`<div class="notice" role="status">
      <h2>${t("stations.empty.title")}</h2>
      <p>${t("stations.empty")}</p>
      <a href="docs">${t("door.docs")}</a>
    </div>`;
  }
  return nothing;
}
