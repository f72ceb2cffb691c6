// The pools and their backends.
import { badge, bar, byId, keepRows, line, make, setAttribute, setText, STATES } from "./elements.js";
import { count, measured, NONE, ofMost, perSecond, span, sum } from "./figures.js";
import { SHOWN_SECONDS } from "./series.js";
import { bytesColumn, failuresColumn, rateColumn, stateColumn, Table, twoLineColumn } from "./table.js";
import { searchFor } from "./sessions.js";
import { openWish, WISHES } from "./wishes.js";

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

export function updatePools(pools) {
  keepRows(byId("pool-list"), poolRows, pools, (pool) => pool.name, makePool)
    .forEach((row, index) => row.update(pools[index]));
}
