import { readAddress, writeAddress } from "./address";
import {
  ApiError,
  fetchLayer,
  fetchLayers,
  fetchProperties,
  fetchSeries,
  fetchStation,
  fetchStations,
  fetchTown,
} from "./api";
import type { LiveReading, Property, Series, StationDetail, Town } from "./contract";
import { type Language, rememberLanguage, type Speech, speak } from "./i18n";
import { KINDS, type Kind } from "./kinds";
import { type LiveFeed, type LiveState, Rate } from "./live";
import type { TownMap } from "./map/town-map";
import { type Scale, scaleFor } from "./scale";
import { readingOf, type Station, StationBook } from "./stations";

export type View = "map" | "table";
export type Range = "day" | "week" | "year";
export type SortKey = "name" | "kind" | "value" | "updated";

/** How far back a chart looks, and the steps to try: a server may refuse steps below an hour. */
export const RANGES: Record<Range, { hours: number; every: string[] }> = {
  day: { hours: 24, every: ["15m", "1h"] },
  week: { hours: 7 * 24, every: ["1h"] },
  year: { hours: 365 * 24, every: ["1d", "24h"] },
};

export interface ChartState {
  property: string;
  range: Range;
  series: Series | "loading" | "failed";
}

const RELOAD_PAUSE_MS = 10_000;
const RELOAD_EVERY_MS = 5 * 60_000;
const SERIES_EVERY_MS = 60_000;

/**
 * Everything the page knows, and everything that can be done to it. The templates in `ui/` read the
 * fields and call the methods; whoever changes a field calls `changed`.
 */
export class App {
  town: Town | null = null;
  properties: Property[] = [];
  readonly book = new StationBook();
  stations: "loading" | "ready" | "failed" = "loading";

  view: View = "map";
  property: string | null = null;
  readonly visibleKinds = new Set<Kind>(KINDS);
  search = "";
  sort: { key: SortKey; ascending: boolean } = { key: "name", ascending: true };
  page = 0;

  selected: number | null = null;
  detail: StationDetail | null = null;
  focusPanel = false;
  chart: ChartState | null = null;

  live: LiveState = "connecting";
  /** Nothing changes by itself for as long as the reader wants it so. */
  paused = false;
  feed: Pick<LiveFeed, "start" | "stop"> | null = null;
  rate = new Rate(Date.now());
  lastReading: LiveReading | null = null;
  /** How many readings have arrived since the page was opened. */
  received = 0;

  map: TownMap | null = null;
  mapState: "none" | "loading" | "ready" | "failed" = "none";
  scale: Scale | null = null;
  hover: { station: Station; x: number; y: number } | null = null;
  aimed: Station | null = null;

  /** Where the live stream stood for the last answer. */
  private position: string | undefined;
  /** Stations would have been loaded again, had the page not been paused. */
  private reloadIsOwed = false;
  /** Readings came while the map was hidden; it has not been told. */
  private mapIsBehind = false;
  private wanted: Language | null = null;
  private lastLoad = 0;
  private reloadTimer: ReturnType<typeof setTimeout> | undefined;
  private lastSeries = 0;
  private opener: HTMLElement | null = null;
  private layers: Promise<Map<string, GeoJSON.FeatureCollection>> | null = null;

  constructor(
    public speech: Speech,
    private readonly paint: () => void,
  ) {
    Object.assign(this, readAddress(location.href));
  }

  /** Says that something on the page is different now. */
  changed(): void {
    this.paint();
  }

  // ---- loading -------------------------------------------------------------------------------

  async load(): Promise<void> {
    this.layers = loadLayers();
    await Promise.all([this.loadTown(), this.loadProperties(), this.loadStations()]);
  }

  async loadStations(): Promise<void> {
    clearTimeout(this.reloadTimer);
    this.reloadTimer = undefined;
    this.reloadIsOwed = false;
    this.lastLoad = Date.now();
    try {
      const collection = await fetchStations();
      if (collection) this.book.load(collection);
      this.stations = "ready";
      this.rescale();
      this.map?.setStations(this.book.all());
      // Live readings begin exactly after this answer, so none is missed.
      this.position = collection?.position ?? this.position;
      if (!this.paused) this.feed?.start(this.position);
    } catch {
      // Values already on the page stay there; the next attempt comes by itself.
      if (this.book.size === 0) this.stations = "failed";
      this.reloadLater(RELOAD_PAUSE_MS);
    }
    this.changed();
  }

  /** Loads the stations again soon, but not more often than every ten seconds. */
  reloadSoon(): void {
    this.reloadLater(Math.max(0, this.lastLoad + RELOAD_PAUSE_MS - Date.now()));
  }

  private reloadLater(pause: number): void {
    this.reloadIsOwed = this.paused;
    if (!this.paused) this.reloadTimer ??= setTimeout(() => void this.loadStations(), pause);
  }

