// A table of any length: only the rows in view are in the document.

import { el, fill } from "./dom.js";

const ROW_PX = 30; // as in why.css
const BEYOND = 10; // rows above and below the view

/**
 * Returns a scrolling table. `columns` are {name, of(row)}; a click on a heading sorts by it. The first column stays
 * in view.
 */
export function longTable(caption, columns, rows) {
  const table = { columns, rows, shown: rows, sorted: null, first: -1 };
  table.body = el("tbody");
  table.heads = columns.map((column) => heading(table, column));
  table.view = el(
    "div",
    { class: "long", tabindex: 0, role: "region", "aria-label": `Rows of ${caption}`, onscroll: () => draw(table) },
    el("table", { "aria-rowcount": rows.length + 1 }, el("caption", { class: "unseen" }, caption), el("thead", {}, el("tr", { "aria-rowindex": 1 }, ...table.heads)), table.body),
  );
  new ResizeObserver(() => draw(table, true)).observe(table.view);
  draw(table, true);
  return { view: table.view, filter: (keep) => show(table, rows.filter(keep)) };
}

function heading(table, column) {
  const sort = el("button", { onclick: () => sortBy(table, column) }, column.name);
  return el("th", { scope: "col" }, sort);
}

function sortBy(table, column) {
  const down = !(table.sorted?.column === column && table.sorted.down);
  table.sorted = { column, down };
  table.heads.forEach((head, place) => {
    if (table.columns[place] === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
  show(table, table.shown);
}

function show(table, rows) {
  table.shown = table.sorted ? ordered(rows, table.sorted) : rows;
  table.view.scrollTop = 0;
  table.view.firstChild.setAttribute("aria-rowcount", table.shown.length + 1);
  draw(table, true);
}

/** Returns the rows by a column; rows without a value come last either way. */
function ordered(rows, { column, down }) {
  const sign = down ? -1 : 1;
  const compare = (one, other) => (typeof one === "number" && typeof other === "number" ? one - other : String(one).localeCompare(String(other)));
  return rows
    .map((row) => [column.of(row), row])
    .sort(([one], [other]) => (one == null || other == null ? (one == null) - (other == null) : sign * compare(one, other)))
    .map(([, row]) => row);
}

/** Puts the rows in view into the document, between two empty rows that are as high as the others. */
function draw(table, anew = false) {
  const { view, shown, columns } = table;
  const first = Math.max(0, Math.floor(view.scrollTop / ROW_PX) - BEYOND);
  if (first === table.first && !anew) return;
  table.first = first;
  const last = Math.min(shown.length, first + Math.ceil((view.clientHeight || 400) / ROW_PX) + 2 * BEYOND);
  const rows = shown.slice(first, last).map((row, place) => drawn(columns, row, first + place + 2));
  fill(table.body, space(first), rows, space(shown.length - last));
}

function drawn(columns, row, index) {
  const cells = columns.map((column, place) => {
    const value = column.of(row);
    const text = value == null ? "" : typeof value === "number" ? String(value) : Array.isArray(value) ? value.join(" ") : String(value);
    return el(place ? "td" : "th", place ? { class: typeof value === "number" ? "number" : "" } : { scope: "row", title: text }, text);
  });
  return el("tr", { "aria-rowindex": index }, ...cells);
}

function space(rows) {
  const row = el("tr", { "aria-hidden": "true" });
  row.style.height = `${rows * ROW_PX}px`;
  return rows > 0 ? row : null;
}
