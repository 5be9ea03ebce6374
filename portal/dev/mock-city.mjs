// A small invented town for the mock server: districts, river, streets, parks, houses, bus lines and
// stations with values that follow the hour and the season. The same seed gives the same town.

const CENTER = [10.62, 52.31];
const M_PER_DEG_LAT = 111_320;
const M_PER_DEG_LON = M_PER_DEG_LAT * Math.cos((CENTER[1] * Math.PI) / 180);

export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const toDeg = ([x, y]) => [
  Number((CENTER[0] + x / M_PER_DEG_LON).toFixed(6)),
  Number((CENTER[1] + y / M_PER_DEG_LAT).toFixed(6)),
];
const collection = (features) => ({ type: "FeatureCollection", features });
const feature = (type, coordinates, properties) => ({
  type: "Feature",
  properties,
  geometry: { type, coordinates },
});
const closed = (ring) => [...ring, ring[0]].map(toDeg);

/** Town limits in metres: a wobbly circle. */
function limits(rand) {
  const phases = [rand() * 6, rand() * 6, rand() * 6];
  return Array.from({ length: 90 }, (_, i) => {
    const a = (i / 90) * 2 * Math.PI;
    const r =
      3300 +
      420 * Math.sin(2 * a + phases[0]) +
      240 * Math.sin(3 * a + phases[1]) +
      110 * Math.sin(7 * a + phases[2]);
    return [r * Math.cos(a) * 1.18, r * Math.sin(a)];
  });
}

/** The part of a ring that is nearer to `a` than to `b`. */
function nearer(ring, a, b) {
  const mid = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  const side = ([x, y]) => (x - mid[0]) * (b[0] - a[0]) + (y - mid[1]) * (b[1] - a[1]);
  const kept = [];
  for (let i = 0; i < ring.length; i += 1) {
    const p = ring[i];
    const q = ring[(i + 1) % ring.length];
    const [sp, sq] = [side(p), side(q)];
    if (sp <= 0) kept.push(p);
    if (sp * sq < 0) {
      const t = sp / (sp - sq);
      kept.push([p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])]);
    }
  }
  return kept;
}

function inside([x, y], ring) {
  let is = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
    const [xi, yi] = ring[i];
    const [xj, yj] = ring[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) is = !is;
  }
  return is;
}

const NAMES = [
  "Altstadt",
  "Nordvorstadt",
  "Lindenhof",
  "Mühlenviertel",
  "Kornfeld",
  "Südstadt",
  "Am Anger",
  "Weinberg",
  "Hafen",
  "Neue Welt",
];
const STREETS = [
  "Linden",
  "Markt",
  "Bahnhof",
  "Garten",
  "Mühlen",
  "Schul",
  "Kirch",
  "Berg",
  "Wiesen",
  "Rosen",
  "Acker",
  "Birken",
  "Brunnen",
  "Ufer",
  "Turm",
  "Post",
  "Feld",
  "Eichen",
  "Ring",
  "Anger",
];
const ENDS = ["straße", "weg", "gasse", "allee", "platz"];

const riverY = (x) => 380 + 520 * Math.sin(x / 1900) + 160 * Math.sin(x / 640);
const nearRiver = ([x, y], margin) => Math.abs(y - riverY(x)) < margin;

export function buildCity({ seed = 7, stations = 1000 } = {}) {
  const rand = random(seed);
  const town = limits(rand);
  const seeds = NAMES.map((_, i) => {
    if (i === 0) return [0, 0];
    const a = ((i - 1) / (NAMES.length - 1)) * 2 * Math.PI + 0.3;
    const r = 1750 + rand() * 650;
    return [r * Math.cos(a) * 1.15, r * Math.sin(a)];
  });
  const cells = seeds.map((a, i) =>
    seeds.reduce((ring, b, j) => (i === j ? ring : nearer(ring, a, b)), town),
  );

  const layers = { districts: [], streets: [], water: [], parks: [], buildings: [], bus_lines: [] };
  cells.forEach((ring, i) => {
    layers.districts.push(feature("Polygon", [closed(ring)], { name: NAMES[i], kind: "district" }));
  });
  drawWater(layers, rand);
  const parks = drawParks(layers, rand, town);
  drawStreets(layers, rand, seeds, cells, parks);
  const lines = drawBusLines(layers, seeds);
  const book = placeStations({ rand, count: stations, town, cells, parks, lines });
  return {
    layers: Object.fromEntries(
      Object.entries(layers).map(([name, list]) => [name, collection(list)]),
    ),
    center: CENTER,
    ...book,
  };
}