  private async loadTown(): Promise<void> {
    this.town = await fetchTown().catch(() => null);
    this.changed();
  }

  private async loadProperties(): Promise<void> {
    const found = await fetchProperties().catch(() => []);
    this.properties = found.filter((property) => property.stations > 0);
    this.changed();
  }

  // ---- live ----------------------------------------------------------------------------------

  takeReadings(batch: LiveReading[]): void {
    const changes = this.book.apply(batch, Date.now());
    if (changes.unknown > 0) this.reloadSoon();
    this.rate.add(Date.now(), batch.length);
    this.received += batch.length;
    this.lastReading = batch.at(-1) ?? this.lastReading;
    if (this.view === "map") this.map?.update(changes.updated, changes.moved, this.visibleKinds);
    else this.mapIsBehind = true;
    this.changed();
  }

  setLive(state: LiveState): void {
    this.live = state;
    this.changed();
  }

  /** Holds the page still, or lets it catch up with what came meanwhile and go on. */
  setPaused(paused: boolean): void {
    this.paused = paused;
    if (paused) {
      this.reloadIsOwed = this.reloadTimer !== undefined;
      clearTimeout(this.reloadTimer);
      this.reloadTimer = undefined;
      this.feed?.stop();
      this.setLive("paused");
    } else {
      this.setLive("connecting");
      if (this.stations !== "ready" || this.reloadIsOwed) void this.loadStations();
      if (this.stations === "ready") this.feed?.start(this.position);
    }
  }

  /** Once a second: ages grow, and what has become old is fetched again. */
  tick(): void {
    if (this.paused) return;
    const now = Date.now();
    if (now - this.lastLoad > RELOAD_EVERY_MS) this.reloadSoon();
    if (this.chart && now - this.lastSeries > SERIES_EVERY_MS) void this.loadSeries(false);
    this.changed();
  }

  // ---- what is shown -------------------------------------------------------------------------

  setView(view: View): void {
    this.view = view;
    this.hover = null;
    if (view === "map" && this.mapIsBehind) {
      this.mapIsBehind = false;
      this.map?.setStations(this.book.all());
    }
    this.remember();
    this.changed();
  }

  setProperty(property: string | null): void {
    this.property = property;
    this.page = 0;
    if (!property && this.sort.key === "value") this.sort = { key: "name", ascending: true };
    this.rescale();
    this.remember();
    this.changed();
  }

  toggleKind(kind: Kind): void {
    if (!this.visibleKinds.delete(kind)) this.visibleKinds.add(kind);
    this.kindsChanged();
  }

  showAllKinds(): void {
    for (const kind of KINDS) this.visibleKinds.add(kind);
    this.kindsChanged();
  }

  private kindsChanged(): void {
    this.page = 0;
    this.map?.setVisibleKinds(this.visibleKinds);
    this.changed();
  }

  setSearch(text: string): void {
    this.search = text;
    this.page = 0;
    this.changed();
  }

  sortBy(key: SortKey): void {
    const same = this.sort.key === key;
    this.sort = { key, ascending: same ? !this.sort.ascending : key === "name" || key === "kind" };
    this.page = 0;
    this.changed();
  }

  setPage(page: number): void {
    this.page = page;
    this.changed();
  }

  async setLanguage(language: Language): Promise<void> {
    rememberLanguage(language);
    this.wanted = language;
    const speech = await speak(language);
    // Another choice may have been made while this one was loading.
    if (this.wanted !== language) return;
    this.speech = speech;
    this.changed();
  }

  /** The colour scale is fixed when a property is chosen, so that colours do not swim. */
  private rescale(): void {
    const values = this.property ? this.valuesOf(this.property) : [];
    const unit = this.propertyOf(this.property)?.unit ?? "";
    this.scale = this.property ? scaleFor(values, unit) : null;
    this.map?.setColouring(
      this.property && this.scale ? { property: this.property, scale: this.scale } : null,
    );
  }

  // ---- one station ---------------------------------------------------------------------------

  /**
   * `opener` is what gets the focus back when the panel is closed. With `focus`, reading goes on in
   * the panel; a link that names a station leaves the focus where it is.
   */
  async openStation(id: number, opener: HTMLElement | null, focus = true): Promise<void> {
    const station = this.book.byId.get(id);
    if (!station) return;
    this.opener = opener;
    this.focusPanel = focus;
    this.selected = id;
    this.detail = null;
    this.hover = null;
    this.remember();
    this.map?.select(id);
    const property = this.chartableProperty(station);
    if (property) this.showChart(property, this.chart?.range ?? "day");
    else this.chart = null;
    this.changed();
    const detail = await fetchStation(id).catch(() => null);
    if (this.selected !== id) return;
    this.detail = detail;
    this.changed();
  }

  closeStation(): void {
    this.selected = null;
    this.detail = null;
    this.chart = null;
    this.remember();
    this.map?.select(null);
    this.changed();
    this.opener?.focus();
    this.opener = null;
  }

