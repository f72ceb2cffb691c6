// The administration page: what `GET /v1/events` says once a second, as tables that are updated in place. Nothing is built
// from markup in strings, so that a name in the configuration can never become an element. Rows that stay are never
// rebuilt: focus, selection and a screen reader's place survive each update.
"use strict";

const SHOWN_SECONDS = 60;      // What a curve shows.
const RATE_SECONDS = 5;        // What a rate beside it is the mean of; of a single second it would flicker.
const SILENCE_MS = 4000;       // A status comes each second: after so long the stream has ended, whatever TCP says of it.
const RETRY_MS = 1500;         // Between two attempts to open the stream, and up to as much again by chance.
const EVENTS_KEPT = 200;
const SESSIONS_LISTED = 100;
const TOKEN_KEY = "balancer-token";
const WISH_TIMES = [
  [0, "until it is changed"], [300, "5 min"], [600, "10 min"], [1800, "30 min"], [3600, "1 h"], [28800, "8 h"],
];

// Strokes in a square of 12: a sign beside each word, so that colour is never the only one.
const SIGNS = {
  check: "M2 6.5l2.8 2.8L10 3.2", cross: "M2.8 2.8l6.4 6.4M9.2 2.8L2.8 9.2", ring: "M6 2.2a3.8 3.8 0 1 0 .01 0",
  dots: "M2 6h.01M6 6h.01M10 6h.01", eject: "M2.5 7L6 2.5 9.5 7zM2.5 9.8h7", down: "M6 1.8v8M2.6 6.4L6 9.9l3.4-3.5",
  bars: "M4 2.2v7.6M8 2.2v7.6", warn: "M6 1.6L11 10.4H1zM6 5v2.4M6 8.9h.01", full: "M2.2 2.2h7.6v7.6H2.2zM4.4 6h3.2",
  info: "M6 4.2a1.8 1.8 0 1 0 .01 0", moon: "M6 2.2a3.8 3.8 0 1 0 .01 0M3.4 8.6l5.2-5.2",
};
const STATES = {
  serving: ["good", "check"], starting: ["warn", "dots"], "no-backend": ["bad", "cross"], impaired: ["warn", "warn"],
  draining: ["set", "down"], up: ["good", "check"], unchecked: ["good", "ring"], down: ["bad", "cross"],
  unknown: ["calm", "dots"], ejected: ["bad", "eject"], drain: ["set", "down"], maintain: ["set", "bars"],
  silent: ["set", "moon"], refusing: ["set", "moon"], open: ["good", "check"], paused: ["set", "bars"],
  full: ["warn", "full"], running: ["good", "check"], stuck: ["bad", "cross"], error: ["bad", "cross"],
  warning: ["warn", "warn"], info: ["calm", "info"], debug: ["calm", "dots"], picked: ["good", "check"],
};
const WISHES = {
  ready: ["Ready", "It gets new sessions again, as far as its checks let it."],
  drain: ["Drain", "It gets no new sessions. Those that it has go on until they end by themselves; its checks go on."],
  maintain: ["Maintain", "It gets no new sessions and no checks. Those that it has go on until they end by themselves."],
};

// ---- Elements

const byId = (id) => document.getElementById(id);

/** An element with attributes and children; a child that is a string becomes text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function drawing(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Writes only what is new: an equal text that is written anew would end a selection. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** Appends a new element to `parent`, and returns a function that sets its text; without text it takes no room. */
function line(parent, tag = "span", className = "") {
  const element = make(tag, className ? { class: className } : {});
  parent.append(element);
  return (text) => {
    setText(element, text ?? "");
    element.hidden = !text;
    // What is nothing is quieter than what is something.
    element.classList.toggle("nil", NOTHING.has(text));
  };
}

