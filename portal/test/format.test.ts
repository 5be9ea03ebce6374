import { describe, expect, it } from "vitest";
import { Format, unitSign } from "../src/format";

const de = new Format("de", "ja", "nein");
const en = new Format("en-GB", "yes", "no");
const nbsp = "\u00a0";

describe("a quantity", () => {
  it.each([
    [12.34, "°C", "Cel", `12,34${nbsp}°C`, `12.34${nbsp}°C`],
    [-0.5, "°C", "Cel", `−0,5${nbsp}°C`, `−0.5${nbsp}°C`],
    [45, "%", "%", `45${nbsp}%`, "45%"],
    [1016.23, "hPa", "hPa", `1.016${nbsp}hPa`, `1,016${nbsp}hPa`],
    [270, "°", "deg", "270°", "270°"],
    [0.12345, "m", "m", `0,123${nbsp}m`, `0.123${nbsp}m`],
    [7, "", "{count}", "7", "7"],
    [7, "1", "1", "7", "7"],
  ])("%d %s is written as people do", (value, symbol, unit, german, english) => {
    expect(de.quantity(value, symbol, unit)).toBe(german);
    expect(en.quantity(value, symbol, unit)).toBe(english);
  });

  it("that is text or a truth value has no unit", () => {
    expect(de.quantity(true, "", "1")).toBe("ja");
    expect(en.quantity(false, "°C", "Cel")).toBe("no");
    expect(de.quantity("offen", "°C", "Cel")).toBe("offen");
  });

  it("never shows a negative zero", () => {
    expect(de.number(-0)).toBe("0");
  });
});

describe("an age", () => {
  const now = Date.UTC(2026, 0, 1);
  it.each([
    [12_000, "vor 12 s"],
    [180_000, "vor 3 Min."],
    [7_200_000, "vor 2 Std."],
    [4 * 86_400_000, "vor 4 Tagen"],
  ])("of %d ms reads naturally", (ms, text) => {
    expect(de.age(now - ms, now)).toBe(text);
  });

  it("of a reading from the future is zero seconds", () => {
    expect(de.age(now + 60_000, now)).toBe("vor 0 s");
  });
});

it("the sign of a unit is its symbol, else its code, else nothing", () => {
  expect(unitSign("µg/m³", "ug/m3")).toBe("µg/m³");
  expect(unitSign(null, "hPa")).toBe("hPa");
  expect(unitSign(undefined, "1")).toBe("");
});
