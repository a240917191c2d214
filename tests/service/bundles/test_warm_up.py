from __future__ import annotations

from service.answers.request import Request
from service.bootstrap import load
from service.settings import read_settings

BUDGETS = ("budget_ms=5000", "cache.stored=false", *(f"recall.{path}.timeout_ms=5000" for path in ("cf", "two_tower")))


async def test_what_a_cold_run_took_costs_no_answer_its_cross_encoder(tiny) -> None:
    gateway = load(tiny.bundles, read_settings(None, BUDGETS, {}))
    for stage in gateway.live.bundle.cascade.stages:
        stage.row.observe(60.0)  # seconds a row, as a first run on a busy machine might take
    await gateway.warm_up()
    asked = next(url for url in tiny.urls if url not in gateway.live.bundle.warmup)
    answer = await gateway.recommender.recommend(Request(asked))
    await gateway.close()
    assert answer.degraded == ()
