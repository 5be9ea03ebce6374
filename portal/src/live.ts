import type { LiveReading } from "./contract";

export type LiveState = "connecting" | "live" | "broken";

export interface LiveHandlers {
  /** A batch of readings, at most `BATCH_MS` old. */
  readings(batch: LiveReading[]): void;
  /** Readings may have been missed: load the stations again. */
  missed(): void;
  state(state: LiveState): void;
}

const BATCH_MS = 300;
const BATCH_MAX = 20_000;
const RETRY_MS = [1_000, 2_000, 5_000, 10_000, 20_000];

/**
 * The live stream of the platform, in batches, for as long as the page is open.
 *
 * A dropped connection is taken up again by the browser, with `Last-Event-ID`, so nothing is lost.
 * A refused one (a proxy answers 502, the server restarts) ends an `EventSource` for good: then a
 * new one is opened after a growing pause, and because it cannot say where the old one stopped,
 * `missed` is reported once it is open.
 */
export class LiveFeed {
  private source: EventSource | null = null;
  private batch: LiveReading[] = [];
  private flushTimer: ReturnType<typeof setTimeout> | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  private gap = false;

  constructor(
    private readonly url: string,
    private readonly handlers: LiveHandlers,
    private readonly open: (url: string) => EventSource = (u) => new EventSource(u),
    private readonly random: () => number = Math.random,
  ) {}

  start(): void {
    this.connect();
  }

  stop(): void {
    clearTimeout(this.retryTimer);
    clearTimeout(this.flushTimer);
    this.source?.close();
    this.source = null;
  }

  /** Tries again now, for instance because the machine is back online. */
  nudge(): void {
    if (this.source && this.source.readyState !== 2) return;
    clearTimeout(this.retryTimer);
    this.connect();
  }

  private connect(): void {
    const source = this.open(this.url);
    this.source = source;
    this.handlers.state(this.attempt === 0 ? "connecting" : "broken");
    source.addEventListener("open", () => this.opened());
    source.addEventListener("error", () => this.failed(source));
    source.addEventListener("reading", (event) => this.take(event as MessageEvent<string>));
    source.addEventListener("reset", () => this.handlers.missed());
  }

  private opened(): void {
    this.attempt = 0;
    this.handlers.state("live");
    if (this.gap) this.handlers.missed();
    this.gap = false;
  }

  private failed(source: EventSource): void {
    if (source !== this.source) return;
    this.handlers.state("broken");
    if (source.readyState !== 2) return;
    this.gap = true;
    const pause = RETRY_MS[Math.min(this.attempt, RETRY_MS.length - 1)] ?? 20_000;
    this.attempt += 1;
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => this.connect(), pause * (0.75 + this.random() / 2));
  }

  private take(event: MessageEvent<string>): void {
    const reading = parse(event.data);
    if (!reading) return;
    if (this.batch.length >= BATCH_MAX) {
      this.batch = [];
      this.handlers.missed();
    }
    this.batch.push(reading);
    this.flushTimer ??= setTimeout(() => this.flush(), BATCH_MS);
  }

  private flush(): void {
    this.flushTimer = undefined;
    const batch = this.batch;
    this.batch = [];
    this.handlers.readings(batch);
  }
}

function parse(text: string): LiveReading | null {
  try {
    return JSON.parse(text) as LiveReading;
  } catch {
    return null;
  }
}

/** Counts readings over a sliding window and answers with a rate per second. */
export class Rate {
  private marks: { at: number; count: number }[] = [];
  private readonly since: number;

  constructor(
    now: number,
    private readonly windowMs = 10_000,
  ) {
    this.since = now;
  }

  add(now: number, count: number): void {
    this.marks.push({ at: now, count });
  }

  perSecond(now: number): number {
    this.marks = this.marks.filter((mark) => now - mark.at < this.windowMs);
    const seconds = Math.max(1, Math.min(this.windowMs, now - this.since) / 1000);
    return this.marks.reduce((sum, mark) => sum + mark.count, 0) / seconds;
  }
}
