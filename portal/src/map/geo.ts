/** Plain geometry on longitude and latitude, for extents, labels and the graticule. */

export type Extent = [west: number, south: number, east: number, north: number];
type Position = readonly number[];

export function extentOf(positions: Iterable<Position>): Extent | null {
  const extent: Extent = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [lon, lat] of positions) {
    if (lon === undefined || lat === undefined) continue;
    extent[0] = Math.min(extent[0], lon);
    extent[1] = Math.min(extent[1], lat);
    extent[2] = Math.max(extent[2], lon);
    extent[3] = Math.max(extent[3], lat);
  }
  return extent[0] <= extent[2] ? extent : null;
}

/** Every corner of a geometry, however deep it is nested. */
export function* positions(geometry: GeoJSON.Geometry | null): Generator<Position> {
  if (!geometry) return;
  if (geometry.type === "GeometryCollection") {
    for (const part of geometry.geometries) yield* positions(part);
  } else {
    yield* flatten(geometry.coordinates);
  }
}

type Nested = Position | Nested[];

function* flatten(nested: unknown): Generator<Position> {
  const list = nested as Nested[];
  if (typeof list[0] === "number") yield list as unknown as Position;
  else for (const inner of list) yield* flatten(inner);
}

/** Where the name of an area, a line or a point is written. */
export function labelPoint(geometry: GeoJSON.Geometry): [number, number] | null {
  switch (geometry.type) {
    case "Point":
      return [geometry.coordinates[0] ?? 0, geometry.coordinates[1] ?? 0];
    case "LineString":
      return at(geometry.coordinates[Math.floor(geometry.coordinates.length / 2)]);
    case "MultiLineString":
      return labelPoint({ type: "LineString", coordinates: longest(geometry.coordinates) });
    case "Polygon":
      return centroid(geometry.coordinates[0] ?? []);
    case "MultiPolygon":
      return centroid(longest(geometry.coordinates.map((rings) => rings[0] ?? [])));
    default:
      return null;
  }
}

/** Centre of gravity of a ring; of its corners when it has no area. */
export function centroid(ring: readonly Position[]): [number, number] | null {
  let area = 0;
  let x = 0;
  let y = 0;
  const origin = at(ring[0]);
  if (!origin) return null;
  for (let i = 0; i + 1 < ring.length; i += 1) {
    const [ax, ay] = minus(ring[i], origin);
    const [bx, by] = minus(ring[i + 1], origin);
    const cross = ax * by - bx * ay;
    area += cross;
    x += (ax + bx) * cross;
    y += (ay + by) * cross;
  }
  if (area === 0) return origin;
  return [origin[0] + x / (3 * area), origin[1] + y / (3 * area)];
}

function longest<T>(parts: readonly T[][]): T[] {
  return parts.reduce<T[]>((best, part) => (part.length > best.length ? part : best), []);
}

function at(position: Position | undefined): [number, number] | null {
  const [lon, lat] = position ?? [];
  return lon === undefined || lat === undefined ? null : [lon, lat];
}

function minus(position: Position | undefined, [x, y]: [number, number]): [number, number] {
  return [(position?.[0] ?? x) - x, (position?.[1] ?? y) - y];
}

/** Meridians and parallels across an extent and once its size beyond, about eight each way. */
export function graticule([west, south, east, north]: Extent): GeoJSON.FeatureCollection {
  const size = Math.max(east - west, north - south, 0.01);
  const step = 10 ** Math.floor(Math.log10(size / 2));
  const [w, e] = [Math.max(-180, west - size), Math.min(180, east + size)];
  const [s, n] = [Math.max(-85, south - size), Math.min(85, north + size)];
  const lines: GeoJSON.Position[][] = [];
  for (let i = Math.ceil(w / step); i * step <= e; i += 1)
    lines.push([
      [i * step, s],
      [i * step, n],
    ]);
  for (let i = Math.ceil(s / step); i * step <= n; i += 1)
    lines.push([
      [w, i * step],
      [e, i * step],
    ]);
  return {
    type: "FeatureCollection",
    features: [
      {
        type: "Feature",
        properties: {},
        geometry: { type: "MultiLineString", coordinates: lines },
      },
    ],
  };
}
