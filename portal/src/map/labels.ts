import { type Map as MapLibre, Marker } from "maplibre-gl";
import { labelPoint } from "./geo";

const MOST = 80;
const LABELLED = ["districts", "water", "parks", "buildings"] as const;

/**
 * Names of districts, waters, parks and public buildings as HTML above the map: text on a MapLibre map needs glyph
 * files, and those would be a megabyte for a dozen words. Hidden from screen readers, which read
 * the table instead.
 */
export function addLabels(map: MapLibre, layers: Map<string, GeoJSON.FeatureCollection>): void {
  for (const name of LABELLED) {
    const written = new Set<string>();
    for (const feature of linesFirst(layers.get(name)?.features ?? [])) {
      const text = feature.properties?.name;
      const place = feature.geometry && labelPoint(feature.geometry);
      if (typeof text !== "string" || !text || !place || written.has(text)) continue;
      if (written.size >= MOST) break;
      written.add(text);
      new Marker({ element: label(text, name) }).setLngLat(place).addTo(map);
    }
  }
  const container = map.getContainer();
  const follow = () => {
    const zoom = map.getZoom();
    container.dataset.zoom =
      zoom < 11 ? "far" : zoom < 13.8 ? "town" : zoom < 15 ? "near" : "close";
  };
  map.on("zoom", follow);
  follow();
}

/** The name of a river is written on its middle line, when there is one, not on its area. */
function linesFirst(features: GeoJSON.Feature[]): GeoJSON.Feature[] {
  const line = (f: GeoJSON.Feature) => (f.geometry?.type.endsWith("LineString") ? 0 : 1);
  return [...features].sort((a, b) => line(a) - line(b));
}

function label(text: string, layer: string): HTMLElement {
  const element = document.createElement("div");
  element.className = `map-label map-label-${layer}`;
  element.textContent = text;
  // MapLibre gives markers a role, a name and sometimes a tab stop; these are only decoration.
  element.setAttribute("aria-hidden", "true");
  element.setAttribute("role", "presentation");
  return element;
}
