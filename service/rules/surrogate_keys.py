"""Surrogate keys: names that an outside cache keeps with an answer, by which it can drop all answers with a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from service.rules.rule import Rule
from service.rules.targets import Facts, Targets
from store.addresses import Addresses
from store.page_row import read_facts, read_text

#: The key of every answer.
EVERY = "onward"

#: The most pages that are named one by one; for more, `EVERY` is.
MOST_KEYS = 10_000


def key_of(page: int) -> str:
    """Return the key of a page, as the reader's page of an answer or as one that it shows."""
    return f"p-{page:016x}"


def keys_of(pages: Iterable[int]) -> list[str]:
    """Return the keys of an answer with these pages."""
    return [EVERY, *map(key_of, pages)]


def pages_meant(rules: Sequence[Rule], addresses: Addresses) -> list[int] | None:
    """Return the pages of the bundle that rules mean, and those that their URLs name; None for too many.

    Only URLs are looked up; for other targets the whole table is read, about a second per 500,000 pages: in a thread.
    """
    found = {page for rule in rules if rule.url for page in addresses.pages_named(rule.url)}
    wide = [rule for rule in rules if not rule.url]
    if wide:
        targets = Targets(wide, addresses.rules)
        for page, row in addresses.rows():
            facts = read_facts([row])[0]
            told = Facts(page, int(facts["address"]), int(facts["language"]), read_text(row).url)
            if targets.of(told, lambda page: True):
                found.add(page)
            if len(found) > MOST_KEYS:
                return None
    return sorted(found)
