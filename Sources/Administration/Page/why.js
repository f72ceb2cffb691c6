// What happened to a session, and why.
import { byId, make, setText } from "./elements.js";
import { bytes, clockTime, count, counted, measured, span } from "./figures.js";
import { now } from "./series.js";
import { ask } from "./ask.js";

const why = { id: "" };

export function openWhy(id) {
  why.id = id;
  setText(byId("why-title"), `Session ${id}`);
  byId("why-text").replaceChildren(make("p", {}, "Asking …"));
  byId("why").showModal();
  byId("story").focus();
  return tellWhy();
}

export async function tellWhy() {
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
    parts.push(make("h3", {}, `${counted(story.attempts_total, "attempt")} to connect`));
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
  const stalls = (seconds, times) => times ? `${measured(seconds)} in ${counted(times, "stall")}` : "never";
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
