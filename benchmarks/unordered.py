"""Makes a log whose sessions have no order, and measures what simple peers reach on it.

`python -m benchmarks.unordered log CLICKS PAGES OUT` writes pages.parquet and clicks.parquet: the pages of every
session shuffled, without impressions. `--most-pages N` keeps the N most clicked pages only: a small, dense site.
`python -m benchmarks.unordered peers OUT --until DAY --end DAY` scores peers trained before a day on the sessions
that began after it, with all pairs of a session as targets, as `onward evaluate --targets session` does.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import implicit
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from evaluation.metrics.ndcg import RECALL_AT, next_page

_SEED = 0
_SHORTEST = 2  # pages; a shorter session has no pair


def write_log(clicks: Path, pages: Path, out: Path, most_pages: int | None) -> None:
    """Write the shuffled log: each session keeps its times, its pages change places."""
    table, texts = pq.read_table(clicks), pq.read_table(pages)
    if most_pages:
        counts = pc.value_counts(table["url"])
        order = np.argsort(-counts.field("counts").to_numpy(), kind="stable")[:most_pages]
        kept = counts.field("values").take(pa.array(order))
        table = table.filter(pc.is_in(table["url"], kept))
        texts = texts.filter(pc.is_in(texts["url"], kept))
    session = pc.dictionary_encode(table["session"]).combine_chunks().indices.to_numpy()
    time = table["time"].to_numpy()
    draw = np.random.default_rng(_SEED)
    in_order, shuffled = np.lexsort((time, session)), np.lexsort((draw.random(len(session)), session))
    columns = {"session": table["session"].take(pa.array(in_order)), "url": table["url"].take(pa.array(shuffled))}
    out.mkdir(parents=True, exist_ok=True)
    pq.write_table(texts, out / "pages.parquet")
    pq.write_table(pa.table({**columns, "time": table["time"].take(pa.array(in_order))}), out / "clicks.parquet")


def peers(directory: Path, until: str, end: str) -> Iterator[tuple[str, float, float]]:
    """Yield (peer, recall@30, NDCG@5) of peers that know the sessions which began before `until`."""
    table = pq.read_table(directory / "clicks.parquet")
    session = pc.dictionary_encode(table["session"]).combine_chunks().indices.to_numpy()
    known = pc.dictionary_encode(table["url"]).combine_chunks()
    page, time = known.indices.to_numpy(), table["time"].to_numpy()
    began = np.full(session.max() + 1, np.datetime64("2200", "ms"))
    np.minimum.at(began, session, time.astype("datetime64[ms]"))
    past = began[session] < np.datetime64(until)
    later = (began[session] >= np.datetime64(until)) & (time < np.datetime64(end))
    targets = _all_pairs(session[later], page[later])
    for name, score in _scores(session[past], page[past], len(known.dictionary)).items():
        ranked = _ranks(score, targets)
        found = next_page(ranked, [])
        yield name, found.recall_at_30 or 0.0, found.ndcg_at_5 or 0.0


def _all_pairs(session: NDArray[np.integer], page: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return each (page, other page of its session), both ways, once per session."""
    found = []
    order = np.argsort(session, kind="stable")
    _, starts = np.unique(session[order], return_index=True)
    for part in np.split(page[order], starts[1:]):
        pages = np.unique(part)
        if len(pages) >= _SHORTEST:
            first, second = np.nonzero(~np.eye(len(pages), dtype=bool))
            found.append(np.stack([pages[first], pages[second]], axis=1))
    return np.concatenate(found)


def _scores(session: NDArray[np.integer], page: NDArray[np.integer], pages: int) -> dict[str, NDArray[np.float64]]:
    """Return each peer's score of every (page, other page)."""
    _, row = np.unique(session, return_inverse=True)
    visits = csr_matrix((np.ones(len(row)), (row, page)), dtype=np.float64)
    visits.resize((row.max() + 1, pages))
    visits.data[:] = 1.0  # a page counts once a session
    clicks = np.bincount(page, minlength=pages).astype(np.float64)
    popularity = clicks / clicks.sum()  # breaks ties, below one count
    step = (session[1:] == session[:-1]) & (page[1:] != page[:-1])
    next_page = csr_matrix((np.ones(step.sum()), (page[:-1][step], page[1:][step])), shape=(pages, pages))
    together = (visits.T @ visits).tolil()
    together.setdiag(0)
    cosine = implicit.nearest_neighbours.CosineRecommender(K=200)
    cosine.fit(visits.astype(np.float32), show_progress=False)
    als = implicit.als.AlternatingLeastSquares(64, random_state=_SEED)
    als.fit(visits.astype(np.float32), show_progress=False)
    factors = als.item_factors / np.maximum(np.linalg.norm(als.item_factors, axis=1, keepdims=True), 1e-9)
    return {
        "popularity": np.tile(popularity, (pages, 1)),
        "transitions": next_page.toarray() + popularity,
        "co-visits": together.toarray() + popularity,
        "implicit cosine k-NN": cosine.similarity.toarray() + 1e-6 * popularity,
        "implicit ALS": factors @ factors.T,
    }


def _ranks(score: NDArray[np.float64], targets: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return the rank, from 1, of each target among all other pages; 0 below the length of an answer."""
    np.fill_diagonal(score, -np.inf)
    asked, row = np.unique(targets[:, 0], return_inverse=True)
    place = np.zeros((len(asked), score.shape[1]), np.int64)
    best = np.argsort(-score[asked], axis=1, kind="stable")[:, :RECALL_AT]
    np.put_along_axis(place, best, np.arange(1, best.shape[1] + 1)[None, :].repeat(len(asked), 0), axis=1)
    return place[row, targets[:, 1]]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    log = commands.add_parser("log")
    for name in ("clicks", "pages", "out"):
        log.add_argument(name, type=Path)
    log.add_argument("--most-pages", type=int)
    measured = commands.add_parser("peers")
    measured.add_argument("directory", type=Path)
    measured.add_argument("--until", required=True)
    measured.add_argument("--end", required=True)
    given = parser.parse_args()
    if given.command == "log":
        write_log(given.clicks, given.pages, given.out, given.most_pages)
        return
    for name, recall, ndcg in peers(given.directory, given.until, given.end):
        print(f"{name:<22} recall@30 {recall:.4f}  NDCG@5 {ndcg:.4f}")


if __name__ == "__main__":
    main()
