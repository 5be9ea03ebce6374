/**
 * The JSON the platform answers with under `/api/v1`, as far as this page reads it.
 * Times are RFC 3339 in UTC, positions are longitude before latitude, units are UCUM codes.
 */

export type ReadingValue = number | string | boolean;

/** The newest reading of one datastream of a station. */
export interface Latest {
  property: string;
  channel: string | null;
  value: ReadingValue;
  unit: string;
  symbol: string;
  time: string;
  /** `good`, or flags separated by commas. */
  quality: string;
  datastream_id: number;
}

export interface StationFeature {
  type: "Feature";
  id: number;
  geometry: { type: "Point"; coordinates: [number, number] } | null;
  properties: { name: string; kind: string; updated: string | null; latest: Latest[] };
}

export interface StationCollection {
  type: "FeatureCollection";
  features: StationFeature[];
  /** Where the live stream stands for this answer. */
  position?: string;
  numberReturned?: number;
}

/** One page-long description of a station. */
export interface StationDetail extends Omit<StationFeature, "properties"> {
  properties: StationFeature["properties"] & {
    description?: string | null;
    datastreams: {
      id: number;
      property: string;
      channel: string | null;
      name: string;
      unit: string;
      symbol: string;
      latest: Latest | null;
    }[];
  };
}

export interface SeriesPoint {
  time: string;
  mean: number | null;
  min: number | null;
  max: number | null;
  count: number;
}

export interface Series {
  station: number;
  property: string;
  unit: string;
  symbol: string;
  every: string;
  from: string;
  to: string;
  series: { datastream_id: number; channel: string | null; points: SeriesPoint[] }[];
}

export interface Property {
  code: string;
  name: string;
  name_de: string;
  definition: string | null;
  unit: string;
  symbol: string;
  /** How many stations report it. */
  stations: number;
}

export interface Town {
  name: string;
  title?: string | null;
  center: [number, number] | null;
  demo: boolean;
  version: string;
}

export interface LayerEntry {
  name: string;
  title: string;
  features: number;
}

/** One `reading` event of the live stream. */
export interface LiveReading {
  station: number;
  datastream_id: number;
  property: string;
  channel: string | null;
  value: ReadingValue;
  unit: string;
  symbol: string;
  time: string;
  received_at: string;
  quality: string;
  lon: number | null;
  lat: number | null;
}
