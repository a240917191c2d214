from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np

from cascade.trace import Trace
from cascade.types import Candidates, Query
from evaluation.next_page import NextPageMetrics, _answer
from ranking.select import Select


@dataclass
class ByAge:
    name: str = "blend"

    def score(self, query: Query, candidates: Candidates) -> np.ndarray:
        return (candidates["published"] - query.at).astype(np.float32)


def test_an_answer_is_selected_by_the_last_stages_score_at_the_time_of_the_log() -> None:
    zeros = np.zeros(4, np.uint64)
    columns = {"copy": zeros, "fingerprint": zeros, "address": np.arange(4, dtype=np.uint64)}
    columns |= {"host": np.array([1, 1, 2, 3], np.uint64), "published": np.array([9.0, 8.0, 7.0, 1.0])}
    scored = Candidates(np.arange(4, dtype=np.uint64), {**columns, "score": np.zeros(4, np.float32)})
    stage = SimpleNamespace(scorer=ByAge())
    cascade = SimpleNamespace(
        stages=[stage], select=Select(1, margin=2, min_hosts=1), dated=lambda query: replace(query, at=2.0)
    )
    answer = _answer(cascade, Query("https://a.example/", 9), Trace(stages={"stage2": scored}), 3)
    assert answer.tolist() == [0, 1, 2]


def test_steps_to_pages_without_clicks_have_figures_of_their_own() -> None:
    measured = NextPageMetrics(unclicked=np.array([7, 8], np.uint64))
    measured.add({"stage 1": np.array([7, 1], np.uint64)}, np.array([1, 7], np.uint64), ())
    measured.add({"stage 1": np.array([2], np.uint64)}, np.array([8], np.uint64), ())
    assert measured.metrics()["stage 1"].recall_at_30 == 2 / 3
    assert measured.of_new_pages()["stage 1"].recall_at_30 == 1 / 2
    assert measured.of_new_pages()["stage 1"].ndcg_at_5 == 1 / 2
