// Reads an explanation as stages: how many candidates each left, how long it took, what it dropped and why.

const LATER = new Set(["copy", "near_duplicate", "min_quality", "host_cap"]); // reasons of stages below the filters
const SELECT = ["near_duplicate", "min_quality", "host_cap"];

/**
 * Returns the stages of a run in order. Each has a `name`, `label`, the `count` of candidates that it left (null: it
 * drops none), its own `ms`, `drops` as [reason, count], and the `record` of its candidates where there is one.
 */
export function stagesOf(explain, shown) {
  const records = new Map(explain.stages.map((record) => [record.stage, record]));
  const merged = records.get("merge");
  const filtered = dropsOf(explain, (reason) => !LATER.has(reason));
  const merge = merged ? sizeOf(merged) : 0;
  const kept = Math.max(0, merge - sum(filtered));
  const ranked = explain.stages.filter((record) => record.stage !== "merge");
  return [
    { name: "recall", label: "Recall", count: merge, ms: time(explain, "recall", "merge"), drops: [], record: merged },
    { name: "filter", label: "Page facts and filters", count: kept, ms: time(explain, "hydrate", "filter"), drops: filtered },
    ...ranked.flatMap((record) => ranking(explain, record)),
    ...fallback(explain),
    { name: "select", label: "Select", count: shown, ms: time(explain, "select"), drops: dropsOf(explain, (reason) => SELECT.includes(reason)) },
  ];
}

/** Returns the recall paths with what they found and their time, the one that found most first. */
export function pathsOf(explain) {
  const found = Object.entries(explain.recalled).map(([path, count]) => ({ path, count, ms: time(explain, `recall:${path}`) }));
  return found.sort((one, other) => other.count - one.count);
}

/** Returns what the cross-encoder did: its pairs, how many of them it computed, in how many runs and how long. */
function encoderOf(explain) {
  const runs = explain.runs;
  const total = (field) => runs.reduce((before, run) => before + run[field], 0);
  return { stage: runs[0]?.stage, runs: runs.length, pairs: total("rows"), computed: total("computed"), ms: total("ms") };
}

function ranking(explain, record) {
  const label = record.stage === "session" ? "The reader’s way" : record.stage.replace(/^./, (first) => first.toUpperCase()).replace(/(\d)/, " $1");
  const own = { name: record.stage, label, count: sizeOf(record), ms: time(explain, record.stage), drops: [], record };
  if (record.stage === "stage1") own.drops = dropsOf(explain, (reason) => reason === "copy");
  const encoder = encoderOf(explain);
  if (record.stage !== "stage2" || !encoder.runs) return [own];
  own.ms = Math.max(0, own.ms - encoder.ms); // the runs are part of stage 2's time
  return [{ name: encoder.stage, label: "Cross-encoder", count: null, ms: encoder.ms, drops: [], encoder }, own];
}

/** Returns the popular pages, which are asked for where the paths found too little. */
function fallback(explain) {
  const took = explain.ms["recall:popular"];
  return took === undefined ? [] : [{ name: "fallback", label: "Fallback: popular pages", count: null, ms: took, drops: [] }];
}

function dropsOf(explain, test) {
  return Object.entries(explain.reasons).filter(([reason]) => test(reason)).sort((one, other) => other[1] - one[1]);
}

const sum = (drops) => drops.reduce((before, [, number]) => before + number, 0);
const sizeOf = (record) => record.candidates.length + record.left_out;
const time = (explain, ...names) => names.reduce((before, name) => before + (explain.ms[name] ?? 0), 0);
