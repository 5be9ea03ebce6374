import { describe, expect, it } from "vitest";
import { colourOf, histogram, niceStep, quantile, scaleFor, ticks } from "../src/scale";

describe("a numeric scale", () => {
  const values = Array.from({ length: 100 }, (_, i) => i / 10);
  const scale = scaleFor([...values, 9_999], "hPa");

  it("is not stretched by one broken sensor", () => {
    expect(scale).toMatchObject({ type: "numeric", domain: [0, 10] });
  });

  it("gives values beyond its ends the colour of the end", () => {
    if (!scale) throw new Error("no scale");
    expect(colourOf(scale, -5)).toBe(colourOf(scale, 0));
    expect(colourOf(scale, 9_999)).toBe(colourOf(scale, 10));
    expect(colourOf(scale, 2)).not.toBe(colourOf(scale, 8));
    expect(colourOf(scale, Number.NaN)).toBeNull();
    expect(colourOf(scale, "text")).toBeNull();
  });

  it("has some width when all values are equal", () => {
    expect(scaleFor([5, 5, 5], "m")).toMatchObject({ domain: [4.5, 5.5] });
    expect(scaleFor([0], "m")).toMatchObject({ domain: [-1, 1] });
  });

  it("is blue to red for temperatures only", () => {
    const cold = scaleFor([1, 2], "Cel");
    expect(cold?.palette).not.toEqual(scaleFor([1, 2], "m")?.palette);
  });
});

it("values that are no numbers become a short list, the most frequent first", () => {
  const scale = scaleFor([true, false, false], "1");
  expect(scale).toMatchObject({ type: "category", values: [false, true] });
  expect(scale && colourOf(scale, "unknown")).toBeNull();
  expect(scaleFor([], "1")).toBeNull();
});

it("a histogram counts every value once", () => {
  const bins = histogram([-1, 0, 5, 10, 11], [0, 10], 2);
  expect(bins.map((bin) => bin.count)).toEqual([2, 3]);
});

it("steps and ticks are handsome numbers", () => {
  expect([0.13, 3, 24, 80].map(niceStep)).toEqual([0.2, 5, 25, 100]);
  expect(ticks([-3, 1.5])).toEqual([-3, -2, -1, 0, 1]);
  expect(ticks([0, 0.3], 3)).toEqual([0, 0.1, 0.2, 0.3]);
});

it("a quantile lies between its neighbours", () => {
  expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
  expect(quantile([7], 0.9)).toBe(7);
});
