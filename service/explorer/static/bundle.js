// The page of the bundle: what the build read, made and measured.

import { get } from "./api.js";
import { el, fill } from "./dom.js";
import { bars, chart } from "./plot.js";
import { count, figure, seconds } from "./words.js";

/** Shows the view. Throws Problem. */
export async function bundleView(main, state, signal) {
  document.title = "The bundle – Onward";
  const bundle = await get("/explorer/bundle", {}, signal);
  fill(
    main,
    el("h1", {}, "The bundle"),
    el("p", { class: "quiet" }, `${bundle.name}, built ${new Date(bundle.created).toLocaleString("en", { dateStyle: "long", timeStyle: "short" })}`),
    notes(bundle.notes),
    el("div", { class: "tiles" }, ...tiles(bundle)),
    el("div", { class: "halves" }, tradeOff(bundle.blend), inputs(bundle.data)),
    section("Time of each step", bars(slowest(bundle.seconds), "Seconds per step of the build")),
    section("Loss curves", el("div", { class: "charts" }, ...bundle.losses.map(lossChart))),
    section("Figures", folds(bundle.figures)),
    section("Configuration", folds(bundle.config)),
  );
}

function notes(found) {
  return found.length ? el("ul", { class: "notes" }, ...found.map((note) => el("li", {}, note))) : null;
}

function tiles({ rows, blend, features, seconds: took, languages }) {
  const total = Object.values(took).reduce((sum, value) => sum + value, 0);
  const shown = { pages: rows.pages, languages: Object.keys(languages).length || null, "served λ": blend.quality_weight, "build time": seconds(total), ...features };
  const name = (key) => (key in features ? `${key} features` : key);
  return Object.entries(shown).filter(([, value]) => value != null).map(([key, value]) => el("div", { class: "tile" }, el("b", {}, figure(value)), el("span", {}, name(key))));
}

function section(title, ...children) {
  return el("section", {}, el("h2", {}, title), ...children);
}

/** Draws what every λ costs in clicks and gains in quality, with the one that is served. */
function tradeOff({ quality_weight: served, trade_off: points }) {
  if (!points) return section("Clicks and quality", el("p", { class: "quiet" }, "λ was not chosen on held-out clicks in this build, so there is no curve."));
  const place = points.quality_weight.indexOf(served);
  const labels = points.quality_weight.map((weight, number) => `λ ${weight}: NDCG@5 ${points.ndcg[number]}, quality ${points.quality[number]}`);
  const marks = place < 0 ? [] : [{ x: points.quality[place], y: points.ndcg[place], text: `λ ${served}` }];
  const caption = "Each point is a λ from 0 to 1, on held-out clicks of the log. The ringed one is served.";
  return section("Clicks and quality", chart([{ name: "λ", x: points.quality, y: points.ndcg, labels }], { x: "mean quality of five pages", y: "NDCG@5 of clicks", caption, marks }));
}

function inputs(data) {
  const tables = Object.entries(data.tables ?? {});
  const head = ["table", "kept", "rejected", "from", "to"].map((name) => el("th", { scope: "col" }, name));
  const rows = tables.map(([name, table]) => el("tr", {}, el("th", { scope: "row" }, name), ...[figure(table.kept), rejected(table), day(table.first), day(table.last)].map((text) => el("td", {}, text))));
  return section("What was read", el("div", { class: "scrolls", tabindex: 0, role: "region", "aria-label": "Input tables" }, el("table", { class: "plain-table" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows))));
}

const rejected = (table) => (typeof table.rejected === "object" ? count(Object.values(table.rejected).reduce((sum, each) => sum + (each.count ?? each), 0)) : figure(table.rejected));
const day = (time) => (time ? String(time).slice(0, 10) : "–");

function slowest(took) {
  const steps = Object.entries(took).sort(([, one], [, other]) => other - one).slice(0, 12);
  return steps.map(([name, value]) => ({ name, value, text: seconds(value) }));
}

function lossChart({ model, losses }) {
  const lines = Object.entries(losses).filter(([name]) => name !== "step").map(([name, y]) => ({ name, x: losses.step, y }));
  return chart(lines, { x: "step", y: "loss", caption: model });
}

const folds = (groups) => el("div", { class: "folds" }, ...Object.entries(groups).map(([name, values]) => folded(name, values)));

/** Returns a step's figures, folded; nested ones are indented. */
function folded(title, values) {
  if (values === null || typeof values !== "object") return el("p", { class: "fact" }, `${title}: `, el("b", {}, figure(values)));
  return el("details", {}, el("summary", {}, title), facts(values));
}

function facts(values) {
  const entries = Object.entries(values);
  if (!entries.length) return el("p", { class: "quiet" }, "none");
  return el("dl", {}, ...entries.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value !== null && typeof value === "object" ? facts(value) : figure(value))]));
}
