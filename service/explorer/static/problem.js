// Honest views of what is wrong: each says what happened and what to do.

import { get, key } from "./api.js";
import { el } from "./dom.js";

const RETRY_MS = 2000;
let waiting = 0;

/** Returns the view of a problem. `again` shows the page once more, when the cause may be gone. */
export function problemView(problem, again) {
  if (problem.status === 0 || problem.status === 503) return unavailable(problem, again);
  if (problem.status === 401) return keyForm(again);
  if (problem.status === 429) return busy(problem, again);
  if (problem.status === undefined) console.error(problem); // a fault of this page, not of the gateway
  const fixes = (problem.errors ?? []).map((error) => el("li", {}, `${error.field}: ${error.problem}. `, fix(error.fix)));
  return el(
    "section",
    { class: "notice", role: "alert" },
    el("h1", {}, problem.title ?? "This page failed"),
    fixes.length ? el("ul", {}, ...fixes) : el("p", {}, problem.detail ?? String(problem)),
  );
}

/** Returns a form for the key; `again` is called once it is kept. */
export function keyForm(again) {
  const input = el("input", { type: "password", id: "key", autocomplete: "off", value: key.get(), required: true });
  const keep = (event) => {
    event.preventDefault();
    key.set(input.value.trim());
    again();
  };
  return el(
    "section",
    { class: "notice" },
    el("h1", {}, "This gateway needs a key"),
    el("p", {}, "Its answers, or the reasons for them, are for callers with an API key. The key stays in this tab."),
    el("form", { class: "line", onsubmit: keep }, el("label", { for: "key" }, "API key"), input, el("button", {}, "Use it")),
  );
}

function unavailable(problem, again) {
  const section = el(
    "section",
    { class: "notice", role: "alert" },
    el("h1", {}, problem.title),
    el("p", {}, problem.detail),
    el("p", { class: "quiet pulse" }, "Asking again…"),
  );
  clearTimeout(waiting);
  waiting = setTimeout(() => untilReady(section, again), RETRY_MS);
  return section;
}

/** Asks until the gateway is ready, as long as the notice is shown. */
async function untilReady(section, again) {
  if (!section.isConnected) return;
  const ready = await get("/readyz").catch(() => null);
  if (ready) again();
  else waiting = setTimeout(() => untilReady(section, again), RETRY_MS);
}

function busy(problem, again) {
  const wait = problem.retry ? ` Try again in ${problem.retry} s.` : "";
  return el(
    "section",
    { class: "notice", role: "alert" },
    el("h1", {}, problem.title),
    el("p", {}, `${problem.detail}${wait}`),
    el("button", { onclick: again }, "Try again"),
  );
}

function fix(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + ".";
}
