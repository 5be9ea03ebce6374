import { expect, it } from "vitest";
import type { Series } from "../src/contract";
import { columnsOf, summaryOf } from "../src/ui/series";

const at = (hour: number) => new Date(Date.UTC(2026, 0, 1, hour)).toISOString();
const point = (hour: number, mean: number, count = 1) => ({
  time: at(hour),
  mean,
  min: mean - 1,
  max: mean + 1,
  count,
});
const series = (...channels: ReturnType<typeof point>[][]): Series => ({
  station: 1,
  property: "p",
  unit: "m",
  symbol: "m",
  every: "PT1H",
  from: at(0),
  to: at(23),
  series: channels.map((points, i) => ({ datastream_id: i, channel: String(i), points })),
});

it("channels share one time axis", () => {
  const columns = columnsOf(series([point(0, 1), point(1, 2)], [point(1, 5), point(2, 6)]));
  expect(columns.times).toHaveLength(3);
  expect(columns.channels[0]?.mean).toEqual([1, 2, null]);
  expect(columns.channels[1]?.mean).toEqual([null, 5, 6]);
});

it("a long silence opens a hole in the line", () => {
  const columns = columnsOf(series([point(0, 1), point(1, 1), point(2, 1), point(10, 1)]));
  expect(columns.channels[0]?.mean).toEqual([1, 1, 1, null, 1]);
});

it("a summary weighs means by their number of readings", () => {
  expect(summaryOf(series([point(0, 1, 1), point(1, 4, 2)]))).toEqual({ mean: 3, min: 0, max: 5 });
  expect(summaryOf(series([]))).toBeNull();
});
