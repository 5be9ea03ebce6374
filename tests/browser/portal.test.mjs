// The portal in a real browser, as people meet it.
//
//   BASE_URL=http://127.0.0.1:8080 node --test tests/browser/portal.test.mjs
//
// BASE_URL is a running stadtwarte with stations that report; without it the mock server of the
// portal is started (portal/dist must be built). CHROMIUM names another browser than /usr/bin/chromium.
// Every wait is for a condition and has a deadline, for the machine may be busy.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const require = createRequire(new URL("../../portal/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const DEADLINE = 60_000;
const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

let base = process.env.BASE_URL?.replace(/\/$/, "");
let mock = null;
let browser = null;
let isMock = false;

before(async () => {
  if (!base) [mock, base] = await startMock();
  const answer = await fetch(`${base}/api/v1/town`);
  assert.equal(answer.status, 200, "the server answers /api/v1/town");
  isMock = answer.headers.has("x-stadtwarte-mock");
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: CHROMIUM_FLAGS,
  });
});

after(async () => {
  await browser?.close();
  mock?.kill();
});

/** The mock server on a free port, and its address. */
function startMock() {
  const script = fileURLToPath(new URL("../../portal/dev/mock-server.mjs", import.meta.url));
  const child = spawn(process.execPath, [script], {
    env: { ...process.env, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the mock server ended with ${code}`)));
    child.stdout.once("data", (line) => resolve([child, JSON.parse(String(line)).url]));
  });
}

/**
 * Opens the portal in a window of its own. Unless `noisy`, the test fails at its end when the page
 * has written an error or has asked another origin for anything.
 */
async function visit(t, path, { prepare, noisy = false, ready = true, ...options } = {}) {
  const context = await browser.newContext({
    locale: "de-DE",
    viewport: { width: 1280, height: 800 },
    ...options,
  });
  context.setDefaultTimeout(DEADLINE);
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`error: ${error}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && url.origin !== new URL(base).origin) {
      faults.push(`request to ${url.origin}`);
    }
  });
  t.after(async () => {
    await context.close();
    if (!noisy) assert.deepEqual(faults, [], "no errors, no warnings, no foreign requests");
  });
  await prepare?.(page);
  const response = await page.goto(base + path);
  if (ready) await page.waitForSelector(".live-state");
  return { page, response };
}

const mapIsIdle = (page) =>
  page.waitForFunction(
    () => window.__stadtwarte?.map?.loaded() && !window.__stadtwarte.map.isMoving(),
  );

async function api(path) {
  const answer = await fetch(`${base}/api/v1/${path}`);
  assert.equal(answer.status, 200, path);
  return answer.json();
}

/** A station that reports a number, and the property of that number. */
async function measuringStation() {
  const { features } = await api("stations.geojson");
  for (const { id, properties } of features) {
    const reading = properties.latest.find((latest) => typeof latest.value === "number");
    if (reading) return { id, name: properties.name, property: reading.property };
  }
  throw new Error("no station reports a number");
}

/** What axe calls serious or critical, in one line each. */
async function violations(page) {
  await page.evaluate(AXE);
  const { violations: found } = await page.evaluate(() =>
    window.axe.run(document, { resultTypes: ["violations"] }),
  );
  return found
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
}

const overflow = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

