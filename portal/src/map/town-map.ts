import {
  type GeoJSONSource,
  Map as MapLibre,
  type MapMouseEvent,
  type PointLike,
  setWorkerUrl,
} from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import { KINDS, type Kind } from "../kinds";
import type { Scale } from "../scale";
import { colourOf } from "../scale";
import { readingOf, type Station } from "../stations";
import { type Extent, extentOf, graticule, positions } from "./geo";
import { addIcons } from "./icons";
import { addLabels } from "./labels";
import { Pulses } from "./pulses";
import { STATION_LAYERS, STATIONS, type StationPaint, townStyle } from "./style";

// MapLibre computes in a worker. Naming its file, instead of letting MapLibre make one from a
// `blob:` address, is what allows `worker-src 'self'`.
setWorkerUrl(workerUrl);

/** What the stations show: their kind, or the value of one property. */
export interface Colouring {
  property: string;
  scale: Scale;
}

export interface TownMapEvents {
  /** A station was clicked, tapped or chosen with Enter. */
  chosen(station: number, byKeyboard: boolean): void;
  /** The pointer is over a station, at this place of the map; `null` when it left. */
  hovered(station: number | null, x: number, y: number): void;
  /** The station nearest to the middle, while the keyboard moves the map. */
  aimed(station: number | null): void;
}

const TOUCH_PX = 9;
const SOURCE_MS = 500;

/** The map of the town. Made once; told what changed. */
export class TownMap {
  private readonly pulses: Pulses;
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  private visibleKinds: ReadonlySet<Kind> = new Set(KINDS);
  private readonly calm = matchMedia("(prefers-reduced-motion: reduce)");
  private stations: Station[] = [];
  private colouring: Colouring | null = null;
  private home: Extent | null = null;
  private selected = -1;
  /** Nobody has moved the map yet: it keeps showing the whole town when its size changes. */
  private atHome = true;
  private moved = new Map<number, Station>();
  private moveTimer: ReturnType<typeof setTimeout> | undefined;

  private constructor(
    /** The MapLibre map, for tests and for the curious: `window.__stadtwarte.map`. */
    readonly map: MapLibre,
    private readonly layers: Map<string, GeoJSON.FeatureCollection>,
    private readonly events: TownMapEvents,
  ) {
    this.pulses = new Pulses(map);
    this.listen();
  }

  static async create(
    container: HTMLElement,
    layers: Map<string, GeoJSON.FeatureCollection>,
    stations: Station[],
    center: [number, number] | null,
    events: TownMapEvents,
  ): Promise<TownMap> {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const home = homeOf(layers, stations);
    const map = new MapLibre({
      container,
      style: townStyle([...layers.keys()], stationPaint(null), dark),
      attributionControl: false,
      maplibreLogo: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      maxPitch: 0,
      fadeDuration: 0,
      renderWorldCopies: false,
      maxZoom: 19,
      ...(home
        ? { bounds: home, fitBoundsOptions: { padding: 24, maxZoom: 15 } }
        : { center: center ?? [10.4, 51.2], zoom: center ? 12 : 5 }),
    });
    map.touchZoomRotate.disableRotation();
    map.keyboard.disableRotation();
    await map.once("style.load");
    const town = new TownMap(map, layers, events);
    town.home = home;
    town.fill();
    town.setStations(stations);
    return town;
  }

  /** Takes over all stations: names, kinds, places and values. */
  setStations(stations: Station[]): void {
    this.stations = stations;
    this.moved.clear();
    this.source(STATIONS)?.setData({
      type: "FeatureCollection",
      features: stations.filter((s) => s.position).map(feature),
    });
    if (!this.home) this.fitHome();
    this.setValues(stations);
  }

  /** Takes over a batch of live changes; `pulse` are the stations a reading has just come from. */
  update(updated: Iterable<Station>, moved: Iterable<Station>, visible: Set<Kind>): void {
    const style = getComputedStyle(document.documentElement);
    for (const station of updated) {
      if (!station.position || !visible.has(station.kind)) continue;
      if (this.colouring && !readingOf(station, this.colouring.property)) continue;
      this.pulses.add(station.id, station.position, this.pulseColour(station, style));
    }
    this.setValues(updated);
    for (const station of moved) this.moved.set(station.id, station);
    if (this.moved.size > 0) this.moveTimer ??= setTimeout(() => this.applyMoves(), SOURCE_MS);
  }

