// Shows the view that the address names.

import { go, read } from "./address.js";
import { bundleView } from "./bundle.js";
import { fill } from "./dom.js";
import { exploreView } from "./explore.js";
import { problemView } from "./problem.js";
import { trafficView } from "./traffic.js";

const VIEWS = { explore: exploreView, bundle: bundleView, traffic: trafficView };
const main = document.getElementById("main");
let leave = new AbortController();
let shown = null; // the address of the view, without its fragment

async function show() {
  leave.abort(); // ends the requests and timers of the view before
  leave = new AbortController();
  shown = location.search;
  const state = read();
  const view = VIEWS[state.view] ? state.view : "explore";
  for (const link of document.querySelectorAll("nav [data-view]")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  try {
    await VIEWS[view](main, state, leave.signal);
  } catch (problem) {
    if (problem.name !== "AbortError") fill(main, problemView(problem, show));
  }
}

/** Follows links within the explorer without loading the page anew. */
function follow(event) {
  const link = event.target.closest("a[href]");
  const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!link || !plain || link.target || link.origin !== location.origin || link.pathname !== "/" || link.hash) return;
  event.preventDefault();
  go(read(link.search));
  scrollTo(0, 0);
}

document.addEventListener("click", follow);
addEventListener("onward:address", show);
addEventListener("popstate", () => location.search !== shown && show()); // the skip link changes the fragment alone
show();
