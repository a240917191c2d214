"""The rubric judge for pairs given as texts; used when no language model is configured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus.files.pairs import TextPair, fault
from corpus.tables.page_facts import describe
from corpus.urls.url import canonical
from prompting.judge import Judged
from ranking.quality.likeness import TextVectors
from ranking.quality.pages import JudgedPages, Pairs
from ranking.quality.rubric import RubricJudge
from text_model.embed import TextEmbedder
from text_model.packaged import AUTO, ENGLISH, choose

_TOKENS = 160  # per page: more than in the build, since nothing waits for a judge


class RubricTextJudge:
    """Judges by the rubric, with the base encoder's vectors and the words of the given pages."""

    def __init__(self, base: str = AUTO) -> None:
        """Take an encoder; `auto` is that of a build of the given pages."""
        self._base = base
        self._embedders: dict[str, TextEmbedder] = {}

    def _embedder(self, pages: pa.Table) -> TextEmbedder:
        base = choose(self._base, pages["language"].to_pylist(), ENGLISH).base
        if base not in self._embedders:
            self._embedders[base] = TextEmbedder(base, _TOKENS)
        return self._embedders[base]

    def judge(self, pairs: Sequence[TextPair]) -> Judged:
        """Return the quality of each pair; a pair that cannot be judged gets NaN and a reason."""
        reasons = [fault(pair) for pair in pairs]
        rows = np.flatnonzero([not reason for reason in reasons])
        quality = np.full(len(pairs), np.nan, np.float32)
        if len(rows):
            pages, left, right = pages_of([pairs[row] for row in rows.tolist()])
            vectors = self.vectors(pages)
            judged = Pairs(JudgedPages.from_table(pages, vectors.understood), left, right)
            quality[rows] = RubricJudge().judge(judged, vectors.likeness(left, right), vectors.weight(left, right))
        return Judged(quality, reasons, {})

    def vectors(self, pages: pa.Table) -> TextVectors:
        """Return the vectors of a table made by `pages_of`."""
        texts, embedder = _texts(pages), self._embedder(pages)
        return TextVectors(*embedder.parts(*texts), embedder.understood(*texts))

    def cosine(self, pairs: Sequence[TextPair]) -> NDArray[np.float32]:
        """Return the plain cosine of the two pages' texts, a baseline for judges; NaN without readable text."""
        rows = np.flatnonzero([not fault(pair) for pair in pairs])
        cosine = np.full(len(pairs), np.nan, np.float32)
        if len(rows):
            pages, left, right = pages_of([pairs[row] for row in rows.tolist()])
            vectors = self._embedder(pages).whole(*_texts(pages))
            read = np.abs(vectors).max(axis=1, initial=0) > 0
            cosines = np.einsum("ij,ij->i", vectors[left], vectors[right])
            cosine[rows] = np.where(read[left] & read[right], cosines, np.nan)
        return cosine


def pages_of(pairs: Sequence[TextPair]) -> tuple[pa.Table, NDArray[np.intp], NDArray[np.intp]]:
    """Return the distinct pages with their facts, and the rows of each pair's two pages."""
    rows: dict[tuple[str, str, str], int] = {}
    left = np.array([rows.setdefault(pair[:3], len(rows)) for pair in pairs], np.intp)
    right = np.array([rows.setdefault(pair[3:], len(rows)) for pair in pairs], np.intp)
    urls, titles, snippets = zip(*rows, strict=True)
    blank = [""] * len(rows)
    columns = {
        "page": pa.array(range(len(rows)), pa.uint64()),
        "url": [canonical(url) for url in urls],
        "title": titles,
        "snippet": snippets,
        "language": blank,
        "body": blank,
        **{name: pa.nulls(len(rows), pa.timestamp("us", "UTC")) for name in ("published", "valid_until")},
    }
    return pa.Table.from_batches([describe(pa.RecordBatch.from_pydict(columns))]), left, right


def _texts(pages: pa.Table) -> tuple[list[str], list[str], list[str]]:
    url, title, snippet = (pages[name].to_pylist() for name in ("url", "title", "snippet"))
    return url, title, snippet
