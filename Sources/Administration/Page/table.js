// Tables that are updated in place, and their columns.
import { badge, keepRows, line, make, setText } from "./elements.js";
import { byReason, bytesPerSecond, NONE, perSecond } from "./figures.js";
import { addAll, makeSeries, rateAndCurve } from "./series.js";

/**
 * A table whose rows are updated in place. A column has a title and `build`, which fills a new cell and returns a function
 * that updates it with an item, the series of its row, and the highest rates of all rows.
 */
export class Table {
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
export function textColumn(title, text, className = "") {
  return { title, className, build: (cell) => (item, series) => setText(cell, text(item, series) ?? NONE) };
}

/** A column of a rate and its curve. */
export function rateColumn(title, name, text, className = "") {
  return {
    title, className: `number ${className}`, build(cell) {
      const update = rateAndCurve(cell, name, text);
      return (item, series, tops) => update(series, tops[name]);
    },
  };
}

/** A column of bytes per second in both directions, one below the other. */
export function bytesColumn(title) {
  return {
    title, className: "number bytes", build(cell) {
      const updates = ["up", "down"].map((name) => [name, rateAndCurve(cell, name, bytesPerSecond)]);
      return (item, series, tops) => updates.forEach(([name, update]) => update(series, tops[name]));
    },
  };
}

/** A column of failures per second, and how many there were since the start. */
export function failuresColumn(title, name, counts) {
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
export function twoLineColumn(title, first, second, className = "") {
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

export function stateColumn(title, remarks = () => []) {
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