function drawWater(layers) {
  const xs = Array.from({ length: 110 }, (_, i) => -5200 + i * 95);
  const bank = (side) => xs.map((x) => [x, riverY(x) + side * (58 + 16 * Math.sin(x / 420))]);
  layers.water.push(
    feature("Polygon", [closed([...bank(1), ...bank(-1).reverse()])], {
      name: "Aue",
      kind: "river",
    }),
  );
  const middle = xs.map((x) => toDeg([x, riverY(x)]));
  layers.water.push(feature("LineString", middle, { name: "Aue", kind: "river_line" }));
  const lake = Array.from({ length: 28 }, (_, i) => {
    const a = (i / 28) * 2 * Math.PI;
    const r = 300 + 50 * Math.sin(3 * a);
    return [2050 + r * Math.cos(a) * 1.4, -1500 + r * Math.sin(a)];
  });
  layers.water.push(feature("Polygon", [closed(lake)], { name: "Anger-See", kind: "lake" }));
}

function drawParks(layers, rand, town) {
  const names = [
    "Stadtpark",
    "Rosengarten",
    "Auwald",
    "Volkspark",
    "Schlossgarten",
    "Weinbergpark",
    "Südfriedhof",
  ];
  const rings = [];
  for (const name of names) {
    for (let attempt = 0; attempt < 40; attempt += 1) {
      const c = [(rand() - 0.5) * 6200, (rand() - 0.5) * 5200];
      if (!inside(c, town) || Math.hypot(...c) < 700) continue;
      const size = 190 + rand() * 260;
      const phase = rand() * 6;
      const ring = Array.from({ length: 22 }, (_, i) => {
        const a = (i / 22) * 2 * Math.PI;
        const r = size * (1 + 0.2 * Math.sin(3 * a + phase) + 0.1 * Math.sin(5 * a));
        return [c[0] + r * Math.cos(a) * 1.25, c[1] + r * Math.sin(a) * 0.8];
      });
      rings.push(ring);
      layers.parks.push(feature("Polygon", [closed(ring)], { name, kind: "park" }));
      break;
    }
  }
  const market = [
    [-90, -60],
    [90, -60],
    [100, 60],
    [-80, 70],
  ];
  layers.parks.push(feature("Polygon", [closed(market)], { name: "Marktplatz", kind: "square" }));
  return rings;
}

function drawStreets(layers, rand, seeds, cells, parks) {
  const name = () => {
    const stem = STREETS[Math.floor(rand() * STREETS.length)];
    return `${stem}${ENDS[Math.floor(rand() * ENDS.length)]}`;
  };
  const line = (points, properties) =>
    layers.streets.push(feature("LineString", points.map(toDeg), properties));
  // Roads from the old town to every district and on, and two rings.
  for (const [x, y] of seeds.slice(1))
    line(
      [
        [0, 0],
        [x * 0.5 + y * 0.04, y * 0.5 - x * 0.04],
        [x, y],
        [x * 2.1, y * 2.1],
      ],
      { name: name(), kind: "main" },
    );
  for (const [radius, kind] of [
    [820, "ring"],
    [2050, "ring"],
  ]) {
    const ring = Array.from({ length: 73 }, (_, i) => {
      const a = (i / 72) * 2 * Math.PI;
      return [radius * Math.cos(a) * 1.17, radius * Math.sin(a)];
    });
    line(ring, { name: radius === 820 ? "Wallring" : "Nordring", kind });
  }
  const rails = Array.from({ length: 40 }, (_, i) => [
    -6000 + i * 300,
    -900 + 260 * Math.sin(i / 6),
  ]);
  line(rails, { name: "Auentalbahn", kind: "railway" });
  // A grid of its own direction in every district, with houses along it.
  cells.forEach((ring, i) => {
    const turn = i === 0 ? 0.3 : rand() * 1.2;
    const [c, s] = [Math.cos(turn), Math.sin(turn)];
    const place = (u, v) => [seeds[i][0] + u * c - v * s, seeds[i][1] + u * s + v * c];
    const free = (p) =>
      inside(p, ring) && !nearRiver(p, 95) && !parks.some((park) => inside(p, park));
    const pitch = i === 0 ? 120 : 165;
    for (let v = -3600; v <= 3600; v += pitch) {
      run((t) => place(t, v));
      run((t) => place(v * 1.25, t));
      houses(v);
    }
    function run(at) {
      let piece = [];
      for (let t = -3600; t <= 3600; t += 55) {
        const p = at(t);
        if (free(p)) piece.push(p);
        else flush();
      }
      flush();
      function flush() {
        if (piece.length > 2)
          line([piece[0], piece.at(-1)], { name: name(), kind: i === 0 ? "pedestrian" : "side" });
        piece = [];
      }
    }
    function houses(v) {
      for (let u = -3500; u <= 3500; u += 52) {
        const p = place(u, v + pitch / 2);
        if (!free(p) || rand() < 0.38) continue;
        const [w, h] = [13 + rand() * 12, 14 + rand() * 20];
        const box = [
          [-w, -h],
          [w, -h],
          [w, h],
          [-w, h],
        ].map(([dx, dy]) => place(u + dx, v + pitch / 2 + dy));
        layers.buildings.push(
          feature("Polygon", [closed(box)], {
            name: rand() < 0.01 ? "Grundschule" : "",
            kind: "house",
          }),
        );
      }
    }
  });
}

