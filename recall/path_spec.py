"""What the folder of a recall path declares: settings, build steps, files of a bundle and features derive from it.

Settings read the declarations, so a `path.py` imports runtime libraries (FAISS, ONNX) only inside `open`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

    from cascade.types import Hydrator, RecallPath
    from recall.ann import AnnIndex
    from store.tables import IsRow, Table
    from text_model.tokens import PageTokenizer

INDEX = "pages"  # name of a path's AnnIndex, in its directory
_INDEX_FILES = (f"{INDEX}.faiss", f"{INDEX}.pages.npy")  # as AnnIndex.save writes them


@dataclass(frozen=True, slots=True)
class Resources:
    """What a path is opened with."""

    directory: Path  # its index and files
    tables: Mapping[str, Table]  # by name: `pages`, and every path's own
    tokenizer: PageTokenizer
    native: Executor  # its own threads, for FAISS and ONNX
    ranking: Executor  # the threads of ranking, where its similarities run
    onnx_threads: int


@dataclass(frozen=True, slots=True)
class OpenPath:
    """A path ready to run, and what else ranking and the bundle's check read of it."""

    path: RecallPath
    similarities: tuple[Hydrator, ...] = ()  # add columns to all candidates, whichever path found them
    index: AnnIndex | None = None


@dataclass(frozen=True, slots=True)
class PathSpec:
    """A recall path, as `PATH` in its folder's `path.py` declares it.

    The build's half is found beside it: `STEP` in `step.py` makes the files that `open` reads, in a directory of the
    path's name. A path whose table counts the log also defines `as_of` in `step.py`: see `pipeline.recall_steps`.
    """

    name: str  # also the name of its step, table, bundle directory and settings sections
    open: Callable[[Resources], OpenPath]
    limit: int  # the most candidates it may return: in training, and in serving unless the settings differ
    timeout_ms: float = 30.0
    table: bool = False  # its step writes a table
    is_row: IsRow | None = None  # whether bytes from Redis are a valid row; None: only a copy of the bundle's row is
    index: bool = False  # its step saves an AnnIndex as `pages`, and returns the index's figures
    files: tuple[str, ...] = ()  # what else its step writes and `open` reads
    counted: bool = False  # made from counts of the log, so its step writes all files twice: in `past` and in `all`
    columns: Mapping[str, float] = field(default_factory=dict)  # feature -> value if the path returned none
    counts: frozenset[str] = frozenset()  # columns that count readers: `explain` leaves out small numbers
    rates: frozenset[str] = frozenset()  # columns that may rest on one reader: `explain` leaves them out
    config: type[Any] | None = None  # the build's tunables: a frozen dataclass with defaults

    @property
    def package(self) -> str:
        """The Python package that declares the path (where `open` is defined)."""
        return self.open.__module__.rpartition(".")[0]

    def artifacts(self) -> dict[str, str]:
        """Return the path's files in a bundle, each with its name in the directory that the step writes."""
        files = (*(_INDEX_FILES if self.index else ()), *self.files)
        found = {f"{self.name}/{file}": file for file in files}
        return {f"tables/{self.name}.lmdb": f"{self.name}.lmdb", **found} if self.table else found
