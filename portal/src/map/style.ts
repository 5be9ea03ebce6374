import type { ExpressionSpecification, LayerSpecification, StyleSpecification } from "maplibre-gl";

/** The quiet colours of the town below the stations. */
interface Paper {
  outside: string;
  land: string;
  border: string;
  water: string;
  waterEdge: string;
  park: string;
  building: string;
  buildingEdge: string;
  street: string;
  streetEdge: string;
  rail: string;
  square: string;
  bus: string;
  foreign: string;
  graticule: string;
  stationEdge: string;
  valueEdge: string;
  without: string;
  selected: string;
}

const LIGHT: Paper = {
  outside: "#e9e7e1",
  land: "#f7f5f0",
  border: "#b9b2a3",
  water: "#bfdaea",
  waterEdge: "#9cc3da",
  park: "#d9e8cb",
  building: "#e7e2d8",
  buildingEdge: "#d6cfc1",
  street: "#ffffff",
  streetEdge: "#d9d3c6",
  rail: "#a8a294",
  square: "#efe6d3",
  bus: "#3f8f8a",
  foreign: "#8d8778",
  graticule: "#d5d1c7",
  stationEdge: "#ffffff",
  valueEdge: "#26343b",
  without: "#a9aaa6",
  selected: "#0b3c49",
};

const DARK: Paper = {
  outside: "#0d1317",
  land: "#151d22",
  border: "#3c4a52",
  water: "#163a4f",
  waterEdge: "#21506b",
  park: "#1a2f25",
  building: "#1f292f",
  buildingEdge: "#2b373e",
  street: "#2c383f",
  streetEdge: "#11181c",
  rail: "#4a5860",
  square: "#262d2b",
  bus: "#3f8d88",
  foreign: "#5c6a72",
  graticule: "#243037",
  stationEdge: "#0d1317",
  valueEdge: "#e8eef0",
  without: "#4d5a61",
  selected: "#ffffff",
};

export const paper = (dark: boolean): Paper => (dark ? DARK : LIGHT);

export const STATIONS = "stations";
export const STATION_LAYERS = ["station-points"];

/** Names of map layers the page draws in a way of their own; every other one is drawn plainly. */
const KNOWN = ["districts", "parks", "water", "buildings", "streets", "bus_lines"];

const areas: ExpressionSpecification = ["==", ["geometry-type"], "Polygon"];
const lines: ExpressionSpecification = ["==", ["geometry-type"], "LineString"];
/** Width in pixels that grows with the zoom: at 11, 14 and 17. */
const width = (at11: number, at14: number, at17: number): ExpressionSpecification => [
  "interpolate",
  ["exponential", 1.5],
  ["zoom"],
  11,
  at11,
  14,
  at14,
  17,
  at17,
];

/** Streets in four ranks, whatever words a town's data uses for them; `minor` takes the rest. */
const RANKS: { name: string; kinds: string[]; width: [number, number, number]; from: number }[] = [
  {
    name: "major",
    kinds: ["motorway", "trunk", "highway", "primary", "main", "arterial", "ring", "bridge"],
    width: [1.8, 5, 22],
    from: 0,
  },
  {
    name: "middle",
    kinds: ["secondary", "tertiary", "collector", "avenue", "boulevard"],
    width: [1.1, 3.6, 16],
    from: 0,
  },
  { name: "minor", kinds: [], width: [0.5, 2.2, 11], from: 11.5 },
  {
    name: "path",
    kinds: ["pedestrian", "footway", "path", "cycleway", "track", "steps"],
    width: [0.4, 1.4, 6],
    from: 12.5,
  },
];

const RAILS = ["railway", "rail", "tram", "light_rail", "subway"];
const onRails: ExpressionSpecification = ["in", ["get", "kind"], ["literal", RAILS]];

function rankFilter(rank: (typeof RANKS)[number]): ExpressionSpecification {
  const known = [...RAILS, ...RANKS.flatMap((r) => r.kinds)];
  const inRank: ExpressionSpecification = rank.kinds.length
    ? ["in", ["get", "kind"], ["literal", rank.kinds]]
    : ["!", ["in", ["get", "kind"], ["literal", known]]];
  return ["all", lines, inRank];
}