/** A state as a sign and a word. Returns a function that sets it. */
function badge(parent, className = "badge") {
  const path = drawing("path", {});
  const word = make("span");
  const sign = drawing("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, path);
  const element = make("span", { class: className }, sign, word);
  parent.append(element);
  return (state, text = state) => {
    const [tone, sign] = STATES[state] ?? ["calm", "dots"];
    setAttribute(element, "data-tone", tone);
    setAttribute(path, "d", SIGNS[sign]);
    setText(word, text);
  };
}

/** A share of 1 as a bar. Returns a function that sets it; undefined hides it. */
function bar(parent) {
  const fill = make("span");
  const element = make("span", { class: "share", "aria-hidden": "true" }, fill);
  parent.append(element);
  return (share) => {
    element.hidden = share === undefined;
    fill.style.width = `${Math.min(100, 100 * (share || 0)).toFixed(1)}%`;
    fill.className = share > 0.9 ? "high" : "";
  };
}

/** Makes the children of `parent` those of `items`, in their order. Elements whose keys stay are kept, and so is the focus. */
function keepRows(parent, kept, items, keyOf, makeRow) {
  const focused = document.activeElement;
  const keys = items.map(keyOf);
  const wanted = new Set(keys);
  for (const [key, row] of kept) {
    if (wanted.has(key)) continue;
    // What had the focus is gone: the next place is its section, not the begin of the page.
    if (row.element.contains(focused)) row.element.closest("section")?.focus({ preventScroll: true });
    row.element.remove();
    kept.delete(key);
  }
  let next = parent.firstElementChild;
  const rows = items.map((item, index) => {
    const row = kept.get(keys[index]) ?? makeRow(item);
    kept.set(keys[index], row);
    if (row.element === next) next = next.nextElementSibling;
    else parent.insertBefore(row.element, next);
    return row;
  });
  // An element that was moved has lost the focus.
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
  return rows;
}

// ---- Numbers and times

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const NONE = "–";
const NOTHING = new Set([NONE, "0 /s", "0 B/s"]);

function count(value) {
  return value === undefined ? NONE : whole.format(value);
}

function ofMost(value, most) {
  return most === undefined ? count(value) : `${count(value)} / ${count(most)}`;
}

/** Per second; below 10 with a decimal. */
function perSecond(rate) {
  if (rate === undefined) return NONE;
  if (rate === 0) return "0 /s";
  return rate < 0.05 ? "<0.1 /s" : `${rate < 9.95 ? rate.toFixed(1) : whole.format(rate)} /s`;
}

/** Three digits and a decimal unit. */
function bytes(value) {
  if (value === undefined) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : value.toPrecision(3)} ${units[unit]}`;
}

function bytesPerSecond(rate) {
  return rate === undefined ? NONE : `${bytes(rate)}/s`;
}

/** A time that was measured: 0.25 ms, 12 ms, 2.5 s. */
function measured(seconds) {
  if (seconds === undefined) return NONE;
  if (seconds >= 60) return span(seconds);
  const [value, unit] = seconds < 0.9995 ? [seconds * 1000, "ms"] : [seconds, "s"];
  return `${value < 9.95 ? Number(value.toPrecision(2)) : Math.round(value)} ${unit}`;
}

/** A time that passes: 12 s, 3 min, 2 h 5 min, 4 d 3 h. */
function span(seconds) {
  if (seconds === undefined) return NONE;
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor(whole / 60) % 60} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor(whole / 3600) % 24} h`;
}

/** The time of day of an RFC 3339 time, with its day where that is another one than `today`. */
function clockTime(time, today) {
  const [day, rest = ""] = time.split("T");
  return (day === today?.slice(0, 10) ? "" : `${day} `) + rest.slice(0, 8);
}

/** `denied 3, over-limit 20`: what there is, the most first. */
function byReason(counts) {
  const list = Object.entries(counts).filter(([, number]) => number > 0).sort((a, b) => b[1] - a[1]);
  return list.map(([reason, number]) => `${reason} ${count(number)}`).join(", ");
}

const sum = (counts) => Object.values(counts).reduce((total, each) => total + each, 0);

// ---- Counters, rates, curves

/** The balancer's own clock at the last status: the browser's says nothing of when counters were read. */
const now = { process: "", time: 0, today: "" };

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
function makeSeries(counters) {
  return Object.fromEntries(Object.keys(counters).map((name) => [name, new Series()]));
}

function addAll(series, counters, item) {
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
function rateAndCurve(parent, name, text) {
  const holder = make("span", { class: "rate" });
  parent.append(holder);
  const draw = curve(holder);
  const write = line(holder, "span", "figure");
  return (series, top) => {
    draw(series[name], top);
    write(text(series[name].rate()));
  };
}

// ---- Tables

/**
 * A table whose rows are updated in place. A column has a title and `build`, which fills a new cell and returns a function
 * that updates it with an item, the series of its row, and the highest rates of all rows.
 */
class Table {
  rows = new Map();

  constructor(parent, kind, caption, columns, keyOf, counters = {}) {
    Object.assign(this, { columns, keyOf, counters });
    // The roles are those that the elements have: styles for narrow windows would take them away.
    this.body = make("tbody", { role: "rowgroup" });
    const titles = columns.map((column) =>
      make("th", { scope: "col", role: "columnheader", class: column.className ?? "" }, column.title));
    this.element = make("table", { role: "table", class: kind }, make("caption", { class: "unseen" }, caption),
      make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...titles)), this.body);
    parent.append(this.element);
  }

  makeRow(item) {
    const element = make("tr", { role: "row" });
    const updates = this.columns.map((column, index) => {
      const role = index === 0 ? { scope: "row", role: "rowheader" } : { role: "cell" };
      const cell = make(index === 0 ? "th" : "td", { ...role, class: column.className ?? "", "data-title": column.title });
      element.append(cell);
      return column.build(cell, item);
    });
    return { element, updates, series: makeSeries(this.counters) };
  }

  update(items) {
    const rows = keepRows(this.body, this.rows, items, this.keyOf, (item) => this.makeRow(item));
    rows.forEach((row, index) => addAll(row.series, this.counters, items[index]));
    const tops = {};
    for (const name of Object.keys(this.counters)) tops[name] = Math.max(0, ...rows.map((row) => row.series[name].top()));
    rows.forEach((row, index) => row.updates.forEach((update) => update(items[index], row.series, tops)));
  }
}

/** A column of one text. */
function textColumn(title, text, className = "") {
  return { title, className, build: (cell) => (item, series) => setText(cell, text(item, series) ?? NONE) };
}

/** A column of a rate and its curve. */
function rateColumn(title, name, text, className = "") {
  return {
    title, className: `number ${className}`, build(cell) {
      const update = rateAndCurve(cell, name, text);
      return (item, series, tops) => update(series, tops[name]);
    },
  };
}

