import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LiveFeed, type LiveState, Rate } from "../src/live";

/** Stands in for the `EventSource` of the browser. */
class FakeSource extends EventTarget {
  static made: FakeSource[] = [];
  readyState = 0;
  constructor(readonly url: string) {
    super();
    FakeSource.made.push(this);
  }
  close() {
    this.readyState = 2;
  }
  opens() {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }
  fails(forGood: boolean) {
    this.readyState = forGood ? 2 : 0;
    this.dispatchEvent(new Event("error"));
  }
  says(data: string, type = "reading", lastEventId = "") {
    this.dispatchEvent(Object.assign(new Event(type), { data, lastEventId }));
  }
}

describe("the live feed", () => {
  const seen = { states: [] as LiveState[], batches: [] as number[], missed: 0 };
  let feed: LiveFeed;
  const newest = () => FakeSource.made.at(-1) as FakeSource;

  beforeEach(() => {
    vi.useFakeTimers();
    FakeSource.made = [];
    Object.assign(seen, { states: [], batches: [], missed: 0 });
    feed = new LiveFeed(
      "live",
      {
        readings: (batch) => seen.batches.push(batch.length),
        missed: () => {
          seen.missed += 1;
        },
        state: (state) => seen.states.push(state),
      },
      (url) => new FakeSource(url) as unknown as EventSource,
      () => 0.5,
    );
    feed.start("7");
  });
  afterEach(() => {
    feed.stop();
    vi.useRealTimers();
  });

  it("hands readings on in batches", () => {
    newest().opens();
    for (let i = 0; i < 5; i += 1) newest().says("{}");
    newest().says("not json");
    expect(seen.batches).toEqual([]);
    vi.advanceTimersByTime(400);
    expect(seen.batches).toEqual([5]);
  });

  it("leaves a dropped connection to the browser, which resumes where it was", () => {
    newest().opens();
    newest().fails(false);
    expect(seen.states.at(-1)).toBe("broken");
    newest().opens();
    expect(seen.states.at(-1)).toBe("live");
    expect(seen.missed).toBe(0);
    expect(FakeSource.made).toHaveLength(1);
  });

  it("begins where the loaded answer stands", () => {
    expect(newest().url).toBe("live?last_event_id=7");
    feed.start("8");
    expect(FakeSource.made).toHaveLength(1);
  });

  it("goes on after the last reading with a new connection after a refused one", () => {
    newest().opens();
    newest().says("{}", "reading", "12");
    newest().fails(true);
    vi.advanceTimersByTime(1_100);
    expect(FakeSource.made).toHaveLength(2);
    newest().fails(true);
    vi.advanceTimersByTime(1_100);
    expect(FakeSource.made).toHaveLength(2);
    vi.advanceTimersByTime(1_000);
    expect(FakeSource.made).toHaveLength(3);
    expect(newest().url).toBe("live?last_event_id=12");
    newest().opens();
    expect(seen.states.at(-1)).toBe("live");
    expect(seen.missed).toBe(0);
  });

  it("goes on where it was stopped, and keeps what had come", () => {
    newest().opens();
    newest().says("{}", "reading", "12");
    feed.stop();
    expect(seen.batches).toEqual([1]);
    feed.nudge();
    expect(FakeSource.made).toHaveLength(1);
    feed.start("99");
    expect(newest().url).toBe("live?last_event_id=12");
  });

  it("passes on that the server could not replay everything", () => {
    newest().opens();
    newest().says("{}", "reset", "30");
    expect(seen.missed).toBe(1);
    feed.stop();
    feed.start();
    expect(newest().url).toBe("live?last_event_id=30");
  });

  it("tries at once when nudged, but never twice at the same time", () => {
    feed.nudge();
    expect(FakeSource.made).toHaveLength(1);
    newest().fails(true);
    feed.nudge();
    expect(FakeSource.made).toHaveLength(2);
    vi.advanceTimersByTime(60_000);
    expect(FakeSource.made).toHaveLength(2);
  });
});

it("a rate is the mean over the last ten seconds, or over the time since the start", () => {
  const rate = new Rate(0);
  rate.add(1_000, 10);
  expect(rate.perSecond(2_000)).toBe(5);
  rate.add(9_000, 30);
  expect(rate.perSecond(10_000)).toBe(4);
  expect(rate.perSecond(12_000)).toBe(3);
  expect(rate.perSecond(60_000)).toBe(0);
});
