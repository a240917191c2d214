"""Filters for written queries: relevance, length, language, generic, near-duplicate (paper, sections 5.1, 5.4)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from corpus.text.words import words
from recall.qprime.config import QueryFilters
from recall.qprime.queries.distinct import Distinct
from recall.qprime.queries.generic import generic_queries, query_key
from recall.qprime.queries.language import in_another_language
from recall.qprime.queries.written import WrittenBatch, read_queries, written_file
from recall.qprime.queries.written_for import WrittenFor
from recall.qprime.writers.writer import WrittenQuery

_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def filtered(
    path_in: Path,
    path_out: Path,
    facts: WrittenFor,
    config: QueryFilters = QueryFilters(),
    dropped: Counter[str] | None = None,
) -> int:
    """Rewrite a file of queries without the dropped ones and return how many are left; `dropped` counts by reason.

    A query is counted under the first filter that drops it: relevance, length, language, generic, near-duplicate. A
    page that loses all of its queries keeps the outcome `written`. Both paths are files of
    `recall.qprime.queries.written`.
    """
    dropped = Counter() if dropped is None else dropped
    generic = generic_queries(path_in, facts, config.generic)
    kept = 0
    with written_file(path_out) as file:
        for batch in read_queries(path_in):
            languages = facts.languages_of(facts.rows(batch.pages))
            rows = zip(batch.queries, languages, strict=True)
            queries = [list(_good(own, language, generic, config, dropped)) for own, language in rows]
            kept += sum(map(len, queries))
            file.write_table(WrittenBatch(batch.pages, batch.outcomes, queries).to_arrow())
    return kept


def _good(
    queries: Sequence[WrittenQuery],
    language: str,
    generic: frozenset[int],
    config: QueryFilters,
    dropped: Counter[str],
) -> Iterator[WrittenQuery]:
    """Yield the queries of one page that pass."""
    distinct = Distinct(config.alike)
    for query in queries:
        reason = _fault(query, language, generic, config)
        if not reason and not distinct.takes(words(query.text) or [query.text]):
            reason = "near-duplicate"  # last: only queries that pass the other filters count
        if reason:
            dropped[reason] += 1
        else:
            yield query


def _fault(query: WrittenQuery, language: str, generic: frozenset[int], config: QueryFilters) -> str:
    """Return why a query is dropped, regardless of the page's other queries; '' if it passes."""
    if not query.relevance >= config.relevance:  # written so that NaN is dropped
        return "relevance"
    if not _fits(query.text, config):
        return "length"
    if config.language and in_another_language(query.text, language):
        return "language"
    return "generic" if query_key(query.text) in generic else ""


def _fits(text: str, config: QueryFilters) -> bool:
    """Whether the length of a query is within the limits."""
    letters = sum(map(str.isalnum, text)) + len(_UNSPACED.findall(text))
    return letters >= config.shortest and len(words(text)) <= config.most_words and len(text) <= config.longest
