// The stream of statuses and events that the page shows, and what becomes of the page without it.
import { byId, setText } from "./elements.js";
import { clockTime, span } from "./figures.js";
import { now } from "./series.js";
import { announce, note } from "./announcer.js";
import { updateOverview } from "./overview.js";
import { updatePools } from "./pools.js";
import { updateListeners, updateLoops } from "./listeners.js";
import { addEvents, fetchEvents } from "./events.js";
import { updateChoices } from "./sessions.js";

const SILENCE_MS = 4000;       // A status comes each second: after so long the stream has ended, whatever TCP says of it.
const RETRY_MS = 1500;         // Between two attempts to open the stream, and up to as much again by chance.
const HIDDEN_MS = 60000;       // A browser makes six connections for all tabs of the page: one that is not seen needs none.

const stream = {
  source: null, isNew: true, watchedFrom: 0, heard: performance.now(), isLost: false, timer: 0, isResting: false, restTimer: 0,
};

export function openStream() {
  clearTimeout(stream.timer);
  Object.assign(stream, { timer: 0, isResting: false });
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
  const since = clockTime(now.status?.time ?? new Date().toISOString(), now.today || new Date().toISOString());
  const text = `No answer since ${since} UTC`;
  setText(byId("lost-since"), text);
  byId("lost").hidden = false;
  document.body.classList.add("stale");
  document.title = `no answer · Balancer ${location.host}`;
  announce(text);
  showLostTime();
}

function showLostTime() {
  const shown = now.status ? " What this page shows is as it was then." : "";
  if (stream.isLost) setText(byId("lost-for"), `for ${span((performance.now() - stream.heard) / 1000)}.${shown} Trying again.`);
}

function receive(status) {
  const process = `${status.pid} ${status.started}`;
  const isOther = now.process !== "" && now.process !== process;
  const isUpdated = isOther && now.status.version !== status.version;
  Object.assign(now, { process, time: status.uptime_seconds, today: status.time, status });
  stream.heard = stream.watchedFrom = performance.now();
  updateOverview(status);
  updatePools(status.pools);
  updateListeners(status.listeners);
  updateLoops(status.loops);
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
  announce(`The balancer answers again. It is ${now.status.state}.`);
}

/** Gives the connection of a hidden tab back, and opens the stream again when the tab is shown. */
export function watchVisibility() {
  clearTimeout(stream.restTimer);
  if (document.hidden) stream.restTimer = setTimeout(restStream, HIDDEN_MS);
  else if (stream.isResting) openStream();
}

function restStream() {
  clearTimeout(stream.timer);
  stream.source?.close();
  Object.assign(stream, { source: null, timer: 0, isResting: true });
  // The title is all that is seen of a hidden tab, and must not name a state of long ago.
  document.title = `paused · Balancer ${location.host}`;
}

/**
 * A connection whose other end is gone without a word brings no error for a long time. There is none to watch between two
 * attempts, and while the stream rests.
 */
export function watchStream() {
  if (stream.source && performance.now() - stream.watchedFrom > SILENCE_MS) loseStream();
  showLostTime();
}
