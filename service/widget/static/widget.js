// <onward-next>: pages to read next. Titles are text nodes, never HTML, and only http(s) is linked.
(() => {
  const source = document.currentScript;
  const isWeb = (url) => /^https?:\/\//i.test(url);
  const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, 0)).join("");

  const element = (tag, part, ...children) => {
    const made = document.createElement(tag);
    made.setAttribute("part", part);
    made.append(...children);
    return made;
  };

  const card = (page, place) => {
    if (!isWeb(page?.url)) return [];
    const link = element("a", "title", String(page.title || page.url));
    link.href = page.url;
    link.dataset.place = place + 1;
    return element("li", "card", link, ...(page.snippet ? [element("p", "snippet", String(page.snippet))] : []));
  };

  const section = (pages, heading) => {
    const list = element("ol", "list", ...pages.slice(0, 30).flatMap(card));
    list.setAttribute("role", "list");
    const made = element("section", "section", element("h2", "heading", heading), list);
    made.setAttribute("aria-label", heading);
    return made;
  };

  // A number of the tab, made at its first use; nothing where storage is forbidden.
  const client = () => {
    try {
      return (sessionStorage["onward-client"] ||= newId());
    } catch {}
  };

  // The gateway refuses a request whose way has a longer address.
  const isTaken = (url) => isWeb(url) && URL.canParse(url) && new URL(url).href.length < 2049;

  // The pages of this tab before this one, newest last; none where storage is forbidden.
  const way = (page) => {
    try {
      const before = JSON.parse(sessionStorage["onward-history"] || "[]").filter((url) => isTaken(url) && url != page);
      sessionStorage["onward-history"] = JSON.stringify([...before, page].slice(-21));
      return before.slice(-20);
    } catch {
      return [];
    }
  };

  class OnwardNext extends HTMLElement {
    #begun;

    connectedCallback() {
      if (this.#begun) return; // it was moved
      this.#begun = true;
      const begin = () => this.#begin().catch(() => this.#collapse());
      if (document.readyState == "loading") document.addEventListener("DOMContentLoaded", begin); // the server's cards may follow
      else begin();
    }

    async #begin() {
      const given = this.querySelector("[data-answer]");
      if (given) return this.#use(given, given.dataset.answer);
      const root = this.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync("{css}");
      root.adoptedStyleSheets = [sheet];
      const answer = await this.#ask();
      const made = section(answer.recommendations, this.dataset.heading || "Read next");
      if (!made.querySelector("a")) throw 0;
      root.append(made);
      this.#use(made, answer.answer_id);
    }

    #use(made, answer) {
      if (answer) this.#watch(made, answer);
      if ("prefetch" in this.dataset) this.#prefetch(made);
    }

    async #ask() {
      const page = this.dataset.url || document.querySelector("link[rel~=canonical]")?.href || location.href;
      if (!isWeb(page)) throw 0;
      const url = this.#at("recommend");
      const asked = { url1: page, ...(this.dataset.k && { k: +this.dataset.k }) };
      const options = { credentials: "omit", signal: AbortSignal.timeout(5000) };
      const history = "history" in this.dataset ? way(page) : [];
      if (history[0]) {
        options.method = "POST";
        options.headers = { "Content-Type": "application/json" };
        options.body = JSON.stringify({ ...asked, history });
      } else url.search = new URLSearchParams(asked);
      const response = await fetch(url, options);
      if (!response.ok) throw 0;
      return response.json();
    }

    #at(path) {
      const gateway = this.dataset.gateway;
      return new URL(path, gateway ? gateway.replace(/\/*$/, "/") : source?.src || location);
    }

    #watch(made, answer) {
      const list = newId();
      const report = (action, about) => {
        const event = { event_id: newId(), action_name: action, query_id: list, timestamp: new Date().toISOString() };
        if ("session" in this.dataset) event.client_id = client();
        event.event_attributes = { answer_id: answer, ...about };
        navigator.sendBeacon(this.#at("events"), JSON.stringify({ events: [event] }));
      };
      const clicked = ({ target, button }) => {
        const link = target.closest("a[data-place]");
        if (link && button < 2) report("click", { position: { ordinal: +link.dataset.place }, object: { object_id: link.href } });
      };
      made.addEventListener("click", clicked);
      made.addEventListener("auxclick", clicked);
      this.#whenSeen(made, () => report("impression"));
    }

    // Seen: half of it, or half a window full of it, for a second.
    #whenSeen(made, report) {
      let timer;
      const observer = new IntersectionObserver(
        (entries) => {
          const { intersectionRatio, intersectionRect } = entries.at(-1);
          if (intersectionRatio < 0.5 && intersectionRect.height < innerHeight / 2) timer = clearTimeout(timer);
          else timer ||= setTimeout(() => (observer.disconnect(), report()), 1000);
        },
        { threshold: [0, 0.1, 0.2, 0.3, 0.4, 0.5] },
      );
      const observe = () => observer.observe(made);
      if (document.prerendering) document.addEventListener("prerenderingchange", observe);
      else observe();
    }

    #prefetch(made) {
      if (!HTMLScriptElement.supports?.("speculationrules")) return;
      const urls = [...made.querySelectorAll("a[data-place]")].map((link) => link.href);
      const rules = document.createElement("script");
      rules.type = "speculationrules";
      rules.nonce = source?.nonce || "";
      rules.text = JSON.stringify({ prefetch: [{ urls, eagerness: "moderate" }] });
      document.head.append(rules);
    }

    // Its space goes only where nobody sees that; otherwise it stays empty, and nothing on the page moves.
    #collapse() {
      if (this.shadowRoot?.childElementCount == 0 && this.getBoundingClientRect().top >= innerHeight) this.style.display = "none";
    }
  }

  customElements.get("onward-next") || customElements.define("onward-next", OnwardNext);
})();
