from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import numpy as np

from cascade.types import Candidates
from service.answers.answer import Answer
from service.answers.ranked_list import RankedList, compact
from service.answers.selection import recommendations
from store import page_row
from store.tables import LmdbTable, write_table

WORDS = "a page of an ordinary length says about as much of itself as this and then a little more of it " * 2


def ranked(number: int, rows: int = 30) -> Candidates:
    facts = np.zeros(rows, page_row.FACTS)
    column = np.empty(rows, object)
    for i in range(rows):
        text = page_row.PageText(f"https://site.example/{number}/{i}", f"Page {i} of {number}", WORDS, "en")
        column[i] = page_row.pack(facts[i], np.empty(0, np.uint32), text)
    names = ("host", "address", "fingerprint")
    columns = {name: facts[name] for name in (*names, "left", "entered")} | {"row": column}
    columns |= {name: np.zeros(rows, np.float32) for name in ("score", "click", "quality", "stage2", "blend", "near")}
    columns |= {f"rank_{path}": np.zeros(rows, np.uint16) for path in ("coclick", "cf", "two_tower", "qprime")}
    return Candidates(np.arange(rows, dtype=np.uint64), columns)


def test_a_list_takes_no_more_memory_than_is_counted() -> None:
    found = [ranked(number) for number in range(100)]
    gc.collect()
    tracemalloc.start()
    lists = []
    for rows in found:
        kept = RankedList("https://site.example/", "bundle", compact(rows))
        for k in (5, 30):
            shown = recommendations(rows.take(slice(0, k)))
            kept.answers[k] = Answer.of(kept.url1, shown, (), kept.bundle)
            assert kept.answers[k].recommendations == shown
        lists.append(kept)
    del shown
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    counted = sum(kept.size for kept in lists)
    assert 0.8 * counted < held < 1.05 * counted


def test_a_page_with_an_answer_takes_few_bytes() -> None:
    rows = ranked(1)
    kept = RankedList("https://site.example/", "bundle", compact(rows))
    kept.answers[5] = Answer.of(kept.url1, recommendations(rows.take(slice(0, 5))), (), kept.bundle)
    assert kept.size < 5_000


def test_a_compact_list_gives_the_same_recommendations(tmp_path: Path) -> None:
    rows = ranked(7)
    write_table(tmp_path / "pages.lmdb", zip(rows.pages.tolist(), rows["row"], strict=True))
    pages = LmdbTable(tmp_path / "pages.lmdb")
    found = RankedList("", "", compact(rows)).candidates(pages)
    pages.close()
    assert recommendations(found) == recommendations(rows)
    assert {"left", "near"}.isdisjoint(found.columns)


def test_a_page_that_the_bundle_does_not_hold_is_left_out(tmp_path: Path) -> None:
    rows = ranked(7)
    write_table(tmp_path / "pages.lmdb", [(3, rows["row"][3])])
    pages = LmdbTable(tmp_path / "pages.lmdb")
    found = RankedList("", "", compact(rows)).candidates(pages)
    none = RankedList("", "", compact(rows.take(slice(0, 3)))).candidates(pages)
    pages.close()
    assert [page.url for page in recommendations(found)] == ["https://site.example/7/3"]
    assert len(none) == 0