function drawBusLines(layers, seeds) {
  const lines = [
    [1, 0, 5],
    [3, 0, 7],
    [2, 0, 6],
    [4, 0, 8],
  ].map((stops) => stops.map((i) => seeds[i]));
  lines.forEach((points, i) => {
    layers.bus_lines.push(
      feature("LineString", points.map(toDeg), { name: `Linie ${i + 1}`, kind: "bus" }),
    );
  });
  return lines;
}

// code, English, German, UCUM, symbol, base, daily swing, noise, lowest, highest, decimals
const P = {
  air_temperature: ["Air temperature", "Lufttemperatur", "Cel", "°C", 9, 5, 1.4, -25, 42, 1],
  relative_humidity: ["Relative humidity", "Relative Luftfeuchte", "%", "%", 68, -14, 6, 5, 100, 0],
  air_pressure: ["Air pressure", "Luftdruck", "hPa", "hPa", 1016, 1, 2, 950, 1060, 1],
  pm2_5: ["Particulate matter PM2.5", "Feinstaub PM2,5", "ug/m3", "µg/m³", 9, 3, 4, 0, 200, 1],
  pm10: ["Particulate matter PM10", "Feinstaub PM10", "ug/m3", "µg/m³", 17, 5, 6, 0, 300, 1],
  no2: ["Nitrogen dioxide", "Stickstoffdioxid", "ug/m3", "µg/m³", 22, 8, 8, 0, 300, 1],
  soil_moisture: ["Soil moisture", "Bodenfeuchte", "%", "%", 31, -3, 7, 0, 60, 1],
  soil_temperature: ["Soil temperature", "Bodentemperatur", "Cel", "°C", 10, 2, 0.8, -10, 35, 1],
  water_level: ["Water level", "Wasserstand", "m", "m", 1.4, 0.05, 0.25, 0, 6, 2],
  sound_level: ["Sound level", "Schallpegel", "dB[SPL]", "dB", 54, 8, 5, 30, 110, 1],
  occupied: ["Parking space occupied", "Stellplatz belegt", "1", "", 0, 0, 0, 0, 1, 0],
  fill_level: ["Fill level", "Füllstand", "%", "%", 46, 0, 26, 0, 100, 0],
  people_count: ["People passing", "Vorbeigehende Personen", "{count}", "", 18, 22, 14, 0, 600, 0],
  dimming_level: ["Dimming level", "Dimmstufe", "%", "%", 40, -40, 12, 0, 100, 0],
  power: ["Power", "Leistung", "kW", "kW", 12, 9, 6, 0, 200, 2],
  energy: ["Energy", "Energie", "kW.h", "kWh", 18420, 0, 6000, 0, 1e6, 0],
  speed: ["Speed", "Geschwindigkeit", "km/h", "km/h", 24, 0, 12, 0, 80, 0],
  co2: ["Carbon dioxide", "Kohlendioxid", "[ppm]", "ppm", 640, 220, 160, 400, 3000, 0],
  battery_level: ["Battery level", "Batteriestand", "%", "%", 82, 0, 14, 0, 100, 0],
};

