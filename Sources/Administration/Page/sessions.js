// The search for sessions.
import { byId, keepRows, make, setText } from "./elements.js";
import { bytes, clockTime, count, measured, span } from "./figures.js";
import { now } from "./series.js";
import { Table, textColumn, twoLineColumn } from "./table.js";
import { ask } from "./ask.js";
import { openWhy } from "./why.js";

const SESSIONS_LISTED = 100;
const sessionSearch = { table: null, options: new Map(), asked: 0 };

export function buildSearch() {
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
export function updateChoices(pools) {
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

export async function searchFor(pool, backend) {
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
