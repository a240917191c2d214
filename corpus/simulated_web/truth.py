"""The ground-truth files, only for evaluation: true quality of pairs, and every page's numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from corpus.schema import InputError
from corpus.simulated_web.model import WebModel
from corpus.simulated_web.pages import Index, Tree, Web
from corpus.simulated_web.quality import pair_quality

SHOWN = "truth.parquet"
PAGES = "web.parquet"
_META = b"onward.simulated_web"
_COLUMNS = ("language", "leaf", "facet", "kind", "source", "host", "worth", "charm", "popularity")

Urls = Callable[[Web, Index], pa.Array]


def pair_table(web: Web, urls: Urls, pairs: Index) -> pa.Table:
    """Return url1, url2 and true quality of (pairs, 2) page numbers."""
    page1, page2 = pairs[:, 0], pairs[:, 1]
    return pa.table({"url1": urls(web, page1), "url2": urls(web, page2), "quality": pair_quality(web, page1, page2)})


def write(web: Web, urls: Urls, path: Path, chunk: int = 20_000) -> None:
    """Write every page's URL and numbers, one row group per chunk; model and seed are in the metadata."""
    meta = {_META: orjson.dumps({"seed": web.seed, "width": web.tree.width, "model": asdict(web.model)})}
    schema = pa.schema(
        [("url", pa.string()), *((name, pa.from_numpy_dtype(getattr(web, name).dtype)) for name in _COLUMNS)], meta
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, len(web), chunk):
            part = np.arange(start, min(start + chunk, len(web)))
            columns = {"url": urls(web, part), **{name: getattr(web, name)[part] for name in _COLUMNS}}
            writer.write_table(pa.table(columns, schema=schema))


def is_web(path: Path) -> bool:
    """Return whether `write` wrote this Parquet file."""
    return _META in (pq.read_schema(path).metadata or {})


def read(path: Path) -> tuple[Web, list[str]]:
    """Read a file of `write`; return the web and its pages' URLs. Raises InputError for any other file."""
    table = pq.read_table(path)
    if _META not in (table.schema.metadata or {}):
        raise InputError(f"{path}: this is not a web.parquet of `onward simulate`")
    stored = orjson.loads(table.schema.metadata[_META])
    numbers: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in stored["model"].items()}
    columns = {name: table[name].to_numpy() for name in _COLUMNS}
    return Web(stored["seed"], WebModel(**numbers), Tree(stored["width"]), **columns), table["url"].to_pylist()
