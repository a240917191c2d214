// What the page shows stands in its address: every view can be shared, and Back works.

const LONGEST_TRAIL = 12;

/** Returns what the address says. `beside` is the second column, such as `weight:0.80`. */
export function read(search = location.search) {
  const query = new URLSearchParams(search);
  return {
    view: query.get("view") ?? "explore",
    url1: query.get("url1") ?? "",
    trail: query.getAll("trail").slice(-LONGEST_TRAIL),
    weight: weightOf(query.get("weight")),
    beside: query.get("beside") ?? "",
    title: query.get("title") ?? "",
    snippet: query.get("snippet") ?? "",
  };
}

/** Returns the address of a state. */
export function href(state) {
  const query = new URLSearchParams();
  if (state.view && state.view !== "explore") query.set("view", state.view);
  for (const url of (state.trail ?? []).slice(-LONGEST_TRAIL)) query.append("trail", url);
  for (const name of ["url1", "beside", "title", "snippet"]) if (state[name]) query.set(name, state[name]);
  if (state.weight != null) query.set("weight", state.weight.toFixed(2));
  return query.size ? `/?${query}` : "/";
}

/** Returns the request for a state's answer: the trail is the reader's way. */
export function requestOf({ url1, title, snippet, trail }) {
  const way = trail.filter((url) => /^https?:/.test(url));
  return { url1, ...(title && { title }), ...(snippet && { snippet }), ...(way.length && { history: way }) };
}

/** Returns the state of walking on from a page to the next: the page joins the trail. */
export function onward(state, url) {
  const trail = state.url1 ? [...state.trail, state.url1] : [];
  return { view: "explore", url1: url, trail, weight: state.weight, beside: state.beside };
}

/** Returns the state of going back to a page of the trail. */
export function back(state, place) {
  return { ...onward(state, state.trail[place]), trail: state.trail.slice(0, place) };
}

/** Shows a state; with `replace` it takes the place of the one before. */
export function go(state, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", href(state));
  dispatchEvent(new CustomEvent("onward:address"));
}

/** Remembers the state in the address without showing it anew. */
export function note(state) {
  history.replaceState(null, "", href(state));
}

/** Returns the λ of a column, from `weight:0.80`; null where the column compares something else, or nothing. */
export function besideWeight(beside) {
  return beside.startsWith("weight:") ? weightOf(beside.slice("weight:".length)) : null;
}

function weightOf(text) {
  const number = Number.parseFloat(text);
  return number >= 0 && number <= 1 ? Math.round(number * 100) / 100 : null;
}
