// Counters of the last minute, their rates and curves.
import { drawing, line, make, setAttribute } from "./elements.js";

export const SHOWN_SECONDS = 60;      // What a curve shows.
const RATE_SECONDS = 5;        // What a rate beside it is the mean of; of a single second it would flicker.

/**
 * The last status, and the balancer's own clock in it: the browser's says nothing of when counters were read. Before the
 * first status there is none.
 */
export const now = { process: "", time: 0, today: "", status: null };

/** A counter of the last minute. */
class Series {
  points = [];
  process = "";

  add(value) {
    const last = this.points.at(-1);
    // Another process counts from 0, and so does a backend that has left and come back.
    if (this.process !== now.process || value < last?.value || now.time < last?.time) this.points = [];
    this.process = now.process;
    if (this.points.at(-1)?.time === now.time) this.points.pop();
    this.points.push({ time: now.time, value });
    while (this.points.length > 2 && this.points[1].time < now.time - SHOWN_SECONDS) this.points.shift();
  }

  /** By how much it has grown within so many seconds, and in how many in truth; undefined before the second value. */
  growth(seconds) {
    const last = this.points.at(-1);
    const first = this.points.find((each) => each.time >= now.time - seconds - 0.5) ?? last;
    const from = first === last ? this.points.at(-2) : first;
    return from && { value: last.value - from.value, seconds: last.time - from.time };
  }

  /** Per second. */
  rate(seconds = RATE_SECONDS) {
    const grown = this.growth(seconds);
    return grown && grown.value / grown.seconds;
  }

  /** Rates between values, with the time of the later one and whether the time before it is known. */
  rates() {
    return this.points.slice(1).map((each, index) => {
      const before = this.points[index];
      const seconds = each.time - before.time;
      return { time: each.time, rate: (each.value - before.value) / seconds, follows: index > 0 && seconds < 3 };
    });
  }

  top() {
    return this.rates().reduce((top, each) => Math.max(top, each.rate), 0);
  }
}

/** A series for each of `counters`, which read a counter from an item. */
export function makeSeries(counters) {
  return Object.fromEntries(Object.keys(counters).map((name) => [name, new Series()]));
}

export function addAll(series, counters, item) {
  for (const [name, counter] of Object.entries(counters)) series[name].add(counter(item));
}

/** A curve. Returns a function that draws a series, whose highest rate is to be at `top`. */
function curve(parent) {
  const area = drawing("path", { class: "area" });
  const stroke = drawing("path", { class: "stroke", "vector-effect": "non-scaling-stroke" });
  parent.append(drawing("svg", {
    class: "curve", viewBox: `0 0 ${SHOWN_SECONDS} 20`, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false",
  }, area, stroke));
  return (series, top) => {
    if (document.hidden) return;
    const lines = [];
    for (const each of series.rates()) {
      const x = SHOWN_SECONDS - (now.time - each.time);
      const point = `${x.toFixed(1)} ${(19 - 17 * each.rate / (top || 1)).toFixed(1)}`;
      if (each.follows) lines.at(-1).push(point);
      else lines.push([point]);
    }
    const drawn = lines.filter((each) => each.length > 1);
    setAttribute(stroke, "d", drawn.map((each) => `M${each.join("L")}`).join(""));
    setAttribute(area, "d", drawn.map((each) =>
      `M${each[0].split(" ")[0]} 20L${each.join("L")}L${each.at(-1).split(" ")[0]} 20z`).join(""));
  };
}

/** A rate beside its curve. Returns a function that updates both. */
export function rateAndCurve(parent, name, text) {
  const holder = make("span", { class: "rate" });
  parent.append(holder);
  const draw = curve(holder);
  const write = line(holder, "span", "figure");
  return (series, top) => {
    draw(series[name], top);
    write(text(series[name].rate()));
  };
}