/** A column of bytes per second in both directions, one below the other. */
function bytesColumn(title) {
  return {
    title, className: "number bytes", build(cell) {
      const updates = ["up", "down"].map((name) => [name, rateAndCurve(cell, name, bytesPerSecond)]);
      return (item, series, tops) => updates.forEach(([name, update]) => update(series, tops[name]));
    },
  };
}

/** A column of failures per second, and how many there were since the start. */
function failuresColumn(title, name, counts) {
  return {
    title, className: "number failures", build(cell) {
      const [above, below] = [line(cell), line(cell, "small")];
      return (item, series) => {
        const rate = series[name].rate();
        above(perSecond(rate));
        below(byReason(counts(item)));
        cell.classList.toggle("failing", rate > 0);
      };
    },
  };
}

/** A column of a text and a second, quieter one below it. */
function twoLineColumn(title, first, second, className = "") {
  return {
    title, className, build(cell) {
      const [above, below] = [line(cell), line(cell, "small")];
      return (item, series) => {
        above(first(item, series) ?? NONE);
        below(second(item, series));
      };
    },
  };
}

function stateColumn(title, remarks = () => []) {
  return {
    title, className: "state", build(cell) {
      const [show, below] = [badge(cell), line(cell, "small", "remarks")];
      return (item) => {
        show(item.state);
        below(remarks(item).join(", "));
      };
    },
  };
}

// ---- The overview

const overviewCounters = {
  fresh: (status) => status.accepted_total, up: (status) => status.bytes_up_total, down: (status) => status.bytes_down_total,
  cpu: (status) => status.resources.cpu_seconds,
};
const overview = { series: makeSeries(overviewCounters), updates: [] };

