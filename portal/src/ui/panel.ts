import { createRef, ref } from "lit/directives/ref.js";
import { repeat } from "lit/directives/repeat.js";
import { html, nothing, type TemplateResult } from "lit/html.js";
import type { App, ChartState, Range } from "../app";
import { RANGES } from "../app";
import type { Series } from "../contract";
import { unitSign } from "../format";
import type { Held, Station } from "../stations";
import { glyph, kindMark } from "./marks";
import { summaryOf } from "./series";
import { liveValue } from "./table";

const heading = createRef<HTMLElement>();
const history = createRef<HTMLElement>();
let shown: number | null = null;

/** One station: everything it reports now, and how one of its values went. */
export function panel(app: App, now: number): TemplateResult | typeof nothing {
  const station = app.selected === null ? undefined : app.book.byId.get(app.selected);
  if (!station) {
    shown = null;
    return nothing;
  }
  if (shown !== station.id) {
    shown = station.id;
    if (app.focusPanel) requestAnimationFrame(() => heading.value?.focus());
  }
  const { t, format } = app.speech;
  const closeOnEscape = (event: KeyboardEvent) => {
    if (event.key === "Escape") app.closeStation();
  };
  return html`<section
    class="panel kind-${station.kind}"
    aria-labelledby="station-name"
    @keydown=${closeOnEscape}
  >
    <header>
      <p class="panel-kind">${kindMark(station.kind)}${app.kindName(station.kind)}</p>
      <h2 id="station-name" tabindex="-1" ${ref(heading)}>${station.name}</h2>
      <p class="muted">
        ${
          station.updated
            ? t("panel.updated", { age: format.age(station.updated, now) })
            : t("panel.empty")
        }
      </p>
      <button
        type="button"
        class="close"
        aria-label=${t("panel.close")}
        title=${t("panel.close")}
        @click=${() => app.closeStation()}
      >
        ${glyph("close")}
      </button>
    </header>
    ${app.detail?.properties.description ? html`<p>${app.detail.properties.description}</p>` : nothing}
    ${station.latest.length > 0 ? values(app, station, now) : nothing}
    <p class="panel-links"><a href="api/v1/stations/${station.id}">${t("panel.json")}</a></p>
  </section>`;
}

function values(app: App, station: Station, now: number) {
  const { t } = app.speech;
  return html`<table class="readings">
    <caption class="sr-only">${t("panel.values")}</caption>
    <thead class="sr-only">
      <tr>
        <th scope="col">${t("panel.property")}</th>
        <th scope="col">${t("panel.value")}</th>
        <th scope="col">${t("panel.age")}</th>
      </tr>
    </thead>
    <tbody>
      ${repeat(
        station.latest,
        (reading) => reading.datastream_id,
        (reading, i) => html`${readingRow(app, reading, now)}
        ${station.latest[i + 1]?.property === reading.property ? nothing : chartRow(app, reading)}`,
      )}
    </tbody>
  </table>`;
}

function readingRow(app: App, reading: Held, now: number) {
  const { t, format } = app.speech;
  const name = app.propertyName(reading.property);
  const drawn = app.chart?.property === reading.property;
  const show = () => {
    app.showChart(reading.property, app.chart?.range ?? "day");
    requestAnimationFrame(() => history.value?.scrollIntoView({ block: "nearest" }));
  };
  return html`<tr class=${drawn ? "current" : ""}>
    <th scope="row">
      ${
        typeof reading.value === "number"
          ? html`<button
              type="button"
              class="plain"
              aria-pressed=${drawn ? "true" : "false"}
              title=${t("panel.show_chart", { name })}
              @click=${show}
            >
              ${name}${glyph("chart")}
            </button>`
          : html`<span>${name}</span>`
      }
      ${
        reading.channel
          ? html`<small class="muted">${t("panel.channel", { channel: reading.channel })}</small>`
          : nothing
      }
      ${
        reading.quality && reading.quality !== "good"
          ? html`<small class="quality">${t("panel.quality", { flags: reading.quality })}</small>`
          : nothing
      }
    </th>
    <td>${liveValue(app, reading, now)}</td>
    <td class="muted">
      <time datetime=${reading.time} title=${format.instant(Date.parse(reading.time))}
        >${format.age(Date.parse(reading.time), now)}</time
      >
    </td>
  </tr>`;
}

