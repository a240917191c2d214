"""Generates URLs and texts of the simulated pages, vectorized over runs of pages in one language."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from corpus.simulated_web import draw
from corpus.simulated_web.model import Kind
from corpus.simulated_web.pages import Web
from corpus.simulated_web.words import (
    CLICKBAIT,
    CUES,
    FACETS,
    GLUE,
    LANGUAGES,
    MOVED,
    ROOTS,
    SPAM,
    WORDS,
    Vocabulary,
    vocabulary,
)

# Word patterns: L leaf, B branch, R root, g glue.
_SNIPPET = "LgBLgLgRgLBgLgLgRLgB"
_BODY = "gLBgLLgRgBLgLgBgLRgLgBLggLBLgR"
_CUE_NOISE = 0.12  # standard deviation of the noise on the worth that the text reveals
_REWORDED = 0.5  # share of the duplicates that replace a third of their words

Index = NDArray[np.int64]
_vocabulary = cache(vocabulary)


def urls(web: Web, pages: Index) -> pa.Array:
    """Return the pages' canonical URLs."""
    names = _hosts(len(ROOTS) * len(LANGUAGES), int(web.host.max()) + 1)
    paths = _join(
        ["https://", names.take(pa.array(web.host[pages])), "/", _numbers(web.leaf[pages]), "/", _numbers(pages)]
    )
    return _where(web.kind[pages] == Kind.REDIRECT, _join([paths, "/go"]), paths)


def repeated_urls(web: Web, pages: Index) -> pa.DictionaryArray:
    """Return the URLs of repeated pages, dictionary-encoded: each is created and written only once."""
    once, which = np.unique(pages, return_inverse=True)
    return pa.DictionaryArray.from_arrays(pa.array(which.astype(np.int32)), urls(web, once))


def page_table(web: Web, pages: Index) -> pa.Table:
    """Return url, title, snippet, language and body of consecutive pages."""
    parts = [
        _of_language(web, run, LANGUAGES[int(web.language[run[0]])])
        for run in np.split(pages, np.flatnonzero(np.diff(web.language[pages])) + 1)
    ]
    return pa.concat_tables(parts)


def _of_language(web: Web, pages: Index, language: str) -> pa.Table:
    words = _vocabulary(language, web.tree.width, web.seed)
    source, kind = web.source[pages].astype(np.int64), web.kind[pages]
    reworded = (kind == Kind.DUPLICATE) & (draw.uniform(web.seed, 1, pages) < _REWORDED)
    leaf = web.leaf[source].astype(np.int64)
    nth = draw.below(WORDS, web.seed, 2, source)
    other = (nth + 1 + draw.below(WORDS - 1, web.seed, 7, source)) % WORDS
    first, second = words.of_leaf(leaf, nth), words.of_leaf(leaf, other)
    facet = pa.array(FACETS[language]).take(pa.array(web.facet[pages]))
    title = pc.utf8_capitalize(_join([first, " ", second, ": ", facet]))
    snippet = _join([_cue(web, source, language), " ", _sentence(web, words, pages, reworded, _SNIPPET, language)])
    body = _sentence(web, words, pages, reworded, _BODY, language)
    lure = pa.array(CLICKBAIT[language]).take(pa.array(draw.below(3, web.seed, 4, pages)))
    bait, spam = kind == Kind.CLICKBAIT, kind == Kind.SPAM
    moved = _repeated(MOVED[language], len(pages))
    return pa.table(
        {
            "url": urls(web, pages),
            "title": _where(bait, _join([lure, " ", first]), _where(spam, _join([SPAM[language], " ", first]), title)),
            "snippet": _where(kind == Kind.REDIRECT, moved, _where(spam, _join([SPAM[language], " ", body]), snippet)),
            "language": _repeated(language, len(pages)),
            "body": _where(kind == Kind.REDIRECT, _repeated("", len(pages)), body),
        }
    )


def _cue(web: Web, source: Index, language: str) -> pa.Array:
    """Return the phrase with which each text starts, which reveals its worth with noise."""
    noise = _CUE_NOISE * np.sqrt(3) * (2 * draw.uniform(web.seed, 3, source) - 1)
    level = np.clip((web.worth[source] + noise) * len(CUES[language]), 0, len(CUES[language]) - 1).astype(np.int64)
    return pa.array(CUES[language]).take(pa.array(level))


def _sentence(
    web: Web, words: Vocabulary, pages: Index, reworded: NDArray[np.bool_], pattern: str, language: str
) -> pa.Array:
    leaf = web.leaf[pages].astype(np.int64)
    glue = pa.array(GLUE[language].split())
    slots = []
    key = web.source[pages].astype(np.int64)
    own = pages[reworded]
    for place, slot in enumerate(pattern, 10 * len(pattern)):
        key[reworded] = np.where(draw.uniform(web.seed, 5, own, place) < 1 / 3, own, web.source[own])
        nth = draw.below(len(glue) if slot == "g" else WORDS, web.seed, 6, key, place)
        if slot == "g":
            slots.append(glue.take(pa.array(nth)))
        elif slot == "L":
            slots.append(words.of_leaf(leaf, nth))
        elif slot == "B":
            slots.append(words.of_branch(web.tree.branch(leaf), nth))
        else:
            slots.append(words.of_root(web.tree.root(leaf), nth))
    return pc.utf8_capitalize(pc.binary_join_element_wise(*slots, " "))


@cache
def _hosts(groups: int, hosts: int) -> pa.Array:
    each = -(-hosts // groups)
    roots = list(ROOTS)
    names = []
    for host in range(hosts):
        language, root = divmod(host // each, len(roots))
        names.append(f"{roots[root]}{host % each}.{LANGUAGES[language]}.example")
    return pa.array(names)


def _join(parts: Sequence[pa.Array | str]) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def _numbers(values: NDArray[np.integer]) -> pa.Array:
    return pa.array(values).cast(pa.string())


def _repeated(text: str, count: int) -> pa.Array:
    return pa.repeat(text, count)


def _where(mask: NDArray[np.bool_], yes: pa.Array, no: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(mask), yes, no)
