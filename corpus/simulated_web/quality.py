"""True quality and attraction of simulated page pairs, and click probabilities of answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from corpus.simulated_web.model import Kind
from corpus.simulated_web.pages import Web

TOP_QUALITY = 4.0

Index = NDArray[np.integer]


def pair_quality(web: Web, page1: Index, page2: Index) -> NDArray[np.float32]:
    """Return the true quality, 0 to 4, of each pair of page numbers (any one shape)."""
    model = web.model
    fit = np.array([1.0, model.branch_fit, model.root_fit, model.stranger_fit])[_apart(web, page1, page2)]
    repeats = (web.leaf[page1] == web.leaf[page2]) & (web.facet[page1] == web.facet[page2])
    quality = TOP_QUALITY * fit * web.worth[page2] * np.where(repeats, model.repeat, 1.0)
    kind = web.kind[page2]
    useless = (kind == Kind.SPAM) | (kind == Kind.REDIRECT) | _foreign(web, page1, page2) | _same(web, page1, page2)
    return np.where(useless, 0.0, quality).astype(np.float32)


def attraction(web: Web, page1: Index, page2: Index) -> NDArray[np.float64]:
    """Return the probability that a reader of page1 who examines page2's title clicks it."""
    model = web.model
    proximity = np.array(model.seems)[_apart(web, page1, page2)] * np.where(
        _foreign(web, page1, page2), model.foreign, 1.0
    )
    of_copy = model.copy_lure * web.charm[page2]
    return np.minimum(np.where(_same(web, page1, page2), of_copy, promise(web, page2) * proximity), 0.95)


def promise(web: Web, page: Index) -> NDArray[np.float64]:
    """Return the promise of a page's title: its attraction for a reader of the same topic."""
    model = web.model
    lure = np.array(model.lure)[web.kind[page]]
    appeal: NDArray[np.float64] = np.where(lure > 0, lure, model.promise[0] + model.promise[1] * web.worth[page])
    return appeal * web.charm[page]


def examination(web: Web, places: int) -> NDArray[np.float64]:
    """Return the probability that a reader examines each position, from the first."""
    return 1.0 / np.arange(1, places + 1, dtype=np.float64) ** web.model.position_bias


def click_chance(web: Web, page1: Index, answers: Index) -> NDArray[np.float64]:
    """Return the probability of a click or more per row of `answers` (rows, positions; -1 where nothing is shown)."""
    clicked = examination(web, answers.shape[1]) * attraction(web, np.asarray(page1)[:, None], answers)
    chance: NDArray[np.float64] = 1.0 - np.prod(1.0 - np.where(answers >= 0, clicked, 0.0), axis=1)
    return chance


def _apart(web: Web, page1: Index, page2: Index) -> NDArray[np.int64]:
    """Return the distance of two topics: 0 same leaf, 1 same branch, 2 same root, 3 unrelated."""
    leaf1, leaf2, tree = web.leaf[page1], web.leaf[page2], web.tree
    same_branch, same_root = tree.branch(leaf1) == tree.branch(leaf2), tree.root(leaf1) == tree.root(leaf2)
    shared: NDArray[np.int64] = (leaf1 == leaf2).astype(np.int64) + same_branch + same_root
    return 3 - shared


def _foreign(web: Web, page1: Index, page2: Index) -> NDArray[np.bool_]:
    return np.asarray(web.language[page1] != web.language[page2])


def _same(web: Web, page1: Index, page2: Index) -> NDArray[np.bool_]:
    return np.asarray(web.source[page1] == web.source[page2])
