"""Writes two sites to look at answers as a reader does: Debian's manual pages and a news site, and readers of both.

`python -m benchmarks.two_sites OUT` writes pages.parquet and clicks.parquet. The readers are Markov
chains: each page has links, hubs have many, and the next page is drawn from the links. The news has AMP copies, second
pages, sections and a home page.
"""

from __future__ import annotations

import gzip
import re
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MANUAL = Path("/usr/share/man")
DOCS, NEWS = "https://docs.example", "https://news.example"
END = datetime(2026, 3, 1, tzinfo=UTC)
DAYS, READERS, MOST = 40, 4_000, 420
_MACRO = re.compile(r"\\f[A-Z]|\\f\(..|\\-|\\&|\\s[-+]?\d|\"")
_TOPICS = {
    "rents": "rent flat tenant landlord lease deposit city housing council notice agent cap eviction repair mould",
    "recipes": "recipe oven butter flour garlic tomato simmer onion bake dough basil lentil broth salt pan roast",
    "sports": "match goal coach league striker cup defender penalty season derby referee transfer keeper fans stadium",
    "energy": "solar grid battery wind turbine tariff power panel heat pump storage meter outage plant subsidy boiler",
    "travel": "train night ferry island ticket hostel coast border luggage map delay station route view harbour trail",
}


@dataclass
class Page:
    """A page with its links as weights by URL."""

    title: str
    snippet: str
    links: dict[str, float] = field(default_factory=dict)
    published: datetime | None = None
    start: float = 1.0  # how many visits begin here


def main(out: Path) -> None:
    """Write both tables."""
    draw = np.random.default_rng(5)
    pages = {**manual(draw), **news(draw)}
    out.mkdir(parents=True, exist_ok=True)
    columns = {"title": [p.title for p in pages.values()], "snippet": [p.snippet for p in pages.values()]}
    dates = pa.array([p.published for p in pages.values()], pa.timestamp("us", "UTC"))
    table = pa.table({"url": list(pages), **columns, "language": ["en"] * len(pages), "published": dates})
    pq.write_table(table, out / "pages.parquet")
    pq.write_table(pa.Table.from_pylist(list(visits(pages, draw))), out / "clicks.parquet")


def manual(draw: np.random.Generator) -> dict[str, Page]:
    """Return pages with the links of their SEE ALSO sections, an index per section, and the home page."""
    files = sorted(file for part in ("man1", "man5", "man7", "man8") for file in (MANUAL / part).glob("[a-z]*.gz"))
    found: dict[str, tuple[str, str, str]] = {}
    for file in (files[i] for i in draw.permutation(len(files))):
        text = _MACRO.sub("", gzip.decompress(file.read_bytes()).decode("utf-8", "ignore"))
        words = " ".join(line for line in text.splitlines() if not line.startswith(("'", '.\\"')))
        name = re.search(r"\.S[Hh] NAME\s+(.{10,90}?)\.(?:SH|Sh|P|\s)", words)
        body = re.search(r"\.S[Hh] DESCRIPTION\s+(.{80,400})", words)
        if name and body:
            found[file.name[:-3]] = (re.sub(r"\s+", " ", name[1]), re.sub(r"\.[A-Z]{1,2}\b", "", body[1])[:250], words)
    # the best linked ones first, so that links stay inside the site
    linked: dict[str, int] = {}
    see = {name: _see_also(words) & found.keys() - {name} for name, (_, _, words) in found.items()}
    for names in see.values():
        for name in names:
            linked[name] = linked.get(name, 0) + 1
    kept = sorted(linked, key=lambda name: -linked[name])[:MOST]
    pages = {_doc(name): Page(found[name][0], found[name][1]) for name in kept}
    for name in kept:
        links = pages[_doc(name)].links
        links.update({_doc(other): 3.0 for other in sorted(see[name]) if other in kept})
        links[f"{DOCS}/man{name[-1]}/"] = 1.0
        links[f"{DOCS}/"] = 1.0
    for part in "1578":
        those = {_doc(name): 1.0 for name in kept if name[-1] == part}
        pages[f"{DOCS}/man{part}/"] = Page(f"Manual section {part}", f"All pages of section {part}.", those, start=6.0)
    sections = {f"{DOCS}/man{part}/": 1.0 for part in "1578"}
    pages[f"{DOCS}/"] = Page("Manual pages", "Index of the manual.", sections, start=60.0)
    return pages


