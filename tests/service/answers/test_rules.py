"""Rules have the last word: whatever was kept, and whenever it was made, an answer obeys the rules in force."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from corpus.urls.url import page_id
from ranking.expiry import Expired
from service.answers.answer import Answer
from service.answers.asked import asked
from service.answers.request import Request
from service.rules.live_rules import LiveRules
from service.rules.rule import Rule
from service.rules.steering import Steering
from store.valid_until import ValidUntil

URL1 = "https://site0.example/page/0"
PAGE = "https://site{}.example/page/{}"
SECOND, THIRD = PAGE.format(1, 1), PAGE.format(2, 2)


def rule(action: str, **fields: object) -> Rule:
    return Rule.model_validate({"action": action, **fields})


def block(url: str, **fields: object) -> Rule:
    return rule("block", url=url, **fields)


class Site:
    """A small gateway whose rules a test changes, as the watch does."""

    def __init__(self, make, **options: object) -> None:
        self.rules = LiveRules()
        self.small = make(rules=self.rules, **options)
        self.recommender = self.small.recommender

    def put(self, *rules: Rule) -> None:
        self.rules.replace("file", rules)
        self.recommender.follow_rules()

    def at(self, seconds: float) -> None:
        """Set the clock of the live bundle."""
        live = self.recommender.live
        live._bundle = replace(live.bundle, cascade=replace(live.bundle.cascade, clock=lambda: seconds))

    async def ask(self, url: str = URL1, **fields: object) -> Answer:
        return await self.recommender.recommend(Request(url, **fields))

    async def shown(self, url: str = URL1, **fields: object) -> list[str]:
        return [page.url for page in (await self.ask(url, **fields)).recommendations]


@pytest.fixture
async def site(make):
    opened = Site(make)
    yield opened
    await opened.small.gateway.close()


async def test_a_blocked_page_leaves_answers_that_are_cached(site: Site) -> None:
    before = await site.shown()
    assert (await site.ask()).served_by == "cache"
    site.put(block(before[0]))
    after = await site.shown()
    assert before[0] not in after
    assert after[:4] == before[1:]
    assert len(after) == 5
    assert site.small.coclick.calls == 1


async def test_the_fast_path_obeys_too(site: Site) -> None:
    first, *_ = await site.shown()
    site.put(block(first))
    answer = site.recommender.cached_answer(asked(Request(URL1), site.recommender.live.bundle))
    assert answer is not None
    assert first not in answer.body.decode()


async def test_a_blocked_page_leaves_an_answer_in_flight(site: Site) -> None:
    site.small.coclick.gate = asyncio.Event()
    asking = asyncio.create_task(site.shown())
    await site.small.coclick.called.wait()
    site.put(block(SECOND))
    site.small.coclick.gate.set()
    assert SECOND not in await asking
    assert SECOND not in await site.shown()


async def test_rules_that_change_while_an_answer_is_selected_are_obeyed_by_the_next(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.put(rule("bury", host="site2.example", by=0.1))
    in_force, found = Steering.in_force, []

    def changing(self: Steering, *arguments: object) -> Iterator[tuple[int, Rule]]:
        yield from in_force(self, *arguments)
        if not found:  # as the thread that polls may at any time
            found.append(site.rules.replace("takedowns", (block(SECOND),)))

    monkeypatch.setattr(Steering, "in_force", changing)
    await site.ask()
    assert found
    assert SECOND not in await site.shown()


async def test_a_page_is_shown_again_when_its_rule_is_lifted(site: Site) -> None:
    before = await site.shown()
    site.put(block(before[0]))
    await site.shown()
    site.put()
    assert await site.shown() == before


@pytest.mark.parametrize(
    "target",
    [{"host": "site1.example"}, {"pattern": "*/page/1"}, {"url": "http://www.site1.example/page/1/?utm_source=x"}],
)
async def test_any_target_blocks(site: Site, target: dict[str, str]) -> None:
    assert SECOND in await site.shown(k=30)
    site.put(rule("block", **target))
    assert SECOND not in await site.shown(k=30)


async def test_a_language_is_blocked(site: Site) -> None:
    site.put(rule("block", language="de"))
    assert {int(url.rpartition("/")[2]) % 4 for url in await site.shown(k=30)} == {0, 1, 2}


async def test_a_rule_is_in_force_on_its_readers_pages_alone(site: Site) -> None:
    site.put(block(SECOND, on="site0.example/page/*"))
    assert SECOND not in await site.shown(URL1)
    assert SECOND in await site.shown(THIRD)


async def test_a_rule_begins_and_ends_without_any_change_of_the_rules(site: Site) -> None:
    site.put(block(SECOND, start="2026-01-01T00:00:00Z", end="2026-01-01T01:00:00Z"))
    start = 1_767_225_600.0
    seen = []
    for seconds in (start - 1, start, start + 3599, start + 3600):
        site.at(seconds)
        seen.append(SECOND in await site.shown())
    assert seen == [True, False, False, True]


async def test_a_pinned_page_has_its_place_even_when_nothing_recalls_it(site: Site) -> None:
    site.small.coclick.urls, site.small.qprime.urls = [SECOND, THIRD], []
    other = PAGE.format(2, 11)
    site.put(rule("pin", url=other, position=2))
    answer = await site.ask()
    assert [page.url for page in answer.recommendations] == [SECOND, other, THIRD]
    pinned = answer.recommendations[1]
    assert (pinned.score, pinned.recalled_by[0].path, pinned.recalled_by[0].rank) == (None, "pin", 2)


async def test_a_pinned_page_that_is_recalled_is_shown_once(site: Site) -> None:
    before = await site.shown()
    site.put(rule("pin", url=before[2], position=1))
    assert await site.shown() == [before[2], before[0], before[1], *before[3:]]


async def test_a_pin_gives_way_to_blocks_exclusions_and_the_readers_page(site: Site) -> None:
    site.put(rule("pin", url=SECOND, position=1), block(SECOND))
    assert SECOND not in await site.shown()
    site.put(rule("pin", url=SECOND, position=1))
    assert SECOND not in await site.shown(exclude=(SECOND,))
    assert SECOND not in await site.shown(SECOND)


async def test_a_pin_beyond_k_or_outside_the_bundle_changes_nothing(site: Site) -> None:
    before = await site.shown(k=3)
    site.put(rule("pin", url=before[2], position=4), rule("pin", url="https://other.example/", position=1))
    assert await site.shown(k=3) == before


async def test_pins_alone_make_an_answer_that_is_not_empty(site: Site) -> None:
    site.put(rule("pin", url=SECOND, position=1), rule("pin", url=THIRD, position=2))
    answer = await site.ask(k=2)
    assert ([page.url for page in answer.recommendations], answer.degraded) == ([SECOND, THIRD], ())


async def test_boosts_and_buries_move_pages_by_standard_deviations(site: Site) -> None:
    before = await site.shown()
    site.put(rule("boost", url=before[1], by=1.5))
    assert await site.shown() == [before[1], before[0], *before[2:]]
    site.put(rule("bury", url=before[0], by=1.5))  # its score was 0, and those below it have 0, -1, -1 and -2
    assert await site.shown() == [*before[1:4], before[0], before[4]]


async def test_scores_never_rise_in_a_boosted_list(site: Site) -> None:
    site.put(rule("boost", host="site2.example", by=3.0))
    scores = [page.score for page in (await site.ask(k=30)).recommendations]
    assert scores == sorted(scores, reverse=True)


async def test_an_expired_page_leaves_kept_answers_at_its_end(make) -> None:
    ends = ValidUntil(np.array([page_id(SECOND)], np.uint64), np.array([1_000_000.0]))
    site = Site(make, expired=Expired(ends))
    site.at(999_999.0)
    answer = await site.ask()
    assert SECOND in [page.url for page in answer.recommendations]
    assert answer.terms.until == 1_000_000.0
    site.at(1_000_000.0)
    assert SECOND not in await site.shown()
    cached = site.recommender.cached_answer(asked(Request(URL1), site.recommender.live.bundle))
    assert cached is not None
    assert SECOND not in [page.url for page in cached.recommendations]
    await site.small.gateway.close()


async def test_explain_tells_the_rules_that_acted(site: Site) -> None:
    site.put(block(SECOND, name="no"), rule("boost", url=THIRD, by=2, name="up", note="news"))
    explained = (await site.ask(explain=True)).read().explain
    assert explained is not None
    assert explained["rules"] == [
        {"rule": "no", "action": "block", "url": SECOND, "note": ""},
        {"rule": "up", "action": "boost", "url": THIRD, "note": "news"},
    ]
    assert {"url": SECOND, "reason": "blocklist"} in explained["dropped"]


async def test_hits_are_counted_per_answer_with_a_bounded_number_of_labels(site: Site) -> None:
    site.put(*(block(PAGE.format(2, 2), name=f"rule {number}") for number in range(120)))
    await site.ask()
    await site.ask()
    read = partial(site.recommender.metrics.registry.get_sample_value, "onward_rule_hits_total")
    assert read({"action": "block", "rule": "rule 0"}) == 2
    assert read({"action": "block", "rule": "other"}) == 40


async def test_an_answer_without_rules_says_nothing_about_them(site: Site) -> None:
    answer = await site.ask()
    assert (answer.rules, answer.terms.until) == ((), float("inf"))
    assert time.time() < answer.terms.until
