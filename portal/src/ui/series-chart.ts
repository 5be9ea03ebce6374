import type uPlot from "uplot";
import type { Range } from "../app";
import type { Series } from "../contract";
import { type Format, unitSign } from "../format";
import { type Columns, columnsOf } from "./series";

const HEIGHT = 190;
const STROKES = ["--chart-1", "--chart-2", "--chart-3", "--chart-4"];

/**
 * `<series-chart>`: one line per channel through the means, a band from minimum to maximum around
 * it. The words below it say what it shows to those who do not see it.
 */
export class SeriesChart extends HTMLElement {
  private model: { series: Series | null; range: Range; format: Format | null } = {
    series: null,
    range: "day",
    format: null,
  };
  private plot: uPlot | null = null;
  private queued = false;
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  private readonly redraw = () => this.queue();
  private readonly resizer = new ResizeObserver(() => {
    this.plot?.setSize({ width: this.clientWidth, height: HEIGHT });
  });

  set series(series: Series) {
    if (this.model.series === series) return;
    this.model.series = series;
    this.queue();
  }

  set range(range: Range) {
    this.model.range = range;
  }

  set format(format: Format) {
    if (this.model.format === format) return;
    this.model.format = format;
    this.queue();
  }

  connectedCallback(): void {
    this.resizer.observe(this);
    this.dark.addEventListener("change", this.redraw);
    this.queue();
  }

  disconnectedCallback(): void {
    this.resizer.disconnect();
    this.dark.removeEventListener("change", this.redraw);
    this.plot?.destroy();
    this.plot = null;
  }

  private queue(): void {
    if (this.queued) return;
    this.queued = true;
    queueMicrotask(() => void this.draw());
  }

  private async draw(): Promise<void> {
    const [{ default: UPlot }] = await Promise.all([
      import("uplot"),
      import("uplot/dist/uPlot.min.css"),
    ]);
    this.queued = false;
    const { series, format, range } = this.model;
    if (!this.isConnected || !series || !format) return;
    this.plot?.destroy();
    this.replaceChildren();
    const columns = columnsOf(series);
    const readout = document.createElement("output");
    readout.className = "readout";
    readout.setAttribute("aria-hidden", "true");
    this.append(readout);
    const options = this.options(columns, series, range, format, readout);
    this.plot = new UPlot(options, table(columns), this);
    this.dataset.points = String(columns.times.length);
  }

  private options(
    columns: Columns,
    series: Series,
    range: Range,
    format: Format,
    readout: HTMLElement,
  ): uPlot.Options {
    const style = getComputedStyle(this);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const lines = columns.channels.flatMap((_, i): uPlot.Series[] => {
      const stroke = colour(STROKES[i % STROKES.length] ?? "--chart-1");
      const edge = { stroke: "transparent", width: 0, points: { show: false } };
      return [{ stroke, width: 1.8, points: { show: false } }, { ...edge }, { ...edge }];
    });
    const bands = columns.channels.map(
      (_, i): uPlot.Band => ({
        series: [3 * i + 3, 3 * i + 2],
        fill: fade(colour(STROKES[i % STROKES.length] ?? "--chart-1")),
      }),
    );
    const axis = {
      stroke: colour("--muted"),
      font: `12px ${style.fontFamily}`,
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
    };
    return {
      width: this.clientWidth || 320,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
      scales: {
        x: { time: true, range: [Date.parse(series.from) / 1000, Date.parse(series.to) / 1000] },
      },
      axes: [
        {
          ...axis,
          size: 28,
          space: 58,
          values: (_, splits) => splits.map(clock(range, format.locale)),
        },
        { ...axis, size: 46, values: (_, splits) => splits.map((split) => format.number(split)) },
      ],
      series: [{}, ...lines],
      bands,
      hooks: { setCursor: [(plot) => this.read(plot, columns, series, format, readout)] },
    };
  }

  private read(
    plot: uPlot,
    columns: Columns,
    series: Series,
    format: Format,
    readout: HTMLElement,
  ): void {
    const i = plot.cursor.idx;
    const time = i === null || i === undefined ? undefined : columns.times[i];
    if (i === null || i === undefined || time === undefined) {
      readout.textContent = "";
      return;
    }
    const sign = unitSign(series.symbol, series.unit);
    const means = columns.channels.flatMap(({ mean }) => mean[i] ?? []);
    const values = means.map((mean) => format.quantity(mean, sign, sign)).join(" · ");
    const when =
      this.model.range === "year" ? format.date(time * 1000) : format.instant(time * 1000);
    readout.textContent = `${when}   ${values}`;
  }
}

function table({ times, channels }: Columns): uPlot.AlignedData {
  return [times, ...channels.flatMap(({ mean, min, max }) => [mean, min, max])];
}

function clock(range: Range, locale: string): (seconds: number) => string {
  const parts: Record<Range, Intl.DateTimeFormatOptions> = {
    day: { hour: "2-digit", minute: "2-digit" },
    week: { weekday: "short", day: "numeric" },
    year: { month: "short" },
  };
  const format = new Intl.DateTimeFormat(locale, parts[range]);
  return (seconds) => format.format(seconds * 1000);
}

/** The same colour at a fifth of its strength; the palette is written as `#rrggbb`. */
function fade(colour: string): string {
  return /^#[0-9a-f]{6}$/i.test(colour) ? `${colour}38` : "transparent";
}

customElements.define("series-chart", SeriesChart);
