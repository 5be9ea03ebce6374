import type { ReadingValue } from "./contract";

/**
 * How the values of one property become colours on the map.
 * A numeric property has a continuous scale, anything else a short list of values.
 */
export type Scale = NumericScale | CategoryScale;

export interface NumericScale {
  type: "numeric";
  /** Both ends of the scale; values beyond them take the colour of the end. */
  domain: [number, number];
  palette: readonly string[];
}

export interface CategoryScale {
  type: "category";
  /** In order of frequency, at most `palette.length`; every other value has no colour. */
  values: ReadingValue[];
  palette: readonly string[];
}

/** Viridis without its darkest end: perceptually even, readable with every colour blindness. */
const SEQUENTIAL = [
  "#472d7b",
  "#3b528b",
  "#2c728e",
  "#21918c",
  "#28ae80",
  "#5ec962",
  "#addc30",
  "#fde725",
];
/** ColorBrewer RdYlBu, turned round: cold is blue, warm is red; safe with every colour blindness. */
const TEMPERATURE = [
  "#313695",
  "#4575b4",
  "#74add1",
  "#abd9e9",
  "#fee090",
  "#fdae61",
  "#f46d43",
  "#d73027",
];
/** Okabe and Ito. */
const CATEGORIES = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"];

/** `null` when there is nothing to show. */
export function scaleFor(values: readonly ReadingValue[], unit: string): Scale | null {
  const numbers = values.filter((v): v is number => typeof v === "number" && Number.isFinite(v));
  if (numbers.length === 0 && values.length === 0) return null;
  if (numbers.length < values.length / 2 || numbers.length === 0) return categoryScale(values);
  const palette = unit === "Cel" || unit === "K" || unit === "[degF]" ? TEMPERATURE : SEQUENTIAL;
  return { type: "numeric", domain: domainOf(numbers), palette };
}

function categoryScale(values: readonly ReadingValue[]): CategoryScale {
  const counts = new Map<ReadingValue, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const order = [...counts].sort((a, b) => b[1] - a[1] || String(a[0]).localeCompare(String(b[0])));
  return {
    type: "category",
    values: order.slice(0, CATEGORIES.length).map(([value]) => value),
    palette: CATEGORIES,
  };
}

/**
 * From the 2nd to the 98th percentile, rounded outwards to a handsome step, so that one broken
 * sensor does not make all others look the same.
 */
function domainOf(numbers: number[]): [number, number] {
  const sorted = [...numbers].sort((a, b) => a - b);
  const low = quantile(sorted, 0.02);
  const high = quantile(sorted, 0.98);
  if (low === high) {
    const half = Math.abs(low) / 10 || 1;
    return [low - half, high + half];
  }
  const step = niceStep((high - low) / 8);
  return [round(Math.floor(low / step) * step), round(Math.ceil(high / step) * step)];
}

/** Value at a share of a sorted list, interpolated between neighbours. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? below;
  return below + (above - below) * (at - Math.floor(at));
}

/** The next of 1, 2, 2.5, 5 times a power of ten. */
export function niceStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw * 0.999) ?? 10;
  return step * power;
}

/** Three to six handsome numbers inside a domain, for an axis. */
export function ticks([low, high]: [number, number], about = 5): number[] {
  const step = niceStep((high - low) / about);
  const found: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) {
    found.push(round(i * step));
  }
  return found;
}

/** Colour of a value, or `null` when it has none. */
export function colourOf(scale: Scale, value: ReadingValue): string | null {
  if (scale.type === "category") {
    return scale.palette[scale.values.indexOf(value)] ?? null;
  }
  if (typeof value !== "number" || !Number.isFinite(value)) return null;
  const [low, high] = scale.domain;
  const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
  return mix(scale.palette, share);
}

function mix(palette: readonly string[], share: number): string {
  const at = share * (palette.length - 1);
  const from = rgb(palette[Math.floor(at)]);
  const to = rgb(palette[Math.ceil(at)]);
  const part = at - Math.floor(at);
  const [r, g, b] = from.map((c, i) => Math.round(c + ((to[i] ?? c) - c) * part));
  return `rgb(${r} ${g} ${b})`;
}

function rgb(hex = "#000000"): [number, number, number] {
  const n = Number.parseInt(hex.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}

export interface Bin {
  from: number;
  to: number;
  count: number;
}

/** Counts of values in equal steps across a domain; what lies beyond falls into the end steps. */
export function histogram(numbers: readonly number[], domain: [number, number], bins = 24): Bin[] {
  const [low, high] = domain;
  const width = (high - low) / bins;
  const found: Bin[] = Array.from({ length: bins }, (_, i) => ({
    from: low + i * width,
    to: low + (i + 1) * width,
    count: 0,
  }));
  for (const value of numbers) {
    const at = Math.min(bins - 1, Math.max(0, Math.floor((value - low) / width)));
    const bin = found[at];
    if (bin) bin.count += 1;
  }
  return found;
}

/** Takes off the dust of binary fractions. */
function round(value: number): number {
  return Number(value.toPrecision(12));
}
