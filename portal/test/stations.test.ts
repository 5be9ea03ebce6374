import { beforeEach, describe, expect, it } from "vitest";
import type { Latest, LiveReading, StationCollection } from "../src/contract";
import { readingOf, StationBook } from "../src/stations";

const latest = (datastream_id: number, value: number, time: string): Latest => ({
  property: "air_temperature",
  channel: null,
  value,
  unit: "Cel",
  symbol: "°C",
  time,
  quality: "good",
  datastream_id,
});

const collection = (value: number, time: string, kind = "weather"): StationCollection => ({
  type: "FeatureCollection",
  features: [
    {
      type: "Feature",
      id: 1,
      geometry: { type: "Point", coordinates: [10, 52] },
      properties: { name: "Rathaus", kind, updated: time, latest: [latest(7, value, time)] },
    },
  ],
});

const reading = (value: number, time: string, more: Partial<LiveReading> = {}): LiveReading => ({
  ...latest(7, value, time),
  station: 1,
  received_at: time,
  lon: 10,
  lat: 52,
  ...more,
});

describe("a book of stations", () => {
  let book: StationBook;
  beforeEach(() => {
    book = new StationBook();
    book.load(collection(10, "2026-01-01T12:00:00Z"));
  });
  const station = () => book.byId.get(1);
  const value = () => {
    const found = station();
    return found && readingOf(found, "air_temperature")?.value;
  };

  it("takes a newer live reading", () => {
    const changes = book.apply([reading(11, "2026-01-01T12:00:05Z")], 99);
    expect(value()).toBe(11);
    expect(changes.updated.size).toBe(1);
    expect(changes.moved.size).toBe(0);
    expect(station()?.latest[0]?.arrived).toBe(99);
    expect(station()?.updated).toBe(Date.parse("2026-01-01T12:00:05Z"));
  });

  it("leaves a late reading to the history", () => {
    const changes = book.apply([reading(3, "2026-01-01T11:00:00Z")], 0);
    expect(value()).toBe(10);
    expect(changes.updated.size).toBe(0);
  });

  it("adds a datastream it did not know of a station it knows", () => {
    book.apply(
      [reading(55, "2026-01-01T12:00:05Z", { datastream_id: 8, property: "humidity" })],
      0,
    );
    expect(station()?.latest).toHaveLength(2);
  });

  it("counts readings of unknown stations so that they can be loaded", () => {
    expect(book.apply([reading(1, "2026-01-01T12:00:05Z", { station: 2 })], 0).unknown).toBe(1);
    expect(book.size).toBe(1);
  });

  it("moves a station, but not to a place that is none", () => {
    const there = reading(11, "2026-01-01T12:00:05Z", { lon: 10.5, lat: 52.5 });
    expect(book.apply([there], 0).moved.size).toBe(1);
    const nowhere = reading(12, "2026-01-01T12:00:06Z", { lon: null, lat: null });
    expect(book.apply([nowhere], 0).moved.size).toBe(0);
    expect(station()?.position).toEqual([10.5, 52.5]);
  });

  it("keeps a live reading that is newer than the answer loaded after it", () => {
    book.apply([reading(11, "2026-01-01T12:00:05Z")], 0);
    book.load(collection(10, "2026-01-01T12:00:00Z"));
    expect(value()).toBe(11);
    book.load(collection(12, "2026-01-01T12:00:09Z"));
    expect(value()).toBe(12);
  });

  it("forgets stations that are no longer there and calls unknown kinds other", () => {
    book.load(collection(1, "2026-01-01T12:00:00Z", "lava"));
    expect(station()?.kind).toBe("other");
    book.load({ type: "FeatureCollection", features: [] });
    expect(book.size).toBe(0);
  });
});
