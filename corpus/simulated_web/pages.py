"""The simulated pages as numbers: kind, topic, host, worth and popularity."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from corpus.simulated_web.model import MODEL, Kind, WebModel
from corpus.simulated_web.words import FACETS, ROOTS

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tree:
    """The tree of topics: every root has `width` branches, every branch `width` leaves; all numbered in order."""

    width: int

    @property
    def leaves(self) -> int:
        """The number of leaves."""
        return len(ROOTS) * self.width**2

    def branch(self, leaf: NDArray[np.integer]) -> Index:
        """Return the branch of each leaf."""
        return np.asarray(leaf, np.int64) // self.width

    def root(self, leaf: NDArray[np.integer]) -> Index:
        """Return the root of each leaf."""
        return np.asarray(leaf, np.int64) // self.width**2


@dataclass(frozen=True, slots=True)
class Web:
    """All pages, one row per page, ordered by language and leaf; about 30 bytes of memory each."""

    seed: int
    model: WebModel
    tree: Tree
    language: NDArray[np.int8]
    leaf: NDArray[np.int32]
    facet: NDArray[np.int8]
    kind: NDArray[np.int8]
    source: NDArray[np.int32]  # the page that it copies or redirects to, else itself
    host: NDArray[np.int32]
    worth: NDArray[np.float32]  # 0 to 1
    charm: NDArray[np.float32]  # random factor of its attraction
    popularity: NDArray[np.float32]  # 0: never read

    def __len__(self) -> int:
        return len(self.leaf)


def grow(pages: int, seed: int, model: WebModel = MODEL) -> Web:
    """Return a web of `pages` pages. Raises ValueError below 1,000: topics would be too small to be useful."""
    if pages < 1_000:
        raise ValueError(f"{pages} pages are too few: use at least 1000")
    rng = np.random.default_rng([seed, 0])
    tree = Tree(max(3, round(sqrt(pages / model.pages_a_leaf / len(ROOTS)))))
    language, leaf = _topics(pages, tree, model, rng)
    kind = rng.choice(len(Kind), pages, p=_shares(model)).astype(np.int8)
    source = _sources(language.astype(np.int64) * tree.leaves + leaf, kind, rng)
    facet = rng.integers(len(FACETS["en"]), size=pages).astype(np.int8)[source]
    host, authority = _hosts(language, tree.root(leaf), kind, source, model, rng)
    worth = rng.beta(4 * authority + 0.4, 4 * (1 - authority) + 0.4)
    worth[kind == Kind.CLICKBAIT] *= 0.25
    worth[kind == Kind.SPAM] = 0.0
    worth = np.where(source != np.arange(pages), 0.8 * worth[source], worth)
    popularity = rng.pareto(1.5, pages) + 0.2
    popularity[(kind == Kind.ARTICLE) & (rng.random(pages) < model.unread)] = 0.0
    return Web(
        seed, model, tree, language, leaf, facet, kind, source, host, worth.astype(np.float32),
        np.exp(rng.normal(0.0, model.whim, pages)).astype(np.float32), popularity.astype(np.float32),
    )  # fmt: skip


def _shares(model: WebModel) -> list[float]:
    others = [model.clickbait, model.spam, model.duplicates, model.redirects]
    return [1.0 - sum(others), *others]


def _topics(
    pages: int, tree: Tree, model: WebModel, rng: np.random.Generator
) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    size = rng.lognormal(0.0, 0.5, tree.leaves)
    language = rng.choice(len(model.languages), pages, p=model.languages)
    leaf = rng.choice(tree.leaves, pages, p=size / size.sum())
    order = np.lexsort((leaf, language))
    return language[order].astype(np.int8), leaf[order].astype(np.int32)


def _sources(topic: Index, kind: NDArray[np.int8], rng: np.random.Generator) -> NDArray[np.int32]:
    """Return a random article of the same topic as the source of each copy; a copy in a topic without any becomes one.

    `topic` combines language and leaf into one number, ascending.
    """
    source = np.arange(len(kind))
    articles, copies = np.flatnonzero(kind == Kind.ARTICLE), np.flatnonzero(kind >= Kind.DUPLICATE)
    first, end = (np.searchsorted(topic[articles], topic[copies], side) for side in ("left", "right"))
    found = end > first
    chosen = first + (rng.random(len(copies)) * (end - first)).astype(np.int64)
    source[copies[found]] = articles[chosen[found]]
    kind[copies[~found]] = Kind.ARTICLE
    return source.astype(np.int32)


def _hosts(
    language: NDArray[np.int8],
    root: Index,
    kind: NDArray[np.int8],
    source: NDArray[np.int32],
    model: WebModel,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return each page's host and its authority; the first hosts of each language and root are farms."""
    groups = len(model.languages) * len(ROOTS)
    each = max(5, round(len(kind) * model.hosts_a_page / groups))
    farms = max(1, round(model.farms * each))
    authority = rng.beta(6.0, 3.0, (groups, each))
    authority[:, :farms] = rng.beta(2.0, 6.0, (groups, farms))
    shady = np.isin(kind, (Kind.CLICKBAIT, Kind.SPAM)) & (rng.random(len(kind)) < 0.9)
    drawn = rng.random(len(kind)) ** 1.5  # skewed: a few hosts have most of the pages
    inside = np.where(shady, drawn * farms, farms + drawn * (each - farms)).astype(np.int64)
    host = (language.astype(np.int64) * len(ROOTS) + root) * each + inside
    host = np.where(kind == Kind.REDIRECT, host[source], host)
    return host.astype(np.int32), authority.ravel()[host]
