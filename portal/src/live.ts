import type { LiveReading } from "./contract";

export type LiveState = "connecting" | "live" | "broken" | "paused";

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
 * It begins where the answer stands that the page has loaded, and after every break goes on after
 * the last reading that came: the server replays what was missed, or says `reset` when that is too
 * much. A dropped connection is taken up again by the browser; a refused one (a proxy answers 502,
 * the server restarts) ends an `EventSource` for good, so a new one is opened after a growing pause.
 */
export class LiveFeed {
  private source: EventSource | null = null;
  private batch: LiveReading[] = [];
  private flushTimer: ReturnType<typeof setTimeout> | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  /** Where the stream is: the id of the last event, or the position it began at. */
  private position: string | null = null;
  private running = false;

  constructor(
    private readonly url: string,
    private readonly handlers: LiveHandlers,
    private readonly open: (url: string) => EventSource = (u) => new EventSource(u),
    private readonly random: () => number = Math.random,
  ) {}

  /** Begins after `position`, or goes on where it was stopped; does nothing while it runs. */
  start(position?: string): void {
    this.position ??= position ?? null;
    if (this.running || this.position === null) return;
    this.running = true;
    this.attempt = 0;
    this.connect();
  }

  /** Stops, and hands on what has come so far. */
  stop(): void {
    this.running = false;
    clearTimeout(this.retryTimer);
    this.source?.close();
    this.source = null;
    this.flush();
  }

  /** Tries again now, for instance because the machine is back online. */
  nudge(): void {
    if (!this.running || (this.source && this.source.readyState !== 2)) return;
    clearTimeout(this.retryTimer);
    this.connect();
  }

  private connect(): void {
    const source = this.open(`${this.url}?last_event_id=${this.position}`);
    this.source = source;
    this.handlers.state(this.attempt === 0 ? "connecting" : "broken");
    source.addEventListener("open", () => this.opened());
    source.addEventListener("error", () => this.failed(source));
    source.addEventListener("reading", (event) => this.take(event as MessageEvent<string>));
    source.addEventListener("reset", (event) => {
      this.advance(event as MessageEvent<string>);
      this.handlers.missed();
    });
  }

  private opened(): void {
    this.attempt = 0;
    this.handlers.state("live");
  }

  private advance(event: MessageEvent<string>): void {
    this.position = event.lastEventId || this.position;
  }

  private failed(source: EventSource): void {
    if (source !== this.source) return;
    this.handlers.state("broken");
    if (source.readyState !== 2) return;
    const pause = RETRY_MS[Math.min(this.attempt, RETRY_MS.length - 1)] ?? 20_000;
    this.attempt += 1;
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => this.connect(), pause * (0.75 + this.random() / 2));
  }

  private take(event: MessageEvent<string>): void {
    this.advance(event);
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
    clearTimeout(this.flushTimer);
    this.flushTimer = undefined;
    const batch = this.batch;
    this.batch = [];
    if (batch.length > 0) this.handlers.readings(batch);
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
