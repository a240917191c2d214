"""The step that writes the `pages` table: what serving knows of each page."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from corpus.urls.copies import copy_keys
from corpus.urls.url import path_depth
from pipeline.log.page_counts import set_counts
from pipeline.log.split import SNAPSHOTS
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from store.addresses import write_addresses
from store.page_row import FACTS, PageText, language_code, pack
from store.tables import write_table
from store.valid_until import write_valid_until


def pages(work: Work) -> dict[str, object]:
    """Write the `pages` table: facts and counts, token ids, text."""
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
        np.save(out / "facts.npy", facts)
    written = write_addresses(work.directory / "addresses.lmdb", facts["address"], facts["page"])
    ending = write_valid_until(work.directory / "valid_until.npy", facts["page"], seconds(table["valid_until"]))
    languages = Counter(filter(None, table["language"].to_pylist()))
    ends = {"valid_until": ending} if ending else {}
    return {"pages": len(table), "addresses": written, **ends, "languages": dict(languages.most_common())}


STEP = Step("pages", pages, after=("read", "counts", "text"), seeded=False)


def _facts(table: pa.Table, counted: Path) -> np.ndarray:
    facts = np.zeros(len(table), FACTS)
    for name in ("page", "host", "address", "fingerprint"):
        facts[name] = table[name].to_numpy()
    facts["copy"] = copy_keys(table["url"].to_pylist(), table["title"].to_pylist())
    facts["depth"] = [path_depth(url) for url in table["url"].to_pylist()]
    facts["published"] = hours(table["published"])
    facts["spam"], facts["adult"] = table["spam"].to_numpy(), table["adult"].to_numpy()
    facts["language"] = [language_code(tag) for tag in table["language"].to_pylist()]
    set_counts(facts, counted)
    return facts


def hours(times: pa.ChunkedArray) -> np.ndarray:
    """Return hours since 1970 of UTC times, 0 where unknown; what lies outside of 1970 to 2106 is unknown too."""
    since = pc.divide(pc.cast(times, pa.int64()), 3_600_000_000).fill_null(0).to_numpy()
    return np.where((since > 0) & (since < 24 * 365 * 136), since, 0).astype(np.uint32)


def seconds(times: pa.ChunkedArray) -> np.ndarray:
    """Return seconds since 1970 of UTC times, NaN where unknown."""
    return np.asarray(pc.cast(pc.cast(times, pa.int64()), pa.float64()).fill_null(np.nan).to_numpy() / 1e6)
