"""The stored lists of a bundle's pages, as a language model is asked about them: thin pages first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking import stored_answers
from store import answer_row
from store.answer_row import StoredList
from store.page_row import FACTS, PageText, read_text
from store.tables import LmdbTable

_FEWEST = 2  # candidates: one has no order


@dataclass(frozen=True, slots=True)
class PageList:
    """A page and its stored candidates, best first."""

    page: int
    text: PageText
    stored: StoredList
    titles: list[str]  # of the candidates; the URL where one has no title


def thin_lists(
    pages: LmdbTable, answers: LmdbTable, most: int, among: Collection[int] | None = None
) -> Iterator[PageList]:
    """Yield the lists of at most `most` pages, those with the fewest clicks first; corrupt rows are left out.

    `among` are the pages to choose from; None: all.
    """
    number = 0
    for page in _by_fewest_clicks(pages):
        row = answers.get(page) if among is None or page in among else None
        if row is None or not answer_row.is_row(page, row):
            continue
        stored = answer_row.read(row, len(stored_answers.PATHS))
        if len(stored.pages) < _FEWEST:
            continue
        number += 1
        yield PageList(page, _texts(pages, [page])[0], stored, [_title(t) for t in _texts(pages, stored.pages)])
        if number == most:
            return


def _by_fewest_clicks(pages: LmdbTable) -> list[int]:
    facts = np.frombuffer(b"".join(row[: FACTS.itemsize] for _, row in pages.items()), FACTS)
    found: list[int] = facts["page"][np.argsort(facts["clicks_all"], kind="stable")].tolist()
    return found


def _texts(pages: LmdbTable, wanted: Sequence[int] | NDArray[np.uint64]) -> list[PageText]:
    rows = pages.read(np.asarray(wanted, np.uint64))
    return [PageText("-", "", "", "") if row is None else read_text(row) for row in rows]


def _title(text: PageText) -> str:
    return text.title.strip() or text.url
