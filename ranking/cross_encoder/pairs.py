"""The exported cross-encoder: token ids of page pairs in, two scores per pair out.

If its lower layers read each page separately (`text_model/pair_encoder.py`), it is two models: one computes the states
of a page, which are cached, the other scores the states of two pages. States from the build or earlier requests are
reused.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from ranking.cross_encoder.page_model import PageModel, Tokens
from ranking.cross_encoder.page_states import STATES, PageStates
from ranking.cross_encoder.state_codes import PlainStates
from text_model.session import OnnxModel
from text_model.tokens import Marks, pair_inputs

WHOLE = "model.onnx"  # all layers, if none reads a page separately
PAGES, PAIRS = "pages.onnx", "pairs.onnx"  # the lower layers, and the joint ones with the heads

Scores = tuple[NDArray[np.float32], NDArray[np.float32]]


class PairModel(Protocol):
    """Scores pairs of pages by their token ids, without special tokens; safe to call from several threads."""

    def run(self, first: Sequence[Tokens], second: Sequence[Tokens]) -> Scores:
        """Return click (logit) and quality (0 to 4) of each pair; `first` may be one page for all."""
        ...


class WholePairModel:
    """One model that reads both pages in all of its layers."""

    def __init__(self, model: OnnxModel, marks: Marks) -> None:
        self._model, self._marks = model, marks

    def run(self, first: Sequence[Tokens], second: Sequence[Tokens]) -> Scores:
        """Return click (logit) and quality (0 to 4) of each pair; `first` may be one page for all."""
        both = list(first) * len(second) if len(first) == 1 else first
        click, quality = self._model.run(pair_inputs(both, second, self._marks, joint=True))
        return click, quality


class SplitPairModel:
    """Two models; uses the states `stored` in the build, and caches those of other pages in at most `kept_bytes`."""

    def __init__(
        self,
        pages: PageModel,
        pairs: OnnxModel,
        kept_bytes: int,
        kept_as: type[np.floating[Any]],
        stored: PageStates | None,
    ) -> None:
        self._pages, self._pairs = pages, pairs
        codes = None if stored is None else stored.codes
        self._form = codes or PlainStates(pages.width, pages.own, kept_as)
        self._stored = stored
        self._kept: LRUCache[bytes, NDArray[Any]] = LRUCache(kept_bytes, getsizeof=lambda packed: packed.nbytes)
        self._lock = Lock()

    def run(self, first: Sequence[Tokens], second: Sequence[Tokens]) -> Scores:
        """Return click (logit) and quality (0 to 4) of each pair; `first` may be one page for all."""
        keys = [page.tobytes() for page in (*first, *second)]
        packed = self._packed(dict(zip(keys, (*first, *second), strict=True)))
        left, right = keys[: len(first)], keys[len(first) :]
        states1, mask1 = self._form.padded([packed[key] for key in left])
        states2, mask2 = self._form.padded([packed[key] for key in right])
        click, quality = self._pairs.run({
            "states1": states1, "mask1": mask1, "states2": states2, "mask2": mask2, "columns": self._form.columns,
        })  # fmt: skip
        return click, quality

    def _packed(self, pages: dict[bytes, Tokens]) -> dict[bytes, NDArray[Any]]:
        stored = [None] * len(pages) if self._stored is None else self._stored.get_many(list(pages))
        found: dict[bytes, NDArray[Any]] = {key: row for key, row in zip(pages, stored, strict=True) if row is not None}
        with self._lock:
            found |= {key: packed for key in pages.keys() - found if (packed := self._kept.get(key)) is not None}
        missing = [key for key in pages if key not in found]
        if missing:
            for key, made in zip(missing, self._pages.run([pages[key] for key in missing]), strict=True):
                found[key] = self._form.pack(made)
            with self._lock:
                self._kept.update({key: found[key] for key in missing if found[key].nbytes <= self._kept.maxsize})
        return found


def open_pair_model(
    directory: Path,
    marks: Marks,
    threads: int | None = None,
    kept_bytes: int = 64_000_000,
    kept_as: type[np.floating[Any]] = np.float16,
    stored: Path | None = None,
) -> PairModel:
    """Open what `export_pair_model` wrote into a directory; hashes must have been checked.

    States of the build are read from the directory `stored`, by default that of the model.
    States computed online are cached in at most `kept_bytes`, packed as those of the build are; where it has none, as
    `kept_as`. With 0 bytes the states stored in the build are not used either.
    """
    if (directory / WHOLE).is_file():
        return WholePairModel(OnnxModel(directory / WHOLE, threads), marks)
    pages = PageModel(OnnxModel(directory / PAGES, threads), marks)
    pairs = OnnxModel(directory / PAIRS, 1 if pages.own else threads)  # a single joint layer leaves too little to share
    made = stored or directory
    states = PageStates(made) if kept_bytes and (made / STATES).is_file() else None
    return SplitPairModel(pages, pairs, kept_bytes, kept_as, states)
