// The figures of the process, and what is wrong.
import { badge, bar, byId, drawing, keepRows, line, make, setText, SIGNS } from "./elements.js";
import { bytes, bytesPerSecond, clockTime, NONE, ofMost, perSecond, span } from "./figures.js";
import { addAll, makeSeries, rateAndCurve } from "./series.js";
import { announceChanges } from "./announcer.js";

const overviewCounters = {
  fresh: (status) => status.accepted_total, up: (status) => status.bytes_up_total, down: (status) => status.bytes_down_total,
  cpu: (status) => status.resources.cpu_seconds,
};
const overview = { series: makeSeries(overviewCounters), updates: [] };

export function buildOverview() {
  const figure = (title, build, className = "") => {
    const value = make("dd");
    byId("figures").append(make("div", { class: className }, make("dt", {}, title), value));
    overview.updates.push(build(value));
  };
  const text = (write) => (value) => {
    const set = line(value);
    return (status, series) => set(write(status, series));
  };
  const rate = (name, write) => (value) => {
    const update = rateAndCurve(value, name, write);
    return (status, series) => update(series, series[name].top());
  };
  figure("State", (value) => {
    const show = badge(value, "badge large");
    return (status) => show(status.state);
  }, "state");
  figure("Sessions", (value) => {
    const [write, fill] = [line(value), bar(value)];
    return (status) => {
      write(ofMost(status.sessions, status.sessions_max));
      fill(status.sessions / status.sessions_max);
    };
  });
  figure("New sessions", rate("fresh", perSecond));
  figure("To backends", rate("up", bytesPerSecond));
  figure("To clients", rate("down", bytesPerSecond));
  figure("Running for", text((status) => span(status.uptime_seconds)));
  figure("Processors", text((status, series) => series.cpu.rate()?.toFixed(2) ?? NONE));
  figure("Memory", text((status) => bytes(status.resources.resident_bytes)));
  figure("Descriptors", (value) => {
    const [write, fill] = [line(value), bar(value)];
    return ({ resources }) => {
      write(ofMost(resources.open_fds, resources.max_fds));
      fill(resources.open_fds / resources.max_fds);
    };
  });
}

export function updateOverview(status) {
  addAll(overview.series, overviewCounters, status);
  overview.updates.forEach((update) => update(status, overview.series));
  document.title = `${status.state} · Balancer ${location.host}`;
  setText(byId("process"), `Balancer ${status.version}, process ${status.pid}, started ${clockTime(status.started)} UTC`);
  const problems = [...status.problems, ...status.audit.map((each) => `The counters do not add up: ${each}`)];
  setText(byId("fine"), problems.length ? "" : "Nothing is wrong.");
  byId("fine").hidden = problems.length > 0;
  byId("problems").hidden = problems.length === 0;
  keepRows(byId("problems"), problemRows, problems, (text, index) => index, makeProblem)
    .forEach((row, index) => setText(row.text, problems[index]));
  announceChanges(status, problems);
}

const problemRows = new Map();

function makeProblem() {
  const text = make("span");
  const sign = drawing("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, drawing("path", { d: SIGNS.warn }));
  return { element: make("li", {}, sign, text), text };
}