function buildOverview() {
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

function updateOverview(status) {
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

// ---- What a screen reader is told

const told = { states: new Map(), problems: new Map() };

/** Tells changes of states and new problems; figures change each second and are read when they are asked for. */
function announceChanges(status, problems) {
  const isFirst = told.states.size === 0;
  const changes = [];
  const states = new Map([["The balancer", [status.state]]]);
  for (const each of status.listeners) states.set(`Listener ${each.name}`, [each.state]);
  for (const pool of status.pools)
    for (const each of pool.backends) states.set(`Backend ${pool.name}/${each.name}`, [each.state, each.cause]);
  for (const [name, [state, cause]] of states) {
    if (told.states.get(name) !== state) changes.push(`${name}: ${state}${cause ? `, ${cause}` : ""}.`);
  }
  told.states = new Map([...states].map(([name, [state]]) => [name, state]));
  // A sentence whose numbers grow is the same problem.
  const counts = new Map();
  for (const each of problems) {
    const key = each.replace(/\b\d[\d.,]*/g, "");
    counts.set(key, (counts.get(key) ?? 0) + 1);
    if (counts.get(key) > (told.problems.get(key) ?? 0)) changes.push(each);
  }
  told.problems = counts;
  if (isFirst) announce(`The balancer is ${status.state}. ${problems.length} problems.`);
  else if (changes.length) announce(changes.slice(0, 5).join(" "));
}

function announce(text) {
  setText(byId("announcer"), text);
}

let noteTimer = 0;

/** Says for a while what was done. */
function note(text) {
  clearTimeout(noteTimer);
  setText(byId("note"), text);
  noteTimer = setTimeout(() => setText(byId("note"), ""), 12000);
}

// ---- Pools

const backendCounters = {
  fresh: (backend) => backend.sessions_total, up: (backend) => backend.bytes_up_total,
  down: (backend) => backend.bytes_down_total, failures: (backend) => sum(backend.connect_failures_total),
  clientStall: (backend) => backend.client_stall_seconds_total, backendStall: (backend) => backend.backend_stall_seconds_total,
};

/** An address that is its name is not said twice. */
function addressBelow({ name, address = "its name has no address" }) {
  return address === name ? "" : address;
}

function backendColumns(pool) {
  return [
    twoLineColumn("Backend", (each) => each.name + (each.is_backup ? " (backup)" : ""), addressBelow, "name"),
    stateColumn("State", (each) => each.remarks),
    twoLineColumn("Weight", (each) => count(each.weight),
      (each) => each.weight === each.configured_weight ? "" : `of ${count(each.configured_weight)}`, "number weight"),
    { title: "Sessions", className: "number sessions", build: (cell) => buildSessions(cell, pool) },
    rateColumn("New sessions", "fresh", perSecond, "fresh"),
    bytesColumn("Bytes to it, from it"),
    { title: "Connect p50, p99", className: "number connect", build: buildConnects },
    failuresColumn("Failures", "failures", (each) => each.connect_failures_total),
    { title: "Stalls, 1 min", className: "number stalls", build: buildStalls },
    { title: "Last change", className: "change", build: buildChange },
    { title: "Set", className: "actions", build: (cell, item) => buildActions(cell, pool, item) },
  ];
}

/** How many sessions, as a button that lists them. */
function buildSessions(cell, pool) {
  const button = make("button", { type: "button", class: "link" });
  cell.append(button);
  const fill = bar(cell);
  let name = "";
  button.addEventListener("click", () => searchFor(pool, name));
  return (backend) => {
    name = backend.name;
    const text = ofMost(backend.sessions, backend.sessions_max);
    setText(button, text);
    setAttribute(button, "aria-label", `${text} sessions of ${backend.name}: list them`);
    fill(backend.sessions_max && backend.sessions / backend.sessions_max);
  };
}

function buildConnects(cell) {
  const [median, slow] = [line(cell), line(cell, "small")];
  const bound = (seconds) => seconds === undefined ? NONE : `≤ ${measured(seconds)}`;
  return (backend) => {
    median(bound(backend.connect_p50_seconds));
    slow(bound(backend.connect_p99_seconds));
  };
}

/** How long bytes waited in stalls that have ended within the last minute, and for whom. */
function buildStalls(cell) {
  const [clients, it] = [line(cell), line(cell, "small")];
  return (backend, series) => {
    const waited = (each) => each.growth(SHOWN_SECONDS)?.value ?? 0;
    const [forClients, forIt] = [waited(series.clientStall), waited(series.backendStall)];
    clients(forClients ? `client ${measured(forClients)}` : forIt ? "" : NONE);
    it(forIt ? `backend ${measured(forIt)}` : "");
  };
}

/** When its state changed, and why; of a long cause the begin, and all of it under the pointer and in the events. */
function buildChange(cell) {
  const [when, cause] = [line(cell), line(cell, "small")];
  return (backend) => {
    const hasChanged = backend.changed_seconds !== undefined;
    when(hasChanged ? `${span(backend.changed_seconds)} ago` : NONE);
    cause(hasChanged ? backend.cause : "");
    setAttribute(cell, "title", hasChanged ? backend.cause ?? "" : "");
  };
}

/** Three buttons, of which that of the present state is pressed. All stay: one that vanished would take the focus along. */
function buildActions(cell, pool, item) {
  const buttons = Object.entries(WISHES).map(([state, [title]]) => {
    const button = make("button", { type: "button", "aria-label": `${title} ${pool}/${item.name}` }, title);
    button.addEventListener("click", () => openWish(pool, item.name, state));
    return [state, button];
  });
  cell.append(make("span", { class: "switch", role: "group", "aria-label": `${pool}/${item.name}` },
    ...buttons.map(([, button]) => button)));
  const override = line(cell, "small");
  return (backend) => {
    const set = ["drain", "maintain", "silent", "refusing"].includes(backend.state) ? backend.state : "ready";
    for (const [state, button] of buttons) setAttribute(button, "aria-pressed", String(state === set));
    const { by, reverts_seconds: reverts } = backend.override ?? {};
    // Minutes are rounded up: 10 of them begin with 10.
    const left = reverts < 60 ? reverts : 60 * Math.ceil(reverts / 60);
    override(by && `by ${by}${reverts === undefined ? "" : `, goes back in ${span(left)}`}`);
  };
}

const poolRows = new Map();

function makePool(pool) {
  const facts = make("p", { class: "facts" });
  const panel = make("div", { class: "panel" });
  const element = make("article", { class: "pool", "aria-label": `Pool ${pool.name}` },
    make("div", { class: "pool-head" }, make("h3", {}, pool.name), facts), panel);
  const table = new Table(panel, "backends", `Backends of pool ${pool.name}`, backendColumns(pool.name),
    (each) => each.name, backendCounters);
  const available = badge(facts);
  const [policy, sessions, queue, closed] = [line(facts), line(facts), line(facts), line(facts)];
  const panic = badge(facts);
  return {
    element, update(pool) {
      const up = pool.backends.filter((each) => STATES[each.state]?.[0] === "good").length;
      available(up === 0 ? "down" : up < pool.backends.length ? "impaired" : "up", `${up} of ${pool.backends.length} up`);
      policy(pool.policy);
      sessions(`sessions ${ofMost(pool.sessions, pool.sessions_max)}`);
      queue(pool.queue_max === undefined ? "" : `queue ${ofMost(pool.queue_length, pool.queue_max)}`);
      closed(pool.no_backend_total ? `closed without a backend ${count(pool.no_backend_total)}` : "");
      panic("impaired", pool.is_in_panic ? "panic: too few may be picked, all are used" : "");
      facts.lastChild.hidden = !pool.is_in_panic;
      table.update(pool.backends);
    },
  };
}

function updatePools(pools) {
  keepRows(byId("pool-list"), poolRows, pools, (pool) => pool.name, makePool)
    .forEach((row, index) => row.update(pools[index]));
}

// ---- Listeners and loops

const listenerCounters = {
  fresh: (listener) => listener.accepted_total, up: (listener) => listener.bytes_up_total,
  down: (listener) => listener.bytes_down_total, rejected: (listener) => sum(listener.rejected_total),
};

function buildListeners() {
  const routes = (listener) => listener.routes.map((each) => `${each.title} to ${each.pool}: ${count(each.clients_total)}`);
  return new Table(byId("listener-list"), "listeners", "Listeners", [
    twoLineColumn("Listener", (each) => each.name, (each) => each.addresses.join("  ")),
    stateColumn("State", (each) => each.waiting ? [`${count(each.waiting)} wait`] : []),
    textColumn("Pool", (each) => each.pool ?? "by route only"),
    twoLineColumn("Sessions", (each) => ofMost(each.sessions, each.sessions_max),
      (each) => each.per_client === undefined ? "" : `${count(each.per_client)} per client`, "number"),
    rateColumn("Accepted", "fresh", perSecond, "fresh"),
    bytesColumn("Bytes up, down"),
    failuresColumn("Rejected", "rejected", (each) => each.rejected_total),
    {
      title: "Routes, clients", className: "wide", build(cell) {
        const rows = new Map();
        const list = make("ul", { class: "routes" });
        const none = line(cell);
        cell.append(list);
        return (listener) => {
          none(listener.routes.length ? "" : NONE);
          list.hidden = listener.routes.length === 0;
          const texts = routes(listener);
          keepRows(list, rows, texts, (text, index) => index, () => ({ element: make("li") }))
            .forEach((row, index) => setText(row.element, texts[index]));
        };
      },
    },
  ], (each) => each.name, listenerCounters);
}

const loopCounters = { busy: (loop) => loop.busy_seconds_total, turns: (loop) => loop.turns_total };

function buildLoops() {
  return new Table(byId("loop-list"), "loops", "Loops", [
    textColumn("Loop", (each) => String(each.index)),
    stateColumn("State", (each) => each.stuck_seconds === undefined ? [] : [`no answer for ${span(each.stuck_seconds)}`]),
    {
      title: "Busy", className: "number", build(cell) {
        const [write, fill] = [line(cell), bar(cell)];
        return (loop, series) => {
          const share = series.busy.rate();
          write(share === undefined ? NONE : `${(100 * share).toFixed(1)} %`);
          fill(share ?? 0);
        };
      },
    },
    rateColumn("Turns", "turns", perSecond),
    textColumn("Turn p99", (each) => measured(each.turn_p99_seconds), "number"),
    textColumn("Longest turn", (each) => measured(each.turn_max_seconds), "number"),
  ], (each) => String(each.index), loopCounters);
}

// ---- Events

const events = { list: [], keys: new Set(), table: null, timer: 0 };
const PLACES = ["pool", "backend", "listener", "address", "session", "id"];

/** What an event is about: `web/b2 10.0.0.2:80`. */
function aboutEvent({ fields }) {
  const { pool, backend, listener, address, session, id } = fields;
  const place = backend ? `${pool}/${backend}` : listener ?? pool;
  return [place, address, session, id].filter(Boolean).join(" ");
}

/** Its values that its words do not have already. */
function valuesOfEvent({ fields, message }) {
  const isSaid = (name) => name === "pool" ? !fields.listener : PLACES.includes(name);
  const values = Object.entries(fields).filter(([name, value]) => !isSaid(name) && !message.includes(value));
  return values.sort().map(([name, value]) => `${name}=${value}`).join(" ");
}

function buildEvents() {
  events.table = new Table(byId("event-list"), "events", "Events", [
    textColumn("Time", (each) => clockTime(each.time, now.today), "time"),
    {
      title: "Level", build(cell) {
        const show = badge(cell, "badge plain");
        return (each) => show(each.level);
      },
    },
    textColumn("Event", (each) => each.event, "kind"),
    textColumn("About", aboutEvent, "about"),
    twoLineColumn("What has happened", (each) => each.message, valuesOfEvent, "message"),
  ], eventKey);
  byId("severe").addEventListener("change", showEvents);
}

/** Numbers begin anew with each process. */
function eventKey(event) {
  return `${event.process} ${event.number}`;
}

function addEvents(list) {
  for (const each of list) {
    each.process = now.process;
    if (events.keys.has(eventKey(each))) continue;
    events.keys.add(eventKey(each));
    events.list.push(each);
  }
  // Many at once are shown at once.
  events.timer ||= setTimeout(showEvents, 100);
}

function showEvents() {
  clearTimeout(events.timer);
  events.timer = 0;
  events.list.sort((a, b) => a.process === b.process ? b.number - a.number : b.time < a.time ? -1 : 1);
  for (const each of events.list.splice(EVENTS_KEPT)) events.keys.delete(eventKey(each));
  const severe = byId("severe").checked;
  events.table.update(events.list.filter((each) => !severe || each.level === "warning" || each.level === "error"));
}

/** What happened before the stream was opened. */
async function fetchEvents() {
  try {
    addEvents((await ask("GET", "v1/events")).events);
  } catch {
    // The stream says whether the balancer answers; the next one asks again.
  }
}

// ---- Questions

/** An answer that is no success, in the server's words. */
class Refused extends Error {
  constructor(code, text) {
    super(text);
    this.code = code;
  }
}

async function ask(method, path, body) {
  const headers = {};
  const token = sessionStorage.getItem(TOKEN_KEY);
  if (body) headers["Content-Type"] = "application/json";
  if (body && token) headers.Authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
  } catch {
    throw new Refused(0, "The balancer does not answer.");
  }
  const value = await answer.json().catch(() => undefined);
  if (!answer.ok) throw new Refused(answer.status, value?.error ?? `The balancer answers with status ${answer.status}.`);
  if (value === undefined) throw new Refused(0, "The answer of the balancer cannot be read.");
  return value;
}

// ---- Sessions

const sessionSearch = { table: null, options: new Map(), asked: 0 };

function buildSearch() {
  sessionSearch.table = new Table(byId("session-list"), "found", "Sessions that match", [
    {
      title: "Session", className: "id", build(cell, item) {
        const button = make("button", { type: "button", class: "link", "aria-label": `Why, session ${item.id}` }, item.id);
        button.addEventListener("click", () => openWhy(item.id));
        cell.append(button);
        return () => {};
      },
    },
    textColumn("Client", (each) => each.client),
    textColumn("Listener", (each) => each.listener),
    twoLineColumn("Backend", (each) => each.backend && `${each.pool}/${each.backend}`,
      (each) => each.backend_address === each.backend ? "" : each.backend_address),
    textColumn("Phase", (each) => each.phase),
    textColumn("Age", (each) => span(each.age_seconds), "number"),
    textColumn("Idle", (each) => span(each.idle_seconds), "number"),
    textColumn("To backend", (each) => bytes(each.bytes_up), "number"),
    textColumn("To client", (each) => bytes(each.bytes_down), "number"),
    textColumn("Waits for", (each) => each.stalled_by && `${each.stalled_by}, ${measured(each.stalled_seconds)}`),
  ], (each) => each.id);
  sessionSearch.table.element.hidden = true;
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const id = event.target.elements.id.value.trim();
    if (id) openWhy(id);
    else search();
  });
}

