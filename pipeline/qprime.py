"""The step that makes the Q' table: queries, what they find, and what of it is worth reading next."""

from __future__ import annotations

from pipeline.quality import PairJudge
from pipeline.step import Work
from recall.qprime import build as qprime_build
from recall.qprime.engines.embedded import TantivyEngine
from recall.qprime.writers.key_phrases import KeyPhraseWriter
from store.tables import write_table


def qprime(work: Work) -> dict[str, object]:
    """Write queries, search the pages with them, and store what is worth reading next; `keep` 0 leaves Q' out."""
    if work.config.qprime.keep == 0:
        return {"rows": write_table(work.directory / "qprime.lmdb", ())}
    table = work.of("read") / "pages.parquet"
    engine = TantivyEngine.build(work.directory / "index", qprime_build.search_texts(table))
    writer = KeyPhraseWriter.fit(page for batch in qprime_build.query_pages(table) for page in batch)
    counts = qprime_build.Counts()
    rows = qprime_build.build(table, engine, writer, PairJudge(work), work.config.qprime, counts)
    written = write_table(work.directory / "qprime.lmdb", rows)
    return {"rows": written, "queries": counts.queries, "kept": counts.kept, "dropped": dict(counts.dropped)}
