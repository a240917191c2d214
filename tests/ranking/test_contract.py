"""The contract of every filter, hydrator and scorer of the served cascade, checked for each of them."""

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
from ranking.filters import standard

SCORERS = ["stage1", "stage2", "blend"]
HYDRATORS = ["page_facts", "cf_cosine", "two_tower_cosine"]
ANYTIME = ["cross_encoder"]
FILTERS = [page_filter.name for page_filter in standard()]
#: Columns that are NaN where a page has no vector, or where a stage ran out of time.
OPTIONAL = {"stage1": ("cf_cosine", "two_tower_cosine"), "stage2": ("cf_cosine", "two_tower_cosine", "click")}


@dataclass(slots=True)
class Run:
    """A query with its trigger, and what each part of the cascade is given for it."""

    query: Query
    hydrators: list[tuple[Hydrator, Candidates]]  # each with its input
    scorers: list[tuple[Scorer, Candidates]]


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


@pytest.fixture(params=["known", "unknown"])  # a page without text is answered with popular pages and never scored
async def parts(request: pytest.FixtureRequest, tiny, cascade: Cascade) -> Ready:
    url = tiny.urls[7] if request.param == "known" else "https://elsewhere.example/new"
    title = "" if request.param == "known" else "bread yeast dough"
    return asyncio.run(run(cascade, Query(url, page=page_id(url), title=title)))


@pytest.fixture
def query(parts: Run) -> Query:
    return parts.query


async def test_a_scorer_returns_one_finite_score_per_row(parts: Ready) -> None:
    for scorer, candidates in parts.scorers:
        scores = scorer.score(parts.query, candidates)
        assert scores.dtype == np.float32, scorer.name
        assert scores.shape == (len(candidates),), scorer.name
        assert np.isfinite(scores).all(), scorer.name


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


async def test_scoring_does_not_change_the_columns(parts: Ready) -> None:
    for scorer, candidates in parts.scorers:
        before = {name: column.copy() for name, column in candidates.columns.items()}
        scorer.score(parts.query, candidates)
        for name, column in before.items():
            assert np.array_equal(column, candidates[name], equal_nan=column.dtype.kind == "f"), (scorer.name, name)


async def test_no_rows_get_no_scores(parts: Ready) -> None:
    for scorer, candidates in parts.scorers:
        assert scorer.score(parts.query, candidates.take(np.empty(0, np.intp))).shape == (0,), scorer.name


def test_every_part_of_the_cascade_is_tested(cascade: Cascade, parts: Run) -> None:
    assert [*parts.scorers] == SCORERS
    assert sorted(parts.hydrators) == sorted([*HYDRATORS, *ANYTIME])
    assert [page_filter.name for page_filter in cascade.filters] == FILTERS


async def test_a_hydrator_accepts_zero_rows(parts: Ready) -> None:
    for hydrator, candidates in parts.hydrators:
        assert len(await hydrator.hydrate(parts.query, candidates.take(np.empty(0, np.intp)))) == 0, hydrator.name


async def test_columns_do_not_depend_on_the_order_of_rows(parts: Ready) -> None:
    for hydrator, candidates in parts.hydrators:
        order = ORDER.permutation(len(candidates))
        straight = (await hydrator.hydrate(parts.query, candidates)).take(order)
        turned = await hydrator.hydrate(parts.query, candidates.take(order))
        for name in {*turned.columns} - {*candidates.columns}:
            if turned[name].dtype == object:
                assert turned[name].tolist() == straight[name].tolist(), (hydrator.name, name)
            else:
                assert turned[name] == pytest.approx(straight[name], abs=1e-4, nan_ok=True), (hydrator.name, name)


async def test_a_filter_returns_a_mask(cascade: Cascade, parts: Ready) -> None:
    _, candidates = parts.scorers[0]
    for rule in cascade.filters:
        for rows in (np.arange(len(candidates)), np.empty(0, np.intp)):
            keep = rule.keep(parts.query, candidates.take(rows))
            assert keep.dtype == np.bool_, rule.name
            assert keep.shape == rows.shape, rule.name


async def test_a_mask_does_not_depend_on_the_order_of_rows(cascade: Cascade, parts: Ready) -> None:
    _, candidates = parts.scorers[0]
    for rule in cascade.filters:
        order = ORDER.permutation(len(candidates))
        turned = rule.keep(parts.query, candidates.take(order))
        assert turned.tolist() == rule.keep(parts.query, candidates)[order].tolist(), rule.name
