// "Rate this": a label from 0 to 4, which the next build learns from.

import { post } from "./api.js";
import { el } from "./dom.js";
import { RATINGS } from "./words.js";

let groups = 0;
const given = new Map(); // what this tab has rated: a pair's addresses -> quality

/** Returns five choices for going from a page to the next. */
export function rating(url1, page) {
  const pair = `${url1}\n${page.url}`;
  const name = `rating-${groups++}`;
  const said = el("span", { class: "quiet", role: "status" }, given.has(pair) ? "Kept" : "");
  const choices = RATINGS.map((word, quality) => {
    const input = el("input", { type: "radio", name, checked: given.get(pair) === quality });
    input.addEventListener("change", () => keep(url1, page.url, quality, said));
    return el("label", { title: word }, input, el("span", { class: "unseen" }, `${word}: `), String(quality));
  });
  return el("fieldset", { class: "rate" }, el("legend", { class: "unseen" }, `Rate ${page.title}`), el("span", { "aria-hidden": "true" }, "Rate this"), ...choices, said);
}

async function keep(url1, url2, quality, said) {
  said.textContent = "…";
  try {
    await post("/explorer/labels", { url1, url2, quality });
    given.set(`${url1}\n${url2}`, quality);
    said.textContent = "Kept";
  } catch (problem) {
    said.textContent = problem.errors?.[0]?.problem ?? problem.detail ?? problem.title;
  }
}
