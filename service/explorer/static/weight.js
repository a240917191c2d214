// λ: an answer for every weight of quality, from the answer's own explanation. Nothing is asked again.

import { el } from "./dom.js";

/** Returns the pages of the answer for a λ, with their scores: what the gateway answers to that `quality_weight`. */
export function reranked(weights, weight) {
  const place = Math.round(weight * (weights.answers.length - 1));
  const scores = weights.scores[place];
  return weights.answers[place].map((page, number) => ({ ...weights.pages[page], score: scores[number] }));
}

/** Returns a slider for λ. `changed` is called with the new λ while it moves; null stands for the served one. */
export function slider(id, weight, served, changed) {
  const steps = 100;
  const input = el("input", { id, type: "range", min: 0, max: steps, step: 1, "aria-describedby": `${id}-ends` });
  const output = el("output", { for: id });
  const reset = el("button", { type: "button", class: "plain", hidden: weight == null }, "Reset");
  const show = (value) => {
    input.value = Math.round((value ?? served ?? 0) * steps);
    output.textContent = value == null ? `λ ${servedText(served)} (served)` : `λ ${value.toFixed(2)}`;
    reset.hidden = value == null;
  };
  show(weight);
  const set = (value) => (show(value), changed(value));
  input.addEventListener("input", () => set(input.value / steps));
  reset.addEventListener("click", () => (set(null), input.focus()));
  const ends = el("span", { id: `${id}-ends`, class: "unseen" }, "0 ranks by clicks alone, 1 by quality alone");
  const line = el("div", { class: "ends", "aria-hidden": "true" }, el("span", {}, "clicks"), el("span", {}, "quality"));
  const label = el("label", { for: id }, "Weight of quality");
  return el("div", { class: "weight" }, el("div", { class: "head" }, label, output, reset), input, line, ends);
}

function servedText(served) {
  return served == null ? "of the bundle" : served.toFixed(2);
}
