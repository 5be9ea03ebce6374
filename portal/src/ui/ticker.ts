import { html, nothing, type TemplateResult } from "lit/html.js";
import type { App } from "../app";

/** The pulse of the town: is the stream up, how much comes in, what came last. */
export function ticker(app: App, now: number): TemplateResult {
  const { t, format } = app.speech;
  return html`<section class="ticker" aria-label=${t("live.label")} data-live=${app.live}>
    <p class="live-state" role="status"><span class="lamp"></span>${t(`live.${app.live}`)}</p>
    <p class="live-rate">
      ${rich(t("live.rate", { rate: format.number(app.rate.perSecond(now), 1) }))}
    </p>
    <p>${rich(t("live.stations", { count: app.book.size }))}</p>
    ${lastReading(app, now)}
    <button type="button" class="plain pause" @click=${() => app.setPaused(!app.paused)}>
      ${t(app.paused ? "live.resume" : "live.pause")}
    </button>
  </section>`;
}

function lastReading(app: App, now: number) {
  const { t, format } = app.speech;
  const reading = app.lastReading;
  const station = reading && app.book.byId.get(reading.station);
  if (!station) return nothing;
  const { property, value, symbol, unit, time } = reading;
  return html`<p class="last-reading">
    <span class="muted">${t("live.last")}</span>
    <button
      type="button"
      class="plain"
      @click=${(e: Event) => app.openStation(station.id, e.currentTarget as HTMLElement)}
    >
      ${station.name}
    </button>
    <span>${app.propertyName(property)}</span>
    <b data-live-value>${format.quantity(value, symbol, unit)}</b>
    <span class="muted">${format.age(Date.parse(time), now)}</span>
  </p>`;
}

/** Sets the number at the start of a phrase in bold. */
function rich(phrase: string) {
  const [number, ...rest] = phrase.split(" ");
  return html`<b>${number}</b> ${rest.join(" ")}`;
}
