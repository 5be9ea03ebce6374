import { describe, expect, it } from "vitest";
import { Format } from "../src/format";
import { fill } from "../src/i18n";
import de from "../src/messages/de.json";
import leicht from "../src/messages/de-x-leicht.json";
import en from "../src/messages/en.json";

const placeholders = (text: string) =>
  [...text.matchAll(/\{(\w+)/g)].map((match) => match[1]).sort();

describe.each([
  ["de-x-leicht", leicht],
  ["en", en],
])("the bundle %s", (_, bundle: Record<string, string>) => {
  it("has the keys of the German bundle, in the same order", () => {
    expect(Object.keys(bundle)).toEqual(Object.keys(de));
  });

  it("has the same placeholders in every message", () => {
    for (const [key, text] of Object.entries(de)) {
      expect(placeholders(bundle[key] ?? ""), key).toEqual(placeholders(text));
    }
  });

  it("leaves no message empty", () => {
    for (const [key, text] of Object.entries(bundle)) expect(text.trim(), key).not.toBe("");
  });
});

it("the word beside a number follows it", () => {
  const found = (count: number) =>
    fill(en["search.found"], { count }, new Format("en-GB", "yes", "no"));
  expect([0, 1, 2, 1000].map(found)).toEqual([
    "0 stations found",
    "1 station found",
    "2 stations found",
    "1,000 stations found",
  ]);
});

it("every key is used somewhere in the sources", () => {
  const files = import.meta.glob("../src/**/*.ts", {
    query: "?raw",
    import: "default",
    eager: true,
  });
  const source = Object.values(files).join("\n");
  // Some keys are put together from a family and a member: kind.…, view.…, live.…, chart.…
  const families = ["kind.", "view.", "live.", "chart."];
  for (const key of Object.keys(de)) {
    const family = families.find((prefix) => key.startsWith(prefix));
    const used = source.includes(`"${key}"`) || (family && source.includes(`\`${family}\${`));
    expect(used, key).toBeTruthy();
  }
});

it("plain German keeps its sentences short", () => {
  for (const [key, text] of Object.entries(leicht)) {
    for (const sentence of text.split(/[.!?·] ?/)) {
      expect(sentence.split(/\s+/).length, `${key}: ${sentence}`).toBeLessThanOrEqual(15);
    }
  }
});
