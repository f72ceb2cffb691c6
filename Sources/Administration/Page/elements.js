// Elements of the page. Nothing is built from markup in strings, so that a name in the configuration can never become
// an element. Rows that stay are never rebuilt: focus, selection and a screen reader's place survive each update.
import { NOTHING } from "./figures.js";

// Strokes in a square of 12: a sign beside each word, so that colour is never the only one.
export const SIGNS = {
  check: "M2 6.5l2.8 2.8L10 3.2", cross: "M2.8 2.8l6.4 6.4M9.2 2.8L2.8 9.2", ring: "M6 2.2a3.8 3.8 0 1 0 .01 0",
  dots: "M2 6h.01M6 6h.01M10 6h.01", eject: "M2.5 7L6 2.5 9.5 7zM2.5 9.8h7", down: "M6 1.8v8M2.6 6.4L6 9.9l3.4-3.5",
  bars: "M4 2.2v7.6M8 2.2v7.6", warn: "M6 1.6L11 10.4H1zM6 5v2.4M6 8.9h.01", full: "M2.2 2.2h7.6v7.6H2.2zM4.4 6h3.2",
  info: "M6 4.2a1.8 1.8 0 1 0 .01 0", moon: "M6 2.2a3.8 3.8 0 1 0 .01 0M3.4 8.6l5.2-5.2",
};
export const STATES = {
  serving: ["good", "check"], starting: ["warn", "dots"], "no-backend": ["bad", "cross"], impaired: ["warn", "warn"],
  draining: ["set", "down"], up: ["good", "check"], unchecked: ["good", "ring"], down: ["bad", "cross"],
  unknown: ["calm", "dots"], ejected: ["bad", "eject"], drain: ["set", "down"], maintain: ["set", "bars"],
  silent: ["set", "moon"], refusing: ["set", "moon"], open: ["good", "check"], paused: ["set", "bars"],
  full: ["warn", "full"], running: ["good", "check"], stuck: ["bad", "cross"], error: ["bad", "cross"],
  warning: ["warn", "warn"], info: ["calm", "info"], debug: ["calm", "dots"], picked: ["good", "check"],
};

export const byId = (id) => document.getElementById(id);

/** An element with attributes and children; a child that is a string becomes text. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function drawing(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Writes only what is new: an equal text that is written anew would end a selection. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** Appends a new element to `parent`, and returns a function that sets its text; without text it takes no room. */
export function line(parent, tag = "span", className = "") {
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
export function badge(parent, className = "badge") {
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
export function bar(parent) {
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
export function keepRows(parent, kept, items, keyOf, makeRow) {
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
