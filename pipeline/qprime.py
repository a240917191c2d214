"""The step that makes the Q' table: queries, what they find, and what of it is worth reading next."""

from __future__ import annotations

import time
from itertools import chain

from pipeline.quality import PairJudge
from pipeline.step import Work
from pipeline.student_judge import StudentJudge
from recall.qprime import build as qprime_build
from recall.qprime.engines.embedded import TantivyEngine
from recall.qprime.search_engine import SearchEngine
from recall.qprime.writer import QueryWriter
from recall.qprime.writers.key_phrases import KeyPhraseWriter
from store.tables import write_table

DAY_S = 86_400
_INDEX = "index"


def qprime(work: Work) -> dict[str, object]:
    """Write queries, search the pages with them, and store what is worth reading next; `keep` 0 leaves Q' out."""
    if work.config.qprime.keep == 0:
        return {"rows": write_table(work.directory / "qprime.lmdb", ())}
    table = work.of("read") / "pages.parquet"
    engine = TantivyEngine.build(work.directory / _INDEX, qprime_build.search_texts(table))
    counts = qprime_build.Counts()
    made = qprime_build.build(table, engine, writer_of(work), judge_of(work), today(), work.config.qprime, counts)
    written = write_table(work.directory / "qprime.lmdb", ((one.page, one.row) for one in made))
    return {"rows": written, **counts.figures()}


def writer_of(work: Work) -> QueryWriter:
    """Return the query writer that the configuration names."""
    pages = qprime_build.query_pages(work.of("read") / "pages.parquet")
    return KeyPhraseWriter.fit(chain.from_iterable(pages))


def engine_of(work: Work) -> SearchEngine:
    """Return the search engine that the finished step used."""
    return TantivyEngine(work.of("qprime") / _INDEX)


def judge_of(work: Work) -> qprime_build.Quality:
    """Return the judge that ranks what was found."""
    return StudentJudge(work) if work.config.qprime.judge == "student" else PairJudge(work)


def today() -> int:
    """Return the day since 1970, in UTC."""
    return int(time.time() // DAY_S)
