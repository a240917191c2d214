// The second column: the same answer under another λ, or the answer of an arm or of another bundle.

import { href, requestOf } from "./address.js";
import { post } from "./api.js";
import { el } from "./dom.js";

/** Returns who answers the second column: {arm} or {bundle}; null where it is the same answer, or there is none. */
export function otherOf(beside) {
  const [kind, ...name] = beside.split(":");
  return ["arm", "bundle"].includes(kind) && name.length ? { [kind]: name.join(":") } : null;
}

/** Returns the other answer, or the Problem why there is none; null where no other is asked for. */
export async function otherAnswer(state, signal) {
  const other = otherOf(state.beside);
  if (!other) return null;
  return post("/explorer/beside", { ...requestOf(state), ...other }, signal).catch((problem) => {
    if (problem.name === "AbortError") throw problem;
    return problem;
  });
}

/** Returns what the second column shows, in words. */
export function besideName(beside) {
  const other = otherOf(beside);
  if (!other) return "Beside it";
  return other.arm ? `Arm ${other.arm}` : `Bundle ${other.bundle}`;
}

/** Returns a link to what can be compared, or a menu of several; null where there is nothing. */
export function compareLinks(state, about, weighs) {
  const links = [
    weighs && ["another λ", `weight:${((about.quality_weight ?? 0.32) > 0.5 ? 0 : 1).toFixed(2)}`],
    ...(about.arms ?? []).map(({ name }) => [`arm ${name}`, `arm:${name}`]),
    ...(about.bundles ?? []).map((name) => [`bundle ${name}`, `bundle:${name}`]),
  ].filter((link) => link && link[1] !== state.beside);
  if (!links.length) return null;
  if (links.length === 1) return el("a", { class: "aside", href: href({ ...state, beside: links[0][1] }) }, `Compare ${links[0][0]}`);
  const item = ([text, beside]) => el("li", {}, el("a", { href: href({ ...state, beside }) }, text));
  return el("details", { class: "compare" }, el("summary", {}, "Compare with…"), el("ul", {}, ...links.map(item)));
}

/** Returns what an arm changes, in words: the reader of the explorer should not have to look into its file. */
export function armText(about, beside) {
  const arm = (about.arms ?? []).find(({ name }) => name === otherOf(beside)?.arm);
  if (!arm) return null;
  const changes = [
    arm.quality_weight != null && `λ ${arm.quality_weight}`,
    arm.budget_ms != null && `${arm.budget_ms} ms`,
    ...arm.limits.map(([path, most]) => `${path} ${most}`),
    arm.explores && `explores the best ${arm.explores.top} in ${Math.round(100 * arm.explores.share)} % of its answers (not here)`,
    arm.rules && "its own rules",
    arm.bundle && `bundle ${arm.bundle}`,
  ].filter(Boolean);
  return `${Math.round(100 * arm.share)} % of units: ${changes.join(", ") || "as the gateway’s settings say"}.`;
}
