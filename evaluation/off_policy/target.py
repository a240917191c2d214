"""The lists that a bundle would have shown."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cascade.deadline import Deadline
from cascade.executor import Cascade
from cascade.trace import Trace
from cascade.types import Query
from evaluation.metrics.ndcg import TOP
from evaluation.off_policy.log import NO_PAGE


async def answers(cascade: Cascade, pages: NDArray[np.uint64], progress: Callable[[int], None]) -> NDArray[np.uint64]:
    """Return the answer for each page (pages, positions); NO_PAGE where it is shorter."""
    listed = np.full((len(pages), TOP), NO_PAGE)
    for number, page in enumerate(pages.tolist()):
        query = Query(url="https://known.invalid/", page=page)
        found = await cascade.run(query, TOP, Deadline.never(), Trace())
        listed[number, : len(found)] = found.pages
        progress(number + 1)
    return listed