describe("the first page", () => {
  test("loads without an error and without asking another origin", async (t) => {
    const { page, response } = await visit(t, "/");
    assert.equal(response.status(), 200);
    await page.waitForSelector("h1");
    assert.equal(await page.locator("h1").count(), 1);
    assert.match(await page.getAttribute('meta[name="description"]', "content"), /\w{3}/);
    const { name } = await api("town");
    await page.waitForFunction((town) => document.title.startsWith(town), name);
    await mapIsIdle(page);
  });

  test("is sent with a strict content security policy", async (t) => {
    if (isMock) return t.skip("the mock server sends its own policy; ask a real stadtwarte");
    for (const path of ["/", "/docs"]) {
      const policy = (await fetch(base + path)).headers.get("content-security-policy") ?? "";
      assert.match(policy, /script-src 'self'(;|$)/, path);
      assert.match(policy, /style-src 'self'(;|$)/, path);
      assert.doesNotMatch(policy, /unsafe/, path);
    }
  });

  test("draws the stations on a map", async (t) => {
    const { page } = await visit(t, "/");
    await mapIsIdle(page);
    await page.waitForFunction(
      () =>
        window.__stadtwarte.map.queryRenderedFeatures({ layers: ["station-points"] }).length > 0,
    );
  });

  test("shows a new reading within ten seconds", async (t) => {
    const { page } = await visit(t, "/");
    await page.waitForSelector('[data-live="live"]');
    await page.waitForSelector("[data-live-value]");
    await page.waitForSelector(".last-reading");
    const old = await page.evaluate(() => ({
      received: window.__stadtwarte.app.received,
      shown: document.querySelector(".last-reading").innerText.replace(/\S+ \S+$/, ""),
    }));
    await page.waitForFunction(
      ({ received, shown }) =>
        window.__stadtwarte.app.received > received &&
        // Without the age at the end, which grows by itself.
        document.querySelector(".last-reading").innerText.replace(/\S+ \S+$/, "") !== shown,
      old,
      { timeout: 10_000 },
    );
  });

  test("holds still when asked to, and shows what came meanwhile when it goes on", async (t) => {
    const { page } = await visit(t, "/");
    await page.waitForSelector(".last-reading");
    await page.click(".ticker .pause");
    await page.waitForSelector('[data-live="paused"]');
    const { received, text } = await page.evaluate(() => ({
      received: window.__stadtwarte.app.received,
      text: document.querySelector(".ticker").innerText,
    }));
    const before = (await api("twin/state")).position;
    const deadline = Date.now() + DEADLINE;
    while ((await api("twin/state")).position === before) {
      assert.ok(Date.now() < deadline, "the town goes on");
      await new Promise((resume) => setTimeout(resume, 100));
    }
    assert.equal(await page.textContent(".live-state"), "Aktualisierung angehalten");
    assert.equal(await page.evaluate(() => window.__stadtwarte.app.received), received);
    assert.equal(await page.evaluate(() => document.querySelector(".ticker").innerText), text);
    const reloaded = page.waitForRequest("**/api/v1/live?last_event_id=*");
    await page.click(".ticker .pause");
    assert.notEqual(new URL((await reloaded).url()).searchParams.get("last_event_id"), "");
    await page.waitForSelector('[data-live="live"]');
    await page.waitForFunction((old) => window.__stadtwarte.app.received > old, received);
  });

  test("colours the map by a property and explains the colours", async (t) => {
    const { property } = await measuringStation();
    const { page } = await visit(t, "/");
    await mapIsIdle(page);
    await page.selectOption("#property", property);
    await page.waitForSelector(`.legend[data-property="${property}"] .histogram`);
    const known = (await api("properties")).properties.find(({ code }) => code === property);
    if (known.symbol)
      assert.ok((await page.textContent(".legend")).includes(known.symbol), "the unit");
    await page.waitForFunction(() => {
      const { map } = window.__stadtwarte;
      const drawn = map.queryRenderedFeatures({ layers: ["station-points"] });
      return drawn.some(({ state }) => typeof state.value === "number");
    });
    assert.equal(new URL(page.url()).searchParams.get("property"), property);
  });

  test("opens a station by keyboard from the search, with a chart, and gives the focus back", async (t) => {
    const { id, name } = await measuringStation();
    const { page } = await visit(t, "/");
    await page.waitForFunction(() => window.__stadtwarte.app.stations === "ready");
    await page.focus("#search");
    await page.keyboard.type(name);
    const hit = page.locator(".hits button").first();
    await hit.waitFor();
    await page.keyboard.press("Tab");
    assert.ok(
      await hit.evaluate((button) => button === document.activeElement),
      "Tab reaches the hit",
    );
    await page.keyboard.press("Enter");
    await page.waitForSelector(".panel h2:focus");
    await page.waitForSelector("series-chart[data-points] canvas");
    assert.ok(Number(await page.getAttribute("series-chart", "data-points")) > 0);
    assert.match(await page.getAttribute("series-chart", "aria-label"), /\d/);
    assert.ok((await page.locator(".readings tbody tr").count()) > 0);
    const opened = Number(new URL(page.url()).searchParams.get("station"));
    const names = await page.evaluate((s) => window.__stadtwarte.app.book.byId.get(s).name, opened);
    assert.equal(names, name, `station ${id} or one of the same name`);
    await page.keyboard.press("Escape");
    await page.waitForSelector(".panel", { state: "detached" });
    assert.ok(await hit.evaluate((button) => button === document.activeElement), "focus is back");
  });

  test("opens the station in the middle of the map with Enter", async (t) => {
    const { page } = await visit(t, "/");
    await mapIsIdle(page);
    await page.focus("#search");
    const onMap = () => document.activeElement?.matches(".maplibregl-canvas");
    for (let i = 0; i < 20 && !(await page.evaluate(onMap)); i += 1)
      await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(onMap), "Tab reaches the map");
    await page.waitForFunction(() => window.__stadtwarte.app.aimed !== null);
    await page.keyboard.press("Enter");
    await page.waitForSelector(".panel h2:focus");
    await page.keyboard.press("Escape");
    await page.waitForFunction(onMap);
  });

  test("switches between three languages", async (t) => {
    const { page } = await visit(t, "/");
    const seen = new Set();
    for (const language of ["en", "de-x-leicht", "de"]) {
      await page.click(`.languages button[lang="${language}"]`);
      await page.waitForFunction((wanted) => document.documentElement.lang === wanted, language);
      await page.waitForSelector(`.languages button[lang="${language}"][aria-pressed="true"]`);
      seen.add(await page.textContent("h1"));
    }
    assert.equal(seen.size, 3, "three headlines");
    await page.click('.languages button[lang="en"]');
    await page.reload();
    await page.waitForFunction(() => document.documentElement.lang === "en");
  });

  test("has a link to every door", async (t) => {
    const { page } = await visit(t, "/");
    const links = await page
      .locator("footer a")
      .evaluateAll((all) => all.map((a) => new URL(a.href).pathname));
    for (const door of [
      "/api/v1/stations.geojson",
      "/api/v1/properties",
      "/api/v1/live",
      "/api/v1/twin/state",
      "/openapi.json",
      "/docs",
      "/healthz",
      "/readyz",
      "/metrics",
    ]) {
      assert.ok(links.includes(door), door);
    }
  });
});

