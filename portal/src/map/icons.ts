import type { Map as MapLibre } from "maplibre-gl";
import { KIND_ICONS, KINDS } from "../kinds";

const SIZE = 24;
const RATIO = 2;

/** Draws the icon of every kind and hands it to the map under the name of the kind. */
export function addIcons(map: MapLibre, colour: string): void {
  for (const kind of KINDS) {
    const image = draw(KIND_ICONS[kind], colour);
    if (!image) continue;
    if (map.hasImage(kind)) map.updateImage(kind, image);
    else map.addImage(kind, image, { pixelRatio: RATIO });
  }
}

function draw(path: string, colour: string): ImageData | null {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE * RATIO;
  const context = canvas.getContext("2d");
  if (!context) return null;
  context.scale(RATIO, RATIO);
  context.lineWidth = 2.4;
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = colour;
  context.stroke(new Path2D(path));
  return context.getImageData(0, 0, canvas.width, canvas.height);
}