  showChart(property: string, range: Range): void {
    this.chart = { property, range, series: "loading" };
    void this.loadSeries(true);
    this.changed();
  }

  private async loadSeries(first: boolean): Promise<void> {
    const chart = this.chart;
    const station = this.selected;
    if (!chart || station === null) return;
    this.lastSeries = Date.now();
    try {
      const series = await seriesOf(station, chart.property, chart.range);
      if (this.chart === chart) this.chart = { ...chart, series };
    } catch {
      if (this.chart === chart && first) this.chart = { ...chart, series: "failed" };
    }
    this.changed();
  }

  private chartableProperty(station: Station): string | null {
    const has = (code: string | null | undefined) =>
      station.latest.some((l) => l.property === code && typeof l.value === "number");
    if (has(this.property)) return this.property;
    if (has(this.chart?.property)) return this.chart?.property ?? null;
    return station.latest.find((l) => typeof l.value === "number")?.property ?? null;
  }

  // ---- map -----------------------------------------------------------------------------------

  /** Fetches the map code and makes the map, once, when it is first needed. */
  async showMap(container: HTMLElement): Promise<void> {
    if (this.mapState !== "none" || this.stations !== "ready") return;
    this.mapState = "loading";
    try {
      const [{ TownMap }, layers] = await Promise.all([
        import("./map/town-map"),
        this.layers ?? loadLayers(),
      ]);
      const center = this.town?.center ?? null;
      this.map = await TownMap.create(container, layers, this.book.all(), center, {
        chosen: (id, byKeyboard) =>
          void this.openStation(id, byKeyboard ? (this.map?.map.getCanvas() ?? null) : null),
        hovered: (id, x, y) => this.setHover(id, x, y),
        aimed: (id) => this.setAimed(id),
      });
      this.mapState = "ready";
      this.map.setVisibleKinds(this.visibleKinds);
      this.rescale();
      this.map.select(this.selected);
    } catch {
      // No WebGL, most likely. Everything on the map is in the table, too.
      this.mapState = "failed";
    }
    this.changed();
  }

  private setHover(id: number | null, x: number, y: number): void {
    const station = id === null ? null : (this.book.byId.get(id) ?? null);
    if (!station && !this.hover) return;
    this.hover = station && { station, x, y };
    this.changed();
  }

  private setAimed(id: number | null): void {
    this.aimed = id === null ? null : (this.book.byId.get(id) ?? null);
    this.changed();
  }

  // ---- answers for the templates ---------------------------------------------------------------

  propertyOf(code: string | null): Property | undefined {
    return this.properties.find((property) => property.code === code);
  }

  /** Name of a property in the language of the page; the code itself when there is none. */
  propertyName(code: string): string {
    const property = this.propertyOf(code);
    const name = this.speech.language === "en" ? property?.name : property?.name_de;
    return name || property?.name || code.replaceAll("_", " ");
  }

  /** Name of what a reading tells, with its channel where a station has several of the kind. */
  readingName({ property, channel }: { property: string; channel: string | null }): string {
    const name = this.propertyName(property);
    return channel ? `${name} (${this.speech.t("panel.channel", { channel })})` : name;
  }

  kindName(kind: Kind): string {
    return this.speech.t(`kind.${kind}`);
  }

  /** Current values of a property across all visible stations. */
  valuesOf(property: string) {
    return this.book
      .all()
      .filter((station) => this.visibleKinds.has(station.kind))
      .flatMap((station) => readingOf(station, property)?.value ?? []);
  }

  /** Address of the page as it is now, with something else in it. */
  private remember(): void {
    history.replaceState(null, "", writeAddress(location.href, this));
  }
}

/** The station a link names is opened as soon as the stations are there. */
export async function openFromAddress(app: App): Promise<void> {
  const id = app.selected;
  if (id === null) return;
  if (app.book.byId.has(id)) await app.openStation(id, null, false);
  else app.closeStation();
}

async function seriesOf(station: number, property: string, range: Range): Promise<Series> {
  const { hours, every } = RANGES[range];
  const to = new Date();
  const from = new Date(to.getTime() - hours * 3_600_000);
  let refused: unknown;
  for (const step of every) {
    try {
      return await fetchSeries(station, property, from, to, step);
    } catch (error) {
      refused = error;
      if (!(error instanceof ApiError) || error.status < 400 || error.status >= 500) break;
    }
  }
  throw refused;
}

/** All map layers by name; one that cannot be had is left out, for the map is good without it. */
async function loadLayers(): Promise<Map<string, GeoJSON.FeatureCollection>> {
  const entries = await fetchLayers().catch(() => []);
  const found = await Promise.all(
    entries.map(async ({ name }) => [name, await fetchLayer(name).catch(() => null)] as const),
  );
  return new Map(found.flatMap(([name, layer]) => (layer ? [[name, layer] as const] : [])));
}
