import type { View } from "./app";

/** The part of the page a link can name. */
export interface Place {
  view: View;
  property: string | null;
  selected: number | null;
}

/** Reads `?view=table&property=air_temperature&station=12`; nonsense is read as nothing. */
export function readAddress(address: string): Place {
  const query = new URL(address).searchParams;
  const station = query.get("station");
  return {
    view: query.get("view") === "table" ? "table" : "map",
    property: query.get("property") || null,
    selected: station && /^\d{1,15}$/.test(station) ? Number(station) : null,
  };
}

/** The same address for another place; what else is in it stays. */
export function writeAddress(address: string, place: Place): string {
  const url = new URL(address);
  const set = (name: string, value: string | null) => {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  };
  set("view", place.view === "table" ? "table" : null);
  set("property", place.property);
  set("station", place.selected === null ? null : String(place.selected));
  return url.href;
}
