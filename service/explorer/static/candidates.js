// Every candidate's columns, on demand.

import { el } from "./dom.js";
import { longTable } from "./table.js";
import { plural, reasonName } from "./words.js";

const FIRST = ["score", "quality", "click", "stage1", "stage2", "blend"]; // the columns that people ask for

/** Returns a panel with all candidates that a stage left, best first. */
export function candidatesPanel(stage, record) {
  const { left_out: leftOut } = record;
  const candidates = record.stage === "merge" ? byBestRank(record.candidates) : record.candidates;
  const names = [...new Set(candidates.flatMap((candidate) => Object.keys(candidate.columns)))];
  const filled = new Set(names.filter((name) => candidates.some((candidate) => candidate.columns[name] != null)));
  const rank = (name) => {
    if (!filled.has(name)) return FIRST.length + 2;
    return FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length + (name.startsWith("rank_") ? 0 : 1);
  };
  names.sort((one, other) => rank(one) - rank(other));
  const columns = names.map((name) => ({ name, of: (row) => row.columns[name] }));
  const because = candidates.some((candidate) => candidate.because) ? [{ name: "because", of: (row) => row.because }] : [];
  const place = new Map(candidates.map((candidate, number) => [candidate, number + 1]));
  const all = [address, { name: "#", of: (row) => place.get(row) }, ...because, ...columns];
  const more = leftOut ? ` The best of ${candidates.length + leftOut}.` : "";
  return panel(`${stage}: ${plural(candidates.length, "candidate")}`, `${plural(names.length, "column")}.${more}`, all, candidates);
}

/** Returns a panel with all dropped candidates and the reasons. */
export function droppedPanel(explain) {
  const reason = { name: "reason", of: (row) => reasonName(row.reason) };
  return panel(`Dropped: ${plural(explain.dropped.length, "candidate")}`, "", [address, reason], explain.dropped);
}

/** Returns merged candidates as recall would order them: by their best rank in any path. */
function byBestRank(candidates) {
  const best = ({ columns }) => Math.min(...Object.entries(columns).map(([name, value]) => (name.startsWith("rank_") && value) || Infinity));
  return candidates.map((candidate) => [best(candidate), candidate]).sort(([one], [other]) => one - other).map(([, candidate]) => candidate);
}

const address = { name: "page", of: (row) => row.url?.replace(/^https?:\/\//, "") ?? "(unknown)" };

function panel(title, note, columns, rows) {
  const table = longTable(title, columns, rows);
  const find = (event) => {
    const words = event.target.value.toLowerCase();
    table.filter((row) => `${row.url} ${row.because ?? ""} ${row.reason ?? ""}`.toLowerCase().includes(words));
  };
  const box = el("input", { type: "search", id: "find", placeholder: "an address, a query", oninput: find });
  const section = el(
    "section",
    { class: "panel", tabindex: -1, "aria-label": title },
    el(
      "header",
      {},
      el("h2", {}, title),
      el("p", { class: "quiet" }, note),
      el("label", { for: "find" }, "Only with"),
      box,
      el("button", { class: "plain", onclick: () => section.remove() }, "Close"),
    ),
    table.view,
  );
  return section;
}
