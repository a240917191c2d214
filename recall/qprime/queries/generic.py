"""Finds generic queries: the same query, written for many unrelated pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from corpus.text.words import words
from recall.qprime.config import Generic
from recall.qprime.queries.written import WrittenBatch, read_queries
from recall.qprime.queries.written_for import WrittenFor


def query_key(text: str) -> int:
    """Return a 64-bit key that ignores case and punctuation."""
    return xxhash.xxh3_64_intdigest(" ".join(words(text) or [text]).encode("utf-8", "surrogatepass"))


def generic_queries(path: Path, facts: WrittenFor, config: Generic) -> frozenset[int]:
    """Return the keys of the generic queries in a file, which is read twice.

    The pages of a query are unrelated if their mean pairwise cosine is low. Without vectors, or if half of the pages
    have none because the encoder cannot read their text, they are unrelated if titles and snippets have few words in
    common. This is measured on the first pages in the file with the query: PageIds are hashes, so in a file sorted by
    them the first pages are a random sample. Memory use is 16 bytes per query, 8 per common query, and the texts of
    the samples.
    """
    common = _common(path, config.pages)
    if not len(common):
        return frozenset()
    samples = [(key, rows) for key, rows in _samples(path, common, facts, config.sample) if len(rows) > 1]
    if facts.vectors is None:
        return frozenset(_unlike_texts(samples, facts, config))
    generic, unread = set(), []
    for key, rows in samples:
        vectors = facts.vectors(rows)
        if 2 * np.count_nonzero(vectors.any(axis=1)) < len(rows):
            unread.append((key, rows))
        elif mean_cosine(vectors) < config.cosine:
            generic.add(key)
    return frozenset(generic.union(_unlike_texts(unread, facts, config)))


def _common(path: Path, pages: int) -> NDArray[np.uint64]:
    """Return the keys, sorted, of queries that were written for at least `pages` pages."""
    keys = [np.fromiter((key for _, key in _keys(batch)), np.uint64) for batch in read_queries(path)]
    found, counts = np.unique(np.concatenate([np.empty(0, np.uint64), *keys]), return_counts=True)
    return found[counts >= pages]


def _keys(batch: WrittenBatch) -> Iterator[tuple[int, int]]:
    """Yield the row in the batch and the key of each query, once per page."""
    for row, own in enumerate(batch.queries):
        for key in {query_key(query.text) for query in own}:
            yield row, key


def _samples(
    path: Path, common: NDArray[np.uint64], facts: WrittenFor, most: int
) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Yield each common key with the rows of its first pages, at most `most`."""
    places, rows = [np.empty(0, np.int32)], [np.empty(0, np.int32)]
    for batch in read_queries(path):
        own, keys = np.array(list(_keys(batch)), np.uint64).reshape(-1, 2).T
        place = np.minimum(np.searchsorted(common, keys), len(common) - 1)
        row = facts.rows(batch.pages)[own.astype(np.intp)]
        kept = (common[place] == keys) & (row >= 0)
        places.append(place[kept].astype(np.int32))
        rows.append(row[kept].astype(np.int32))
    place, row = np.concatenate(places), np.concatenate(rows)
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(common) + 1))
    for key, start, end in zip(common.tolist(), starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        yield key, np.sort(row[order[start : min(end, start + most)]]).astype(np.intp)


def _unlike_texts(samples: Sequence[tuple[int, NDArray[np.intp]]], facts: WrittenFor, config: Generic) -> Iterator[int]:
    """Yield the keys whose pages have few words in common; the texts are read once for all keys."""
    wanted = np.unique(np.concatenate([np.empty(0, np.intp), *(rows for _, rows in samples)]))
    texts = facts.texts(wanted)
    for key, rows in samples:
        if shared_words([texts[place] for place in np.searchsorted(wanted, rows).tolist()]) < config.shared:
            yield key


def mean_cosine(vectors: NDArray[np.float32]) -> float:
    """Return the mean cosine of all pairs of at least two vectors; a zero vector has cosine 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    ones = vectors / np.where(lengths > 0, lengths, 1)
    total = float(np.square(ones.sum(axis=0, dtype=np.float64)).sum())
    own = float(np.count_nonzero(lengths))
    return (total - own) / (len(vectors) * (len(vectors) - 1))


def shared_words(texts: Sequence[str]) -> float:
    """Return the mean number of common words of all pairs of texts, divided by the mean number of words of a text."""
    sets = [set(words(text)) for text in texts]
    size = sum(map(len, sets)) / len(sets)
    counts = Counter(word for own in sets for word in own).values()
    pairs = len(sets) * (len(sets) - 1)
    return sum(count * (count - 1) for count in counts) / pairs / size if size else 0.0
