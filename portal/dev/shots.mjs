#!/usr/bin/env node
// Pictures of the portal for the eye: light, dark, small, table, station, legend, docs.
//   BASE_URL=http://127.0.0.1:4180 node dev/shots.mjs FOLDER [name …]

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const base = process.env.BASE_URL ?? "http://127.0.0.1:4180";
const [folder = "shots", ...only] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const wide = { width: 1440, height: 900 };
const phone = { width: 390, height: 844 };
const station = "?station=75";
const SHOTS = {
  light: { path: "/" },
  dark: { path: "/", colorScheme: "dark" },
  value: { path: "/?property=air_temperature" },
  "value-dark": { path: "/?property=pm10", colorScheme: "dark" },
  category: { path: "/?property=occupied" },
  station: { path: `/${station}` },
  "station-dark": { path: "/?station=90&property=pm2_5", colorScheme: "dark" },
  near: { path: "/", zoom: 15.2 },
  "near-dark": { path: "/", zoom: 14.4, colorScheme: "dark" },
  table: { path: "/?view=table" },
  "table-value": { path: "/?view=table&property=air_temperature", colorScheme: "dark" },
  phone: { path: "/", viewport: phone },
  "phone-station": { path: `/${station}`, viewport: phone },
  "phone-table": { path: "/?view=table", viewport: phone, colorScheme: "dark" },
  zoom400: { path: "/", viewport: { width: 320, height: 256 }, fullPage: true },
  leicht: { path: "/?lang=de-x-leicht" },
  english: { path: `/?lang=en&property=air_temperature&station=3` },
  forced: { path: "/?property=air_temperature", forcedColors: "active" },
  docs: { path: "/docs?path=/api/v1/sql" },
  "docs-dark": { path: "/docs", colorScheme: "dark" },
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
  ],
});
for (const [name, shot] of Object.entries(SHOTS)) {
  if (only.length > 0 && !only.includes(name)) continue;
  const { path, viewport = wide, zoom, fullPage = false, ...media } = shot;
  const context = await browser.newContext({ viewport, locale: "de-DE", ...media });
  const page = await context.newPage();
  page.on(
    "console",
    (m) => ["error", "warning"].includes(m.type()) && console.log(name, m.type(), m.text()),
  );
  page.on("pageerror", (error) => console.log(name, String(error)));
  await page.goto(base + path);
  if (path.startsWith("/docs")) await page.waitForSelector(".opblock");
  else if (path.includes("table")) await page.waitForSelector("tbody tr");
  else {
    await page.waitForSelector('#map[data-state="ready"]', { timeout: 30_000 });
    if (zoom)
      await page.evaluate(
        (z) =>
          window.__stadtwarte.map.jumpTo({
            zoom: z,
            center: window.__stadtwarte.app.book.byId.get(90).position,
          }),
        zoom,
      );
    await page.waitForFunction(() => window.__stadtwarte.map.loaded(), null, { timeout: 30_000 });
  }
  if (path.includes("station="))
    await page.waitForSelector("series-chart[data-points]", { timeout: 20_000 });
  await page.waitForFunction(() => !window.__stadtwarte || window.__stadtwarte.app.received > 10);
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage });
  console.log(name);
  await context.close();
}
await browser.close();
