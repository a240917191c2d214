"""The serving cascade over a bundle's files, without limits on time: for making answers before they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cascade.executor import Cascade
from configs.threads import used
from ranking.assembly import Choices, Threads, open_cascade
from ranking.filters import standard
from ranking.stored_answers import TEACHERS
from ranking.teachers.pairs import TeacherHeads, scored_by
from recall.paths import ALL_PATHS, TABLES
from store.tables import LmdbTable
from text_model.tokens import PageTokenizer

_ABREAST = 4  # pages in flight per thread: while some wait for the model, others are recalled


@contextmanager
def open_unhurried(directory: Path, tokens_per_page: int, choices: Choices) -> Iterator[tuple[Cascade, int]]:
    """Open the cascade of the bundle in a directory; give it with the number of pages to run at a time.

    Where the bundle has teachers, they score pairs in place of the student.
    Pages are scored side by side, each by one thread: two threads that share one page's pairs wait for each other, and
    pairs of several pages in one run would share the scale of the 8-bit numbers of a model with two joint layers.
    """
    count = used()
    with ExitStack() as stack:
        tables = {name: LmdbTable(directory / "tables" / f"{name}.lmdb") for name in TABLES}
        for table in tables.values():
            stack.callback(table.close)
        native, ranking, encoder = (stack.enter_context(ThreadPoolExecutor(count, name)) for name in _POOLS)
        threads = Threads({path.name: native for path in ALL_PATHS}, ranking, encoder, onnx=1, stage1=1)
        tokenizer = PageTokenizer(directory / "tokenizer.json", tokens_per_page)
        filters = standard(adult=choices.adult)
        cascade, _ = open_cascade(directory.joinpath, directory, tables, tokenizer, filters, choices, threads)
        if (teachers := directory / TEACHERS).is_dir():
            cascade = scored_by(TeacherHeads(teachers, tables["pages"], encoder, threads=1), cascade)
        yield cascade, _ABREAST * count


_POOLS = ("native", "ranking", "cross_encoder")