def _doc(name: str) -> str:
    return f"{DOCS}/man{name[-1]}/{name}.html"


def _see_also(words: str) -> set[str]:
    found = re.search(r"\.S[Hh] SEE ALSO(.{0,900})", words)
    pairs = re.findall(r"([a-z][\w.+-]+)\s*\(?(?:\.\w+\s)?\(?([1578])\)", found[1] if found else "")
    return {f"{name}.{part}" for name, part in pairs}


def news(draw: np.random.Generator) -> dict[str, Page]:
    """Return articles of five topics with related articles, a section page per topic, and the home page."""
    pages: dict[str, Page] = {}
    for topic, text in _TOPICS.items():
        words, urls = text.split(), []
        for number in range(14):
            first, second, third = draw.choice(words, 3, replace=False)
            url = f"{NEWS}/{topic}/{number}-{first}-{second}"
            line = f"{first.title()} and {second}: what {topic} readers ask about the {third}"
            said = " ".join(draw.choice(words, 18))
            age = timedelta(days=float(draw.uniform(0, DAYS)))
            pages[url] = Page(line, f"In {topic}, {said}.", published=END - age, start=2.0)
            urls.append(url)
        for place, url in enumerate(urls):
            near = {urls[(place + step) % len(urls)]: 4.0 / step for step in (1, 2, 3)}
            pages[url].links.update(near | {f"{NEWS}/{topic}/": 1.0, f"{NEWS}/": 1.5})
            copy = pages[url]
            pages[f"{url}/amp/"] = Page(copy.title, copy.snippet, dict(near), copy.published, start=0.5)
            if place % 3 == 0:
                pages[f"{url}?page=2"] = Page(copy.title, copy.snippet, dict(near), copy.published, start=0.0)
                pages[url].links[f"{url}?page=2"] = 1.0
        section = Page(f"{topic.title()} news", f"All about {topic}.", dict.fromkeys(urls, 1.0), start=8.0)
        pages[f"{NEWS}/{topic}/"] = section
    topics = {f"{NEWS}/{topic}/": 2.0 for topic in _TOPICS}
    fresh = {url: 0.5 for url, page in pages.items() if page.published and "/amp/" not in url and "?" not in url}
    pages[f"{NEWS}/"] = Page("The news", "Today's news.", topics | fresh, start=50.0)
    pages[f"{NEWS}/index.html"] = Page("The news", "Today's news.", topics, start=5.0)
    return pages


def visits(pages: dict[str, Page], draw: np.random.Generator):  # type: ignore[no-untyped-def]
    """Yield the clicks of all readers; one visit in thirty goes on on the other site."""
    urls = list(pages)
    start = np.array([pages[url].start for url in urls])
    for reader in range(READERS):
        time = END - timedelta(days=float(draw.uniform(0, DAYS)))
        url = urls[draw.choice(len(urls), p=start / start.sum())]
        for _ in range(1 + draw.geometric(0.22)):
            published = pages[url].published
            if published is None or published <= time:
                yield {"session": f"s{reader}", "url": url, "time": time}
            links = {to: weight for to, weight in pages[url].links.items() if _out(pages[to], time)}
            if not links:
                break
            share = np.array(list(links.values()))
            url = list(links)[draw.choice(len(links), p=share / share.sum())]
            if draw.random() < 1 / 150:
                url = urls[draw.choice(len(urls), p=start / start.sum())]
            time += timedelta(seconds=float(draw.uniform(10, 120)))


def _out(page: Page, time: datetime) -> bool:
    return page.published is None or page.published <= time


if __name__ == "__main__":
    main(Path(sys.argv[1]))