/** The choices of the search: each pool and each backend, as `POOL` and `POOL/BACKEND` percent-encoded. */
function updateChoices(pools) {
  const choices = [{ value: "", text: "any" }];
  for (const pool of pools) {
    const value = encodeURIComponent(pool.name);
    choices.push({ value, text: `all of ${pool.name}` });
    for (const { name } of pool.backends) {
      choices.push({ value: `${value}/${encodeURIComponent(name)}`, text: `${pool.name}/${name}` });
    }
  }
  keepRows(byId("search").elements.backend, sessionSearch.options, choices, (each) => each.value,
    (each) => ({ element: make("option", { value: each.value }, each.text) }));
}

async function searchFor(pool, backend) {
  const form = byId("search");
  form.reset();
  form.elements.backend.value = `${encodeURIComponent(pool)}/${encodeURIComponent(backend)}`;
  byId("found").focus({ preventScroll: true });
  await search();
  // Only now is there something to scroll to.
  byId("sessions").scrollIntoView();
}

async function search() {
  const fields = byId("search").elements;
  const query = new URLSearchParams({ limit: SESSIONS_LISTED });
  const [pool, backend] = fields.backend.value.split("/").map(decodeURIComponent);
  const wanted = {
    client: fields.client.value.trim(), pool, backend, older: fields.older.value.trim(), idle: fields.idle.value.trim(),
    stalled: fields.stalled.checked ? "yes" : "",
  };
  for (const [name, value] of Object.entries(wanted)) if (value) query.set(name, value);
  const turn = ++sessionSearch.asked;
  try {
    const found = await ask("GET", `v1/sessions?${query}`);
    // A later question has its own answer.
    if (turn === sessionSearch.asked) showSessions(found);
  } catch (error) {
    sessionSearch.table.element.hidden = true;
    sayFound(error.message, true);
  }
}

