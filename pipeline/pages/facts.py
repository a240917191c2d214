"""The step that writes the `pages` table (what serving knows about each page) and the `popular` table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.log.page_counts import set_counts
from pipeline.log.split import SNAPSHOTS
from pipeline.runner.work import Work
from recall.popular import build as popular
from store.addresses import write_addresses
from store.page_row import FACTS, PageText, language_code, pack
from store.sites import write_sites
from store.tables import write_table


def pages(work: Work) -> dict[str, object]:
    """Write the `pages` table (facts and counts, token ids, text) and the `popular` table."""
    table = pq.read_table(work.of("read") / "pages.parquet")
    tokens = np.load(work.of("text") / "tokens.npy")
    lengths = np.load(work.of("text") / "lengths.npy")
    for name in SNAPSHOTS:
        out = work.directory / name
        out.mkdir()
        facts = _facts(table, work.of("counts") / name)
        facts["tokens"], facts["title_tokens"] = lengths[:, 0], lengths[:, 1]
        texts = zip(*(table[c].to_pylist() for c in ("url", "title", "snippet", "language")), strict=True)
        starts = np.concatenate([[0], np.cumsum(lengths[:, 0], dtype=np.int64)]).astype(np.int64)
        rows = (
            (int(fact["page"]), pack(fact, tokens[start : start + int(fact["tokens"])], PageText(*text)))
            for fact, start, text in zip(facts, starts[:-1], texts, strict=True)
        )
        write_table(out / "pages.lmdb", rows)
        write_table(out / "popular.lmdb", popular.build(facts["page"], facts["host"], facts["clicks_all"]))
        np.save(out / "facts.npy", facts)
    written = write_addresses(work.directory / "addresses.lmdb", facts["address"], facts["page"])
    write_sites(work.directory / "sites.txt", table["url"].to_pylist())
    return {"pages": len(table), "addresses": written}


def _facts(table: pa.Table, counted: Path) -> np.ndarray:
    facts = np.zeros(len(table), FACTS)
    for name in ("page", "host", "address", "fingerprint"):
        facts[name] = table[name].to_numpy()
    facts["spam"], facts["adult"] = table["spam"].to_numpy(), table["adult"].to_numpy()
    facts["language"] = [language_code(tag) for tag in table["language"].to_pylist()]
    set_counts(facts, counted)
    return facts