describe("the table", () => {
  test("lists every station of the API", async (t) => {
    const { page } = await visit(t, "/?view=table");
    await page.waitForSelector("tbody tr[data-station]");
    await page.waitForFunction(async () => {
      const url = new URL("api/v1/stations.geojson", document.baseURI);
      const { features } = await (await fetch(url)).json();
      return Number(document.querySelector(".table-count")?.dataset.total) === features.length;
    });
    const total = Number(await page.getAttribute(".table-count", "data-total"));
    const rows = new Set();
    const read = async () => {
      for (const id of await page
        .locator("tbody tr")
        .evaluateAll((all) => all.map((row) => row.dataset.station))) {
        rows.add(id);
      }
    };
    await read();
    const next = page.locator(".pager button").last();
    while ((await next.count()) > 0 && (await next.isEnabled())) {
      const first = await page.getAttribute("tbody tr", "aria-rowindex");
      await next.click();
      await page.waitForFunction(
        (old) => document.querySelector("tbody tr")?.ariaRowIndex !== old,
        first,
      );
      await read();
    }
    assert.equal(rows.size, total);
  });

  test("can be searched, sorted and filtered by a property", async (t) => {
    const { name, property } = await measuringStation();
    const { page } = await visit(t, "/?view=table");
    await page.waitForSelector("tbody tr[data-station]");
    await page.fill("#search", name);
    await page.waitForFunction((words) => {
      const rows = [...document.querySelectorAll("tbody tr")].map((row) => row.textContent);
      return rows.length > 0 && rows.every((row) => words.every((word) => row.includes(word)));
    }, name.split(" "));
    await page.fill("#search", "");
    await page.selectOption("#property", property);
    await page.click(".column-value button");
    await page.waitForSelector('.column-value[aria-sort="descending"]');
    const { features } = await api("stations.geojson");
    const reporting = features.filter(({ properties }) =>
      properties.latest.some((l) => l.property === property),
    );
    const total = Number(await page.getAttribute(".table-count", "data-total"));
    assert.ok(
      Math.abs(total - reporting.length) <= 2,
      `${total} of ${reporting.length} report ${property}`,
    );
    await page.click(".column-value button");
    await page.waitForSelector('.column-value[aria-sort="ascending"]');
  });

  test("and the map show the same after going to and fro", async (t) => {
    const { page } = await visit(t, "/");
    await mapIsIdle(page);
    await page.click('.views a[href="?view=table"]');
    await page.waitForSelector("tbody tr[data-station]");
    await page.waitForSelector(".map-area", { state: "hidden" });
    await page.click('.views a[href="./"]');
    await mapIsIdle(page);
    await page.waitForFunction(
      () =>
        window.__stadtwarte.map.queryRenderedFeatures({ layers: ["station-points"] }).length > 0,
    );
  });

  test("opens a station, too", async (t) => {
    const { page } = await visit(t, "/?view=table");
    await page.locator("tbody th button").first().press("Enter");
    await page.waitForSelector(".panel h2:focus");
  });
});

