"""The simplest orders of pages by text: cosine of the encoder, and BM25."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.see_also_sources.site import Site
from corpus.urls.url import page_id
from recall.qprime.engines.embedded import TantivyEngine
from recall.qprime.engines.search_engine import SearchText
from recall.two_tower.build import embed, export_tower
from text_model.base import load_encoder, write_tokenizer
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer

#: Page -> the pages nearest to it, best first.
Lists = dict[int, NDArray[np.uint64]]

_TOKENS = 126  # of title and snippet: more than any setting of the build reads
_LISTED = 30


def encoder_cosine(site: Site, base: str) -> Lists:
    """Return for each page the pages nearest by the cosine of title and snippet."""
    ids = _ids(site)
    with tempfile.TemporaryDirectory(prefix="onward-see-also-") as name:
        directory = Path(name)
        write_tokenizer(base, directory / "tokenizer.json")
        tokenizer = PageTokenizer(directory / "tokenizer.json", _TOKENS)
        pages = site.pages.values()
        tokens, _ = tokenizer.encode(list(site.pages), [page.title for page in pages], [p.snippet for p in pages])
        export_tower(load_encoder(base), None, directory / "encoder.onnx")
        vectors = embed(OnnxModel(directory / "encoder.onnx", threads=1), tokens, tokenizer.marks, lambda done: None)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    order = np.argsort(-cosine, axis=1, kind="stable")[:, :_LISTED]
    return {int(page): ids[best] for page, best in zip(ids, order, strict=True)}


def bm25(site: Site) -> Lists:
    """Return for each page what a search engine finds by its title and snippet, in all text."""
    ids, pages = _ids(site), list(site.pages.values())
    with tempfile.TemporaryDirectory(prefix="onward-see-also-") as name:
        texts = (
            SearchText(int(i), page.title, f"{page.snippet} {page.body}") for i, page in zip(ids, pages, strict=True)
        )
        engine = TantivyEngine.build(Path(name) / "index", texts)
        hits = engine.search([f"{page.title} {page.snippet}" for page in pages], _LISTED + 1)
    return {int(i): found.pages[found.pages != i][:_LISTED] for i, found in zip(ids, hits, strict=True)}


def _ids(site: Site) -> NDArray[np.uint64]:
    return np.array([page_id(url) for url in site.pages], np.uint64)
