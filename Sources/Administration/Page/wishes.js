// Changes of a backend's state: the dialog that asks first what they would change, and the token for them.
import { byId, make, setText } from "./elements.js";
import { counted, NONE, span } from "./figures.js";
import { now } from "./series.js";
import { note } from "./announcer.js";
import { ask, TOKEN_KEY } from "./ask.js";

const WISH_TIMES = [
  [0, "until it is changed"], [300, "5 min"], [600, "10 min"], [1800, "30 min"], [3600, "1 h"], [28800, "8 h"],
];
export const WISHES = {
  ready: ["Ready", "It gets new sessions again, as far as its checks let it."],
  drain: ["Drain", "It gets no new sessions. Those that it has go on until they end by themselves; its checks go on."],
  maintain: ["Maintain", "It gets no new sessions and no checks. Those that it has go on until they end by themselves."],
};

/** The wish in the dialog: what is asked, whether the server has said what it would change, and the latest question. */
const wish = { pool: "", backend: "", state: "", isChecked: false, asked: 0 };

export function buildWish() {
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

export function openWish(pool, backend, state) {
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
  const backend = now.status?.pools.find((each) => each.name === wish.pool)?.backends.find((each) => each.name === wish.backend);
  return backend ? `It is ${backend.state} and has ${counted(backend.sessions, "session")}.` : "";
}

function mayAsk() {
  return sessionStorage.getItem(TOKEN_KEY) !== null || now.status?.may_change === true;
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

export function showToken() {
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
  const affected = `It has ${counted(change.sessions, "session")}${rest}.`;
  return [`${changeText(change)} ${affected}`, ...change.remarks].join("\n");
}

function changeText(change) {
  const back = change.reverts_seconds === undefined ? "" : `, for ${span(change.reverts_seconds)}`;
  const isSame = change.old === change.new;
  const what = isSame ? `stays ${change.new ?? NONE}` : `${change.old ?? "nothing"} → ${change.new ?? "gone"}`;
  return `${change.subject}: ${what}${back}.`;
}