function sayFound(text, isWrong) {
  byId("found").classList.toggle("wrong", isWrong);
  setText(byId("found"), text);
}

function showSessions({ sessions, matched, unanswered_loops: silent }) {
  const shown = `${count(matched)} match`
    + (matched > sessions.length ? `; the ${count(sessions.length)} oldest are listed` : "");
  const missing = silent.length ? ` Loop ${silent.join(", ")} did not answer: its sessions are missing.` : "";
  sayFound(`${shown}, at ${clockTime(new Date().toISOString(), now.today)} UTC.${missing}`, silent.length > 0);
  sessionSearch.table.element.hidden = sessions.length === 0;
  sessionSearch.table.update(sessions);
}

// ---- Why

const why = { id: "" };

function openWhy(id) {
  why.id = id;
  setText(byId("why-title"), `Session ${id}`);
  byId("why-text").replaceChildren(make("p", {}, "Asking …"));
  byId("why").showModal();
  byId("story").focus();
  return tellWhy();
}

async function tellWhy() {
  const { id } = why;
  let parts;
  try {
    parts = storyParts(await ask("GET", `v1/sessions/${encodeURIComponent(id)}/why`));
  } catch (error) {
    parts = [make("p", { class: "wrong" }, error.message)];
  }
  if (id === why.id) byId("why-text").replaceChildren(...parts);
}

/** Sentences first: they are what somebody who was just woken reads. */
function storyParts(story) {
  const parts = story.sentences.map((each) => make("p", { class: "sentence" }, each));
  if (story.pick) {
    const { policy, candidates, not_listed: more } = story.pick;
    parts.push(make("h3", {}, `Pick by ${policy}`));
    parts.push(plainTable("Candidates of the pick", ["Backend", "Verdict", "Sessions", "Weight"],
      candidates.map((each) => [each.backend ?? "has left", each.verdict, count(each.sessions), count(each.weight)])));
    if (more) parts.push(make("p", { class: "quiet" }, `${count(more)} more are not listed.`));
  }
  if (story.attempts.length) {
    parts.push(make("h3", {}, `${count(story.attempts_total)} attempts to connect`));
    parts.push(plainTable("Attempts", ["Backend", "Result", "Time"], story.attempts.map((each) =>
      [each.backend ?? "has left", each.error ?? "connected, or goes on", measured(each.seconds)])));
  }
  const facts = storyFacts(story).flatMap(([title, text]) => [make("dt", {}, title), make("dd", {}, text)]);
  parts.push(make("h3", {}, "Times and end"), make("dl", { class: "facts-list" }, ...facts));
  return parts;
}

