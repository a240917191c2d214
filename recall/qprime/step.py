"""The step that builds the `qprime` table: writes queries, searches, and keeps the pages worth reading next."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from configs.reading import SettingsError
from pipeline.labels.rubric_judge import PairJudge
from pipeline.labels.student_judge import StudentJudge
from pipeline.runner.model_hash import hash_model
from pipeline.runner.progress import progress
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from prompting.endpoint import read_endpoint
from prompting.query_prompt import load_query_prompt
from recall.qprime import build as qprime_build
from recall.qprime.config import QPrimeConfig
from recall.qprime.engines.embedded import TantivyEngine
from recall.qprime.engines.endpoint import read_search_endpoint
from recall.qprime.engines.opening import open_engine
from recall.qprime.engines.remote import RemoteEngine
from recall.qprime.engines.search_engine import SearchEngine
from recall.qprime.queries.filters import filtered
from recall.qprime.queries.written import WrittenReader, write_queries
from recall.qprime.queries.written_for import Vectors, WrittenFor
from recall.qprime.search_results import PageFacts
from recall.qprime.table_parts import BuiltRow, Counts
from recall.qprime.writers.key_phrases import KeyPhraseWriter
from recall.qprime.writers.writer import QueryWriter
from store.tables import write_table

if TYPE_CHECKING:
    from pipeline.config import BuildConfig

QUERIES = "queries.parquet"  # what the filters left of what was written
_INDEX = "index"
_ABOUT = "written.json"  # the figures of the queries, kept while the pages are searched
_WRITTEN, _PARTS = "written.parts", "rows.parts"
_DAY_S = 86_400


def qprime(work: Work) -> dict[str, object]:
    """Write queries, search with them, and store the pages worth reading next; `keep` 0 turns Q' off.

    A killed run resumes from what it has indexed, written, searched and judged.
    """
    out = work.directory
    if work.config.section(QPrimeConfig).keep == 0:
        return {"rows": write_table(out / "qprime.lmdb", ())}
    pages = work.of("read") / "pages.parquet"
    if work.config.section(QPrimeConfig).engine == "tantivy" and not (out / _INDEX).is_dir():
        TantivyEngine.build(out / _INDEX, qprime_build.search_texts(pages))
    figures: dict[str, object] = {}
    made = rows_of(work, pages, out, judge_of(work), figures)
    written = write_table(out / "qprime.lmdb", ((one.page, one.row) for one in made))
    for parts in (_WRITTEN, _PARTS):
        shutil.rmtree(out / parts, ignore_errors=True)
    (out / _ABOUT).unlink()
    return {"rows": written, **figures}


def _external(config: BuildConfig) -> object:
    """Return what writes the queries, and what is searched with them. Raises SettingsError."""
    wanted = config.section(QPrimeConfig)
    if wanted.keep == 0:
        return None
    endpoint = read_endpoint() if wanted.writer == "llm" else None
    causal = hash_model(wanted.causal) if wanted.writer == "information_need" else ""
    search = None if wanted.engine == "tantivy" else read_search_endpoint(wanted.engine)
    return [endpoint and endpoint.identity(), causal, search and search.identity()]


STEP = Step(
    "qprime",
    qprime,
    after=("read", "text"),
    also_after=lambda config: ("student",) if config.section(QPrimeConfig).judge == "student" else (),
    config=("qprime", "text"),
    external=_external,
    seeded=False,
    resumes=True,
)


def rows_of(
    work: Work,
    pages: Path,
    out: Path,
    judge: qprime_build.Quality,
    figures: dict[str, object],
    facts: PageFacts | None = None,
) -> Iterator[BuiltRow]:
    """Write and filter the queries of the pages in a file, and yield their rows; fills `figures` at the end.

    The queries are kept in `out`. `facts` cover all pages that may be found (None: `pages`).
    """
    config, counts = work.config.section(QPrimeConfig), Counts()
    queries, about = _queries(work, pages, out)
    engine = _engine(work, out)
    rows = qprime_build.build(pages, engine, queries, judge, today(), config, counts, facts, out / _PARTS)
    yield from _shown(rows, pq.ParquetFile(pages).metadata.num_rows) if config.progress else rows
    figures |= {**counts.figures(), **about, **_of_engine(engine)}


def _shown(rows: Iterator[BuiltRow], total: int) -> Iterator[BuiltRow]:
    with progress("searching for pages", total) as advance:
        for number, row in enumerate(rows, start=1):
            yield row
            advance(number)


def judge_of(work: Work) -> qprime_build.Quality:
    """Return the judge that ranks what was found."""
    return StudentJudge(work) if work.config.section(QPrimeConfig).judge == "student" else PairJudge(work)


def today() -> int:
    """Return the day since 1970, in UTC."""
    return int(time.time() // _DAY_S)


def _queries(work: Work, pages: Path, out: Path) -> tuple[WrittenReader, dict[str, object]]:
    """Return the filtered queries of the pages and their figures; reuses those of a killed run."""
    if not (out / _ABOUT).is_file():
        beside = out / f"{_ABOUT}.writing"
        beside.write_text(json.dumps(_write_queries(work, pages, out)))
        beside.rename(out / _ABOUT)
    return WrittenReader(out / QUERIES), json.loads((out / _ABOUT).read_text())


def _write_queries(work: Work, pages: Path, out: Path) -> dict[str, object]:
    config = work.config.section(QPrimeConfig)
    writer, name = _writer(work)
    written = out / "written.parquet"
    outcomes = write_queries(qprime_build.query_pages(pages, config.batch), writer, written, name, out / _WRITTEN)
    dropped: Counter[str] = Counter()
    # Key phrases are the page's own words: detecting their language would cost a millisecond per page for nothing.
    filters = replace(config.filters, language=config.filters.language and config.writer != "key_phrases")
    filtered(written, out / QUERIES, WrittenFor.of(pages, _vectors(work, pages)), filters, dropped)
    about: dict[str, object] = {"written": dict(outcomes), "filtered": dict(dropped)}
    for figure in ("failed", "left_out"):
        if counted := getattr(writer, figure, None):
            about[f"writer_{figure}"] = dict(counted)
    return about


def _writer(work: Work) -> tuple[QueryWriter, str]:
    """Return the query writer, and a name that changes with what it writes. Raises SettingsError."""
    config = work.config.section(QPrimeConfig)
    if config.writer == "llm":
        from recall.qprime.writers.llm import LlmQueryWriter

        if (endpoint := read_endpoint()) is None:
            raise SettingsError("qprime.writer is llm and ONWARD_LLM_MODEL is not set: set it, or choose key_phrases")
        llm = LlmQueryWriter(endpoint, load_query_prompt(config.prompt))
        return llm, llm.name
    if config.writer == "information_need":
        from recall.qprime.writers.information_need import InformationNeedWriter

        if not config.causal:
            raise SettingsError("qprime.writer is information_need and qprime.causal is empty: name a causal model")
        return InformationNeedWriter.load(config.causal), f"information_need {config.causal}"
    every = qprime_build.query_pages(work.of("read") / "pages.parquet")
    return KeyPhraseWriter.fit(chain.from_iterable(every)), "key_phrases"


def _engine(work: Work, out: Path) -> SearchEngine:
    """Return the engine; a refresh searches the index of the finished step."""
    name, own = work.config.section(QPrimeConfig).engine, out / _INDEX
    if name != "tantivy":
        return open_engine(name)
    return open_engine(name, own if own.is_dir() else work.of("qprime") / _INDEX)


def _of_engine(engine: SearchEngine) -> dict[str, object]:
    if not isinstance(engine, RemoteEngine):
        return {}
    return {"failed": dict(engine.failures), "calls": engine.calls, "from_store": engine.from_store}


def _vectors(work: Work, pages: Path) -> Vectors | None:
    """Return the text embeddings by row, if they belong to the pages in the file."""
    path = work.of("text") / "embeddings.npy"
    if pages != work.of("read") / "pages.parquet" or not path.is_file():
        return None
    stored = np.load(path, mmap_mode="r")
    return lambda rows: np.asarray(stored[rows], np.float32)
