// The listeners and the loops.
import { bar, byId, keepRows, line, make, setText } from "./elements.js";
import { count, measured, NONE, ofMost, perSecond, span, sum } from "./figures.js";
import { bytesColumn, failuresColumn, rateColumn, stateColumn, Table, textColumn, twoLineColumn } from "./table.js";

const listenerCounters = {
  fresh: (listener) => listener.accepted_total, up: (listener) => listener.bytes_up_total,
  down: (listener) => listener.bytes_down_total, rejected: (listener) => sum(listener.rejected_total),
};

let listenerTable, loopTable;

export function buildListeners() {
  const routes = (listener) => listener.routes.map((each) => `${each.title} to ${each.pool}: ${count(each.clients_total)}`);
  listenerTable = new Table(byId("listener-list"), "listeners", "Listeners", [
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

export function updateListeners(listeners) {
  listenerTable.update(listeners);
}

const loopCounters = { busy: (loop) => loop.busy_seconds_total, turns: (loop) => loop.turns_total };

export function buildLoops() {
  loopTable = new Table(byId("loop-list"), "loops", "Loops", [
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

export function updateLoops(loops) {
  loopTable.update(loops);
}
