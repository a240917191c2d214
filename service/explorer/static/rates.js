// Turns counts that only grow into what happened between two readings.

/** Returns answers a second, p99 in ms (null: no answer), and the shares of degraded and refused requests. */
export function between(before, now) {
  const elapsed = now.at_s - before.at_s;
  const answers = total(now.answers) - total(before.answers);
  const refused = total(now.refused) - total(before.refused);
  const degraded = total(now.degraded) - total(before.degraded);
  return {
    perSecond: elapsed > 0 ? answers / elapsed : 0,
    p99: percentile(difference(before.latency, now.latency), 0.99),
    degraded: answers > 0 ? Math.min(1, degraded / answers) : 0,
    refused: elapsed > 0 ? refused / elapsed : 0,
  };
}

/** Returns whether two readings are of the same process: another one counts from 0. */
export function comparable(before, now) {
  return before?.process === now.process && before.at_s <= now.at_s;
}

/** Returns a reading of before the first answer. */
export function zero(now) {
  const none = (counts) => Object.fromEntries(Object.keys(counts).map((name) => [name, 0]));
  const latency = now.latency.map(({ most_s }) => ({ most_s, count: 0 }));
  return { ...now, at_s: 0, answers: none(now.answers), refused: none(now.refused), degraded: none(now.degraded), latency };
}

/** Returns the milliseconds that a share of answers took at most, within the histogram's buckets; null without answers. */
export function percentile(buckets, share) {
  const wanted = share * (buckets.at(-1)?.count ?? 0);
  if (!wanted) return null;
  const place = buckets.findIndex(({ count }) => count >= wanted);
  const [low, high] = [buckets[place - 1], buckets[place]];
  if (high.most_s == null) return 1000 * low.most_s; // beyond the last bound: at least that
  const from = low?.most_s ?? 0;
  return 1000 * (from + ((high.most_s - from) * (wanted - (low?.count ?? 0))) / (high.count - (low?.count ?? 0)));
}

export const total = (counts) => Object.values(counts).reduce((sum, value) => sum + value, 0);

function difference(before, now) {
  const counts = new Map(before.map(({ most_s, count }) => [most_s, count]));
  return now.map(({ most_s, count }) => ({ most_s, count: count - (counts.get(most_s) ?? 0) }));
}
