// The page of traffic: this process, now and since its start.

import { get } from "./api.js";
import { href } from "./address.js";
import { el, fill } from "./dom.js";
import { bars, sparkline } from "./plot.js";
import { between, comparable, total, zero } from "./rates.js";
import { count, figure, ms, seconds } from "./words.js";

const EVERY_MS = 2000;
const KEPT = 150; // readings: five minutes

/** Shows the view and keeps it fresh until `signal`. Throws Problem. */
export async function trafficView(main, state, signal) {
  document.title = "Traffic – Onward";
  const history = [];
  let before = null;
  while (!signal.aborted) {
    const now = await get("/explorer/traffic", {}, signal);
    if (comparable(before, now)) history.push(between(before, now));
    else history.length = 0;
    history.splice(0, history.length - KEPT);
    before = now;
    draw(main, now, history);
    await nextReading(signal);
  }
}

/** Waits; a page that nobody looks at asks for nothing. */
async function nextReading(signal) {
  await new Promise((done) => setTimeout(done, EVERY_MS));
  while (document.hidden && !signal.aborted) {
    await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true, signal }));
  }
}

function draw(main, now, history) {
  const latest = history.at(-1) ?? between(zero(now), now);
  const scrolled = main.firstChild?.className === "traffic" ? main.firstChild : el("div", { class: "traffic" });
  if (!scrolled.isConnected) fill(main, scrolled);
  fill(
    scrolled,
    el("h1", {}, "Traffic"),
    el("p", { class: "quiet" }, `Process ${now.process} with bundle ${now.bundle}, running for ${seconds(now.at_s)}; every ${EVERY_MS / 1000} seconds. Other processes and replicas count their own.`),
    el("div", { class: "tiles" }, ...tiles(latest, history)),
    el("div", { class: "halves" }, counts("Served by", now.answers), counts("Degraded", now.degraded), counts("Refused", now.refused), counts("Recommended, by path", now.recommended)),
    arms(now.arms),
    el("section", {}, el("h2", {}, "Mean time of a stage"), stages(now.stages)),
    el("div", { class: "halves" }, asked("Most asked for", now.top), unknown(now)),
  );
}

function tiles({ perSecond, p99, degraded, refused }, history) {
  const of = (name) => history.map((each) => each[name] ?? 0);
  return [
    tile("answers a second", figure(perSecond), of("perSecond")),
    tile("99 % are faster than", p99 == null ? "–" : ms(p99), of("p99")),
    tile("degraded", `${figure(100 * degraded)} %`, of("degraded")),
    tile("refused a second", figure(refused), of("refused")),
  ];
}

function tile(name, text, values) {
  return el("div", { class: "tile" }, el("b", {}, text), el("span", {}, name), values.length > 1 && sparkline(values, `${name}, lately`));
}

function counts(title, found) {
  const rows = Object.entries(found).sort(([, one], [, other]) => other - one).slice(0, 8);
  const all = total(found);
  return el("section", {}, el("h2", {}, title), all ? bars(rows.map(([name, value]) => ({ name, value, text: count(value) })), title) : el("p", { class: "quiet" }, "none yet"));
}

/** Shows what readers clicked of each arm; nothing without an experiment. */
function arms(found) {
  if (!found.length) return null;
  const row = ({ experiment, arm, answers = 0, impression = 0, click = 0 }) => {
    const rate = impression ? `${((100 * click) / impression).toFixed(1)} %` : "–";
    const cells = [count(answers), count(impression), count(click), rate].map((text) => el("td", {}, text));
    return el("tr", {}, el("th", { scope: "row" }, arm, " ", el("span", { class: "quiet" }, experiment)), ...cells);
  };
  const heads = ["Arm", "Answers", "Impressions", "Clicks", "Clicks per impression"].map((name) => el("th", { scope: "col" }, name));
  const note = "Of this process alone, and not a verdict: onward experiment report counts each reader once and says whether a difference is real.";
  return el("section", { class: "arms" }, el("h2", {}, "Arms"), el("div", { class: "scrolls", tabindex: 0, role: "region", "aria-label": "Arms" }, el("table", { class: "plain-table" }, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...found.map(row)))), el("p", { class: "quiet" }, note));
}

function stages(found) {
  const rows = Object.entries(found).filter(([, { runs }]) => runs > 0).map(([name, { runs, ms: took }]) => ({ name, value: took / runs, text: ms(took / runs) }));
  if (!rows.length) return el("p", { class: "quiet" }, "No answer was computed yet.");
  return bars(rows.sort((one, other) => other.value - one.value).slice(0, 12), "Mean time of a stage");
}

function asked(title, pages) {
  const item = ({ url, count: times }) => el("li", {}, el("a", { href: href({ url1: url }) }, url), el("b", {}, ` ${count(times)}`));
  const none = el("p", { class: "quiet" }, "No page was asked for five times yet: rarer ones are not shown.");
  return el("section", {}, el("h2", {}, title), pages.length ? el("ol", { class: "asked" }, ...pages.map(item)) : none);
}

function unknown(now) {
  const waiting = now.unknown_waiting == null ? "The queue for the next refresh is off, or cannot be read." : `${count(now.unknown_waiting)} wait for the next refresh.`;
  const section = asked("Unknown pages", now.top_unknown);
  section.firstChild.after(el("p", {}, waiting));
  return section;
}
