/**
 * What a station is for. The colours are custom properties (`--kind-…` in `styles/tokens.css`), so
 * that light and dark are decided in one place; the icon goes with the colour because thirteen
 * colours cannot all be told apart by everyone.
 */
export const KINDS = [
  "air_quality",
  "weather",
  "soil",
  "water_level",
  "noise",
  "parking",
  "waste",
  "people",
  "street_light",
  "energy",
  "mobility",
  "indoor",
  "other",
] as const;

export type Kind = (typeof KINDS)[number];

/** A kind the platform knows and this page does not is shown as `other`. */
export function asKind(text: string): Kind {
  return (KINDS as readonly string[]).includes(text) ? (text as Kind) : "other";
}

/** Line drawings on a grid of 24 by 24, stroke width 2, round ends. */
export const KIND_ICONS: Record<Kind, string> = {
  air_quality: "M3 9h10.5A2.75 2.75 0 1 0 11 5.5M3 13h15a3 3 0 1 1-2.8 4M3 17h7",
  weather: "M7.5 18.5a4.25 4.25 0 0 1-.4-8.5 5.6 5.6 0 0 1 10.7 1 3.8 3.8 0 0 1-.6 7.5z",
  soil: "M12 21v-9M12 13c0-4.4 2.8-7 8-7 0 4.6-3 7-8 7zM12 16.5c0-3.2-2.5-5.5-7-5.5 0 3.5 2.6 5.5 7 5.5z",
  water_level:
    "M3 8.5c2.25-2 3.75-2 6 0s3.75 2 6 0 3.75-2 6 0M3 15.5c2.25-2 3.75-2 6 0s3.75 2 6 0 3.75-2 6 0",
  noise: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18.2 6.3a8 8 0 0 1 0 11.4",
  parking: "M9 20V4.5h4.25a4.5 4.5 0 0 1 0 9H9",
  waste: "M4.5 7h15M9.5 7V4h5v3M6.5 7l1 13h9l1-13M12 11v5.5",
  people:
    "M8.75 7.5a3.25 3.25 0 1 0 6.5 0 3.25 3.25 0 1 0-6.5 0M5 20.5c.5-4.5 3.2-7 7-7s6.5 2.5 7 7",
  street_light: "M6 21V9a5 5 0 0 1 9.5-2.2M12 11.5a4 4 0 0 1 8 0zM16 15v2",
  energy: "M13 3 5.5 13.5H11L10.5 21l8-11H13z",
  mobility: "M5 4.5h14v12H5zM5 11h14M8 16.5v3M16 16.5v3",
  indoor: "M3.5 11.5 12 4.5l8.5 7M6 10v10h12V10M10 20v-5.5h4V20",
  other: "M8.5 12a3.5 3.5 0 1 0 7 0 3.5 3.5 0 1 0-7 0",
};
