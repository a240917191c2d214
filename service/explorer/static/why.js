// Why this answer: the cascade as it ran, with widths, times and drops.

import { candidatesPanel, droppedPanel } from "./candidates.js";
import { el, fill, svg } from "./dom.js";
import { pathsOf, stagesOf } from "./funnel.js";
import { count, ms, pathName, plural, reasonName } from "./words.js";

/** Returns the panel. `details` is where candidates are shown on demand. */
export function whyPanel(answer, about, details) {
  const stages = stagesOf(answer.explain, answer.recommendations.length);
  const widest = Math.max(1, ...stages.map((stage) => stage.count ?? 0));
  let before = widest;
  const rows = stages.map((stage) => {
    const width = stage.count ?? before;
    const row = stageRow(stage, before / widest, width / widest, answer, details);
    before = width;
    return row;
  });
  return el(
    "section",
    { class: "why", "aria-labelledby": "why" },
    el("h2", { id: "why" }, "Why these pages"),
    el("p", { class: "quiet" }, `The cascade ran for this view in ${ms(timeOf(stages))}; an answer may take ${ms(about.budget_ms)}.`, storedNote(answer)),
    degradedNote(answer.degraded),
    timeline(stages),
    el("ol", { class: "funnel" }, ...rows),
  );
}

/** Says what was missing; nothing for a complete answer. */
export function degradedNote(degraded) {
  if (!degraded.length) return null;
  return el("p", { class: "degraded" }, el("b", {}, "Degraded: "), ...degraded.map((flag) => el("code", {}, flag)));
}

function storedNote(answer) {
  return answer.explain.stored ? " The bundle stores this page’s list, so readers wait for none of it." : "";
}

function stageRow(stage, from, to, answer, details) {
  const show = (panel) => () => (fill(details, panel()), details.firstChild.focus());
  const { record } = stage;
  return el(
    "li",
    {},
    shape(from, to),
    el(
      "div",
      { class: "stage" },
      el("h3", {}, stage.label, el("span", { class: "ms" }, ms(stage.ms))),
      stage.count != null && el("p", { class: "kept" }, plural(stage.count, stage.name === "select" ? "page" : "candidate")),
      stage.name === "recall" && paths(answer.explain),
      stage.encoder && encoderText(stage.encoder),
      drops(stage.drops, stage.name === "filter" && show(() => droppedPanel(answer.explain))),
      record?.candidates.length > 0 && el("button", { class: "plain", onclick: show(() => candidatesPanel(stage.label, record)) }, "Columns"),
    ),
  );
}

/** Draws a stage: as wide at the top as what came in, and at the bottom as what it left. */
function shape(from, to) {
  const [top, bottom] = [from, to].map((share) => 2 + 46 * share);
  const points = `${50 - top},0 ${50 + top},0 ${50 + bottom},100 ${50 - bottom},100`;
  return svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("polygon", { points }));
}

function paths(explain) {
  const found = pathsOf(explain);
  const most = Math.max(1, ...found.map(({ count: number }) => number));
  const rows = found.map(({ path, count: number, ms: took }) => {
    const bar = el("span", { class: "bar-of" });
    bar.style.setProperty("--share", number / most);
    return el("li", {}, el("span", {}, pathName(path)), bar, el("b", {}, count(number)), el("span", { class: "ms" }, ms(took)));
  });
  return el("ul", { class: "paths", "aria-label": "Recall paths, in parallel" }, ...rows);
}

function encoderText({ pairs, computed, runs, ms: took }) {
  const kept = pairs - computed;
  const each = computed ? `, ${(took / computed).toFixed(2)} ms a pair` : "";
  const cached = kept ? `, ${count(kept)} from its cache` : "";
  return el("p", { class: "quiet" }, `${plural(pairs, "pair")} in ${plural(runs, "run")}: ${count(computed)} computed${each}${cached}`);
}

function drops(found, show) {
  if (!found.length) return null;
  const text = found.map(([reason, number]) => `${count(number)} ${reasonName(reason)}`).join(", ");
  return el("p", { class: "drops" }, `Dropped ${text} `, show && el("button", { class: "plain", onclick: show }, "Which"));
}

const timeOf = (stages) => stages.reduce((total, stage) => total + stage.ms, 0);

/** Shows where the time went: a bar of the whole, with the cross-encoder's part marked. */
function timeline(stages) {
  const segments = stages.filter((stage) => stage.ms > 0).map((stage) => {
    const segment = el("span", { class: `segment ${stage.encoder ? "encoder" : ""}`, title: `${stage.label}: ${ms(stage.ms)}` });
    segment.style.flexGrow = stage.ms;
    return segment;
  });
  const encoder = stages.find((stage) => stage.encoder);
  const share = encoder ? `${Math.round((100 * encoder.ms) / timeOf(stages))} % of the time inside the cross-encoder` : "The cross-encoder did not run";
  return el("figure", { class: "timeline" }, el("div", { "aria-hidden": "true" }, ...segments), el("figcaption", {}, share));
}