function storyFacts(story) {
  const { session, end } = story;
  const accepted = `${story.accepted.slice(0, 19).replace("T", " ")} UTC`;
  const age = span(session.age_seconds);
  const cause = end?.error ? `: ${end.error}` : "";
  const stalls = (seconds, times) => times ? `${measured(seconds)} in ${count(times)} stalls` : "never";
  const facts = [
    ["Client", session.client], ["Listener", session.listener], ["Server named", story.server_name],
    ["Backend", session.backend && `${session.pool}/${session.backend} ${session.backend_address ?? ""}`],
    ["Accepted", story.is_live ? `${accepted}, ${age} ago` : `${accepted}, and lasted ${age}`],
    ["Before it had a pool", story.preface_seconds === undefined ? undefined : measured(story.preface_seconds)],
    ["In the queue", story.queue_seconds === undefined ? undefined : measured(story.queue_seconds)],
    ["Connected after", story.connect_seconds === undefined ? undefined : measured(story.connect_seconds)],
    ["Moved", `${bytes(session.bytes_up)} to the backend, ${bytes(session.bytes_down)} to the client`],
    ["Bytes waited for the client", stalls(story.client_stall_seconds, story.client_stalls)],
    ["Bytes waited for the backend", stalls(story.backend_stall_seconds, story.backend_stalls)],
    ["End", end ? `${end.reason}, by ${end.by}${cause}, ${clockTime(end.time, now.today)} UTC` : `it lives: ${session.phase}`],
  ];
  return facts.filter(([, text]) => text);
}

function plainTable(caption, titles, rows) {
  const cell = (text, index) => index === 0 ? make("th", { scope: "row" }, text) : make("td", {}, text);
  return make("table", { class: "plain" }, make("caption", { class: "unseen" }, caption),
    make("thead", {}, make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title)))),
    make("tbody", {}, ...rows.map((texts) => make("tr", {}, ...texts.map(cell)))));
}

// ---- Wishes

/** The wish in the dialog: what is asked, whether the server has said what it would change, and the latest question. */
const wish = { pool: "", backend: "", state: "", isChecked: false, asked: 0 };

function buildWish() {
  const times = WISH_TIMES.map(([seconds, title], index) => {
    const radio = make("input", { type: "radio", name: "time", value: seconds });
    radio.defaultChecked = index === 0;
    return make("label", {}, radio, make("span", {}, title));
  });
  byId("wish-times").append(...times);
  byId("wish-times").addEventListener("change", () => { if (wish.isChecked) checkWish(); });
  byId("wish-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (wish.isChecked) carryOut();
    else takeToken();
  });
  byId("wish-cancel").addEventListener("click", () => byId("wish").close());
  byId("forget").addEventListener("click", () => {
    dropToken();
    byId("held").focus();
  });
}

function openWish(pool, backend, state) {
  Object.assign(wish, { pool, backend, state, asked: wish.asked + 1 });
  const [title, meaning] = WISHES[state];
  byId("wish-form").reset();
  setText(byId("wish-title"), `${title} ${pool}/${backend}?`);
  setText(byId("wish-meaning"), meaning);
  setText(byId("wish-wrong"), "");
  byId("wish-times").hidden = state === "ready";
  byId("wish").showModal();
  if (mayAsk()) {
    expectToken(false);
    byId("wish-do").focus();
    checkWish();
  } else {
    setText(byId("wish-effect"), knownEffect());
    expectToken(true);
  }
}

/** Without a token the server says nothing of the wish; how many sessions there are is known. */
function knownEffect() {
  const backend = latest?.pools.find((each) => each.name === wish.pool)?.backends.find((each) => each.name === wish.backend);
  return backend ? `It is ${backend.state} and has ${count(backend.sessions)} sessions.` : "";
}

function mayAsk() {
  return sessionStorage.getItem(TOKEN_KEY) !== null || latest?.may_change === true;
}

/** Shows the field for the token, or that the wish can be carried out. */
function expectToken(isExpected) {
  wish.isChecked = !isExpected;
  byId("wish-token").hidden = !isExpected;
  setText(byId("wish-do"), isExpected ? "Continue" : `${WISHES[wish.state][0]} ${wish.backend}`);
  if (isExpected) byId("wish-form").elements.token.focus();
}

function takeToken() {
  const token = byId("wish-form").elements.token.value.trim();
  if (!token) {
    setText(byId("wish-wrong"), "Changes need the token: it is in the file that the configuration names as token_file.");
    return byId("wish-form").elements.token.focus();
  }
  sessionStorage.setItem(TOKEN_KEY, token);
  showToken();
  return checkWish();
}

function dropToken() {
  sessionStorage.removeItem(TOKEN_KEY);
  showToken();
}

function showToken() {
  const isHeld = sessionStorage.getItem(TOKEN_KEY) !== null;
  setText(byId("held"), isHeld ? "Token held" : "No token held");
  byId("forget").hidden = !isHeld;
}

