import type {
  LayerEntry,
  Property,
  Series,
  StationCollection,
  StationDetail,
  Town,
} from "./contract";

/** Address of a door of the platform; relative, so a path prefix in front of it is kept. */
export function door(path: string): string {
  return new URL(path, document.baseURI).href;
}

/** What went wrong with a request; `status` is 0 when no answer came at all. */
export class ApiError extends Error {
  constructor(
    readonly path: string,
    readonly status: number,
    detail: string,
  ) {
    super(`${path}: ${detail}`);
  }
}

const TIMEOUT_MS = 20_000;

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(door(path), { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (cause) {
    throw new ApiError(path, 0, cause instanceof Error ? cause.message : String(cause));
  }
}

async function json<T>(path: string): Promise<T> {
  const response = await request(path, { headers: { accept: "application/json" } });
  if (!response.ok) throw new ApiError(path, response.status, response.statusText);
  return (await response.json()) as T;
}

let stationsTag: string | null = null;

/**
 * All stations with their newest readings, or `null` when nothing changed since the last answer.
 */
export async function fetchStations(): Promise<StationCollection | null> {
  const path = "api/v1/stations.geojson";
  const headers: Record<string, string> = { accept: "application/geo+json" };
  if (stationsTag) headers["if-none-match"] = stationsTag;
  const response = await request(path, { headers, cache: "no-store" });
  if (response.status === 304) return null;
  if (!response.ok) throw new ApiError(path, response.status, response.statusText);
  const collection = (await response.json()) as StationCollection;
  stationsTag = response.headers.get("etag");
  return collection;
}

export const fetchStation = (id: number) => json<StationDetail>(`api/v1/stations/${id}`);

export const fetchProperties = async () =>
  (await json<{ properties: Property[] }>("api/v1/properties")).properties;

export const fetchTown = () => json<Town>("api/v1/town");

export const fetchLayers = async () =>
  (await json<{ layers: LayerEntry[] }>("api/v1/layers")).layers;

export const fetchLayer = (name: string) =>
  json<GeoJSON.FeatureCollection>(`api/v1/layers/${encodeURIComponent(name)}.geojson`);

/** Aggregated values of one property of one station; `every` is a duration such as `1h`. */
export function fetchSeries(
  station: number,
  property: string,
  from: Date,
  to: Date,
  every: string,
): Promise<Series> {
  const query = new URLSearchParams({
    property,
    from: from.toISOString(),
    to: to.toISOString(),
    every,
  });
  return json<Series>(`api/v1/stations/${station}/series?${query}`);
}
