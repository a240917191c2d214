"""One look-up of an answer: the key of its ranked list, and what is selected from the list."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any, NamedTuple

from cascade.trace import Trace
from cascade.types import Query
from service.answers.answer import STORED, Answer
from service.answers.cache import Cache
from service.answers.names import PLAINLY, Names, Shown
from service.answers.ranked_list import RankedList
from service.answers.selection import Selected, Way, read_way, select
from service.live_bundle import LoadedBundle
from service.rules.steering import Hit


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
        if query.exclude or query.history or (query.quality_weight is not None and not self.shown.arm):
            return None
        return (self.k, self.shown.experiment, self.shown.arm, query.quality_weight) if self.shown.arm else self.k


def selected(lookup: Lookup, ranked: RankedList) -> Answer:
    """Return the answer to the query from a ranked list."""
    return _selected(lookup, ranked, Way(lookup.query), Trace())


async def selected_by_way(lookup: Lookup, ranked: RankedList, timeout_s: float) -> Answer:
    """Return the same for a query with a reader's way, which a thread reads within the time."""
    trace = Trace()
    way = await read_way(lookup.bundle, lookup.query, ranked, timeout_s, trace)
    return _selected(lookup, ranked, way, trace)


def _selected(lookup: Lookup, ranked: RankedList, way: Way, trace: Trace) -> Answer:
    chosen = select(lookup.bundle, way.query, lookup.k, ranked, trace, way.rows)
    return answer_of(lookup.bundle, ranked, chosen, lookup.names, lookup.shown)


def answer_of(
    bundle: LoadedBundle,
    ranked: RankedList,
    chosen: Selected,
    names: Names | None = None,
    shown: Shown = PLAINLY,
    explain: dict[str, Any] | None = None,
) -> Answer:
    """Return what was selected from a ranked list as an answer."""
    blocks = bundle.steering.rules.current.blocks
    acted = [*(hit.rule for hit in chosen.hits), *(blocks[rule] for rule in ranked.thinned if rule in blocks)]
    name = None if names is None else names.name((bundle,), ranked.url1, chosen.pages, shown)
    answer = Answer.of(ranked.url1, chosen.pages, chosen.degraded, ranked.bundle, explain, name, shown.label)
    rules = tuple(dict.fromkeys((rule.action, rule.label) for rule in acted))
    return replace(answer, terms=chosen.terms, rules=rules, pages=chosen.ids)


def acted(bundle: LoadedBundle, trace: Trace, chosen: Selected) -> list[Hit]:
    """Return every rule and page that it acted on, before ranking and at the last step, for `explain`."""
    blocks = bundle.steering.rules.current.blocks
    blocked = [Hit(blocks[rule], page) for rule, pages in trace.thinned.items() if rule in blocks for page in pages]
    return list(dict.fromkeys((*blocked, *chosen.hits)))


def has_more(lookup: Lookup, ranked: RankedList, answer: Answer) -> bool:
    """Return whether a cut list lost places, to exclusions, rules or filters, that lower-ranked pages could fill."""
    if not ranked.cut or answer.shown >= lookup.k:
        return False
    excludes = not lookup.query.exclude.isdisjoint(ranked.rows["page"].tolist())
    return excludes or _filtered(lookup, ranked)


def _filtered(lookup: Lookup, ranked: RankedList) -> bool:
    """Return whether a page of the list may not be shown by now: a filter drops it from a stored list, or a rule."""
    bundle, rows = lookup.bundle, ranked.candidates(lookup.bundle.pages)
    if ranked.served_by == STORED:
        return len(bundle.cascade.relisted(lookup.query, rows, Trace())) < len(ranked.rows)
    return not bundle.steering.kept(bundle.cascade.dated(lookup.query), rows).all()


def key_of(bundle: str, query: Query) -> tuple[str, ...]:
    """Return the key of the query's list: of the page alone where no text was sent, and no arm has its own lists."""
    text = (query.title, query.snippet, query.language)
    variant = (repr(query.variant),) if query.variant else ()
    return (bundle, query.url, *(text if any(text) else ()), *variant)
