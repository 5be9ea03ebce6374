import { Format } from "./format";
import type de from "./messages/de.json";

export type MessageKey = keyof typeof de;
export type Language = "de" | "de-x-leicht" | "en";
export const LANGUAGES: readonly Language[] = ["de", "de-x-leicht", "en"];

type Messages = Record<MessageKey, string>;

const bundles: Record<Language, () => Promise<{ default: Messages }>> = {
  de: () => import("./messages/de.json"),
  "de-x-leicht": () => import("./messages/de-x-leicht.json"),
  en: () => import("./messages/en.json"),
};

/** One language of the page: its words and its way to write numbers. */
export interface Speech {
  language: Language;
  /** The message of a key; `{name}` in it is replaced by the value of that name, `{name:one|many}` by the word for that number. */
  t(key: MessageKey, values?: Record<string, string | number>): string;
  format: Format;
}

export async function speak(language: Language): Promise<Speech> {
  const messages = (await bundles[language]()).default;
  const format = new Format(
    language === "en" ? "en-GB" : "de",
    messages["value.yes"],
    messages["value.no"],
  );
  return {
    language,
    format,
    t: (key, values) => fill(messages[key], values, format),
  };
}

const PLACE = /\{(\w+)(?::([^|}]*)\|([^}]*))?\}/g;

export function fill(
  message: string,
  values: Record<string, string | number> | undefined,
  format: Format,
): string {
  if (!values) return message;
  return message.replace(PLACE, (whole, name: string, one?: string, many?: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    if (one !== undefined && many !== undefined) return value === 1 ? one : many;
    return typeof value === "number" ? format.number(value) : value;
  });
}

const STORED = "stadtwarte.language";

/** `?lang=` in the address, else the last choice, else what the browser prefers, else German. */
export function preferredLanguage(address: URL): Language {
  const asked = [address.searchParams.get("lang"), stored(), ...navigator.languages];
  for (const tag of asked) {
    if (!tag) continue;
    if ((LANGUAGES as readonly string[]).includes(tag)) return tag as Language;
    if (tag.startsWith("de")) return "de";
    if (tag.startsWith("en")) return "en";
  }
  return "de";
}

export function rememberLanguage(language: Language): void {
  try {
    localStorage.setItem(STORED, language);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

function stored(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}
