"""The pool of unlabelled pairs that the teachers score: from the log, from recall, and a few random pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.log.events import past_impressions
from pipeline.log.split import PAST
from pipeline.runner.work import Work
from recall import ann
from recall.qprime import row as qprime_row
from recall.qprime.config import QPrimeConfig
from store.tables import LmdbTable

_NEIGHBOURS = 30
_RANDOM = 0.1  # share of the pool: the student must learn unrelated pairs too

#: (pairs, 2) PageIds.
PagePairs = NDArray[np.uint64]


def pool(work: Work, pages: NDArray[np.uint64], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return at most `count` distinct pairs, as rows of `pages`; all from before the label window."""
    generator = np.random.default_rng(work.config.seed)
    strangers = generator.choice(pages, (round(count * _RANDOM), 2))
    indexes = (work.of("two_tower"), work.of("cf") / PAST)
    near = [_near(directory, generator, count) for directory in indexes]
    searched = (
        [_searched(work)] if work.config.section(QPrimeConfig).judge == "rubric" else []
    )  # else Q' waits for the student
    sources = [_from_log(work), _shown(work), *near, *searched]
    pairs = np.concatenate([strangers, *_even_parts(sources, count - len(strangers), generator)])
    pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    return np.searchsorted(pages, pairs[:, 0]), np.searchsorted(pages, pairs[:, 1])


def _even_parts(sources: Sequence[PagePairs], count: int, generator: np.random.Generator) -> list[PagePairs]:
    """Return equal parts of each source; larger sources make up for what smaller ones lack."""
    parts: list[PagePairs] = []
    left = count
    for number, source in enumerate(sorted(sources, key=len)):
        share = left // (len(sources) - number)
        parts.append(source[generator.permutation(len(source))[:share]])
        left -= len(parts[-1])
    return parts


def _from_log(work: Work) -> PagePairs:
    table = pq.read_table(work.of("counts") / PAST / "evidence.parquet", columns=["page1", "page2"])
    return np.stack([table["page1"].to_numpy(), table["page2"].to_numpy()], axis=1)


def _shown(work: Work) -> PagePairs:
    table = past_impressions(work)
    shown = np.stack([table[name].to_numpy().astype(np.uint64) for name in ("page1", "page2")], axis=1)
    return np.unique(shown, axis=0)


def _near(directory: Path, generator: np.random.Generator, count: int) -> PagePairs:
    """Return at most `count` pages of an ANN index with their nearest pages."""
    index = ann.load(directory / "pages")
    rows = np.sort(generator.permutation(len(index))[:count])
    if len(rows) == 0:
        return np.empty((0, 2), np.uint64)
    stored = directory / "queries.npy"  # the towers have separate query and page vectors
    vectors = np.load(stored, mmap_mode="r")[rows].astype(np.float32) if stored.is_file() else index.vectors(rows)
    _, found = index.nearest_rows(vectors, _NEIGHBOURS)
    first, second = np.repeat(index.pages[rows], found.shape[1]), found.ravel()
    return np.stack([first[second >= 0], index.pages[second[second >= 0]]], axis=1)


def _searched(work: Work) -> PagePairs:
    """Return each page with the pages that its Q' queries found."""
    table = LmdbTable(work.of("qprime") / "qprime.lmdb")
    found = [(page, qprime_row.read(row).pages) for page, row in table.items()]
    table.close()
    if not found:
        return np.empty((0, 2), np.uint64)
    first = np.repeat(np.array([page for page, _ in found], np.uint64), [len(pages) for _, pages in found])
    return np.stack([first, np.concatenate([pages for _, pages in found])], axis=1)