/** Drawing rules of one known layer, from the ground up. */
function layersOf(source: string, p: Paper): LayerSpecification[] {
  const round = { "line-cap": "round", "line-join": "round" } as const;
  switch (source) {
    case "districts":
      return [
        {
          id: "districts-land",
          type: "fill",
          source,
          filter: areas,
          paint: { "fill-color": p.land },
        },
      ];
    case "parks":
      return [
        {
          id: "parks",
          type: "fill",
          source,
          filter: areas,
          paint: { "fill-color": ["match", ["get", "kind"], "square", p.square, p.park] },
        },
      ];
    case "water":
      return [
        { id: "water", type: "fill", source, filter: areas, paint: { "fill-color": p.water } },
        {
          id: "water-lines",
          type: "line",
          source,
          filter: lines,
          layout: round,
          paint: { "line-color": p.water, "line-width": width(1.5, 5, 20) },
        },
        {
          id: "water-edge",
          type: "line",
          source,
          filter: areas,
          minzoom: 12,
          paint: { "line-color": p.waterEdge, "line-width": 0.8 },
        },
      ];
    case "buildings":
      return [
        {
          id: "buildings",
          type: "fill",
          source,
          filter: areas,
          minzoom: 12.5,
          paint: {
            "fill-color": p.building,
            "fill-outline-color": p.buildingEdge,
            "fill-opacity": ["interpolate", ["linear"], ["zoom"], 12.5, 0, 13.5, 1],
          },
        },
      ];
    case "streets":
      return [
        ...RANKS.map((rank) => street(rank, "edge", source, p)),
        ...[...RANKS].reverse().map((rank) => street(rank, "face", source, p)),
        ...rails(source, p),
      ];
    case "bus_lines":
      return [
        {
          id: "bus-lines",
          type: "line",
          source,
          filter: lines,
          layout: round,
          minzoom: 11,
          paint: {
            "line-color": p.bus,
            "line-width": width(0.8, 1.5, 3),
            "line-opacity": 0.55,
            "line-dasharray": [2, 2],
          },
        },
      ];
    default:
      return foreign(source, p);
  }
}

function street(
  rank: (typeof RANKS)[number],
  part: "edge" | "face",
  source: string,
  p: Paper,
): LayerSpecification {
  const [a, b, c] = rank.width;
  const edge = part === "edge";
  return {
    id: `streets-${rank.name}-${part}`,
    type: "line",
    source,
    minzoom: edge ? Math.max(12, rank.from) : rank.from,
    filter: rankFilter(rank),
    layout: { "line-cap": edge ? "butt" : "round", "line-join": "round" },
    paint: {
      "line-color": edge ? p.streetEdge : p.street,
      "line-width": edge ? width(a + 1, b + 1.4, c + 2) : width(a, b, c),
    },
  };
}

/** A dark line with light sleepers. */
function rails(source: string, p: Paper): LayerSpecification[] {
  const filter: ExpressionSpecification = ["all", lines, onRails];
  return [
    {
      id: "rails",
      type: "line",
      source,
      filter,
      paint: { "line-color": p.rail, "line-width": width(1.2, 2.6, 6) },
    },
    {
      id: "rails-sleepers",
      type: "line",
      source,
      filter,
      minzoom: 12,
      paint: {
        "line-color": p.land,
        "line-width": width(0.5, 1.3, 3.4),
        "line-dasharray": [4, 4],
      },
    },
  ];
}

/** A layer whose meaning is unknown: thin outlines, a breath of fill, small dots. */
function foreign(source: string, p: Paper): LayerSpecification[] {
  return [
    {
      id: `${source}-fill`,
      type: "fill",
      source,
      filter: areas,
      paint: { "fill-color": p.foreign, "fill-opacity": 0.08 },
    },
    {
      id: `${source}-line`,
      type: "line",
      source,
      filter: ["!=", ["geometry-type"], "Point"],
      paint: { "line-color": p.foreign, "line-width": 1, "line-opacity": 0.6 },
    },
    {
      id: `${source}-point`,
      type: "circle",
      source,
      filter: ["==", ["geometry-type"], "Point"],
      paint: { "circle-color": p.foreign, "circle-radius": 2, "circle-opacity": 0.6 },
    },
  ];
}

/** Borders of districts lie above streets and houses, below the stations. */
function borders(p: Paper): LayerSpecification {
  return {
    id: "districts-border",
    type: "line",
    source: "districts",
    paint: {
      "line-color": p.border,
      "line-width": width(0.8, 1.4, 2),
      "line-dasharray": [4, 2, 1, 2],
      "line-opacity": 0.8,
    },
  };
}

