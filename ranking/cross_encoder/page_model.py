"""The exported lower layers: token ids of pages in, their states out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from text_model.session import OnnxModel
from text_model.tokens import LENGTHS, SPECIAL, Marks, single_inputs

Tokens = NDArray[np.uint32]
States = NDArray[np.floating[Any]]  # (rows of a page, width)


class PageModel:
    """A page has one state per token, special ones included, after its own row if the model has a single joint layer.

    An encoder without attention has one state per page.
    """

    def __init__(self, model: OnnxModel, marks: Marks) -> None:
        self._model, self._marks = model, marks
        (probe,) = model.run(single_inputs([np.empty(0, np.uint32)], marks))
        self.width = int(probe.shape[2])
        self._one = probe.shape[1] == 1
        #: How many of a page's first states are its own row: 0 or 1.
        self.own = 0 if self._one else int(probe.shape[1]) - LENGTHS[0]

    def rows(self, page: Tokens) -> int:
        """Return how many states a page has."""
        return 1 if self._one else self.own + len(page) + SPECIAL

    def run(self, pages: Sequence[Tokens]) -> list[States]:
        """Return the states of each page, (`rows`, width)."""
        (made,) = self._model.run(single_inputs(pages, self._marks))
        return [states[: self.rows(page)] for page, states in zip(pages, made, strict=True)]
