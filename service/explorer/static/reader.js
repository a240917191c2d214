// The page that the reader is on, and the way that led there.

import { back, go, href } from "./address.js";
import { addressLine } from "./cards.js";
import { el } from "./dom.js";
import { addressParts } from "./words.js";

/** Returns the reader's page; a form for its text where the bundle does not have it. */
export function readersPage(page, answer, state) {
  const unknown = answer.degraded.includes("unknown_page");
  const title = (unknown ? state.title : page.title) || addressParts(answer.url1).at(-1);
  return el(
    "section",
    { class: "reader" },
    el("p", { class: "quiet" }, "The reader is on"),
    el("h1", { tabindex: -1 }, title),
    addressLine(answer.url1),
    page.snippet && el("p", { class: "snippet" }, page.snippet),
    unknown && unknownForm(state),
  );
}

/** Returns the pages walked so far, each a link back. */
export function trailLine(state, pages) {
  if (!state.trail.length) return null;
  const step = (url, place) => el("li", {}, el("a", { href: href(back(state, place)) }, pages.get(url)?.title ?? url));
  return el("nav", { class: "trail", "aria-label": "The way here" }, el("ol", {}, ...state.trail.map(step)));
}

function unknownForm(state) {
  const title = el("input", { id: "title", maxlength: 500, value: state.title });
  const snippet = el("textarea", { id: "snippet", maxlength: 1000, rows: 2 }, state.snippet);
  const ask = (event) => {
    event.preventDefault();
    go({ ...state, title: title.value.trim(), snippet: snippet.value.trim() });
  };
  return el(
    "form",
    { class: "unknown", onsubmit: ask },
    el("p", {}, el("b", {}, "This page is not in the bundle."), " Its answer rests on its text alone, which the caller sends; without text it is the popular pages."),
    el("label", { for: "title" }, "Title"),
    title,
    el("label", { for: "snippet" }, "Snippet"),
    snippet,
    el("button", {}, "Ask with this text"),
  );
}
