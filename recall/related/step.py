"""The step that builds the `related` table: reads all text, compares pages by it, and keeps the best neighbours."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from corpus.text.words import words
from corpus.urls.copies import copy_keys
from pipeline.pages.encoder import text_settings
from pipeline.runner.progress import progress
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from recall import ann
from recall.related import build as related_build
from recall.related.config import RelatedConfig
from recall.related.names import Namer, distinctness, links, names_of, unambiguous
from recall.related.signals import Signals
from recall.related.terms import Vocabulary, title_queries, unit_rows, weighted
from recall.two_tower.build import embed
from store.tables import write_table
from text_model.resumable_array import clear
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer

_FACTS = ["page", "url", "title", "snippet", "language", "address", "fingerprint", "spam"]
_BATCH = 1_024  # pages whose bodies are in memory at once
_TAG = re.compile(r"<[^<>]{1,2000}>")
_VECTORS = "vectors.npy"


def related(work: Work) -> dict[str, object]:
    """Write the `related` table; a killed run resumes from its finished embeddings."""
    config, out = work.config.section(RelatedConfig), work.directory
    if config.neighbours == 0:
        return {"rows": write_table(out / "related.lmdb", ())}
    table = pq.read_table(work.of("read") / "pages.parquet", columns=_FACTS)
    signals, named = _signals(work, table, config)
    facts = related_build.PageFacts(table, copy_keys(table["url"].to_pylist(), table["title"].to_pylist()))
    with progress("comparing pages", len(table)) as advance:
        rows = write_table(out / "related.lmdb", related_build.rows(signals, facts, config, advance))
    clear(out / _VECTORS)
    return {"rows": rows, "names": named, "mentions": int(signals.mentions.nnz)}


STEP = Step("related", related, after=("read", "text"), config=("related", "text"), seeded=False, resumes=True)


def _signals(work: Work, table: pa.Table, config: RelatedConfig) -> tuple[Signals, int]:
    pages = table["page"].to_numpy()
    titles = [words(title) for title in table["title"].to_pylist()]
    vocabulary = Vocabulary()
    for text, _ in _texts(work, config.words):
        vocabulary.add(text)
    weights, idf = weighted(vocabulary, config.terms, config.common)
    names = _names(table, vocabulary, config)
    opening = _unit(np.load(work.of("text") / "embeddings.npy").astype(np.float32))
    cosine = _unit(_longer(work, table, config.tokens, opening))
    signals = Signals(
        cosine=cosine,
        opening=opening,
        terms=unit_rows(weights),
        weights=weights,
        titles=title_queries(titles, vocabulary, idf),
        mentions=distinctness(_mentions(work, table, names, config)),
        indexes=(ann.build(pages, cosine), ann.build(pages, opening)),
        pages=pages,
    )
    return signals, len(names)


def _names(table: pa.Table, vocabulary: Vocabulary, config: RelatedConfig) -> dict[str, int]:
    """Return name -> row of the page that it names."""
    having = np.bincount(vocabulary.counts().indices, minlength=len(vocabulary.number))
    count = dict(zip(vocabulary.number, having.tolist(), strict=True))
    titled = zip(table["title"].to_pylist(), table["url"].to_pylist(), strict=True)
    return unambiguous((names_of(title, url) for title, url in titled), count, config.common)


def _mentions(work: Work, table: pa.Table, names: dict[str, int], config: RelatedConfig) -> Iterator[Counter[int]]:
    """Yield how often each page names or links others."""
    urls, rules, namer = table["url"].to_pylist(), work.config.url_rules, Namer(names)
    row_of = {page: row for row, page in enumerate(table["page"].to_pylist())}
    with progress("finding names", len(urls)) as advance:
        for row, (text, body) in enumerate(_texts(work, config.words)):
            yield namer.find(text) + Counter(links(body, urls[row], row_of, rules))
            advance(row + 1)


def _texts(work: Work, most: int) -> Iterator[tuple[list[str], str]]:
    """Yield the first words of each page, without HTML tags, and its body as it is."""
    file = pq.ParquetFile(work.of("read") / "pages.parquet")
    for batch in file.iter_batches(_BATCH, columns=["title", "snippet", "body"]):
        for title, snippet, body in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            plain = _TAG.sub(" ", body) if "</" in body else body
            yield words(f"{title} {snippet} {plain}")[:most], body


def _longer(work: Work, table: pa.Table, tokens: int, opening: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors of more of each page's title and snippet; pages that are not longer keep their vector."""
    directory = work.of("text")
    tokenizer = PageTokenizer(directory / "tokenizer.json", tokens)
    ids, _ = tokenizer.encode(*(table[name].to_pylist() for name in ("url", "title", "snippet")))
    longer = [row for row, known in enumerate(ids) if len(known) > text_settings(work).tokens_per_page]
    vectors = opening.copy()
    if longer:
        encoder = OnnxModel(directory / "encoder.onnx", threads=1)
        with progress("embedding longer texts", len(longer)) as advance:
            texts = [ids[row] for row in longer]
            made = embed(encoder, texts, tokenizer.marks, advance, work.directory / _VECTORS)
        vectors[longer] = made
    return vectors


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-9), np.float32)
