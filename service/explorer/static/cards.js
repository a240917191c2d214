// An answer as a reader sees it, with one line on how each page was found.

import { href, onward } from "./address.js";
import { el } from "./dom.js";
import { rating } from "./rate.js";
import { addressParts, pathName, score } from "./words.js";

/** Returns the list of an answer. `was` maps the address of each page of the served answer to its place there. */
export function cards(pages, { state, because, ratings, was }) {
  return el("ol", { class: "cards" }, ...pages.map((page, place) => card(page, place, { state, because, ratings, was })));
}

/** Returns the line under a title: where a page stands, and a link that leaves the explorer. */
export function addressLine(url) {
  const leave = { href: url, target: "_blank", rel: "noreferrer", "aria-label": `Open ${url} in a new tab`, class: "leave" };
  return el("p", { class: "address" }, addressParts(url).join(" › "), " ", el("a", leave, "↗"));
}

function card(page, place, { state, because, ratings, was }) {
  const query = because.get(page.url);
  return el(
    "li",
    { class: "card" },
    el("h3", {}, el("a", { href: href(onward(state, page.url)) }, page.title || page.url), moved(was, page.url, place)),
    addressLine(page.url),
    page.snippet && el("p", { class: "snippet" }, page.snippet),
    query && el("p", { class: "because" }, "because: ", el("q", {}, query)),
    page.recalled_by.length > 0 && el("p", { class: "found" }, ...page.recalled_by.map(recalled)),
    el("div", { class: "foot" }, el("p", { class: "figures" }, ...scores(page)), ratings && state.url1 && rating(state.url1, page)),
  );
}

function recalled({ path, rank }) {
  return el("span", { class: "chip", title: `Found by ${pathName(path)}, at place ${rank}` }, pathName(path), el("b", {}, ` ${rank}`));
}

function scores({ score: total, click, quality }) {
  const shown = [["score", total], ["click", click], ["quality", quality]].filter(([, value]) => value != null);
  return shown.map(([name, value]) => el("span", {}, `${name} ${score(value)}`));
}

/** Says how a page moved compared with the answer that is served. */
function moved(was, url, place) {
  if (!was) return null;
  const before = was.get(url);
  if (before === undefined) return el("span", { class: "moved" }, "new");
  if (before === place) return null;
  const up = before > place;
  const steps = Math.abs(before - place);
  return el("span", { class: "moved", "aria-label": `${steps} ${up ? "up" : "down"}` }, `${up ? "↑" : "↓"}${steps}`);
}
