"""Tries rules on the most asked pages of a bundle before they are in force: which answers change, and how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import nlargest

from cascade.abreast import abreast
from service.answers.answer import Answer
from service.answers.request import Request
from service.gateway import Gateway
from service.rules.rule import Rule
from service.rules.sources import FILE
from store.addresses import Addresses
from store.page_row import read_facts, read_text

MOST_ASKED = 1_000  # pages


@dataclass(frozen=True, slots=True)
class Change:
    """An answer that the rules change: the URLs shown before and after."""

    url1: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def kept(self) -> int:
        """How many pages are in both answers."""
        return len({*self.before} & {*self.after})


@dataclass(slots=True)
class DryRun:
    """What rules do to the answers of some pages."""

    asked: int
    changes: list[Change] = field(default_factory=list)  # the largest first
    hits: Counter[str] = field(default_factory=Counter)  # label of a rule -> answers that it acts on
    idle: list[Rule] = field(default_factory=list)  # rules that act on none


def most_asked(addresses: Addresses, most: int = MOST_ASKED) -> list[str]:
    """Return the URLs of the pages that readers leave most often for another, and then of the most clicked."""
    rows = ((*_asked(row), row) for _, row in addresses.rows())
    best = nlargest(most, rows, key=lambda found: found[:2])
    return [read_text(row).url for *_, row in best]


async def try_rules(
    gateway: Gateway, rules: tuple[Rule, ...], urls: list[str], at_once: int, progress: Callable[[], None]
) -> DryRun:
    """Answer every page under the rules in force and under `rules` in place of those of the file."""
    before = await _answers(gateway, urls, at_once, progress)
    assert gateway.rules is not None  # noqa: S101 -- `load` opens it
    gateway.rules.rules.replace(FILE, rules, gateway.live.bundle.addresses.rules)
    gateway.recommender.follow_rules()
    after = await _answers(gateway, urls, at_once, progress)
    run = DryRun(len(urls))
    for url, old, new in zip(urls, before, after, strict=True):
        shown = [tuple(page.url for page in answer.recommendations) for answer in (old, new)]
        if shown[0] != shown[1]:
            run.changes.append(Change(url, *shown))
        run.hits.update({label for _, label in new.rules})
    run.changes.sort(key=lambda change: change.kept)
    run.idle = [rule for rule in rules if rule.label not in run.hits]
    return run


async def _answers(gateway: Gateway, urls: Iterable[str], at_once: int, progress: Callable[[], None]) -> list[Answer]:
    answers = []
    async for answer in abreast(urls, lambda url: gateway.recommender.recommend(Request(url)), at_once):
        answers.append(answer)
        progress()
    return answers


def _asked(row: bytes) -> tuple[int, int]:
    facts = read_facts([row])[0]
    return int(facts["left"]), int(facts["clicks_all"])
