// Line charts and bars, without a library.

import { el, svg } from "./dom.js";
import { figure } from "./words.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [480, 260, 58, 14, 12, 44];
const TICKS = 4;

/**
 * Returns a figure of lines: each has a `name`, `x`, `y` and, where points are few, `labels`. `marks` are points with
 * text. `caption` says what the chart says.
 */
export function chart(lines, { x, y, caption, marks = [] }) {
  const across = axis(lines.flatMap((line) => line.x), LEFT, WIDTH - RIGHT);
  const up = axis(lines.flatMap((line) => line.y), HEIGHT - BOTTOM, TOP);
  const drawn = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": caption, class: "chart" },
    ...grid(across, up, x, y),
    ...lines.flatMap((line, number) => series(line, number, across, up)),
    ...marks.flatMap((mark) => marked(mark, across, up)),
  );
  const names = lines.length > 1 && el("ul", { class: "legend" }, ...lines.map((line, number) => el("li", { class: `series-${number % 5}` }, line.name)));
  return el("figure", {}, drawn, names, el("figcaption", {}, caption));
}

/** Returns a small line without axes, for a figure that changes. */
export function sparkline(values, caption) {
  const across = axis(values.map((_, place) => place), 0, 120);
  const up = axis([0, ...values], 30, 2);
  const points = values.map((value, place) => `${across.at(place)},${up.at(value)}`).join(" ");
  return svg("svg", { viewBox: "0 0 120 32", preserveAspectRatio: "none", role: "img", "aria-label": caption, class: "sparkline" }, svg("polyline", { points }));
}

/** Returns rows of a name, a bar and a figure; `share` of the widest is 1. */
export function bars(rows, caption) {
  const most = Math.max(...rows.map((row) => row.value), 1e-9);
  const drawn = rows.map(({ name, value, text }) => {
    const bar = el("span", { class: "bar-of" });
    bar.style.setProperty("--share", value / most);
    return el("li", {}, el("span", {}, name), bar, el("b", {}, text ?? figure(value)));
  });
  return el("ul", { class: "paths", "aria-label": caption }, ...drawn);
}

/** Maps values to places; both ends are round numbers, `step` apart from the next tick. */
function axis(values, start, end) {
  const finite = values.filter(Number.isFinite);
  const [least, most] = finite.length ? [Math.min(...finite), Math.max(...finite)] : [0, 1];
  const step = roundStep((most - least || Math.abs(most) || 1) / TICKS);
  const [low, high] = [Math.floor(least / step) * step, Math.ceil(most / step) * step];
  const span = high - low || step;
  const at = (value) => Math.round((start + ((value - low) / span) * (end - start)) * 10) / 10;
  return { at, ticks: Array.from({ length: Math.round(span / step) + 1 }, (_, tick) => low + tick * step) };
}

/** Returns the next 1, 2 or 5 times a power of ten. */
function roundStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].find((times) => times * power >= rough * 0.999) * power;
}

function grid(across, up, x, y) {
  const rows = up.ticks.flatMap((value) => [
    svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: up.at(value), y2: up.at(value), class: "grid" }),
    svg("text", { x: LEFT - 8, y: up.at(value) + 4, "text-anchor": "end" }, short(value)),
  ]);
  const below = across.ticks.map((value) => svg("text", { x: across.at(value), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" }, short(value)));
  const middle = { x: (LEFT + WIDTH - RIGHT) / 2, y: (TOP + HEIGHT - BOTTOM) / 2 };
  return [
    ...rows,
    ...below,
    svg("text", { x: middle.x, y: HEIGHT - 6, "text-anchor": "middle", class: "axis" }, x),
    svg("text", { x: -middle.y, y: 12, transform: "rotate(-90)", "text-anchor": "middle", class: "axis" }, y),
  ];
}

function series(line, number, across, up) {
  const places = line.x.map((value, place) => [across.at(value), up.at(line.y[place])]).filter(([, place]) => Number.isFinite(place));
  const name = `series-${number % 5}`;
  const points = (line.labels ?? []).map((label, place) => svg("circle", { cx: places[place][0], cy: places[place][1], r: 3, class: name }, svg("title", {}, label)));
  return [svg("polyline", { points: places.map((place) => place.join(",")).join(" "), class: name }), ...points];
}

function marked({ x, y, text }, across, up) {
  const [cx, cy] = [across.at(x), up.at(y)];
  const right = cx > WIDTH / 2;
  return [svg("circle", { cx, cy, r: 7, class: "mark" }), svg("text", { x: cx + (right ? -12 : 12), y: cy - 8, "text-anchor": right ? "end" : "start", class: "mark-text" }, text)];
}

const short = (value) => figure(Number(value.toPrecision(3)));