const value: ExpressionSpecification = ["feature-state", "value"];
const hasValue: ExpressionSpecification = ["!=", value, null];

export interface StationPaint {
  /** Colour of each kind, in the order of an expression: name, colour, name, colour, … */
  kinds: [string, string][];
  /** `null` colours by kind; otherwise stations carry a number as feature state `value`. */
  stops: { type: "numeric" | "category"; pairs: [number, string][] } | null;
}

function stationColour(paint: StationPaint, p: Paper): ExpressionSpecification {
  if (!paint.stops) {
    return ["match", ["get", "kind"], ...paint.kinds.flat(), p.without] as never;
  }
  const pairs = paint.stops.pairs.flat();
  const inner =
    paint.stops.type === "numeric"
      ? ["interpolate", ["linear"], value, ...pairs]
      : ["match", value, ...pairs, p.without];
  return ["case", hasValue, inner, p.without] as never;
}

/** Radius by zoom; a station without the chosen property shrinks to a dot. */
function radius(paint: StationPaint, plus = 0): ExpressionSpecification {
  const at = (px: number): ExpressionSpecification | number =>
    paint.stops ? ["case", hasValue, px + plus, px * 0.45 + plus] : px + plus;
  return [
    "interpolate",
    ["linear"],
    ["zoom"],
    9,
    at(1.8),
    10.8,
    at(2.9),
    11.8,
    at(4.4),
    13.5,
    at(7.5),
    15,
    at(11),
    17,
    at(14),
  ] as never;
}

function stationLayers(paint: StationPaint, p: Paper): LayerSpecification[] {
  const shown = paint.stops ? ["case", hasValue, 1, 0.55] : 1;
  return [
    {
      id: "station-points",
      type: "circle",
      source: STATIONS,
      paint: {
        "circle-color": stationColour(paint, p),
        "circle-radius": radius(paint),
        "circle-opacity": shown as never,
        "circle-stroke-color": paint.stops ? p.valueEdge : p.stationEdge,
        "circle-stroke-opacity": paint.stops ? (["case", hasValue, 0.75, 0] as never) : 1,
        "circle-stroke-width": [
          "interpolate",
          ["linear"],
          ["zoom"],
          10,
          paint.stops ? 0.6 : 0.8,
          14,
          paint.stops ? 1.1 : 1.8,
        ],
        // A change of value fades instead of jumping; MapLibre drops this for reduced motion.
        "circle-color-transition": { duration: 300 },
      },
    },
    {
      id: "station-icons",
      type: "symbol",
      source: STATIONS,
      minzoom: 13.2,
      layout: {
        "icon-image": ["get", "kind"],
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
        "icon-size": ["interpolate", ["linear"], ["zoom"], 13.2, 0.42, 15, 0.66, 17, 0.84],
        visibility: paint.stops ? "none" : "visible",
      },
      paint: { "icon-opacity": ["interpolate", ["linear"], ["zoom"], 13.2, 0, 13.7, 1] },
    },
    {
      id: "station-selected",
      type: "circle",
      source: STATIONS,
      filter: ["==", ["id"], -1],
      paint: {
        "circle-color": "rgba(0,0,0,0)",
        "circle-radius": radius({ ...paint, stops: null }, 4.5),
        "circle-stroke-color": p.selected,
        "circle-stroke-width": 3,
      },
    },
  ];
}

/** The whole style. Sources are empty here: `TownMap` fills them. */
export function townStyle(
  layers: readonly string[],
  paint: StationPaint,
  dark: boolean,
): StyleSpecification {
  const p = paper(dark);
  const order = [
    ...KNOWN.filter((name) => layers.includes(name)),
    ...layers.filter((name) => !KNOWN.includes(name)),
  ];
  const empty = {
    type: "geojson" as const,
    data: { type: "FeatureCollection" as const, features: [] },
  };
  const sources = Object.fromEntries(
    [...order, "graticule", STATIONS].map((name) => [name, { ...empty }]),
  );
  return {
    version: 8,
    sources,
    layers: [
      {
        id: "outside",
        type: "background",
        paint: { "background-color": layers.includes("districts") ? p.outside : p.land },
      },
      {
        id: "graticule",
        type: "line",
        source: "graticule",
        paint: { "line-color": p.graticule, "line-width": 1 },
      },
      ...order.flatMap((name) => layersOf(name, p)),
      ...(layers.includes("districts") ? [borders(p)] : []),
      ...stationLayers(paint, p),
    ],
  };
}
