// The last events.
import { badge, byId } from "./elements.js";
import { clockTime } from "./figures.js";
import { now } from "./series.js";
import { Table, textColumn, twoLineColumn } from "./table.js";
import { ask } from "./ask.js";

const EVENTS_KEPT = 200;
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

export function buildEvents() {
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

export function addEvents(list) {
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
export async function fetchEvents() {
  try {
    addEvents((await ask("GET", "v1/events")).events);
  } catch {
    // The stream says whether the balancer answers; the next one asks again.
  }
}
