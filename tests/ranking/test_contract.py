"""Every filter, hydrator and scorer of the served cascade keeps the rules."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from cascade.deadline import Deadline
from cascade.executor import RANK, Cascade
from cascade.trace import Trace
from cascade.types import AnytimeHydrator, Candidates, Filter, Hydrator, Query, Scorer
from contracts.filter import FilterContract
from contracts.hydrator import AnytimeHydratorContract, HydratorContract
from contracts.scorer import ScorerContract
from corpus.urls.url import page_id
from ranking.expiry import Expired
from ranking.filters import standard
from service.rules.steering import BlockFilter

SCORERS = ["stage1", "stage2", "blend"]
SIMILARITIES = ("cf_cosine", "two_tower_cosine", "knowledge_cosine")
HYDRATORS = ["page_facts", *SIMILARITIES]
ANYTIME = ["cross_encoder"]
FILTERS = [page_filter.name for page_filter in standard(BlockFilter(), Expired())]
#: Columns that are NaN where a page has no vector, or where a stage ran out of time.
OPTIONAL = {"stage1": SIMILARITIES, "stage2": (*SIMILARITIES, "click")}


@dataclass(slots=True)
class Run:
    """A query with its trigger, and what each part of the cascade is given for it."""

    query: Query
    hydrators: dict[str, tuple[Hydrator, Candidates]] = field(default_factory=dict)
    scorers: dict[str, tuple[Scorer, Candidates]] = field(default_factory=dict)

    def candidates(self) -> Candidates:
        """Return the candidates with the columns that filters read."""
        return self.scorers["stage1"][1]


async def run(cascade: Cascade, query: Query, rows: int = 30) -> Run:
    query, candidates = await cascade.candidates(query, Deadline.never(), Trace())
    candidates = candidates.take(slice(rows))
    recalled = Candidates(candidates.pages, {n: c for n, c in candidates.columns.items() if n.startswith(RANK)})
    done = Run(query, {cascade.hydrate.name: (cascade.hydrate, recalled)})
    for stage in cascade.stages:
        for hydrator in (*stage.hydrators, *([stage.anytime] if stage.anytime else [])):
            done.hydrators[hydrator.name] = hydrator, candidates
            candidates = await hydrator.hydrate(query, candidates)
        done.scorers[stage.name] = stage.scorer, candidates
        candidates = candidates.with_columns({stage.name: stage.scorer.score(query, candidates)})
    return done


@pytest.fixture(scope="module", params=["known", "unknown"])  # a page without text is never scored
def parts(request: pytest.FixtureRequest, tiny, cascade: Cascade) -> Run:
    url = tiny.urls[7] if request.param == "known" else "https://elsewhere.example/new"
    title = "" if request.param == "known" else "bread yeast dough"
    return asyncio.run(run(cascade, Query(url, page=page_id(url), title=title)))


@pytest.fixture
def query(parts: Run) -> Query:
    return parts.query


@pytest.mark.parametrize("name", SCORERS)
class TestScorer(ScorerContract):
    @pytest.fixture
    def query(self, query: Query) -> Query:
        return query

    @pytest.fixture
    def scorer(self, parts: Run, name: str) -> Scorer:
        return parts.scorers[name][0]

    @pytest.fixture
    def candidates(self, parts: Run, name: str) -> Candidates:
        return parts.scorers[name][1]

    @pytest.fixture
    def optional(self, name: str) -> Sequence[str]:
        return OPTIONAL.get(name, ())


@pytest.mark.parametrize("name", HYDRATORS)
class TestHydrator(HydratorContract):
    @pytest.fixture
    def query(self, query: Query) -> Query:
        return query

    @pytest.fixture
    def hydrator(self, parts: Run, name: str) -> Hydrator:
        return parts.hydrators[name][0]

    @pytest.fixture
    def candidates(self, parts: Run, name: str) -> Candidates:
        return parts.hydrators[name][1]


@pytest.mark.parametrize("name", ANYTIME)
class TestAnytimeHydrator(AnytimeHydratorContract):
    @pytest.fixture
    def query(self, query: Query) -> Query:
        return query

    @pytest.fixture
    def hydrator(self, cascade: Cascade, name: str) -> AnytimeHydrator:
        return next(stage.anytime for stage in cascade.stages if stage.anytime and stage.anytime.name == name)

    @pytest.fixture
    def candidates(self, parts: Run, name: str) -> Candidates:
        return parts.hydrators[name][1]

    @pytest.fixture
    def tolerance(self) -> float:
        return 0.05  # the quantized model scales its activations by batch


@pytest.mark.parametrize("name", FILTERS)
class TestFilter(FilterContract):
    @pytest.fixture
    def query(self, query: Query) -> Query:
        return query

    @pytest.fixture
    def page_filter(self, cascade: Cascade, name: str) -> Filter:
        return next(page_filter for page_filter in cascade.filters if page_filter.name == name)

    @pytest.fixture
    def candidates(self, parts: Run) -> Candidates:
        return parts.candidates()


def test_every_part_of_the_cascade_is_tested(cascade: Cascade, parts: Run) -> None:
    assert [*parts.scorers] == SCORERS
    assert sorted(parts.hydrators) == sorted([*HYDRATORS, *ANYTIME])
    assert [page_filter.name for page_filter in cascade.filters] == FILTERS


def test_there_are_candidates_to_rank(parts: Run) -> None:
    assert all(len(candidates) > 5 for _, candidates in parts.scorers.values())
