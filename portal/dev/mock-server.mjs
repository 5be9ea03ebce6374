#!/usr/bin/env node
// Stands in for the platform while the portal is developed: serves portal/dist and answers the API
// the portal reads, from an invented town. No dependencies, everything bounded, nothing stored.
//
//   node dev/mock-server.mjs          port 4180; PORT, STATIONS, RATE (readings/s), LAYERS=0 change it
//   POST /__mock/live?down_ms=3000    cuts the live stream and refuses it for that long

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { buildCity, positionOf, random, valueAt } from "./mock-city.mjs";
import { openapi } from "./mock-openapi.mjs";

const PORT = Number(process.env.PORT ?? 4180);
const RATE = Number(process.env.RATE ?? 20);
const WITH_LAYERS = process.env.LAYERS !== "0";
const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const MOST_STREAMS = 50;
const REPLAY = 2_000;
const MOST_POINTS = 2_000;

/** What the real server should send with the portal's pages; see portal/README.md. */
const policy = (images) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "worker-src 'self'",
    "style-src 'self'",
    "font-src 'self'",
    `img-src ${images}`,
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");

// Swagger UI has its arrows as `data:` images in its style sheet.
const CSP = { "/": policy("'self'"), "/docs": policy("'self' data:") };

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".woff2": "font/woff2",
  ".webmanifest": "application/manifest+json",
};

const city = buildCity({ stations: Number(process.env.STATIONS ?? 1000) });
const byId = new Map(city.stations.map((station) => [station.id, station]));
const readings = new Map();
const rand = random(99);
const streams = new Set();
const replay = [];
let sequence = 0;
let downUntil = 0;

for (const station of city.stations) {
  for (const stream of station.datastreams) {
    note(station, stream, Date.now() - Math.floor(rand() * 600_000));
  }
}

function note(station, stream, time) {
  const [, , unit, symbol] = city.properties[stream.property];
  const reading = {
    property: stream.property,
    channel: stream.channel,
    value: valueAt(stream.property, station.id + (stream.channel === "2" ? 0.4 : 0), time),
    unit,
    symbol,
    time: new Date(time).toISOString(),
    quality: station.id % 97 === 0 ? "suspect" : "good",
    datastream_id: stream.id,
  };
  readings.set(stream.id, reading);
  return reading;
}

function featureOf(station) {
  const latest = station.datastreams.map((stream) => readings.get(stream.id));
  return {
    type: "Feature",
    id: station.id,
    geometry: { type: "Point", coordinates: positionOf(station, Date.now()) },
    properties: {
      name: station.name,
      kind: station.kind,
      updated:
        latest
          .map((l) => l.time)
          .sort()
          .at(-1) ?? null,
      latest,
    },
  };
}

// ---- the live stream --------------------------------------------------------------------------

function emit() {
  const station = city.stations[Math.floor(rand() * city.stations.length)];
  const stream = station.datastreams[Math.floor(rand() * station.datastreams.length)];
  const now = Date.now();
  const reading = note(station, stream, now);
  const [lon, lat] = positionOf(station, now);
  const data = {
    station: station.id,
    ...reading,
    received_at: new Date(now).toISOString(),
    lon,
    lat,
  };
  sequence += 1;
  const event = {
    id: sequence,
    text: `id: ${sequence}\nevent: reading\ndata: ${JSON.stringify(data)}\n\n`,
  };
  replay.push(event);
  if (replay.length > REPLAY) replay.shift();
  for (const response of streams) response.write(event.text);
}

let owed = 0;
setInterval(() => {
  owed += RATE / 20;
  for (; owed >= 1; owed -= 1) emit();
}, 50);

function live(request, response) {
  if (Date.now() < downUntil || streams.size >= MOST_STREAMS)
    return problem(response, 503, "no stream now");
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write("retry: 1000\n: welcome\n\n");
  const last = Number(request.headers["last-event-id"]);
  if (last && replay[0] && last < replay[0].id - 1) response.write("event: reset\ndata: {}\n\n");
  else if (last) for (const event of replay) if (event.id > last) response.write(event.text);
  streams.add(response);
  response.on("close", () => streams.delete(response));
}

function cut(url, response) {
  downUntil = Date.now() + Math.min(60_000, Number(url.searchParams.get("down_ms") ?? 3000));
  for (const stream of streams) stream.destroy();
  send(response, 200, { down_until: new Date(downUntil).toISOString() });
}

// ---- answers ----------------------------------------------------------------------------------

function send(response, status, body, headers = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "x-stadtwarte-mock": "1",
    ...headers,
  });
  response.end(text);
}

function problem(response, status, detail) {
  send(response, status, { status, title: detail }, { "content-type": "application/problem+json" });
}

function stations(request, response) {
  const features = city.stations.map(featureOf);
  const body = JSON.stringify({
    type: "FeatureCollection",
    position: String(sequence),
    numberReturned: features.length,
    features,
  });
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 16)}"`;
  if (request.headers["if-none-match"] === etag) return send(response, 304, "", { etag });
  send(response, 200, body, { "content-type": "application/geo+json", etag });
}

