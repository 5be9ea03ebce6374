import { keyed } from "lit/directives/keyed.js";
import { repeat } from "lit/directives/repeat.js";
import { html, nothing, type TemplateResult } from "lit/html.js";
import type { App, SortKey } from "../app";
import { type Held, readingOf, type Station } from "../stations";
import { matching } from "./controls";
import { glyph, kindMark } from "./marks";

const PER_PAGE = 100;
const VALUES = 4;

/** Everything the map shows, as a table: the equal of the map for those who do not use it. */
export function tableArea(app: App, now: number): TemplateResult {
  const { t } = app.speech;
  if (app.view !== "table") return html`<section hidden></section>`;
  const rows = ordered(app);
  const pages = Math.max(1, Math.ceil(rows.length / PER_PAGE));
  const page = Math.min(app.page, pages - 1);
  const shown = rows.slice(page * PER_PAGE, (page + 1) * PER_PAGE);
  const value = app.property ? app.propertyName(app.property) : t("table.values");
  return html`<section class="table-area" aria-label=${t("view.table")}>
    <div class="table-head">
      <p class="table-count" role="status" data-total=${rows.length}>${count(app, rows.length)}</p>
      ${pages > 1 ? pager(app, page, pages) : nothing}
    </div>
    <div class="table-scroll" tabindex="0" role="group" aria-label=${t("table.caption")}>
      <table id="stations-table" tabindex="-1" aria-rowcount=${rows.length + 1}>
        <caption class="sr-only">${t("table.caption")}</caption>
        <thead>
          <tr>
            ${column(app, "name", t("table.name"))} ${column(app, "kind", t("table.kind"))}
            ${app.property ? column(app, "value", value) : html`<th scope="col">${value}</th>`}
            ${column(app, "updated", t("table.updated"))}
          </tr>
        </thead>
        <tbody>
          ${repeat(
            shown,
            (station) => station.id,
            (station, i) => row(app, station, page * PER_PAGE + i + 2, now),
          )}
        </tbody>
      </table>
      ${rows.length === 0 && app.stations === "ready" ? html`<p class="none">${t("table.none")}</p>` : nothing}
      ${app.stations === "loading" ? html`<p class="none">${t("stations.loading")}</p>` : nothing}
      ${app.stations === "failed" ? html`<p class="none">${t("stations.failed")}</p>` : nothing}
    </div>
  </section>`;
}

function count(app: App, shown: number) {
  const { t } = app.speech;
  return shown === app.book.size
    ? t("table.count", { count: shown })
    : t("table.count.filtered", { count: shown, total: app.book.size });
}

function column(app: App, key: SortKey, text: string) {
  const sorted = app.sort.key === key;
  const direction = app.sort.ascending ? "ascending" : "descending";
  return html`<th scope="col" class="column-${key}" aria-sort=${sorted ? direction : nothing}>
    <button type="button" @click=${() => app.sortBy(key)}>
      ${text}${glyph(sorted ? (app.sort.ascending ? "up" : "down") : "sortable")}
    </button>
  </th>`;
}

function row(app: App, station: Station, index: number, now: number) {
  const { t, format } = app.speech;
  const current = app.selected === station.id;
  return html`<tr aria-rowindex=${index} class=${current ? "current" : ""} data-station=${station.id}>
    <th scope="row">
      <button
        type="button"
        class="plain"
        @click=${(e: Event) => app.openStation(station.id, e.currentTarget as HTMLElement)}
      >
        ${station.name}
      </button>
    </th>
    <td class="column-kind">
      <span class="kind">${kindMark(station.kind)}${app.kindName(station.kind)}</span>
    </td>
    <td class="column-value">${values(app, station, now)}</td>
    <td class="column-updated">
      ${
        station.updated
          ? html`<time datetime=${new Date(station.updated).toISOString()}
              >${format.age(station.updated, now)}</time
            >`
          : t("table.never")
      }
    </td>
  </tr>`;
}

function values(app: App, station: Station, now: number) {
  const { t } = app.speech;
  if (app.property) {
    const reading = readingOf(station, app.property);
    return reading ? liveValue(app, reading, now) : "–";
  }
  const more = station.latest.length - VALUES;
  return html`<ul class="values">
    ${station.latest.slice(0, VALUES).map(
      (l) => html`<li>
        <span class="muted">${app.readingName(l)}</span> ${liveValue(app, l, now)}
      </li>`,
    )}
    ${more > 0 ? html`<li class="muted">${t("table.more", { count: more })}</li>` : nothing}
  </ul>`;
}

const FLASH_MS = 1_500;

/** A value that lights up for a moment when it has just arrived. */
export function liveValue(app: App, reading: Held, now: number) {
  const text = app.speech.format.quantity(reading.value, reading.symbol, reading.unit);
  const fresh = now - (reading.arrived ?? 0) < FLASH_MS;
  return keyed(reading.time, html`<b class=${fresh ? "value flash" : "value"}>${text}</b>`);
}

function pager(app: App, page: number, pages: number) {
  const { t } = app.speech;
  return html`<nav class="pager" aria-label=${t("table.pages")}>
    <button type="button" ?disabled=${page === 0} @click=${() => app.setPage(page - 1)}>
      ${t("table.previous")}
    </button>
    <span>${t("table.page", { page: page + 1, pages })}</span>
    <button type="button" ?disabled=${page + 1 >= pages} @click=${() => app.setPage(page + 1)}>
      ${t("table.next")}
    </button>
  </nav>`;
}

let kept: { key: string; order: number[] } = { key: "", order: [] };

/**
 * The stations in the order of the table. The order is made again when the choice changes, not with
 * every reading: a row must not run away from under the pointer.
 */
function ordered(app: App): Station[] {
  const { key, ascending } = app.sort;
  const choice = [key, ascending, app.property, app.search, app.book.size, app.speech.language];
  const kinds = [...app.visibleKinds].join();
  const id = JSON.stringify([...choice, kinds]);
  if (kept.key !== id) {
    const stations = matching(app).filter(reports(app.property)).sort(comparison(app, key));
    if (!ascending) stations.reverse();
    kept = { key: id, order: stations.map((station) => station.id) };
  }
  return kept.order.flatMap((station) => app.book.byId.get(station) ?? []);
}

/** With a property chosen the table holds its stations only, as `?property=` of the API does. */
const reports = (property: string | null) => (station: Station) =>
  property === null || readingOf(station, property) !== undefined;

function comparison(app: App, key: SortKey): (a: Station, b: Station) => number {
  const collator = new Intl.Collator(app.speech.format.locale, { numeric: true });
  const byName = (a: Station, b: Station) => collator.compare(a.name, b.name);
  switch (key) {
    case "name":
      return byName;
    case "kind":
      return (a, b) => collator.compare(app.kindName(a.kind), app.kindName(b.kind)) || byName(a, b);
    case "updated":
      return (a, b) => a.updated - b.updated || byName(a, b);
    case "value":
      return (a, b) => weight(app, a) - weight(app, b) || byName(a, b);
  }
}

/** A number to sort by; stations without the value go to the end of a descending order. */
function weight(app: App, station: Station): number {
  const value = app.property ? readingOf(station, app.property)?.value : undefined;
  if (typeof value === "number") return value;
  return value === true ? 1 : value === false ? 0 : Number.NEGATIVE_INFINITY;
}