describe("everyone can use it", () => {
  for (const [name, path, options] of [
    ["the map", "/", {}],
    ["the map in the dark", "/", { colorScheme: "dark" }],
    ["the table", "/?view=table", {}],
    ["the table in the dark", "/?view=table", { colorScheme: "dark" }],
    ["plain German on a phone", "/?lang=de-x-leicht", { viewport: { width: 390, height: 844 } }],
  ]) {
    test(`axe finds nothing serious: ${name}`, async (t) => {
      const { page } = await visit(t, path, options);
      await page.waitForFunction(() => window.__stadtwarte.app.stations === "ready");
      if (!path.includes("table")) await mapIsIdle(page);
      assert.deepEqual(await violations(page), []);
    });
  }

  for (const colorScheme of ["light", "dark"]) {
    test(`axe finds nothing serious: a station, a legend and a chart, ${colorScheme}`, async (t) => {
      const { id, property } = await measuringStation();
      const { page } = await visit(t, `/?station=${id}&property=${property}`, { colorScheme });
      await page.waitForSelector("series-chart[data-points]");
      await page.click(".points summary");
      assert.deepEqual(await violations(page), []);
    });
  }

  test("at 400 % zoom nothing has to be scrolled sideways", async (t) => {
    const { id, property } = await measuringStation();
    for (const path of ["/", "/?view=table", `/?station=${id}&property=${property}`]) {
      const { page } = await visit(t, path, { viewport: { width: 320, height: 256 } });
      await page.waitForFunction(() => window.__stadtwarte.app.stations === "ready");
      if (path.includes("station=")) await page.waitForSelector("series-chart[data-points]");
      assert.ok((await overflow(page)) <= 0, path);
    }
  });

  test("those who want less motion get none", async (t) => {
    const { page } = await visit(t, "/", { reducedMotion: "reduce" });
    await page.waitForSelector('[data-live="live"]');
    await page.waitForFunction(() => window.__stadtwarte.app.received > 0);
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  });

  test("the focus can be seen on every step of the way", async (t) => {
    const { page } = await visit(t, "/");
    await page.waitForFunction(() => window.__stadtwarte.app.stations === "ready");
    for (let i = 0; i < 30; i += 1) {
      await page.keyboard.press("Tab");
      const seen = await page.evaluate(() => {
        const { activeElement: at } = document;
        if (!at || at === document.body) return true;
        return getComputedStyle(at).outlineStyle !== "none" || at.className;
      });
      assert.equal(seen, true, `step ${i + 1}`);
    }
  });
});