  /** Colours by kind (`null`) or by the values of a property. */
  setColouring(colouring: Colouring | null): void {
    this.colouring = colouring;
    this.map.removeFeatureState({ source: STATIONS });
    this.setValues(this.stations);
    this.repaint();
  }

  setVisibleKinds(kinds: Set<Kind>): void {
    this.visibleKinds = new Set(kinds);
    const all = kinds.size === KINDS.length;
    for (const layer of ["station-points", "station-icons"]) {
      this.map.setFilter(layer, all ? null : ["in", ["get", "kind"], ["literal", [...kinds]]]);
    }
  }

  /** Rings one station and brings it into view; `null` takes the ring away. */
  select(id: number | null): void {
    if (this.selected === (id ?? -1)) return;
    this.selected = id ?? -1;
    this.map.setFilter("station-selected", ["==", ["id"], this.selected]);
    const position = this.stations.find((s) => s.id === id)?.position;
    if (position && !this.isInView(position)) this.show(position);
  }

  private show(position: [number, number]): void {
    this.atHome = false;
    this.map.easeTo({ center: position, zoom: Math.max(this.map.getZoom(), 13.5) });
  }

  setLabel(label: string): void {
    this.map.getCanvas().setAttribute("aria-label", label);
  }

  zoom(by: number): void {
    this.atHome = false;
    this.map.easeTo({ zoom: this.map.getZoom() + by, duration: 250 });
  }

  fitHome(animate = !this.calm.matches): void {
    this.home = homeOf(this.layers, this.stations);
    this.atHome = true;
    if (this.home) this.map.fitBounds(this.home, { padding: 24, maxZoom: 15, animate });
  }

  private fill(): void {
    addIcons(this.map, iconColour(this.dark.matches));
    for (const [name, collection] of this.layers) this.source(name)?.setData(collection);
    if (this.layers.size === 0 && this.home)
      this.source("graticule")?.setData(graticule(this.home));
    addLabels(this.map, this.layers);
  }

  private source(name: string): GeoJSONSource | undefined {
    return this.map.getSource<GeoJSONSource>(name);
  }

  private setValues(stations: Iterable<Station>): void {
    if (!this.colouring) return;
    const { property, scale } = this.colouring;
    for (const station of stations) {
      const reading = readingOf(station, property);
      if (!reading) continue;
      const value = scale.type === "numeric" ? reading.value : scale.values.indexOf(reading.value);
      if (typeof value !== "number" || !Number.isFinite(value)) continue;
      this.map.setFeatureState({ source: STATIONS, id: station.id }, { value });
    }
  }

  private applyMoves(): void {
    this.moveTimer = undefined;
    const update = [...this.moved.values()].flatMap((station) =>
      station.position
        ? [
            {
              id: station.id,
              newGeometry: { type: "Point" as const, coordinates: station.position },
            },
          ]
        : [],
    );
    this.moved.clear();
    this.source(STATIONS)?.updateData({ update });
  }

  private pulseColour(station: Station, style: CSSStyleDeclaration): string {
    const reading = this.colouring && readingOf(station, this.colouring.property);
    const colour = reading && this.colouring && colourOf(this.colouring.scale, reading.value);
    return colour ?? style.getPropertyValue(`--kind-${station.kind}`).trim();
  }

  /** Puts every colour of the style in place again: another scheme, or another property. */
  private repaint(): void {
    const style = townStyle(
      [...this.layers.keys()],
      stationPaint(this.colouring?.scale ?? null),
      this.dark.matches,
    );
    for (const layer of style.layers) {
      for (const [key, value] of Object.entries(layer.paint ?? {})) {
        this.map.setPaintProperty(layer.id, key as never, value as never);
      }
      const visibility = layer.layout?.visibility;
      if (visibility) this.map.setLayoutProperty(layer.id, "visibility", visibility);
    }
  }

  private isInView(position: [number, number]): boolean {
    const { x, y } = this.map.project(position);
    const { clientWidth, clientHeight } = this.map.getContainer();
    return x > 30 && y > 30 && x < clientWidth - 30 && y < clientHeight - 30;
  }

  private listen(): void {
    this.dark.addEventListener("change", () => {
      addIcons(this.map, iconColour(this.dark.matches));
      this.repaint();
    });
    this.map.on("click", (event) => {
      const station = this.at(event);
      if (station !== null) this.events.chosen(station, false);
    });
    this.map.on("mousemove", (event) => {
      const station = this.at(event);
      this.map.getCanvas().style.cursor = station === null ? "" : "pointer";
      this.events.hovered(station, event.point.x, event.point.y);
    });
    this.map.on("movestart", (event) => {
      if (event.originalEvent) this.atHome = false;
    });
    this.map.on("resize", () => this.resized());
    this.map.on("mouseout", () => this.events.hovered(null, 0, 0));
    this.map.on("movestart", () => this.events.hovered(null, 0, 0));
    this.listenToKeys();
  }

