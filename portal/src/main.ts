import "./styles/portal.css";
import "./ui/series-chart";
import { render } from "lit/html.js";
import { door } from "./api";
import { App, openFromAddress } from "./app";
import { preferredLanguage, speak } from "./i18n";
import { LiveFeed } from "./live";
import { page } from "./ui/page";

declare global {
  interface Window {
    /** Doors for tests and for the curious; described in `portal/README.md`. */
    __stadtwarte?: { app: App; readonly map: unknown };
  }
}

void start();

async function start(): Promise<void> {
  const host = document.getElementById("app");
  if (!host) return;
  const speech = await speak(preferredLanguage(new URL(location.href)));
  host.replaceChildren();
  const app = new App(speech, () => queue());
  window.__stadtwarte = {
    app,
    get map() {
      return app.map?.map ?? null;
    },
  };

  let queued = false;
  /** Paints once for any number of changes that come together. */
  function queue(): void {
    if (queued) return;
    queued = true;
    setTimeout(() => {
      queued = false;
      paint(app, host as HTMLElement);
    });
  }
  queue();

  const feed = new LiveFeed(door("api/v1/live"), {
    readings: (batch) => app.takeReadings(batch),
    missed: () => app.reloadSoon(),
    state: (state) => app.setLive(state),
  });
  app.feed = feed;
  addEventListener("online", () => feed.nudge());
  addEventListener("pagehide", () => feed.stop());
  addEventListener("pageshow", (event) => event.persisted && !app.paused && feed.start());
  setInterval(() => document.hidden || app.tick(), 1_000);

  await app.load();
  await openFromAddress(app);
}

function paint(app: App, host: HTMLElement): void {
  const { t, language } = app.speech;
  document.documentElement.lang = language;
  document.title = app.town ? `${app.town.name} – ${t("title")}` : t("title");
  render(page(app, Date.now()), host);
  app.map?.setLabel(t("map.label"));
  const container = document.getElementById("map");
  if (app.view === "map" && container) void app.showMap(container);
}