function sendWish(isDryRun) {
  const body = { state: wish.state, dry_run: isDryRun };
  const seconds = Number(byId("wish-form").elements.time.value);
  if (seconds && wish.state !== "ready") body.for_seconds = seconds;
  return ask("POST", `v1/pools/${encodeURIComponent(wish.pool)}/backends/${encodeURIComponent(wish.backend)}/state`, body);
}

/** Asks what would change. */
async function checkWish() {
  const turn = ++wish.asked;
  try {
    const change = await sendWish(true);
    if (turn !== wish.asked) return;
    setText(byId("wish-wrong"), "");
    setText(byId("wish-effect"), effectText(change));
    if (!wish.isChecked) {
      expectToken(false);
      byId("wish-do").focus();
    }
  } catch (error) {
    if (turn === wish.asked) refuseWish(error);
  }
}

async function carryOut() {
  const turn = ++wish.asked;
  try {
    const change = await sendWish(false);
    if (turn === wish.asked) byId("wish").close();
    note([changeText(change), ...change.remarks].join("\n"));
  } catch (error) {
    if (turn === wish.asked) refuseWish(error);
  }
}

/** A token that was refused is of no use any more. */
function refuseWish(error) {
  setText(byId("wish-wrong"), error.message);
  if (error.code !== 401 && error.code !== 403) return;
  dropToken();
  byId("wish-form").elements.token.value = "";
  setText(byId("wish-effect"), knownEffect());
  expectToken(true);
}

function effectText(change) {
  const isOne = change.sessions === 1;
  const rest = wish.state === "ready" || change.sessions === 0 ? "" : `, which ${isOne ? "goes" : "go"} on`;
  const affected = `It has ${count(change.sessions)} ${isOne ? "session" : "sessions"}${rest}.`;
  return [`${changeText(change)} ${affected}`, ...change.remarks].join("\n");
}

function changeText(change) {
  const back = change.reverts_seconds === undefined ? "" : `, for ${span(change.reverts_seconds)}`;
  const isSame = change.old === change.new;
  const what = isSame ? `stays ${change.new ?? NONE}` : `${change.old ?? "nothing"} → ${change.new ?? "gone"}`;
  return `${change.subject}: ${what}${back}.`;
}

// ---- The stream

const stream = { source: null, isNew: true, watchedFrom: 0, heard: performance.now(), isLost: false, timer: 0 };
let latest = null;
let listenerTable, loopTable;

function openStream() {
  clearTimeout(stream.timer);
  stream.timer = 0;
  stream.watchedFrom = performance.now();
  stream.source = new EventSource("v1/events");
  stream.source.addEventListener("status", (event) => receive(JSON.parse(event.data)));
  stream.source.addEventListener("log", (event) => addEvents([JSON.parse(event.data)]));
  stream.source.addEventListener("error", loseStream);
  stream.isNew = true;
}

/** The stream has ended. The browser would try again by itself, but not after every kind of error. */
function loseStream() {
  stream.source?.close();
  stream.source = null;
  stream.timer ||= setTimeout(openStream, RETRY_MS * (1 + Math.random()));
  if (stream.isLost) return;
  stream.isLost = true;
  const since = clockTime(latest?.time ?? new Date().toISOString(), now.today || new Date().toISOString());
  const text = `No answer since ${since} UTC`;
  setText(byId("lost-since"), text);
  byId("lost").hidden = false;
  document.body.classList.add("stale");
  document.title = `no answer · Balancer ${location.host}`;
  announce(text);
  showLostTime();
}

function showLostTime() {
  const shown = latest ? " What this page shows is as it was then." : "";
  if (stream.isLost) setText(byId("lost-for"), `for ${span((performance.now() - stream.heard) / 1000)}.${shown} Trying again.`);
}

function receive(status) {
  const process = `${status.pid} ${status.started}`;
  const isOther = now.process !== "" && now.process !== process;
  const isUpdated = isOther && latest.version !== status.version;
  Object.assign(now, { process, time: status.uptime_seconds, today: status.time });
  latest = status;
  stream.heard = stream.watchedFrom = performance.now();
  updateOverview(status);
  updatePools(status.pools);
  listenerTable.update(status.listeners);
  loopTable.update(status.loops);
  updateChoices(status.pools);
  if (stream.isNew) {
    stream.isNew = false;
    fetchEvents();
  }
  if (stream.isLost) findAgain();
  if (isOther) note(`The balancer was started anew${isUpdated ? ` as version ${status.version}: load this page again` : ""}.`);
}

function findAgain() {
  stream.isLost = false;
  byId("lost").hidden = true;
  document.body.classList.remove("stale");
  announce(`The balancer answers again. It is ${latest.state}.`);
}

/** A connection whose other end is gone without a word brings no error for a long time. */
function watchStream() {
  if (stream.source && performance.now() - stream.watchedFrom > SILENCE_MS) loseStream();
  showLostTime();
}

setText(byId("place"), location.host);
buildOverview();
listenerTable = buildListeners();
loopTable = buildLoops();
buildEvents();
buildSearch();
buildWish();
byId("why-again").addEventListener("click", tellWhy);
byId("why-close").addEventListener("click", () => byId("why").close());
showToken();
openStream();
setInterval(watchStream, 1000);
