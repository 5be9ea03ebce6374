import { html, nothing, svg, type TemplateResult } from "lit/html.js";
import type { App } from "../app";
import { unitSign } from "../format";
import {
  type CategoryScale,
  colourOf,
  histogram,
  type NumericScale,
  quantile,
  ticks,
} from "../scale";
import { placed } from "./placed";

/** What the colours of the map mean, and how the values of the town are spread over them. */
export function legend(app: App): TemplateResult {
  const { t } = app.speech;
  const code = app.property ?? "";
  const scale = app.scale;
  const known = app.propertyOf(code);
  const sign = known ? unitSign(known.symbol, known.unit) : "";
  return html`<section class="legend" aria-labelledby="legend-title" data-property=${code}>
    <h2 id="legend-title">${t("legend.scale", { name: app.propertyName(code) })}</h2>
    ${sign ? html`<p class="unit">${t("legend.unit", { unit: sign })}</p>` : nothing}
    ${
      scale === null
        ? html`<p>${t("legend.empty")}</p>`
        : scale.type === "numeric"
          ? numeric(app, scale, sign)
          : category(app, scale)
    }
  </section>`;
}

const WIDTH = 288;
const HEIGHT = 56;
const BINS = 24;

function numeric(app: App, scale: NumericScale, sign: string) {
  const { t, format } = app.speech;
  const numbers = app
    .valuesOf(app.property ?? "")
    .filter((v): v is number => typeof v === "number")
    .sort((a, b) => a - b);
  const [low, high] = scale.domain;
  const bins = histogram(numbers, scale.domain, BINS);
  const most = Math.max(1, ...bins.map((bin) => bin.count));
  const step = WIDTH / BINS;
  const bar = (count: number) => (count === 0 ? 0 : Math.max(2, (count / most) * (HEIGHT - 8)));
  const quantity = (share: number) => format.quantity(quantile(numbers, share), sign, sign);
  return html`<svg
      class="histogram"
      viewBox="0 0 ${WIDTH} ${HEIGHT}"
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      ${bins.map((bin, i) => {
        const colour = colourOf(scale, (bin.from + bin.to) / 2) ?? "none";
        const height = bar(bin.count);
        return svg`
          <rect x=${i * step + 0.5} y=${HEIGHT - 7 - height} width=${step - 1} height=${height} fill=${colour} />
          <rect x=${i * step - 0.25} y=${HEIGHT - 6} width=${step + 0.5} height="6" fill=${colour} />`;
      })}
    </svg>
    <div class="axis" aria-hidden="true">
      ${ticks(scale.domain).map(
        (tick) =>
          html`<span ${placed({ left: `${((tick - low) / (high - low)) * 100}%` })}
            >${format.number(tick)}</span
          >`,
      )}
    </div>
    ${
      numbers.length > 0
        ? html`<dl class="spread">
            ${fact(t("legend.min"), quantity(0))} ${fact(t("legend.median"), quantity(0.5))}
            ${fact(t("legend.max"), quantity(1))}
          </dl>`
        : nothing
    }`;
}

const fact = (name: string, value: string) => html`<div>
  <dt>${name}</dt>
  <dd>${value}</dd>
</div>`;

function category(app: App, scale: CategoryScale) {
  const { t, format } = app.speech;
  const values = app.valuesOf(app.property ?? "");
  return html`<ul class="swatches">
    ${scale.values.map(
      (value) => html`<li>
        <svg class="swatch" viewBox="0 0 16 16" aria-hidden="true">
          <circle cx="8" cy="8" r="7" fill=${colourOf(scale, value) ?? "none"} />
        </svg>
        ${format.value(value)}
        <span class="count">
          ${t("legend.count", { count: values.filter((v) => v === value).length })}
        </span>
      </li>`,
    )}
  </ul>`;
}
