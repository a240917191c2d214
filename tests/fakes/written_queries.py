"""Files that `onward qprime export-sft` reads, written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.urls.url import canonical, page_id

FOX, OWL, LOGIN, DOWN = (f"https://a.example/{name}" for name in ("fox", "owl", "login", "down"))

#: page, outcome, queries with their relevance
Row = tuple[str, str, dict[str, float]]

ROWS: list[Row] = [
    (FOX, "written", {"arctic  fox": 0.9, "fox hunting law": 0.5}),
    (OWL, "written", {"owl calls at night": 0.8}),
    (LOGIN, "none", {}),
    (DOWN, "failed", {}),
]


def page(url: str) -> int:
    return page_id(canonical(url))


def write_queries(path: Path, rows: Sequence[Row] = ROWS) -> Path:
    columns = {
        "page": pa.array([page(url) for url, _, _ in rows], pa.uint64()),
        "outcome": pa.array([outcome for _, outcome, _ in rows], pa.string()),
        "texts": pa.array([list(queries) for _, _, queries in rows], pa.list_(pa.string())),
        "relevance": pa.array([list(queries.values()) for _, _, queries in rows], pa.list_(pa.float32())),
    }
    pq.write_table(pa.table(columns), path)
    return path


def write_pages(path: Path, urls: Sequence[str] = (FOX, OWL, LOGIN, DOWN)) -> Path:
    urls = sorted(urls, key=page)
    columns = {
        "page": pa.array([page(url) for url in urls], pa.uint64()),
        "url": urls,
        "title": [f"Title of {url}" for url in urls],
        "snippet": ["A snippet." for _ in urls],
        "language": ["en" for _ in urls],
        "body": ["The body, which goes on." for _ in urls],
    }
    pq.write_table(pa.table(columns), path)
    return path
