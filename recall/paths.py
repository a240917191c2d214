"""Opens the recall half of a bundle: the paths, the fallback, and the similarities that ranking reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from cascade.types import Hydrator, RecallPath
from recall import ann
from recall.cf.lookup import CfCosine, CfRecall
from recall.coclick.lookup import CoclickRecall
from recall.coclick.row import is_row as is_coclick_row
from recall.popular.lookup import PopularRecall
from recall.qprime.lookup import QPrimeRecall
from recall.qprime.row import is_row as is_qprime_row
from recall.two_tower.lookup import QueryVectors, TwoTowerCosine, TwoTowerRecall
from store import page_row
from store.tables import IsRow, Table
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer

#: The tables that recall and ranking read.
TABLES = ("pages", "coclick", "qprime", "popular")

#: Whether bytes from elsewhere can be a table's row of a key; those of `popular` have no form that could be told.
IS_ROW: Mapping[str, IsRow] = {"pages": page_row.is_row, "coclick": is_coclick_row, "qprime": is_qprime_row}


@dataclass(frozen=True, slots=True)
class Recall:
    """The recall half, ready to run."""

    paths: tuple[RecallPath, ...]
    fallback: RecallPath
    similarities: tuple[Hydrator, ...]
    indexes: Mapping[str, ann.AnnIndex]  # by the name of the path that searches it


def open_recall(
    directory: Mapping[str, Path],
    table: Callable[[str], Table],
    tokenizer: PageTokenizer,
    native: Mapping[str, Executor],
    threads: int,
) -> Recall:
    """Open every recall path.

    `directory[path]` holds its index files, `native[path]` are its threads and `native["ranking"]` those of
    the similarities, `table(name)` gives a key-value table.
    """
    cf = ann.load(directory["cf"] / "pages")
    towers = directory["two_tower"]
    pages = ann.load(towers / "pages")
    tower = OnnxModel(towers / "query.onnx", threads)
    queries = QueryVectors(pages.pages, towers / "queries.npy", tower, tokenizer)
    return Recall(
        paths=(
            CoclickRecall(table("coclick")),
            CfRecall(cf, native["cf"]),
            TwoTowerRecall(pages, queries, native["two_tower"]),
            QPrimeRecall(table("qprime")),
        ),
        fallback=PopularRecall(table("popular")),
        similarities=(CfCosine(cf), TwoTowerCosine(pages, queries, native["ranking"])),
        indexes={"cf": cf, "two_tower": pages},
    )
