import { html, nothing, type TemplateResult } from "lit/html.js";
import type { App } from "../app";
import { KINDS, type Kind } from "../kinds";
import type { Station } from "../stations";
import { plain } from "../words";
import { legend } from "./legend";
import { glyph, kindMark } from "./marks";

/** What to show, what it means, and where to find one station. */
export function controls(app: App): TemplateResult {
  const { t } = app.speech;
  return html`<section class="controls" aria-labelledby="headline">
    <div class="intro">
      <p class="eyebrow">${t("head.town")}</p>
      <h1 id="headline">${t("head.title")}</h1>
      <p class="lead">${t("head.lead")}</p>
    </div>
    ${propertyField(app)} ${app.property ? legend(app) : nothing} ${searchField(app)}
    ${kindFilter(app)}
  </section>`;
}

function propertyField(app: App) {
  const { t } = app.speech;
  const choose = (event: Event) =>
    app.setProperty((event.target as HTMLSelectElement).value || null);
  const options = app.properties
    .map((property) => ({ ...property, text: app.propertyName(property.code) }))
    .sort((a, b) => a.text.localeCompare(b.text, app.speech.format.locale));
  return html`<div class="field">
    <label for="property">${t("property.label")}</label>
    <select id="property" @change=${choose}>
      <option value="" ?selected=${app.property === null}>${t("property.none")}</option>
      ${options.map(
        ({ code, text, stations }) =>
          html`<option value=${code} ?selected=${app.property === code}>
            ${t("property.option", { name: text, count: stations })}
          </option>`,
      )}
    </select>
  </div>`;
}

/** Legend of the kinds and filter at once; folded away while a property gives the colours. */
function kindFilter(app: App) {
  const { t, format } = app.speech;
  const counts = new Map<Kind, number>();
  for (const { kind } of app.book.byId.values()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const present = KINDS.filter((kind) => counts.has(kind));
  if (present.length === 0) return nothing;
  const filtered = present.some((kind) => !app.visibleKinds.has(kind));
  const list = html`<ul class="kinds">
      ${present.map(
        (kind) => html`<li>
          <label>
            <input
              type="checkbox"
              .checked=${app.visibleKinds.has(kind)}
              @change=${() => app.toggleKind(kind)}
            />
            ${kindMark(kind)}<span>${app.kindName(kind)}</span>
            <span class="count">${format.number(counts.get(kind) ?? 0)}</span>
          </label>
        </li>`,
      )}
    </ul>
    ${
      filtered
        ? html`<button type="button" class="plain" @click=${() => app.showAllKinds()}>
            ${t("legend.kinds.all")}
          </button>`
        : nothing
    }`;
  return html`<details class="kind-filter" ?open=${app.property === null && roomy()}>
    <summary>${t(app.property ? "legend.kinds.filter" : "legend.kinds")}</summary>
    ${list}
  </details>`;
}

/** On a small screen the list would push the map out of sight. */
const wide = matchMedia("(min-width: 60rem) and (min-height: 34rem)");
const roomy = () => wide.matches;

const HITS = 6;

function searchField(app: App) {
  const { t } = app.speech;
  const hits = app.search.trim() ? matching(app) : [];
  const type = (event: Event) => app.setSearch((event.target as HTMLInputElement).value);
  return html`<search class="field">
    <label for="search">${t("search.label")}</label>
    <div class="search-box">
      ${glyph("search")}
      <input
        id="search"
        type="search"
        autocomplete="off"
        placeholder=${t("search.placeholder")}
        .value=${app.search}
        @input=${type}
      />
    </div>
    <p class="hint" role="status">
      ${app.search.trim() ? t("search.found", { count: hits.length }) : nothing}
    </p>
    ${app.view === "map" && hits.length > 0 ? hitList(app, hits) : nothing}
  </search>`;
}

function hitList(app: App, hits: Station[]) {
  const { t } = app.speech;
  return html`<ul class="hits">
      ${hits.slice(0, HITS).map(
        (station) => html`<li>
          <button
            type="button"
            @click=${(e: Event) => app.openStation(station.id, e.currentTarget as HTMLElement)}
          >
            ${kindMark(station.kind)}<span>${station.name}</span>
          </button>
        </li>`,
      )}
    </ul>
    ${
      hits.length > HITS
        ? html`<button type="button" class="plain" @click=${() => app.setView("table")}>
            ${t("search.more", { count: hits.length })}
          </button>`
        : nothing
    }`;
}

/** Visible stations whose name or kind contains every word of the search. */
export function matching(app: App): Station[] {
  const words = plain(app.search).split(/\s+/).filter(Boolean);
  return app.book.all().filter((station) => {
    if (!app.visibleKinds.has(station.kind)) return false;
    if (words.length === 0) return true;
    const text = plain(`${station.name} ${app.kindName(station.kind)}`);
    return words.every((word) => text.includes(word));
  });
}
