"""Evidence about users' histories from titles and categories, mixed with noise from another set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evidence.amazon import Items, Task
from evidence.passages import EvidenceSettings, Passage, PassageCache, web_evidence
from recall.qprime.engines.embedded import TantivyEngine
from recall.qprime.engines.search_engine import SearchText
from recall.qprime.writers.key_phrases import KeyPhrases, KeyPhraseWriter
from recall.qprime.writers.writer import QueryWriter

_MOST = 20  # passages


@dataclass(frozen=True, slots=True)
class History:
    """A history as a page: what the user took last is the title."""

    title: str
    snippet: str
    url: str = ""
    language: str = "en"


class ItemEvidence:
    """Searches items by what a history is about, and puts noise between what it finds."""

    def __init__(
        self, items: Items, noise: Items, count: Callable[[str], int], share: float, seed: int, work: Path,
        writer: QueryWriter | None = None,
    ) -> None:  # fmt: skip
        """Index the items' titles and categories in `work`; `share` of the passages are drawn from `noise`."""
        self._items, self._noise, self._count, self._share, self._seed = items, noise, count, share, seed
        rows = zip(items.titles, items.categories, strict=True)
        self._engine = TantivyEngine.build(
            work / "index", (SearchText(item, title, category) for item, (title, category) in enumerate(rows)), 2.0
        )
        self._cache = PassageCache(work / "evidence.sqlite")
        catalogue = [History(title, category) for title, category in zip(items.titles, items.categories, strict=True)]
        self._writer = writer or KeyPhraseWriter.fit(catalogue, KeyPhrases(queries=4))

    def of(self, task: Task, passages: int) -> list[Passage]:
        """Return so many passages: what was found for the history, and noise at random places, the same each time."""
        newest_first = [self._items.titles[item] for item in task.history[::-1]]
        page = History(newest_first[0], ". ".join(newest_first[1:]))
        settings = EvidenceSettings(passages=_MOST, hits=_MOST, tokens=10_000)
        known = {_address(self._items, item) for item in task.history}
        (found,) = web_evidence(
            [page], self._writer, self._engine, self._read, self._count, settings,
            known=[known], cache=self._cache, source=type(self._writer).__name__,
        )  # fmt: skip
        random = np.random.default_rng((self._seed, *task.history))
        noisy = random.random(_MOST) < self._share
        others = random.integers(len(self._noise.titles), size=_MOST)
        left = iter(found or [])
        mixed = [
            _passage(self._noise, int(other)) if noise else next(left, None)
            for noise, other in zip(noisy, others, strict=True)
        ]
        return [passage for passage in mixed[:passages] if passage]

    def shows(self, task: Task, passages: int) -> bool:
        """Return whether so many passages have the right item."""
        right = _address(self._items, task.target)
        return any(passage.address == right for passage in self.of(task, passages))

    def _read(self, pages: Sequence[int]) -> list[Passage]:
        return [_passage(self._items, page) for page in pages]


def _passage(items: Items, item: int) -> Passage:
    leaf = items.categories[item].rsplit(" > ", 1)[-1]
    return Passage(items.titles[item], leaf, _address(items, item))


def _address(items: Items, item: int) -> str:
    return f"{items.name}/{item}"
