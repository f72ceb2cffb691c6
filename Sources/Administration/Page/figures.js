// Numbers and times as people read them.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
export const NONE = "–";
export const NOTHING = new Set([NONE, "0 /s", "0 B/s"]);

export function count(value) {
  return value === undefined ? NONE : whole.format(value);
}

/** `1 session`, `2 sessions` */
export function counted(value, thing) {
  return `${count(value)} ${thing}${value === 1 ? "" : "s"}`;
}

export function ofMost(value, most) {
  return most === undefined ? count(value) : `${count(value)} / ${count(most)}`;
}

/** Per second; below 10 with a decimal. */
export function perSecond(rate) {
  if (rate === undefined) return NONE;
  if (rate === 0) return "0 /s";
  return rate < 0.05 ? "<0.1 /s" : `${rate < 9.95 ? rate.toFixed(1) : whole.format(rate)} /s`;
}

/** Three digits and a decimal unit. */
export function bytes(value) {
  if (value === undefined) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : value.toPrecision(3)} ${units[unit]}`;
}

export function bytesPerSecond(rate) {
  return rate === undefined ? NONE : `${bytes(rate)}/s`;
}

/** A time that was measured: 0.25 ms, 12 ms, 2.5 s. */
export function measured(seconds) {
  if (seconds === undefined) return NONE;
  if (seconds >= 60) return span(seconds);
  const [value, unit] = seconds < 0.9995 ? [seconds * 1000, "ms"] : [seconds, "s"];
  return `${value < 9.95 ? Number(value.toPrecision(2)) : Math.round(value)} ${unit}`;
}

/** A time that passes: 12 s, 3 min, 2 h 5 min, 4 d 3 h. */
export function span(seconds) {
  if (seconds === undefined) return NONE;
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor(whole / 60) % 60} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor(whole / 3600) % 24} h`;
}

/** The time of day of an RFC 3339 time, with its day where that is another one than `today`. */
export function clockTime(time, today) {
  const [day, rest = ""] = time.split("T");
  return (day === today?.slice(0, 10) ? "" : `${day} `) + rest.slice(0, 8);
}

/** `denied 3, over-limit 20`: what there is, the most first. */
export function byReason(counts) {
  const list = Object.entries(counts).filter(([, number]) => number > 0).sort((a, b) => b[1] - a[1]);
  return list.map(([reason, number]) => `${reason} ${count(number)}`).join(", ");
}

export const sum = (counts) => Object.values(counts).reduce((total, each) => total + each, 0);
