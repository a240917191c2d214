"""The embedded search engine: tantivy, with an index that the build writes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import tantivy

from corpus.text.words import words
from recall.qprime.engines.search_engine import Hits, SearchText

_HEAP = 128_000_000  # bytes that the index writer may buffer before it writes a segment
_FIELDS = ("title", "text")
# Chinese and Japanese words are short and hard to segment: single characters find what words do not.
_IDEOGRAPHS = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


class TantivyEngine:
    """BM25 over an index directory with separate fields for title and text: a title is short, so its words weigh more.

    Texts and queries are tokenized here, not by tantivy, so a query has no syntax to inject.
    """

    def __init__(self, path: Path, title_boost: float = 1.0) -> None:
        """Open the index that `build` wrote at `path`."""
        self._index = tantivy.Index.open(str(path))
        self._schema = self._index.schema
        self._boost = title_boost
        self._searcher = self._index.searcher()

    @classmethod
    def build(cls, path: Path, pages: Iterable[SearchText], title_boost: float = 1.0) -> TantivyEngine:
        """Index `pages` in a new directory at `path`, which replaces an existing one."""
        working = path.with_name(f"{path.name}.writing")
        shutil.rmtree(working, ignore_errors=True)
        working.mkdir(parents=True)
        writer = tantivy.Index(_schema(), str(working), reuse=False).writer(_HEAP, num_threads=1)
        for page in pages:
            document = tantivy.Document()
            document.add_unsigned("page", page.page)
            document.add_text("title", " ".join(_terms(page.title)))
            document.add_text("text", " ".join(_terms(page.text)))
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        shutil.rmtree(path, ignore_errors=True)
        working.rename(path)
        return cls(path, title_boost)

    def search(self, queries: Sequence[str], limit: int) -> list[Hits]:
        """Return at most `limit` hits per query; a query without words finds nothing."""
        found = [self._searcher.search(self._parsed(query), limit, count=False).hits for query in queries]
        addresses = [address for hits in found for _, address in hits]
        pages = np.array(self._searcher.fast_field_values("page", addresses) if addresses else [], np.uint64)
        scores = np.array([score for hits in found for score, _ in hits], np.float32)
        ends = np.cumsum([len(hits) for hits in found], dtype=np.intp)
        starts = ends - np.array([len(hits) for hits in found], np.intp)
        return [Hits(pages[start:end], scores[start:end]) for start, end in zip(starts, ends, strict=True)]

    def _parsed(self, query: str) -> tantivy.Query:
        terms = [
            (tantivy.Occur.Should, self._term(field, word))
            for word in dict.fromkeys(_terms(query))
            for field in _FIELDS
        ]
        return tantivy.Query.boolean_query(terms) if terms else tantivy.Query.empty_query()

    def _term(self, field: str, word: str) -> tantivy.Query:
        term = tantivy.Query.term_query(self._schema, field, word)
        return tantivy.Query.boost_query(term, self._boost) if field == "title" else term


def _terms(text: str) -> list[str]:
    """Return the terms that are indexed and searched: words, and single characters of Chinese and Japanese words."""
    found = words(text)
    return [*found, *(letter for word in found if len(word) > 1 for letter in _IDEOGRAPHS.findall(word))]


def _schema() -> tantivy.Schema:
    schema = tantivy.SchemaBuilder()
    schema.add_unsigned_field("page", fast=True)
    for field in _FIELDS:
        schema.add_text_field(field, tokenizer_name="whitespace", index_option="freq")
    return schema.build()
