// Talks to the gateway. Every failure is a Problem, which problem.js shows.

const KEY = "onward.key"; // of the tab's own storage, which ends with the tab

/** What went wrong: an HTTP status (0: no answer at all), a title, and how to fix it. */
export class Problem extends Error {
  constructor(status, title, detail, { errors = [], retry = 0 } = {}) {
    super(title);
    Object.assign(this, { status, title, detail, errors, retry });
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

/** Gets JSON. A parameter may be a list. Throws Problem. */
export function get(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) [value].flat().forEach((each) => query.append(name, each));
  return ask(query.size ? `${path}?${query}` : path, { signal });
}

/** Posts JSON. Throws Problem. */
export function post(path, body, signal = undefined) {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body), signal });
}

async function ask(path, options) {
  const headers = { ...options.headers, ...(key.get() ? { "X-API-Key": key.get() } : {}) };
  const response = await fetch(path, { ...options, headers, cache: "no-store" }).catch(unreachable);
  const body = await response.json().catch(() => null);
  if (response.ok && body !== null) return body;
  throw new Problem(response.status, body?.title ?? "The answer cannot be read", body?.detail ?? "", {
    errors: body?.errors ?? [],
    retry: Number(response.headers.get("Retry-After") ?? 0),
  });
}

function unreachable(error) {
  if (error.name === "AbortError") throw error; // the user has gone on: nothing to show
  throw new Problem(0, "The gateway does not answer", "It may be restarting. This page asks again until it answers.");
}
