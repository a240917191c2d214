// Names and numbers as people read them.

const PATHS = {
  coclick: "Co-click",
  cf: "Collaborative filtering",
  two_tower: "Two towers",
  qprime: "Q′ search",
  related: "Related text",
  knowledge: "Knowledge of pages",
  popular: "Popular",
};

const REASONS = {
  same_page: "the page itself",
  excluded: "excluded by the caller",
  blocklist: "blocked",
  spam: "spam",
  adult: "adult",
  language: "another language",
  duplicate: "the same text as the page",
  expired: "expired",
  copy: "a copy of a better one",
  near_duplicate: "too like a better one",
  min_quality: "below the least quality",
  host_cap: "too many of its host",
};

export const RATINGS = ["Bad", "Weak", "Fair", "Good", "Excellent"];

export const pathName = (path) => PATHS[path] ?? path;
export const reasonName = (reason) => REASONS[reason] ?? reason.replaceAll("_", " ");
export const count = (number) => number.toLocaleString("en");
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** Milliseconds: one decimal below 10. */
export const ms = (number) => `${number < 9.95 ? number.toFixed(1) : count(Math.round(number))} ms`;

export const seconds = (number) => (number < 90 ? `${number.toFixed(number < 10 ? 1 : 0)} s` : `${Math.round(number / 60)} min`);

export const score = (number) => (number == null ? "–" : number.toFixed(2).replace("-", "−"));

/** A figure of any size with at most four digits that say something. */
export function figure(value) {
  if (typeof value !== "number") return value == null ? "–" : String(value);
  return Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(4)));
}

/** The parts of an address, for a line such as `docs.example › library › heapq`. */
export function addressParts(url) {
  const { host, pathname, hash } = new URL(url);
  const parts = [host, ...pathname.split("/"), hash.slice(1)].filter(Boolean);
  return parts.map((part) => decoded(part));
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a stray percent sign
  }
}
