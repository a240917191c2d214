"""How long suggestions take: building the index of 100,000 pages while an event loop runs, and finding pages in it.

PYTHONPATH=. .venv/bin/python benchmarks/suggestions.py
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import numpy as np

from service.explorer.page_index import PageIndex, build
from store.page_row import FACTS, PageText, pack
from store.tables import LmdbTable, write_table

PAGES = 100_000
WORDS = 20_000
#: What is typed: letters, the start of a title, a word in the middle, two words, an address, and what no page has.
TYPED = ("a", "wo", "word1", "word17 word4", "site7.example/page/9", "ord199", "nothing has this")
ROUNDS = 50


def write_pages(path: Path) -> LmdbTable:
    """Write pages with titles of six words, drawn by Zipf's law, and tokens as real rows have them."""
    generator = np.random.default_rng(1)
    words = generator.zipf(1.3, (PAGES, 6)) % WORDS
    facts, tokens = np.zeros(1, FACTS)[0], np.arange(22, dtype=np.uint32)

    def row(page: int) -> bytes:
        facts["page"], facts["clicks_all"], facts["tokens"] = page, generator.zipf(1.5) % 100_000, len(tokens)
        title = " ".join(f"word{word}" for word in words[page])
        return pack(facts, tokens, PageText(f"https://site{page % 50}.example/page/{page}", title, title * 3, "en"))

    write_table(path, ((page, row(page)) for page in range(PAGES)))
    return LmdbTable(path)


async def built(table: LmdbTable) -> tuple[PageIndex, float, list[float]]:
    """Build the index in a thread; return it, the seconds, and how late a timer of 1 ms fired meanwhile (ms)."""
    late: list[float] = []
    start = time.perf_counter()
    building = asyncio.create_task(asyncio.to_thread(build, table.batches()))
    while not building.done():
        asked = time.perf_counter()
        await asyncio.sleep(0.001)
        late.append(1e3 * (time.perf_counter() - asked) - 1)
    return await building, time.perf_counter() - start, late


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as directory:
        index, seconds, late = asyncio.run(built(write_pages(Path(directory) / "pages.lmdb")))
    print(f"{PAGES:,} pages: {len(index.text) / 1e6:.1f} MB, built in {seconds:.2f} s")
    print(f"event loop meanwhile: late by {np.median(late):.1f} ms (median), {np.percentile(late, 99):.1f} ms (p99)")
    for typed in TYPED:
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            found = index.find(typed, 8)
            times.append(1e3 * (time.perf_counter() - start))
        print(f"{typed!r}: {np.median(times):.2f} ms (median), {max(times):.2f} ms (most), {len(found)} pages")


if __name__ == "__main__":
    main()
