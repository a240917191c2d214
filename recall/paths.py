"""The recall paths, and what follows from their declarations: tables, columns, and how a bundle's paths are opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recall.cf.path import PATH as CF
from recall.coclick.path import PATH as COCLICK
from recall.knowledge.path import PATH as KNOWLEDGE
from recall.path_spec import PathSpec, Resources
from recall.plug_ins import check, plug_ins
from recall.popular.path import PATH as POPULAR
from recall.qprime.path import PATH as QPRIME
from recall.related.path import PATH as RELATED
from recall.two_tower.path import PATH as TWO_TOWER
from store import page_row
from store.tables import IsRow, Table

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

    from cascade.types import Hydrator, RecallPath
    from recall.ann import AnnIndex
    from text_model.tokens import PageTokenizer

#: The recall paths, in the order of the rankers' features: append new ones at the end.
PATHS: tuple[PathSpec, ...] = (COCLICK, CF, TWO_TOWER, QPRIME, RELATED, KNOWLEDGE, *plug_ins())

#: The fallback path, used if all others find nothing. Its rank is not a feature.
FALLBACK = POPULAR

#: The path whose order, judged offline, is an answer where no stage can rank.
STORED = QPRIME

ALL_PATHS = (*PATHS, FALLBACK)
check((FALLBACK, *PATHS))

#: The tables that recall and ranking read.
TABLES = ("pages", *(path.name for path in ALL_PATHS if path.table))

#: Table -> check of a row read from Redis. Rows of other tables must equal the bundle's.
IS_ROW: Mapping[str, IsRow] = {
    "pages": page_row.is_row,
    **{path.name: path.is_row for path in ALL_PATHS if path.is_row is not None},
}

#: The paths' feature columns, and the value of each where no path gives one.
COLUMNS: Mapping[str, float] = {name: value for path in PATHS for name, value in path.columns.items()}


@dataclass(frozen=True, slots=True)
class Recall:
    """The recall half of a bundle, ready to run."""

    paths: tuple[RecallPath, ...]
    fallback: RecallPath
    similarities: tuple[Hydrator, ...]
    indexes: Mapping[str, AnnIndex]  # by the name of the path that searches it


def open_recall(
    directory: Callable[[PathSpec], Path],
    tables: Mapping[str, Table],
    tokenizer: PageTokenizer,
    native: Mapping[str, Executor],
    ranking: Executor,
    threads: int,
) -> Recall:
    """Open every recall path.

    `directory(path)` holds its index and files, `native[name]` are its threads, `ranking` those of the similarities;
    `threads` run one ONNX model.
    """
    opened = {
        path.name: path.open(Resources(directory(path), tables, tokenizer, native[path.name], ranking, threads))
        for path in ALL_PATHS
    }
    return Recall(
        paths=tuple(opened[path.name].path for path in PATHS),
        fallback=opened[FALLBACK.name].path,
        similarities=tuple(hydrator for path in opened.values() for hydrator in path.similarities),
        indexes={name: path.index for name, path in opened.items() if path.index is not None},
    )