function station(id, response) {
  const found = byId.get(id);
  if (!found) return problem(response, 404, "no such station");
  const feature = featureOf(found);
  feature.properties.description = `${found.name}, eine erfundene Station der Demostadt.`;
  feature.properties.datastreams = found.datastreams.map((stream) => {
    const [name, , unit, symbol] = city.properties[stream.property];
    return {
      id: stream.id,
      property: stream.property,
      channel: stream.channel,
      name,
      unit,
      symbol,
      latest: readings.get(stream.id),
    };
  });
  send(response, 200, feature);
}

const STEPS = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function series(id, url, response) {
  const found = byId.get(id);
  const property = url.searchParams.get("property");
  const [, count, letter] = /^(\d+)([mhd])$/.exec(url.searchParams.get("every") ?? "1h") ?? [];
  const [from, to] = ["from", "to"].map((name) => Date.parse(url.searchParams.get(name) ?? ""));
  const step = Number(count) * STEPS[letter];
  const own = found?.datastreams.filter((stream) => stream.property === property) ?? [];
  if (own.length === 0) return problem(response, 404, "no such series");
  if (!step || !(to > from) || (to - from) / step > MOST_POINTS)
    return problem(response, 400, "bad range");
  const [, , unit, symbol] = city.properties[property];
  const list = own.map((stream) => {
    const points = [];
    for (let time = Math.floor(from / step) * step; time < to; time += step) {
      const samples = Array.from({ length: 6 }, (_, i) =>
        Number(valueAt(property, id + (stream.channel === "2" ? 0.4 : 0), time + (i * step) / 6)),
      );
      // An outage, so that the gap in the chart can be seen.
      if (id % 5 === 0 && time % (3 * 86_400_000) < 9_000_000) continue;
      points.push({
        time: new Date(time).toISOString(),
        mean: samples.reduce((a, b) => a + b, 0) / samples.length,
        min: Math.min(...samples),
        max: Math.max(...samples),
        count: samples.length,
      });
    }
    return { datastream_id: stream.id, channel: stream.channel, points };
  });
  send(response, 200, {
    station: id,
    property,
    unit,
    symbol,
    every: "PT1H",
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    series: list,
  });
}

function properties(response) {
  const list = Object.entries(city.properties).map(([code, [name, name_de, unit, symbol]]) => ({
    code,
    name,
    name_de,
    definition: null,
    unit,
    symbol,
    stations: city.stations.filter((s) => s.datastreams.some((d) => d.property === code)).length,
  }));
  send(response, 200, { properties: list });
}

function layers(name, response) {
  const all = WITH_LAYERS ? city.layers : {};
  if (name === null) {
    const list = Object.entries(all).map(([layer, { features }]) => ({
      name: layer,
      title: layer,
      features: features.length,
    }));
    return send(response, 200, { layers: list });
  }
  const found = all[name];
  return found
    ? send(response, 200, found, { "content-type": "application/geo+json" })
    : problem(response, 404, "no such layer");
}

async function file(path, response) {
  const name = path === "/" ? "index.html" : path === "/docs" ? "docs.html" : path.slice(1);
  const full = normalize(join(DIST, name));
  const body = full.startsWith(DIST.endsWith(sep) ? DIST : DIST + sep)
    ? await readFile(full).catch(() => null)
    : null;
  if (!body) return problem(response, 404, "not found");
  response.writeHead(200, {
    "content-type": TYPES[extname(full)] ?? "application/octet-stream",
    "content-security-policy": CSP[path] ?? CSP["/"],
    "x-stadtwarte-mock": "1",
  });
  response.end(body);
}

function answer(request, response) {
  const url = new URL(request.url ?? "/", "http://mock");
  const path = decodeURIComponent(url.pathname);
  const parts = path.split("/").filter(Boolean);
  if (path === "/__mock/live" && request.method === "POST") return cut(url, response);
  if (path === "/api/v1/sql" && request.method === "POST")
    return send(response, 200, [{ answer: 42 }]);
  if (request.method !== "GET" && request.method !== "HEAD")
    return problem(response, 405, "method not allowed");
  if (path === "/openapi.json") return send(response, 200, openapi);
  if (["/healthz", "/readyz", "/metrics"].includes(path))
    return send(response, 200, { status: "ok" });
  if (parts[0] !== "api") return file(path, response);
  switch (parts[2]) {
    case "stations.geojson":
      return stations(request, response);
    case "stations":
      return parts[4] === "series"
        ? series(Number(parts[3]), url, response)
        : station(Number(parts[3]), response);
    case "properties":
      return properties(response);
    case "layers":
      return layers(null, response);
    case "live":
      return live(request, response);
    case "town":
      return send(response, 200, {
        name: "Auenstadt",
        title: null,
        center: city.center,
        demo: true,
        version: "0.1.0",
      });
    case "twin":
      return send(response, 200, { position: String(sequence), latest: [...readings.values()] });
    default:
      return problem(response, 404, "not found");
  }
}

const server = createServer((request, response) => {
  const name = /^\/api\/v1\/layers\/([\w-]+)\.geojson$/.exec(request.url ?? "")?.[1];
  if (name) layers(name, response);
  else
    Promise.resolve(answer(request, response)).catch(() => problem(response, 500, "mock failed"));
});
server.listen(PORT, "127.0.0.1", () => {
  const { port } = server.address();
  console.log(JSON.stringify({ url: `http://127.0.0.1:${port}` }));
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
