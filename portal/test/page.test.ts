import { describe, expect, it } from "vitest";
import { readAddress, writeAddress } from "../src/address";
import { centroid, extentOf, graticule, labelPoint, positions } from "../src/map/geo";
import { plain } from "../src/words";

describe("an address", () => {
  it("names view, property and station, and comes back the same", () => {
    const place = { view: "table", property: "pm10", selected: 12 } as const;
    const address = writeAddress("https://town.example/?lang=en", place);
    expect(readAddress(address)).toEqual(place);
    expect(address).toContain("lang=en");
  });

  it("with nonsense in it is read as the plain page", () => {
    expect(readAddress("https://town.example/?view=x&station=-1e9&property=")).toEqual({
      view: "map",
      property: null,
      selected: null,
    });
  });
});

describe("geometry", () => {
  const square = {
    type: "Polygon" as const,
    coordinates: [
      [
        [0, 0],
        [2, 0],
        [2, 2],
        [0, 2],
        [0, 0],
      ],
    ],
  };

  it("has the extent of all its corners", () => {
    expect(extentOf(positions(square))).toEqual([0, 0, 2, 2]);
    expect(extentOf([])).toBeNull();
  });

  it("is labelled at its centre, also when it has no area", () => {
    expect(labelPoint(square)).toEqual([1, 1]);
    expect(centroid([[3, 4]])).toEqual([3, 4]);
    expect(centroid([])).toBeNull();
  });

  it("of a graticule covers the extent with a bounded number of lines", () => {
    const [lines] = graticule([10, 52, 10.1, 52.1]).features;
    const count =
      lines?.geometry.type === "MultiLineString" ? lines.geometry.coordinates.length : 0;
    expect(count).toBeGreaterThan(10);
    expect(count).toBeLessThan(130);
  });
});

it("a search does not mind case, accents and sharp s", () => {
  expect(plain("Mühlenstraße")).toBe(plain("MUHLENSTRASSE"));
});
