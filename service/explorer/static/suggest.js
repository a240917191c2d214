// The box for URL1: suggestions as you type, by title and address (the combobox pattern of WAI-ARIA).

import { get } from "./api.js";
import { el, fill } from "./dom.js";
import { addressParts, plural } from "./words.js";

const PAUSE_MS = 80; // of typing, before suggestions are asked for

/** Returns the box; `choose` is called with the address that was typed or picked. */
export function urlBox(value, choose) {
  const list = el("ul", { id: "suggestions", role: "listbox", "aria-label": "Pages", hidden: true });
  const input = el("input", {
    id: "url1", type: "text", role: "combobox", value, placeholder: "A title or an address", inputmode: "url",
    autocomplete: "off", autocapitalize: "off", spellcheck: "false", maxlength: 2048,
    "aria-label": "The page that the reader is on", "aria-autocomplete": "list", "aria-controls": "suggestions", "aria-expanded": "false",
  });
  const box = { input, list, pages: [], at: -1, timer: 0, asked: new AbortController(), choose };
  input.addEventListener("input", () => later(box));
  input.addEventListener("focus", () => input.select());
  input.addEventListener("keydown", (event) => onKey(box, event));
  input.addEventListener("blur", () => close(box));
  const submit = (event) => {
    event.preventDefault();
    if (box.at >= 0 || input.value.trim()) pick(box, box.at);
  };
  return el("form", { class: "ask", role: "search", onsubmit: submit }, input, el("button", {}, "What next?"), list);
}

function later(box) {
  clearTimeout(box.timer);
  box.timer = setTimeout(() => suggest(box), PAUSE_MS);
}

async function suggest(box) {
  box.asked.abort();
  box.asked = new AbortController();
  const typed = box.input.value.trim();
  if (!typed) return close(box);
  // Without suggestions an address can still be typed: a failure here is not worth a notice.
  const pages = await get("/explorer/suggest", { q: typed.slice(0, 200) }, box.asked.signal).catch(() => null);
  if (pages && document.activeElement === box.input) open(box, pages);
}

function open(box, pages) {
  Object.assign(box, { pages, at: -1 });
  fill(box.list, pages.map((page, place) => option(box, page, place)));
  box.list.hidden = pages.length === 0;
  box.input.setAttribute("aria-expanded", String(pages.length > 0));
  box.input.removeAttribute("aria-activedescendant");
  document.getElementById("said").textContent = pages.length ? plural(pages.length, "page") : "No page has these words";
}

function close(box) {
  clearTimeout(box.timer);
  box.asked.abort();
  open(box, []);
  document.getElementById("said").textContent = "";
}

function option(box, page, place) {
  // mousedown comes before blur, which closes the list
  const down = (event) => (event.preventDefault(), pick(box, place));
  return el(
    "li",
    { id: `suggestion-${place}`, role: "option", "aria-selected": "false", onmousedown: down },
    el("span", { class: "title" }, page.title || page.url),
    el("span", { class: "address" }, addressParts(page.url).join(" › ")),
  );
}

function onKey(box, event) {
  const steps = { ArrowDown: 1, ArrowUp: -1 };
  if (event.key === "Escape") close(box);
  else if (event.key === "ArrowDown" && box.list.hidden) suggest(box);
  else if (event.key in steps && box.pages.length) mark(box, box.at + steps[event.key]);
  else return;
  event.preventDefault();
}

/** Marks the option at a place; beyond both ends the typed text is meant again. */
function mark(box, place) {
  const options = box.pages.length;
  box.at = place < -1 ? options - 1 : place >= options ? -1 : place;
  [...box.list.children].forEach((each, number) => each.setAttribute("aria-selected", String(number === box.at)));
  if (box.at < 0) return box.input.removeAttribute("aria-activedescendant");
  box.input.setAttribute("aria-activedescendant", `suggestion-${box.at}`);
  box.list.children[box.at].scrollIntoView({ block: "nearest" });
}

async function pick(box, place) {
  const typed = box.input.value.trim();
  const url = place >= 0 ? box.pages[place].url : await meant(box, typed);
  close(box);
  box.choose(url);
}

/** Returns what typed text means: an address as it is; else the first page with these words, if there is one. */
async function meant(box, typed) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(typed)) return typed;
  const pages = box.pages.length ? box.pages : await get("/explorer/suggest", { q: typed.slice(0, 200) }).catch(() => []);
  return pages.length ? pages[0].url : typed;
}