/** Below the last row of the property it shows, so that whoever asks for it sees it. */
function chartRow(app: App, reading: Held) {
  if (app.chart?.property !== reading.property) return nothing;
  return html`<tr class="drawn">
    <td colspan="3">${chart(app, app.chart)}</td>
  </tr>`;
}

function chart(app: App, { property, range, series }: ChartState) {
  const { t } = app.speech;
  const name = app.propertyName(property);
  const sign = typeof series === "object" ? unitSign(series.symbol, series.unit) : "";
  return html`<section class="history" ${ref(history)} aria-labelledby="history-title">
    <h3 id="history-title">${t("chart.title", { name })}${sign ? html` <small>${sign}</small>` : nothing}</h3>
    <div class="ranges" role="group" aria-label=${t("chart.range")}>
      ${(Object.keys(RANGES) as Range[]).map(
        (choice) => html`<button
          type="button"
          aria-pressed=${choice === range ? "true" : "false"}
          @click=${() => app.showChart(property, choice)}
        >
          ${t(`chart.${choice}`)}
        </button>`,
      )}
    </div>
    ${
      series === "loading"
        ? html`<p class="chart-note" role="status">${t("chart.loading")}</p>`
        : series === "failed"
          ? html`<p class="chart-note" role="alert">${t("chart.failed")}</p>`
          : drawing(app, series, name, range)
    }
  </section>`;
}

function drawing(app: App, series: Series, name: string, range: Range) {
  const { t, format } = app.speech;
  const found = summaryOf(series);
  if (!found) return html`<p class="chart-note" role="status">${t("chart.empty")}</p>`;
  const quantity = (value: number) => format.quantity(value, series.symbol, series.unit);
  const summary = t("chart.summary", {
    mean: quantity(found.mean),
    min: quantity(found.min),
    max: quantity(found.max),
  });
  const label = t("chart.label", { name, range: t(`chart.${range}`), summary });
  return html`<series-chart
      role="img"
      aria-label=${label}
      .series=${series}
      .range=${range}
      .format=${format}
    ></series-chart>
    ${series.series.length > 1 ? channels(app, series) : nothing}
    <p class="summary">${summary}</p>
    <p class="hint">${t("chart.hint")}</p>
    ${pointsTable(app, series, range)}`;
}

function channels(app: App, series: Series) {
  const { t } = app.speech;
  return html`<ul class="channels">
    ${series.series.map(
      ({ channel, datastream_id }, i) => html`<li class="channel-${(i % 4) + 1}">
        ${t("panel.channel", { channel: channel ?? datastream_id })}
      </li>`,
    )}
  </ul>`;
}

function pointsTable(app: App, series: Series, range: Range) {
  const { t, format } = app.speech;
  const when = (time: number) => (range === "year" ? format.date(time) : format.instant(time));
  const single = series.series.length === 1;
  const rows = series.series
    .flatMap(({ channel, points }) => points.map((point) => ({ channel, ...point })))
    .reverse();
  const cell = (value: number | null) => (value === null ? "–" : format.number(value));
  return html`<details class="points">
    <summary>${t("chart.table")}</summary>
    <div class="points-scroll" tabindex="0" role="group" aria-label=${t("chart.table")}>
      <table>
        <thead>
          <tr>
            <th scope="col">${t("chart.time")}</th>
            <th scope="col">${t("chart.mean")}</th>
            <th scope="col">${t("chart.min")}</th>
            <th scope="col">${t("chart.max")}</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (point) => html`<tr>
              <th scope="row">
                ${when(Date.parse(point.time))}
                ${single || !point.channel ? nothing : t("panel.channel", { channel: point.channel })}
              </th>
              <td>${cell(point.mean)}</td>
              <td>${cell(point.min)}</td>
              <td>${cell(point.max)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </details>`;
}
