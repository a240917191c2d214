"""Pages that rules put into fixed places of an answer, whether recall found them or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates, Query
from corpus.urls.url import address_key
from service.answers.answer import RecalledBy, Recommendation
from service.live_bundle import LoadedBundle
from service.rules.rule import Rule
from service.rules.steering import Hit
from store.page_row import near_duplicate, read_facts, read_text
from store.tables import LocalTable

#: What a pinned page names as the path that found it.
PIN = "pin"


@dataclass(frozen=True, slots=True)
class Pinned:
    """Pinned pages that may be shown, in the order of their positions."""

    pages: Candidates
    rules: tuple[Rule, ...] = ()

    def __len__(self) -> int:
        return len(self.rules)

    @property
    def hits(self) -> tuple[Hit, ...]:
        """The rules with their pages."""
        return tuple(Hit(rule, page) for page, rule in zip(self.pages.pages.tolist(), self.rules, strict=True))

    def without_copies(self, ranked: Candidates) -> Candidates:
        """Return the rows of a list that are neither pinned nor near-duplicates of pinned pages."""
        if not self.rules or len(ranked) == 0:
            return ranked
        same: NDArray[np.bool_] = np.isin(ranked.pages, self.pages.pages)
        same |= np.isin(ranked["address"], self.pages["address"])
        same |= near_duplicate(ranked["fingerprint"][:, None], self.pages["fingerprint"]).any(axis=1)
        return ranked.take(~same)

    def among(self, others: Sequence[Recommendation]) -> tuple[Recommendation, ...]:
        """Return recommendations with the pinned pages in their places; where there are too few, at the end."""
        answer = list(others)
        for row, rule in zip(self.pages.columns.get("row", ()), self.rules, strict=True):
            text, position = read_text(row), rule.position or 1
            page = Recommendation(text.url, text.title, text.snippet, None, None, None, (RecalledBy(PIN, position),))
            answer.insert(position - 1, page)
        return tuple(answer)


def pinned(bundle: LoadedBundle, query: Query, k: int) -> Pinned:
    """Return the pages that rules pin on the query's page: in the bundle, and neither blocked nor expired."""
    wanted = bundle.steering.pins(query, k)
    if not wanted:
        return Pinned(Candidates.empty())
    found = _rows([page for page, _ in wanted], bundle.pages)
    if len(found) == 0:
        return Pinned(found)
    shown = bundle.steering.kept(query, found) & (found["address"] != np.uint64(address_key(query.url)))
    rules, found = dict(wanted), found.take(shown)
    return Pinned(found, tuple(rules[page] for page in found.pages.tolist()))


def _rows(pages: list[int], table: LocalTable) -> Candidates:
    """Return the pages that the bundle holds, with their facts and rows."""
    rows = [row for row in table.read(np.array(pages, np.uint64)) if row is not None]
    facts, text = read_facts(rows), np.empty(len(rows), object)
    text[:] = rows
    columns = {name: facts[name] for name in facts.dtype.names or () if name != "page"}
    return Candidates(facts["page"], {**columns, "row": text})
