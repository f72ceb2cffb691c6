// Questions to the balancer, and its answers.

export const TOKEN_KEY = "balancer-token";
const ANSWER_MS = 10000;       // The server answers within 5 s: what takes longer waits in the browser, or on the way.

/** An answer that is no success, in the server's words. */
class Refused extends Error {
  constructor(code, text) {
    super(text);
    this.code = code;
  }
}

export async function ask(method, path, body) {
  const headers = {};
  const token = sessionStorage.getItem(TOKEN_KEY);
  if (body) headers["Content-Type"] = "application/json";
  if (body && token) headers.Authorization = `Bearer ${token}`;
  const signal = AbortSignal.timeout(ANSWER_MS);
  let answer, value;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store", signal });
    value = await answer.json().catch(() => undefined);
  } catch {
    if (!signal.aborted) throw new Refused(0, "The balancer does not answer.");
  }
  if (signal.aborted && value === undefined) {
    const advice = "Close other tabs of this page: they may hold all connections that the browser makes.";
    throw new Refused(0, `No answer in ${ANSWER_MS / 1000} s. ${advice}`);
  }
  if (!answer.ok) throw new Refused(answer.status, value?.error ?? `The balancer answers with status ${answer.status}.`);
  if (value === undefined) throw new Refused(0, "The answer of the balancer cannot be read.");
  return value;
}
