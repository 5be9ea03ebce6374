import type { Series } from "../contract";

/** Columns of equal length as the chart wants them; `null` is a hole in a line. */
export interface Columns {
  /** Seconds since 1970, ascending. */
  times: number[];
  channels: {
    channel: string | null;
    mean: (number | null)[];
    min: (number | null)[];
    max: (number | null)[];
  }[];
}

/** Silence longer than this many usual steps is a gap, not a line. */
const GAP_STEPS = 3.5;

/** Puts the channels of a series on one time axis and opens a hole wherever values are missing. */
export function columnsOf(series: Series): Columns {
  const own = series.series.map(({ channel, points }) => ({
    channel,
    points: new Map(points.map((point) => [Date.parse(point.time) / 1000, point])),
  }));
  const times = withHoles([...new Set(own.flatMap(({ points }) => [...points.keys()]))]);
  return {
    times,
    channels: own.map(({ channel, points }) => ({
      channel,
      mean: times.map((time) => points.get(time)?.mean ?? null),
      min: times.map((time) => points.get(time)?.min ?? null),
      max: times.map((time) => points.get(time)?.max ?? null),
    })),
  };
}

function withHoles(unsorted: number[]): number[] {
  const times = unsorted.filter(Number.isFinite).sort((a, b) => a - b);
  const steps = times.slice(1).map((time, i) => time - (times[i] ?? time));
  const usual = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
  return times.flatMap((time, i) => {
    const step = steps[i - 1] ?? 0;
    return step > usual * GAP_STEPS ? [time - step / 2, time] : [time];
  });
}

/** Mean weighted by the number of readings, lowest and highest value; `null` without values. */
export function summaryOf(series: Series): { mean: number; min: number; max: number } | null {
  const points = series.series.flatMap((one) => one.points).filter((p) => p.mean !== null);
  if (points.length === 0) return null;
  const weight = (count: number) => Math.max(1, count);
  const total = points.reduce((sum, p) => sum + weight(p.count), 0);
  return {
    mean: points.reduce((sum, p) => sum + (p.mean ?? 0) * weight(p.count), 0) / total,
    min: Math.min(...points.map((p) => p.min ?? p.mean ?? Number.POSITIVE_INFINITY)),
    max: Math.max(...points.map((p) => p.max ?? p.mean ?? Number.NEGATIVE_INFINITY)),
  };
}
