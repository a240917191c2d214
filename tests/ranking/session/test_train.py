from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from under_torchrun import run_two

from cascade.bulkhead import Bulkhead
from cascade.types import Candidates, Query
from ranking.session import COLUMN
from ranking.session.inputs import padded
from ranking.session.networks import NETWORKS
from ranking.session.score import SessionScorer
from ranking.session.train import Trained, train
from tests.ranking.session import two_processes
from tests.ranking.session.conftest import CONFIG, HUB, PAGES


def scored_rows(pages: np.ndarray) -> Candidates:
    return Candidates(pages, {"stage2": np.zeros(len(pages), np.float32)})


def trained(log, network: str = "din", start: Trained | None = None, **changes) -> Trained:
    config = replace(CONFIG, network=network, **changes)
    clicks = np.arange(PAGES)
    return train(log.pages, clicks, log.text, log.examples, log.followers, config, 0, lambda done: None, start)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_learns_where_readers_go_who_came_that_way(log, network) -> None:
    found = trained(log, network)
    candidates = np.arange(2, 32)[None]
    for came in (8, 9):
        scores = found.scores(np.array([HUB]), padded(np.array([came]))[None], candidates)[0]
        same = candidates[0] % 2 == came % 2
        assert scores[same].min() > scores[~same].max()


@pytest.mark.parametrize("network", NETWORKS)
def test_training_goes_on_from_an_earlier_network(log, network) -> None:
    """One step more leaves what many steps have learnt; one step alone learns next to nothing."""
    few = {"draws": CONFIG.batch, "update_share": 1.0}
    known = log.examples.take(np.flatnonzero(log.examples.trigger == HUB))
    way = known.history[:50], np.arange(2, 32)[None].repeat(50, axis=0)

    def scores(found: Trained) -> np.ndarray:
        return found.scores(known.trigger[:50], *way)

    whole = trained(log, network)
    more, alone = scores(trained(log, network, whole, **few)), scores(trained(log, network, **few))
    like = [np.corrcoef(one.ravel(), scores(whole).ravel())[0, 1] for one in (more, alone)]
    assert like[0] > 0.95 > like[1]


def test_of_several_processes_one_trains_as_it_would_alone(tmp_path) -> None:
    run_two(Path(two_processes.__file__), tmp_path / "learnt.npy")
    assert np.array_equal(np.load(tmp_path / "learnt.npy"), two_processes.small().vectors.learnt)


def test_a_page_that_training_has_not_seen_is_scored_by_its_text(log) -> None:
    found = trained(log)
    unseen = np.arange(32, PAGES + 1)  # no follower of any page, and never drawn as one
    scores = found.scores(np.array([HUB]), padded(np.array([8]))[None], unseen[None])[0]
    assert scores[unseen % 2 == 0].mean() > scores[unseen % 2 == 1].mean()


def test_only_steps_to_known_followers_are_learnt_from(log) -> None:
    known = log.followers.among(log.examples)
    assert 0 < len(known) < len(log.examples)
    assert known.chosen.max() == 31  # the last follower of the hub
    assert len(log.followers.among(log.examples.take(np.empty(0, np.intp)))) == 0


@pytest.fixture
def scorer(log, tmp_path) -> SessionScorer:
    trained(log, draws=640).save(tmp_path)  # raises where ONNX and torch differ
    (tmp_path / "weight.json").write_text('{"weight": 0.5}')
    return SessionScorer.load(tmp_path)


def test_the_exported_network_scores_candidates_in_units_of_the_weight(log, scorer) -> None:
    pages = log.pages[5:15]
    query = Query("https://a.example/", int(log.pages[0]), history=(int(log.pages[7]), 4))
    column = scorer.scored(query, scored_rows(pages))[COLUMN]
    expected = trained(log, draws=640).scores(np.array([HUB]), padded(np.array([8]))[None], np.arange(6, 16)[None])[0]
    assert np.allclose(column, 0.5 * (expected - expected.mean()), atol=2e-3)
    assert column.dtype == np.float32


@pytest.mark.parametrize("history", [(), (4,), (4, 5, 6)])
def test_a_way_of_unknown_pages_adds_no_column(log, scorer, history) -> None:
    candidates = scored_rows(log.pages[:5])
    assert scorer.scored(Query("https://a.example/", int(log.pages[9]), history=history), candidates) is candidates


def test_a_page_that_was_loaded_again_is_no_step_of_a_way(log, scorer) -> None:
    candidates, (here, before, earlier) = scored_rows(log.pages[:5]), map(int, log.pages[[7, 8, 9]])

    def column(*history: int) -> list[float]:
        query = Query("https://a.example/", here, history=history)
        return scorer.scored(query, candidates)[COLUMN].tolist()

    assert scorer.scored(Query("https://a.example/", here, history=(here, here)), candidates) is candidates
    assert column(earlier, earlier, before, here) == column(earlier, before)
    assert column(earlier, here, before) != column(earlier, before)


def test_unknown_triggers_and_candidates_are_scored_too(log, scorer) -> None:
    query = Query("https://a.example/", 3, history=(int(log.pages[7]),))
    column = scorer.scored(query, scored_rows(np.array([1, 2, int(log.pages[3])], np.uint64)))[COLUMN]
    assert np.isfinite(column).all()


def test_files_that_do_not_belong_together_are_refused(log, scorer, tmp_path) -> None:
    np.save(tmp_path / "clicks.npy", np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="build again"):
        SessionScorer.load(tmp_path)


def test_rows_that_stage_2_did_not_reach_change_nothing_above(log, scorer) -> None:
    query = Query("https://a.example/", int(log.pages[0]), history=(int(log.pages[7]),))
    alone = scorer.scored(query, scored_rows(log.pages[5:9]))[COLUMN]
    stage2 = np.array([0, 0, 0, 0, np.nan, np.nan], np.float32)
    below = scorer.scored(query, Candidates(log.pages[5:11], {"stage2": stage2}))[COLUMN]
    assert np.allclose(alone, below[:4], atol=1e-5)
    assert below[4:].tolist() == [0, 0]


async def test_ways_that_are_read_at_once_wait_for_their_turn(log, scorer, tmp_path, monkeypatch) -> None:
    """The threads' queue is for parts of the cascade too: it may be short, and is refused when it is full."""
    asked, scores = threading.Event(), SessionScorer.scores

    def held(self: SessionScorer, *rows):
        asked.wait()
        return scores(self, *rows)

    async def all_have_asked() -> bool:
        asked.set()
        return True

    monkeypatch.setattr(SessionScorer, "scores", held)
    with Bulkhead("ranking", 1) as native:
        shared = SessionScorer.load(tmp_path, native)
        queries = [Query("https://a.example/", int(log.pages[0]), history=(page,)) for page in log.pages[2:42].tolist()]
        reading = [shared.read(query, scored_rows(log.pages[:5])) for query in queries]
        assert all(await asyncio.gather(*reading, all_have_asked()))
