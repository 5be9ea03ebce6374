import type { ReadingValue } from "./contract";

/** Numbers, units and times as people of one language write them. */
export class Format {
  private readonly numbers = new Map<number, Intl.NumberFormat>();
  private readonly seconds: Intl.RelativeTimeFormat;
  private readonly longer: Intl.RelativeTimeFormat;
  private readonly moment: Intl.DateTimeFormat;
  private readonly day: Intl.DateTimeFormat;

  constructor(
    readonly locale: string,
    private readonly yes: string,
    private readonly no: string,
  ) {
    this.seconds = new Intl.RelativeTimeFormat(locale, { style: "narrow" });
    this.longer = new Intl.RelativeTimeFormat(locale, { style: "short" });
    this.moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
    this.day = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
  }

  /** At most `digits` decimals; without it, as many as a value of this size deserves. */
  number(value: number, digits = decimals(value)): string {
    let format = this.numbers.get(digits);
    if (!format) {
      format = new Intl.NumberFormat(this.locale, { maximumFractionDigits: digits });
      this.numbers.set(digits, format);
    }
    // A true minus sign: as wide as a plus, and read aloud as "minus".
    return format.format(value === 0 ? 0 : value).replace("-", "\u2212");
  }

  value(value: ReadingValue): string {
    if (typeof value === "number") return this.number(value);
    if (typeof value === "boolean") return value ? this.yes : this.no;
    return value;
  }

  /** A value with its unit; the space between them does not break. */
  quantity(value: ReadingValue, symbol: string, unit: string): string {
    const sign = typeof value === "number" ? unitSign(symbol, unit) : "";
    if (!sign) return this.value(value);
    const tight = sign === "°" || (sign === "%" && this.locale.startsWith("en"));
    return `${this.value(value)}${tight ? "" : "\u00a0"}${sign}`;
  }

  /** How long ago, for instance `vor 12 s`; a time in the future (a clock is wrong) is `0 s`. */
  age(time: number, now: number): string {
    const s = Math.max(0, Math.round((now - time) / 1000));
    if (s < 90) return this.seconds.format(-s, "second");
    if (s < 90 * 60) return this.longer.format(-Math.round(s / 60), "minute");
    if (s < 36 * 3600) return this.longer.format(-Math.round(s / 3600), "hour");
    return this.longer.format(-Math.round(s / 86_400), "day");
  }

  instant(time: number): string {
    return this.moment.format(time);
  }

  date(time: number): string {
    return this.day.format(time);
  }
}

/** The sign written behind a number; a dimensionless quantity and a UCUM annotation have none. */
export function unitSign(symbol: string | null | undefined, unit: string): string {
  const sign = symbol ?? unit;
  return sign === "1" || sign.startsWith("{") ? "" : sign;
}

function decimals(value: number): number {
  const size = Math.abs(value);
  if (size >= 1000) return 0;
  if (size >= 100) return 1;
  if (size >= 1 || size === 0) return 2;
  return 3;
}
