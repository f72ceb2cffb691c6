// What a screen reader is told, and what is said for a while of what was done.
import { byId, setText } from "./elements.js";
import { counted } from "./figures.js";

const told = { states: new Map(), problems: new Map() };

/** Tells changes of states and new problems; figures change each second and are read when they are asked for. */
export function announceChanges(status, problems) {
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
  if (isFirst) announce(`The balancer is ${status.state}. ${counted(problems.length, "problem")}.`);
  else if (changes.length) announce(changes.slice(0, 5).join(" "));
}

export function announce(text) {
  setText(byId("announcer"), text);
}

let noteTimer = 0;

/** Says for a while what was done. */
export function note(text) {
  clearTimeout(noteTimer);
  setText(byId("note"), text);
  noteTimer = setTimeout(() => setText(byId("note"), ""), 12000);
}
