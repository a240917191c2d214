// The explorer: a page, what to read after it, and why.

import { besideWeight, go, href, note, requestOf } from "./address.js";
import { Problem, get, post } from "./api.js";
import { armText, besideName, compareLinks, otherAnswer } from "./beside.js";
import { cards } from "./cards.js";
import { el, fill } from "./dom.js";
import { problemView } from "./problem.js";
import { readersPage, trailLine } from "./reader.js";
import { urlBox } from "./suggest.js";
import { reranked, slider } from "./weight.js";
import { degradedNote, whyPanel } from "./why.js";

/** Shows the view. Throws Problem where nothing can be shown. */
export async function exploreView(main, state, signal) {
  const ask = urlBox(state.url1, (url1) => go({ view: "explore", url1, weight: state.weight, beside: state.beside }));
  if (!state.url1) return start(main, ask, signal);
  fill(main, ask, el("p", { class: "quiet pulse" }, "Asking the gateway…"));
  const again = () => go(state, { replace: true });
  let found;
  try {
    found = await answerTo(state, signal);
  } catch (problem) {
    if (problem.name === "AbortError" || !(problem instanceof Problem)) throw problem;
    return fill(main, ask, trailLine(state, new Map()), problemView(problem, again));
  }
  const title = found.pages.get(state.url1)?.title ?? state.url1;
  document.title = `${title} – Onward`;
  const details = el("div", { class: "details" });
  const heading = readersPage(found.page, found.answer, state);
  fill(main, ask, trailLine(state, found.pages), heading, columns(found, state, details), details);
  heading.querySelector("h1").focus({ preventScroll: true });
}

async function start(main, ask, signal) {
  document.title = "Onward";
  const popular = await get("/explorer/suggest", {}, signal);
  const hint = "Pick a page that a reader is on, to see what Onward recommends and why.";
  const listed = popular.map((page) => ({ ...page, recalled_by: [] }));
  const shown = cards(listed, { state: { trail: [] }, because: new Map() });
  fill(main, el("div", { class: "hero" }, el("h1", {}, "What is worth reading next?"), el("p", {}, hint)), ask, el("h2", {}, "Most read"), shown);
}

/** Returns the answer, what serves, and the texts of the page and its trail. */
async function answerTo(state, signal) {
  const [answer, other, about, texts] = await Promise.all([
    explained(state, signal),
    otherAnswer(state, signal),
    get("/explorer/about", {}, signal).catch(withoutRight({ ratings: false, quality_weight: null })),
    get("/explorer/pages", { url: [state.url1, ...state.trail] }, signal).catch(withoutRight([])),
  ]);
  const pages = new Map([state.url1, ...state.trail].map((url, place) => [url, texts[place]]));
  return { answer, other, about, pages, page: texts[0] ?? { url: state.url1 } };
}

/** Returns the explained answer to a reader who came by the trail; a plain one for callers that may not ask for more. */
async function explained(state, signal) {
  const body = requestOf(state);
  return post("/recommend", { ...body, explain: true }, signal).catch((problem) => {
    if (problem.status !== 403) throw problem;
    return post("/recommend", body, signal);
  });
}

function withoutRight(value) {
  return (problem) => {
    if (problem.status === 403) return value;
    throw problem;
  };
}

function columns(found, state, details) {
  const { answer, about } = found;
  const now = { ...state };
  const kept = () => note(now);
  const first = column(found, now, "weight", state.weight, (weight) => ((now.weight = weight), kept()));
  if (!answer.explain) return el("div", { class: "columns" }, first, notExplained());
  const beside = besideColumn(found, now, kept);
  return el("div", { class: `columns ${beside ? "compared" : ""}` }, first, beside, whyPanel(answer, about, details));
}

/** Returns the second column: the same answer under another λ, or another answer. */
function besideColumn(found, now, kept) {
  const { other, about } = found;
  if (other instanceof Problem) return el("section", { class: "answer" }, ...heading(found, now, false), problemView(other, () => go(now, { replace: true })));
  if (other) return column({ ...found, answer: other, beside: found.answer }, now, "beside", null, () => {});
  const weight = besideWeight(now.beside);
  if (weight == null) return null;
  return column(found, now, "beside", weight, (next) => {
    now.beside = `weight:${(next ?? about.quality_weight ?? 0).toFixed(2)}`;
    kept();
  });
}

/** Returns one ranking of the answer, with its slider where λ changes anything. `beside` is the answer that it is compared with. */
function column(found, now, name, weight, changed) {
  const { answer, about, page, beside } = found;
  const { explain, recommendations: served } = answer;
  const was = new Map((beside ?? answer).recommendations.map((page, place) => [page.url, place]));
  const list = el("div", { class: "list" });
  const draw = (next) => {
    const pages = next == null ? served : reranked(explain.weights, next);
    const options = { state: now, because: becauseOf(explain), ratings: about.ratings && page.known, was: next == null && !beside ? null : was };
    fill(list, pages.length ? cards(pages, options) : nothing(answer));
    document.getElementById("said").textContent = next == null ? "" : `Order for λ ${next.toFixed(2)}`;
  };
  draw(weight);
  const first = name === "weight";
  const control = weighs(answer)
    ? slider(name, weight, beside ? null : about.quality_weight, (next) => (draw(next), changed(next)))
    : explain && served.length > 0 && el("p", { class: "quiet" }, "Every weight of quality gives this answer.");
  return el("section", { class: "answer" }, ...heading(found, now, first), control, beside && degradedNote(answer.degraded), list);
}

const weighs = ({ explain }) => explain && new Set(explain.weights.answers.map(String)).size > 1;

/** Returns the heading of a column: the first says what can be compared, the second closes. */
function heading({ answer, about }, now, first) {
  if (first) return [el("div", { class: "heading" }, el("h2", {}, "Read next"), answer.explain && compareLinks(now, about, weighs(answer)))];
  const close = el("a", { class: "aside", href: href({ ...now, beside: "" }) }, "Close");
  const changes = armText(about, now.beside);
  return [el("div", { class: "heading" }, el("h2", {}, besideName(now.beside)), close), changes && el("p", { class: "quiet" }, changes)];
}

/** Returns the queries of Q′ by the address that each found. */
function becauseOf(explain) {
  const found = explain?.stages.flatMap((record) => record.candidates) ?? [];
  return new Map(found.filter((candidate) => candidate.because).map((candidate) => [candidate.url, candidate.because]));
}

function nothing(answer) {
  return el("div", { class: "notice" }, el("h3", {}, "No page is worth recommending here"), el("p", {}, "Recall found none, or filters dropped them all. The stages say which."), degradedNote(answer.degraded));
}

function notExplained() {
  return el("section", { class: "why" }, el("h2", {}, "Why these pages"), el("p", { class: "quiet" }, "This gateway does not explain its answers to you: see explain.allowed and explain.file in its settings."));
}
