from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import orjson

from cascade.types import Candidates
from service.answer import Answer, recommendations
from service.ranked_list import RankedList, light
from store import page_row

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


def test_no_more_is_held_than_is_counted() -> None:
    found = [ranked(number) for number in range(100)]
    gc.collect()
    tracemalloc.start()
    lists = []
    for rows in found:
        kept = RankedList("https://site.example/", "bundle", light(rows))
        for k in (5, 30):
            kept.answers[k] = Answer(kept.url1, recommendations(kept.rows.take(slice(0, k))), (), kept.bundle)
            assert kept.answers[k].body
        lists.append(kept)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    counted = sum(kept.size for kept in lists)
    assert 0.4 * counted < held < 1.1 * counted


def test_a_light_list_shows_what_the_heavy_one_does() -> None:
    rows = ranked(7)
    assert recommendations(light(rows)) == recommendations(rows)
    assert {"left", "near", "row"}.isdisjoint(light(rows).columns)
    assert orjson.loads(light(rows)["text"][3])[0] == "https://site.example/7/3"
