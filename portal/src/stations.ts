import type { Latest, LiveReading, StationCollection } from "./contract";
import { asKind, type Kind } from "./kinds";

/** A reading as the page holds it. */
export interface Held extends Latest {
  /** When the live stream brought it, in milliseconds; absent for what was loaded. */
  arrived?: number;
}

export interface Station {
  id: number;
  name: string;
  kind: Kind;
  /** Longitude and latitude; `null` for a station without a place: it is in the table only. */
  position: [number, number] | null;
  /** Time of the newest reading in milliseconds, 0 when there is none. */
  updated: number;
  latest: Held[];
}

/** What a batch of live readings did to the book. */
export interface Changes {
  /** Stations with at least one newer reading. */
  updated: Set<Station>;
  /** Stations that are somewhere else now. */
  moved: Set<Station>;
  /** Readings of stations the book has never heard of: time to load it again. */
  unknown: number;
}

/** Every station of the town with its newest readings, kept current by the live stream. */
export class StationBook {
  readonly byId = new Map<number, Station>();

  get size(): number {
    return this.byId.size;
  }

  all(): Station[] {
    return [...this.byId.values()];
  }

  /**
   * Replaces the content by a fresh answer of `stations.geojson`. A reading the live stream brought
   * meanwhile is kept when it is newer than the one in the answer.
   */
  load(collection: StationCollection): void {
    const before = new Map(this.byId);
    this.byId.clear();
    for (const feature of collection.features) {
      const known = before.get(feature.id);
      const station: Station = {
        id: feature.id,
        name: feature.properties.name || `#${feature.id}`,
        kind: asKind(feature.properties.kind),
        position: feature.geometry?.coordinates ?? null,
        updated: instant(feature.properties.updated),
        latest: feature.properties.latest ?? [],
      };
      if (known) keepNewer(station, known);
      this.byId.set(station.id, station);
    }
  }

  apply(readings: readonly LiveReading[], now: number): Changes {
    const changes: Changes = { updated: new Set(), moved: new Set(), unknown: 0 };
    for (const reading of readings) {
      const station = this.byId.get(reading.station);
      if (!station) changes.unknown += 1;
      else if (accept(station, reading, now)) {
        changes.updated.add(station);
        if (move(station, reading)) changes.moved.add(station);
      }
    }
    return changes;
  }
}

/** The reading that stands for a station when one property is shown: its first channel. */
export function readingOf(station: Station, property: string): Held | undefined {
  return station.latest.find((latest) => latest.property === property);
}

function accept(station: Station, reading: LiveReading, arrived: number): boolean {
  const at = station.latest.findIndex((l) => l.datastream_id === reading.datastream_id);
  const old = station.latest[at];
  const time = instant(reading.time);
  if (old && instant(old.time) > time) return false;
  const { property, channel, value, unit, symbol, quality, datastream_id } = reading;
  const held: Held = {
    property,
    channel,
    value,
    unit,
    symbol,
    time: reading.time,
    quality,
    datastream_id,
    arrived,
  };
  if (old) station.latest[at] = held;
  else station.latest.push(held);
  station.updated = Math.max(station.updated, time);
  return true;
}

function move(station: Station, { lon, lat }: LiveReading): boolean {
  if (lon === null || lat === null || !Number.isFinite(lon) || !Number.isFinite(lat)) return false;
  if (station.position?.[0] === lon && station.position[1] === lat) return false;
  station.position = [lon, lat];
  return true;
}

function keepNewer(station: Station, known: Station): void {
  for (const old of known.latest) {
    const at = station.latest.findIndex((l) => l.datastream_id === old.datastream_id);
    const fresh = station.latest[at];
    if (fresh && instant(old.time) > instant(fresh.time)) station.latest[at] = old;
  }
  if (known.updated > station.updated) {
    station.updated = known.updated;
    station.position = known.position;
  }
}

function instant(time: string | null | undefined): number {
  const ms = time ? Date.parse(time) : Number.NaN;
  return Number.isNaN(ms) ? 0 : ms;
}
