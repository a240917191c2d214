"""Filters: rules that drop candidates whatever their score. Each returns a mask, one bool per row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates, Filter, Query
from store.page_row import near_duplicate


class SamePage:
    """Drops the reader's own page, under any spelling of its address, and other views of it."""

    name = "same_page"

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        keep: NDArray[np.bool_] = candidates.pages != np.uint64(query.page)
        if query.trigger is not None:
            keep &= candidates["address"] != query.trigger.facts["address"]
            if query.trigger.facts["copy"]:
                keep &= candidates["copy"] != query.trigger.facts["copy"]
        return keep


class Duplicate:
    """Drops near-duplicates of the reader's page: they add nothing to it."""

    name = "duplicate"

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        if query.trigger is None:
            return _all(candidates)
        return ~near_duplicate(candidates["fingerprint"], query.trigger.facts["fingerprint"])


class Language:
    """Drops pages in another language; an unknown language matches any."""

    name = "language"

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        known = 0 if query.trigger is None else query.trigger.facts["language"]
        if not known:
            return _all(candidates)
        matches: NDArray[np.bool_] = (candidates["language"] == known) | (candidates["language"] == 0)
        return matches


class Spam:
    """Drops pages that the offline spam rules flagged."""

    name = "spam"

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        keep: NDArray[np.bool_] = candidates["spam"] == 0
        return keep


class Adult:
    """Drops pages with sexual content."""

    name = "adult"

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        keep: NDArray[np.bool_] = candidates["adult"] == 0
        return keep


class Excluded:
    """Drops pages that the caller has already shown."""

    name = "excluded"

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        if not query.exclude:
            return _all(candidates)
        return ~np.isin(candidates.pages, np.fromiter(query.exclude, np.uint64, len(query.exclude)))


def standard(*of_site: Filter, adult: bool = True) -> tuple[Filter, ...]:
    """Return the filters of the served cascade; the first that drops a page is named.

    `of_site`: what the site adds, such as its rules and the ends of its pages. `adult` drops adult pages.
    """
    return SamePage(), Excluded(), *of_site, Spam(), *([Adult()] if adult else []), Language(), Duplicate()


def _all(candidates: Candidates) -> NDArray[np.bool_]:
    return np.ones(len(candidates), np.bool_)
