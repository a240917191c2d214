"""The contract of every filter, hydrator and scorer of the served cascade, checked for each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from cascade.deadline import Deadline
from cascade.executor import Cascade
from cascade.trace import Trace
from cascade.types import Candidates, Hydrator, Query, Scorer
from corpus.urls.url import page_id

ORDER = np.random.default_rng(0)


@dataclass(frozen=True, slots=True)
class Ready:
    """A query with its trigger, and candidates with every column that the stages add."""

    query: Query
    hydrators: list[tuple[Hydrator, Candidates]]  # each with its input
    scorers: list[tuple[Scorer, Candidates]]


async def ready(cascade: Cascade, query: Query, rows: int = 30) -> Ready:
    query, candidates = await cascade.candidates(query, Deadline.never(), Trace())
    candidates = candidates.take(np.arange(min(rows, len(candidates))))
    bare = Candidates(candidates.pages, {n: c for n, c in candidates.columns.items() if n.startswith("rank_")})
    hydrators, scorers = [(cascade.hydrate, bare)], []
    for stage in cascade.stages:
        for hydrator in (*stage.hydrators, *([stage.anytime] if stage.anytime else [])):
            hydrators.append((hydrator, candidates))
            candidates = await hydrator.hydrate(query, candidates)
        scorers.append((stage.scorer, candidates))
        candidates = candidates.with_columns({stage.name: stage.scorer.score(query, candidates)})
    return Ready(query, hydrators, scorers)


@pytest.fixture(params=["known", "unknown"])  # a page without text is answered with popular pages and never scored
async def parts(request: pytest.FixtureRequest, tiny, cascade: Cascade) -> Ready:
    url = tiny.urls[7] if request.param == "known" else "https://elsewhere.example/new"
    title = "" if request.param == "known" else "bread yeast dough"
    return await ready(cascade, Query(url, page=page_id(url), title=title))


async def test_there_are_candidates_to_rank(parts: Ready) -> None:
    assert all(len(candidates) > 5 for _, candidates in parts.scorers)


async def test_a_scorer_returns_one_finite_score_per_row(parts: Ready) -> None:
    for scorer, candidates in parts.scorers:
        scores = scorer.score(parts.query, candidates)
        assert scores.dtype == np.float32, scorer.name
        assert scores.shape == (len(candidates),), scorer.name
        assert np.isfinite(scores).all(), scorer.name


async def test_scores_do_not_depend_on_the_order_of_rows(parts: Ready) -> None:
    for scorer, candidates in parts.scorers:
        order = ORDER.permutation(len(candidates))
        turned = scorer.score(parts.query, candidates.take(order))
        assert turned == pytest.approx(scorer.score(parts.query, candidates)[order], abs=1e-5), scorer.name


async def test_scoring_does_not_change_the_columns(parts: Ready) -> None:
    for scorer, candidates in parts.scorers:
        before = {name: column.copy() for name, column in candidates.columns.items()}
        scorer.score(parts.query, candidates)
        for name, column in before.items():
            assert np.array_equal(column, candidates[name], equal_nan=column.dtype.kind == "f"), (scorer.name, name)


async def test_no_rows_get_no_scores(parts: Ready) -> None:
    for scorer, candidates in parts.scorers:
        assert scorer.score(parts.query, candidates.take(np.empty(0, np.intp))).shape == (0,), scorer.name


async def test_a_hydrator_adds_columns_and_never_changes_rows(parts: Ready) -> None:
    for hydrator, candidates in parts.hydrators:
        hydrated = await hydrator.hydrate(parts.query, candidates)
        assert hydrated.pages.tolist() == candidates.pages.tolist(), hydrator.name
        assert {*candidates.columns} < {*hydrated.columns}, hydrator.name
        for name, column in candidates.columns.items():
            assert hydrated[name] is column or hydrated[name].tolist() == column.tolist(), (hydrator.name, name)


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