  /** The panel took or gave room: show the whole town as before, or the chosen station. */
  private resized(): void {
    const { clientWidth, clientHeight } = this.map.getContainer();
    if (clientWidth === 0 || clientHeight === 0) return;
    if (this.atHome) {
      this.fitHome(false);
      return;
    }
    const position = this.stations.find((s) => s.id === this.selected)?.position;
    if (position && !this.isInView(position)) this.show(position);
  }

  /** The arrows move the map below cross-hairs; Enter opens the station next to their middle. */
  private listenToKeys(): void {
    const canvas = this.map.getCanvas();
    canvas.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      const station = this.nearestToMiddle();
      if (station) this.events.chosen(station.id, true);
    });
    this.map.on("moveend", () => {
      if (canvas.matches(":focus-visible")) this.events.aimed(this.nearestToMiddle()?.id ?? null);
    });
    canvas.addEventListener("focus", () => {
      if (canvas.matches(":focus-visible")) this.events.aimed(this.nearestToMiddle()?.id ?? null);
    });
    canvas.addEventListener("blur", () => this.events.aimed(null));
  }

  private at({ point }: MapMouseEvent): number | null {
    const box: [PointLike, PointLike] = [
      [point.x - TOUCH_PX, point.y - TOUCH_PX],
      [point.x + TOUCH_PX, point.y + TOUCH_PX],
    ];
    let best: { id: number; distance: number } | null = null;
    for (const found of this.map.queryRenderedFeatures(box, { layers: STATION_LAYERS })) {
      if (found.geometry.type !== "Point") continue;
      const place = this.map.project(found.geometry.coordinates as [number, number]);
      const distance = Math.hypot(place.x - point.x, place.y - point.y);
      if (!best || distance < best.distance) best = { id: Number(found.id), distance };
    }
    return best?.id ?? null;
  }

  private nearestToMiddle(): Station | null {
    const { lng, lat } = this.map.getCenter();
    const shrink = Math.cos((lat * Math.PI) / 180);
    let best: Station | null = null;
    let least = Number.POSITIVE_INFINITY;
    for (const station of this.stations) {
      if (!station.position || !this.visibleKinds.has(station.kind)) continue;
      const distance = Math.hypot((station.position[0] - lng) * shrink, station.position[1] - lat);
      if (distance < least) [best, least] = [station, distance];
    }
    return best;
  }
}

function feature(station: Station): GeoJSON.Feature {
  return {
    type: "Feature",
    id: station.id,
    geometry: { type: "Point", coordinates: station.position ?? [0, 0] },
    properties: { kind: station.kind },
  };
}

/** What the map shows at first: the districts, else all layers, else all stations. */
function homeOf(
  layers: Map<string, GeoJSON.FeatureCollection>,
  stations: readonly Station[],
): Extent | null {
  const framed = layers.has("districts") ? [layers.get("districts")] : [...layers.values()];
  const corners = framed.flatMap((layer) =>
    (layer?.features ?? []).flatMap((f) => [...positions(f.geometry)]),
  );
  if (corners.length > 0) return extentOf(corners);
  return extentOf(stations.flatMap((s) => (s.position ? [s.position] : [])));
}

function stationPaint(scale: Scale | null): StationPaint {
  const style = getComputedStyle(document.documentElement);
  const kinds = KINDS.map((kind): [string, string] => [
    kind,
    style.getPropertyValue(`--kind-${kind}`).trim(),
  ]);
  return { kinds, stops: scale && stops(scale) };
}

function stops(scale: Scale): NonNullable<StationPaint["stops"]> {
  if (scale.type === "category") {
    return {
      type: "category",
      pairs: scale.values.map((_, i) => [i, scale.palette[i] ?? "#888888"]),
    };
  }
  const [low, high] = scale.domain;
  const last = scale.palette.length - 1;
  return {
    type: "numeric",
    pairs: scale.palette.map((colour, i) => [low + ((high - low) * i) / last, colour]),
  };
}

const iconColour = (dark: boolean): string => (dark ? "#0d1317" : "#ffffff");