const KINDS = [
  // kind, share, label, properties
  [
    "weather",
    0.07,
    "Wetterstation",
    ["air_temperature", "relative_humidity", "air_pressure", "battery_level"],
  ],
  [
    "air_quality",
    0.12,
    "Luftmessstelle",
    ["pm2_5", "pm10", "no2", "air_temperature", "relative_humidity"],
  ],
  [
    "soil",
    0.08,
    "Bodenfühler",
    ["soil_moisture", "soil_moisture", "soil_temperature", "battery_level"],
  ],
  ["water_level", 0.03, "Pegel", ["water_level", "battery_level"]],
  ["noise", 0.07, "Lärmmessung", ["sound_level", "battery_level"]],
  ["parking", 0.2, "Stellplatz", ["occupied", "battery_level"]],
  ["waste", 0.12, "Glascontainer", ["fill_level", "air_temperature", "battery_level"]],
  ["people", 0.06, "Zählstelle", ["people_count"]],
  ["street_light", 0.12, "Leuchte", ["dimming_level", "power"]],
  ["energy", 0.05, "Stromzähler", ["energy", "power"]],
  ["mobility", 0.02, "Bus", ["speed"]],
  ["indoor", 0.05, "Raumfühler", ["co2", "air_temperature", "relative_humidity", "battery_level"]],
  ["other", 0.01, "Messgerät", ["battery_level"]],
];

/** A value of a property at a time, the same for the same arguments. */
export function valueAt(property, station, time) {
  const [, , , , base, swing, noise, low, high, digits] = P[property];
  const hour = (time / 3_600_000) % 24;
  const day = Math.sin(((hour - 9) / 24) * 2 * Math.PI);
  const season = property.endsWith("temperature")
    ? 9 * Math.sin((time / 31_557_600_000 - 0.3) * 2 * Math.PI)
    : 0;
  const own = Math.sin(station * 12.9898) * 0.9;
  const slow =
    Math.sin(time / 47_000_000 + station) + 0.5 * Math.sin(time / 9_100_000 + station * 3);
  const jitter = Math.sin(time / 61_000 + station * 7.7) * 0.25;
  if (property === "occupied") return Math.sin(time / 5_400_000 + station * 5) + day > 0.1;
  const raw = base + swing * day + season + noise * (own + 0.45 * slow + jitter);
  return Number(Math.min(high, Math.max(low, raw)).toFixed(digits));
}

function placeStations({ rand, count, town, cells, parks, lines }) {
  const spot = (kind) => {
    for (let i = 0; i < 400; i += 1) {
      const r = 3600 * Math.sqrt(rand()) * (0.35 + 0.65 * rand());
      const a = rand() * 2 * Math.PI;
      const p = [r * Math.cos(a) * 1.15, r * Math.sin(a)];
      if (kind === "water_level") return [p[0], riverY(p[0])];
      if (kind === "mobility") return null;
      if (
        !inside(p, town) ||
        nearRiver(p, 80) ||
        Math.hypot((p[0] - 2050) / 1.4, p[1] + 1500) < 380
      )
        continue;
      if (kind === "soil" && !parks.some((park) => inside(p, park)) && i < 390) continue;
      return p;
    }
    return [0, 0];
  };
  const stations = [];
  let datastream = 1;
  const weights = KINDS.reduce((sum, [, share]) => sum + share, 0);
  for (const [kind, share, label, properties] of KINDS) {
    const n = Math.max(1, Math.round((count * share) / weights));
    for (let i = 0; i < n && stations.length < count; i += 1) {
      const position = spot(kind) ?? [0, 0];
      const district = Math.max(
        0,
        cells.findIndex((ring) => inside(position, ring)),
      );
      const id = stations.length + 1;
      const channels = new Map();
      stations.push({
        id,
        kind,
        name: kind === "mobility" ? `Bus ${100 + i}` : `${label} ${NAMES[district]} ${i + 1}`,
        position,
        line: kind === "mobility" ? lines[i % lines.length] : null,
        datastreams: properties.map((property) => {
          const channel = (channels.get(property) ?? 0) + 1;
          channels.set(property, channel);
          const several = properties.filter((p) => p === property).length > 1;
          return { id: datastream++, property, channel: several ? String(channel) : null };
        }),
      });
    }
  }
  return { stations, properties: P };
}

/** Where a station is now; buses drive to and fro on their line. */
export function positionOf(station, time) {
  if (!station.line) return toDeg(station.position);
  const legs = station.line.length - 1;
  const t = (time / 240_000 + station.id * 0.37) % 2;
  const at = (t > 1 ? 2 - t : t) * legs;
  const i = Math.min(legs - 1, Math.floor(at));
  const [a, b] = [station.line[i], station.line[i + 1]];
  return toDeg([a[0] + (b[0] - a[0]) * (at - i), a[1] + (b[1] - a[1]) * (at - i)]);
}
