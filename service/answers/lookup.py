"""One look-up of an answer: the key of its ranked list, and what is selected from the list."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from cascade.trace import Trace
from cascade.types import Query
from service.answers.answer import STORED, Answer
from service.answers.cache import Cache
from service.answers.names import PLAINLY, Names, Shown
from service.answers.ranked_list import RankedList
from service.answers.selection import select
from service.live_bundle import LoadedBundle


class Lookup(NamedTuple):
    """One look-up: the query, and where its ranked list is cached."""

    bundle: LoadedBundle
    query: Query
    k: int
    cache: Cache[RankedList]
    key: tuple[str, ...]
    names: Names | None = None
    shown: Shown = PLAINLY

    @property
    def kept_under(self) -> Hashable | None:
        """The key under which the list keeps the answer; None where it is for this request alone."""
        query = self.query
        if query.exclude or (query.quality_weight is not None and not self.shown.arm):
            return None
        return (self.k, self.shown.experiment, self.shown.arm, query.quality_weight) if self.shown.arm else self.k


def selected(lookup: Lookup, ranked: RankedList) -> Answer:
    """Return the answer to the query from a ranked list."""
    pages, degraded = select(lookup.bundle, lookup.query, lookup.k, ranked, Trace())
    name = None if lookup.names is None else lookup.names.name(lookup.bundle, ranked.url1, pages, lookup.shown)
    return Answer.of(ranked.url1, pages, degraded, ranked.bundle, name=name, arm=lookup.shown.label)


def has_more(lookup: Lookup, ranked: RankedList, answer: Answer) -> bool:
    """Return whether a cut list lost places, to exclusions or live filters, that lower-ranked pages could fill."""
    if not ranked.cut:
        return False
    excludes = not lookup.query.exclude.isdisjoint(ranked.rows["page"].tolist())
    if not (excludes or ranked.served_by == STORED) or answer.shown >= lookup.k:
        return False
    return excludes or _filtered(lookup, ranked)


def _filtered(lookup: Lookup, stored: RankedList) -> bool:
    """Return whether a filter drops a page of a stored list by now."""
    rows = stored.candidates(lookup.bundle.pages)
    return len(lookup.bundle.cascade.relisted(lookup.query, rows, Trace())) < len(stored.rows)


def key_of(bundle: LoadedBundle, query: Query) -> tuple[str, ...]:
    """Return the key of the query's list: of the page alone where no text was sent, and no arm has its own lists."""
    text = (query.title, query.snippet, query.language)
    variant = (repr(query.variant),) if query.variant else ()
    return (bundle.name, query.url, *(text if any(text) else ()), *variant)