describe("when something is missing", () => {
  test("a broken live stream is said and taken up again", async (t) => {
    let refused = true;
    const { page } = await visit(t, "/", {
      noisy: true,
      prepare: (p) =>
        p.route("**/api/v1/live?*", (route) =>
          refused ? route.fulfill({ status: 503 }) : route.continue(),
        ),
    });
    await page.waitForSelector('[data-live="broken"]');
    assert.match(await page.textContent(".live-state"), /unterbrochen/);
    refused = false;
    await page.waitForSelector('[data-live="live"]');
    await page.waitForFunction(() => window.__stadtwarte.app.received > 0);
  });

  test("stations that cannot be had are said and fetched again", async (t) => {
    let refused = true;
    const { page } = await visit(t, "/", {
      noisy: true,
      prepare: (p) =>
        p.route("**/api/v1/stations.geojson", (route) =>
          refused ? route.fulfill({ status: 503 }) : route.continue(),
        ),
    });
    await page.waitForSelector('.notice[role="alert"]');
    refused = false;
    await page.click(".notice button");
    await mapIsIdle(page);
  });

  test("a town without map layers still has its stations on a map", async (t) => {
    const { page } = await visit(t, "/", {
      prepare: (p) =>
        p.route("**/api/v1/layers", (route) => route.fulfill({ json: { layers: [] } })),
    });
    await mapIsIdle(page);
    await page.waitForFunction(
      () =>
        window.__stadtwarte.map.queryRenderedFeatures({ layers: ["station-points"] }).length > 0,
    );
  });

  test("a town without stations is told how to begin", async (t) => {
    const nothing = { json: { type: "FeatureCollection", features: [] } };
    const { page } = await visit(t, "/", {
      prepare: (p) => p.route("**/api/v1/stations.geojson", (route) => route.fulfill(nothing)),
    });
    await page.waitForSelector('.notice a[href="docs"]');
  });

  test("without WebGL the page says so and offers the table", async (t) => {
    const { page } = await visit(t, "/", {
      noisy: true,
      prepare: (p) =>
        p.addInitScript(() => {
          const original = HTMLCanvasElement.prototype.getContext;
          HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
            return String(kind).startsWith("webgl") ? null : original.call(this, kind, ...rest);
          };
        }),
    });
    await page.click('.notice[role="alert"] button');
    await page.waitForSelector("tbody tr[data-station]");
  });
});

describe("the description of the interfaces", () => {
  test("shows the operations, and they can be tried out", async (t) => {
    const { page } = await visit(t, "/docs", { ready: false });
    await page.waitForSelector(".opblock");
    assert.ok((await page.locator(".opblock").count()) > 0);
    const operation = page.locator(".opblock", {
      has: page.locator('[data-path="/api/v1/properties"]'),
    });
    await operation.locator(".opblock-summary-control").click();
    await operation.locator(".try-out__btn").click();
    await operation.locator(".execute").click();
    await operation
      .locator(".live-responses-table .response-col_status", { hasText: "200" })
      .waitFor();
  });

  test("unfolds the operation a link asks for", async (t) => {
    const { page } = await visit(t, "/docs?path=/api/v1/sql", { ready: false });
    await page.waitForSelector('.opblock.is-open [data-path="/api/v1/sql"]');
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`axe finds nothing serious, ${colorScheme}`, async (t) => {
      const { page } = await visit(t, "/docs?path=/api/v1/properties", {
        ready: false,
        colorScheme,
      });
      await page.click(".opblock.is-open .try-out__btn");
      await page.click(".opblock.is-open .execute");
      await page.waitForSelector(".live-responses-table");
      assert.deepEqual(await violations(page), []);
    });
  }

  test("fits a small window", async (t) => {
    const { page } = await visit(t, "/docs", {
      ready: false,
      viewport: { width: 320, height: 256 },
    });
    await page.waitForSelector(".opblock");
    assert.ok((await overflow(page)) <= 0);
  });
});
