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

function axis(values, start, end) {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(...finite, Infinity);
  const high = Math.max(...finite, -Infinity);
  if (!finite.length) return { low: 0, high: 1, at: () => start };
  const span = high - low || Math.abs(high) || 1;
  return { low, high: low + span, at: (value) => Math.round((start + ((value - low) / span) * (end - start)) * 10) / 10 };
}

function grid(across, up, x, y) {
  const lines = [];
  for (let tick = 0; tick <= TICKS; tick++) {
    const [valueX, valueY] = [across, up].map((one) => one.low + ((one.high - one.low) * tick) / TICKS);
    const [placeX, placeY] = [across.at(valueX), up.at(valueY)];
    lines.push(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: placeY, y2: placeY, class: "grid" }));
    lines.push(svg("text", { x: LEFT - 8, y: placeY + 4, "text-anchor": "end" }, short(valueY)));
    lines.push(svg("text", { x: placeX, y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" }, short(valueX)));
  }
  lines.push(svg("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle", class: "axis" }, x));
  lines.push(svg("text", { x: -(TOP + HEIGHT - BOTTOM) / 2, y: 12, transform: "rotate(-90)", "text-anchor": "middle", class: "axis" }, y));
  return lines;
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
