"""Answers under an experiment: one arm's, two arms' in one list, or one that explores."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from cascade.executor import FULL_LIST, SHORT
from cascade.types import Query
from corpus.urls.url import page_id
from service.answers.answer import COMPUTED, Answer, Recommendation, Terms
from service.answers.answer_cache import AnswerCache, Rank
from service.answers.asked import Asked
from service.answers.asked import asked as resolved
from service.answers.lookup import key_of
from service.answers.names import PLAINLY, Names, Shown
from service.answers.pinned import PIN
from service.answers.resolve import ClientError, FieldError
from service.experiments.experiment import AND, Arm, Trial
from service.experiments.exploring import explored
from service.experiments.live_experiment import Experiments
from service.experiments.team_draft import team_draft
from service.live_bundle import LoadedBundle

_EMPTY = "empty"  # the flag of an answer without pages
_NOBODY = -1  # the team of a page that a rule pins
_AGAIN = 10  # times that parts are asked for anew while rules keep changing

T = TypeVar("T")


class Part(NamedTuple):
    """What is asked of the cache: one list, of one arm or of none."""

    bundle: LoadedBundle  # under the arm's rules
    query: Query
    key: tuple[str, ...]
    k: int
    budget_ms: float
    shown: Shown = PLAINLY


class Plan(NamedTuple):
    """How a request is answered: the parts, and the trial that makes one answer of them."""

    parts: tuple[Part, ...]
    trial: Trial | None = None


class Trials:
    """Plans requests, gets the parts from the cache, and puts them together."""

    def __init__(self, cache: AnswerCache, names: Names | None = None, experiments: Experiments | None = None) -> None:
        self._cache, self._names, self._experiments = cache, names, experiments

    def plan(self, bundle: LoadedBundle, asked: Asked, budget_ms: float) -> Plan:
        """Return how a request to the live bundle is answered. One with its own λ is not part of an experiment.

        Raises ClientError where the bundle of an arm cannot read its URL.
        """
        trial, request, experiments = None, asked.request, self._experiments
        arms = None if experiments is None or request.quality_weight is not None else experiments.arms
        if experiments is not None and arms is not None:
            trial = arms.experiment.trial(request.unit, asked.query.page, experiments.now())
        if arms is None or trial is None:
            return Plan((Part(bundle, asked.query, asked.key, request.k, budget_ms),))
        return Plan(tuple(_part(trial, arm, arms.bundle(arm, bundle), asked, budget_ms) for arm in trial.arms), trial)

    def part_of(self, name: str, bundle: LoadedBundle, asked: Asked, budget_ms: float) -> Part:
        """Return how one arm answers a request to the live bundle. Raises ClientError where there is no such arm."""
        arms = None if self._experiments is None else self._experiments.arms
        arm = None if arms is None else next((arm for arm in arms.experiment.arms if arm.name == name), None)
        if arms is None or arm is None:
            raise ClientError([FieldError("arm", "no arm of the experiment has this name", "name an arm in force")])
        trial = Trial(arms.experiment.name, (arm,), seed=0)
        return _part(trial, arm, arms.bundle(arm, bundle), asked, budget_ms)

    def forget_views(self) -> None:
        """Let go of bundles that are no longer live."""
        if self._experiments is not None and self._experiments.arms is not None:
            self._experiments.arms.forget_views()

    async def get(self, plan: Plan, k: int, rank: Rank) -> Answer:
        """Return the answer; `rank` computes the lists that no cache has. Raises Overloaded."""
        if len(plan.parts) == 1:
            return self._together(plan, k, [await self._get(plan.parts[0], rank)])
        waits = (self._get(part, rank) for part in plan.parts)
        found = [
            _raised(part) for part in await asyncio.gather(*waits, return_exceptions=True)
        ]  # none outlives a lease
        for _ in range(_AGAIN):  # while a part was waited for, rules may have changed that others were selected under
            if all(part.bundle.stands(answer.terms) for part, answer in zip(plan.parts, found, strict=True)):
                break
            found = [
                answer if part.bundle.stands(answer.terms) else await self._get(part, rank)
                for part, answer in zip(plan.parts, found, strict=True)
            ]
        return self._together(plan, k, found)

    async def _get(self, part: Part, rank: Rank) -> Answer:
        return await self._cache.get(part.bundle, part.query, part.k, part.budget_ms, rank, part.shown)

    def cached(self, plan: Plan, k: int) -> Answer | None:
        """Return the answer where all its lists are cached and fresh, or stored in a file of the bundle."""
        found = [
            answer
            for part in plan.parts
            if (answer := self._cache.cached(part.bundle, part.query, part.k, part.key, part.shown)) is not None
        ]
        return self._together(plan, k, found) if len(found) == len(plan.parts) else None

    def in_flight(self, plan: Plan) -> bool:
        """Return whether `get` would start no computation."""
        return all(self._cache.in_flight(part.key, part.budget_ms) for part in plan.parts)

    def _together(self, plan: Plan, k: int, answers: Sequence[Answer]) -> Answer:
        """Return the one answer of a plan."""
        trial = plan.trial
        if trial is None or (len(answers) == 1 and trial.arms[0].explores is None):
            return answers[0]
        lists = [answer.recommendations for answer in answers]
        pages, shown = _interleaved(trial, lists, k) if len(lists) > 1 else _explored(trial, lists[0], k)
        url1, bundles = plan.parts[0].query.url, {part.bundle.name: part.bundle for part in plan.parts}
        name = None if self._names is None else self._names.name(tuple(bundles.values()), url1, pages, shown)
        flags = tuple(_flags(answers, len(pages), k))
        answer = Answer.of(url1, tuple(pages), flags, AND.join(bundles), name=name, arm=shown.label)
        sources = [found.served_by for found in answers]
        return replace(
            answer,
            served_by=COMPUTED if COMPUTED in sources else sources[0],
            terms=Terms(min(found.terms.rules for found in answers), min(found.terms.until for found in answers)),
            rules=tuple(dict.fromkeys(rule for found in answers for rule in found.rules)),
            pages=(page_id(url1), *(page_id(page.url) for page in pages)),
        )


def _part(trial: Trial, arm: Arm, bundle: LoadedBundle, asked: Asked, budget_ms: float) -> Part:
    if bundle.name != asked.bundle:
        asked = resolved(asked.request, bundle)
    query = replace(asked.query, quality_weight=arm.quality_weight, variant=arm.variant)
    key = key_of(asked.bundle, query) if query.variant else asked.key
    k = asked.request.k if arm.explores is None else min(FULL_LIST, max(asked.request.k, arm.explores.top))
    return Part(bundle, query, key, k, min(budget_ms, arm.budget_ms or budget_ms), Shown(trial.experiment, arm.name))


def _raised(answer: Answer | BaseException) -> Answer:
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _interleaved(trial: Trial, lists: Sequence[Sequence[Recommendation]], k: int) -> tuple[list[Recommendation], Shown]:
    first, second = (_pins(each, k) for each in lists)
    pins = {place: page for place, page in first.items() if place in second and second[place].url == page.url}
    pinned = {page.url for page in pins.values()}  # in both lists; what one arm alone pins is its choice
    others = [[page for page in each if page.url not in pinned] for each in lists]
    pages, teams = team_draft(others, k - len(pins), trial.draw(), lambda page: page.url)
    shown = Shown(trial.experiment, trial.label, teams=tuple(_among(pins, teams, [_NOBODY] * len(pins))))
    return _among(pins, pages, list(pins.values())), shown


def _explored(trial: Trial, ranked: Sequence[Recommendation], k: int) -> tuple[list[Recommendation], Shown]:
    explores = trial.arms[0].explores
    assert explores is not None  # noqa: S101 - the caller checked
    pins, others = _pins(ranked, k), _unpinned(ranked)
    places = k - len(pins)
    pages, propensities, shuffled = explored(others[: explores.top], places, explores.share, trial.draw())
    below = others[explores.top : places] if places > explores.top else []
    pages, propensities = [*pages, *below], [*propensities, *([1.0] * len(below))]
    known = tuple(_among(pins, propensities, [1.0] * len(pins)))
    shown = Shown(trial.experiment, trial.label, propensities=known, shuffled=shuffled)
    return _among(pins, pages, list(pins.values())), shown


def _pins(pages: Sequence[Recommendation], k: int) -> dict[int, Recommendation]:
    """Return the pages that rules pin to a place up to k; of two for one place, the first has it and one is next."""
    pinned: dict[int, Recommendation] = {}
    for page in pages:
        for place in (found.rank for found in page.recalled_by if found.path == PIN and found.rank <= k):
            pinned[next(free for free in range(place, place + len(pages)) if free not in pinned)] = page
    return dict(sorted(pinned.items()))


def _unpinned(pages: Sequence[Recommendation]) -> list[Recommendation]:
    return [page for page in pages if all(found.path != PIN for found in page.recalled_by)]


def _among(pins: Iterable[int], others: Sequence[T], pinned: Sequence[T]) -> list[T]:
    """Return `others` with what belongs to the pinned pages in their places."""
    placed = list(others)
    for place, entry in zip(pins, pinned, strict=True):
        placed.insert(place - 1, entry)
    return placed


def _flags(answers: Sequence[Answer], shown: int, k: int) -> Iterator[str]:
    """Yield what is missing of an answer that was put together: its parts may lack pages that it does not."""
    for flag in dict.fromkeys(flag for answer in answers for flag in answer.degraded):
        if not (flag == SHORT and shown >= k) and not (flag == _EMPTY and shown):
            yield flag
