"""Measures the gateway's speed against baselines, in one run: `make bench`.

python benchmarks/bench.py demo/bundles --only cached_vs_asgi,overhead

Machines are noisy, so figures are ratios and medians of alternating rounds. They go to benchmarks/latest.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import events
import http_load
import infinity_server
import numpy as np
import stored_answers
from large_bundle import grow
from processes import Served, onward, served
from tokenizers import Tokenizer

from ranking.cross_encoder.pairs import open_pair_model
from service.answers.request import Request
from service.bootstrap import load
from service.settings import read_settings
from store import page_row
from store.bundle import Bundle, open_bundle
from store.tables import LmdbTable
from text_model.tokens import PageTokenizer

HERE = Path(__file__).parent
_ROUNDS = 5
_RATES = (20, 30, 40, 50, 60, 70, 80, 100, 150, 200)  # requests per second
_STORED_RATES = (500, 1_000, 1_500, 2_000, 2_500, 3_000)
_STORED_P99_MS = 25.0
_UNCACHED = ("cache.max_mb=0", "cache.stored=false", "cache.pairs=0", "unknown.most=0")
_PATIENT = (*_UNCACHED, "budget_ms=5000")

Figures = dict[str, Any]


def urls_by_popularity(bundle: Bundle) -> list[str]:
    """Return the bundle's pages, the most clicked first."""
    pages = LmdbTable(bundle.file("tables/pages.lmdb"))
    rows = [row for _, row in pages.items()]
    clicks = page_row.read_facts(rows)["clicks_all"]
    urls = [page_row.read_text(rows[place]).url for place in np.argsort(-clicks.astype(np.int64), kind="stable")]
    pages.close()
    return urls


def cached_vs_asgi(small: Path, _: Path) -> Figures:
    """Cached requests per second, compared with an ASGI function that sends the same response, one process each."""
    url = urls_by_popularity(open_bundle(small))[0]
    with ExitStack() as stack:
        ours = stack.enter_context(served(onward(small)))
        request = http_load.recommend(ours.http, url)
        response = Path(stack.enter_context(tempfile.TemporaryDirectory()), "response")
        size = response.write_bytes(asyncio.run(http_load.second_response(ours.http, request)))
        bare = stack.enter_context(served([str(HERE / "bare_server.py"), str(response)]))
        rounds = [(_pipelined(ours, request), _pipelined(bare, request)) for _ in range(_ROUNDS)]
    cached, constant = (statistics.median(side) for side in zip(*rounds, strict=True))
    return {"value": cached / constant, "cached_rps": cached, "asgi_rps": constant, "bytes": size}


def _pipelined(server: Served, request: bytes) -> float:
    return asyncio.run(http_load.pipelined(server.http, request, count=20_000, connections=4, depth=16)).per_second


def overhead(small: Path, _: Path) -> Figures:
    """The time of an uncached request beyond its cross-encoder run, as a share of that run.

    Once without cached page states, once with those of earlier requests, which shorten the run.
    """
    urls = urls_by_popularity(open_bundle(small))
    request, run = asyncio.run(_overhead(small, urls[:2_000], "cache.page_states_mb=0"))
    kept_request, kept_run = asyncio.run(_overhead(small, urls[:2_000]))
    return {
        "value": (request - run) / run, "request_ms": request, "cross_encoder_ms": run,
        "pages_kept": (kept_request - kept_run) / kept_run, "pages_kept_request_ms": kept_request,
        "pages_kept_cross_encoder_ms": kept_run,
    }  # fmt: skip


async def _overhead(bundles: Path, urls: list[str], *settings: str) -> tuple[float, float]:
    """Return the medians of a request and of its cross-encoder run, in milliseconds."""
    gateway = load(bundles, read_settings(None, [*_PATIENT, *settings], {}))
    heads: Any = next(stage.anytime for stage in gateway.live.bundle.cascade.stages if stage.anytime)
    model, took = heads._model, [0.0]

    class Timed:
        def run(self, first: Any, second: Any) -> Any:
            begun = time.perf_counter()
            scores = model.run(first, second)
            took[0] += time.perf_counter() - begun
            return scores

    heads._model = Timed()
    picked = np.random.default_rng(0).choice(len(urls), 400, replace=False)
    whole, runs = [], []
    for number in picked.tolist():
        took[0], begun = 0.0, time.perf_counter()
        answer = await gateway.recommender.recommend(Request(urls[number]))
        answer.json("0" * 32, 1.0)
        whole.append(time.perf_counter() - begun)
        runs.append(took[0])
    await gateway.close()
    warm = slice(200, None)  # the first pages fill the cache of page states
    return 1e3 * statistics.median(whole[warm]), 1e3 * statistics.median(runs[warm])


def vs_naive(small: Path, _: Path) -> Figures:
    """Uncached requests per second, compared with FastAPI, FAISS and a sentence-transformers CrossEncoder."""
    urls = urls_by_popularity(open_bundle(small))[:2_000]
    order = np.random.default_rng(1).permutation(len(urls)).tolist()
    with ExitStack() as stack:
        ours = stack.enter_context(served(onward(small, *_PATIENT)))
        naive = stack.enter_context(served([str(HERE / "naive_server.py"), str(small)]))
        rates: list[tuple[float, float]] = []
        _closed(ours, [urls[n] for n in order[:100]])
        for number in range(_ROUNDS):
            part = [urls[n] for n in order[100 + 20 * number : 120 + 20 * number]]
            rates.append((_closed(ours, part), _closed(naive, part)))
    fast, slow = (statistics.median(side) for side in zip(*rates, strict=True))
    return {"value": fast / slow, "rps": fast, "naive_rps": slow}


def _closed(server: Served, urls: Sequence[str], connections: int = 2, refusals: bool = False) -> float:
    requests = [http_load.recommend(server.http, url) for url in urls]
    measured = asyncio.run(http_load.closed_loop(server.http, requests, connections))
    _check(measured, refusals)
    return measured.per_second


def _check(measured: http_load.Measured, refusals: bool) -> None:
    if not {*measured.statuses} <= ({200, 429} if refusals else {200}):
        raise RuntimeError(f"unexpected status codes: {sorted(set(measured.statuses))}")


def vs_infinity(small: Path, _: Path) -> Figures:
    """Time to score thirty pairs, compared with an infinity-emb reranker server with a model of the same size."""
    if find_spec("infinity_emb") is None:
        return {"skipped": "infinity-emb is missing; it needs older libraries: pip install --no-deps infinity-emb"}
    bundle = open_bundle(small)
    tokenizer = PageTokenizer(bundle.file("tokenizer.json"), bundle.manifest.config["text"]["tokens_per_page"])
    decode = Tokenizer.from_file(str(bundle.file("tokenizer.json"))).decode
    pages = LmdbTable(bundle.file("tables/pages.lmdb"))
    rows = [row for _, row in islice(pages.items(), 2_000)]
    tokens = [page_row.read_tokens(row, facts) for row, facts in zip(rows, page_row.read_facts(rows), strict=True)]
    draws = np.random.default_rng(5).integers(0, len(tokens), (20, 31))
    ours = open_pair_model(bundle.path / "cross_encoder", tokenizer.marks)
    cold = open_pair_model(bundle.path / "cross_encoder", tokenizer.marks, kept_bytes=0)
    times: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory() as directory, served([str(HERE / "infinity_server.py"), directory]) as server:
        for draw in draws:
            first, second = tokens[draw[0]], [tokens[row] for row in draw[1:]]
            ours.run([first], second)
            times.append((
                _seconds(lambda: cold.run([first], second)),  # noqa: B023 -- called at once
                _seconds(lambda: ours.run([first], second)),  # noqa: B023
                infinity_server.rerank(server.http, decode(first.tolist()), [decode(page.tolist()) for page in second]),
            ))  # fmt: skip
    run, warm, theirs = (1e3 * statistics.median(column) for column in zip(*times, strict=True))
    return {"value": theirs / run, "ours_ms": run, "pages_kept_ms": warm, "infinity_ms": theirs}


def _seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def answers_speedup(small: Path, _: Path) -> Figures:
    """Answers that the build stores per second, compared with asking a gateway for one page after another.

    The gateway has the page states that the build has kept, or, for `nothing_kept`, none.
    """
    urls = urls_by_popularity(open_bundle(small))
    order = np.random.default_rng(6).permutation(len(urls)).tolist()
    size = min(600, len(urls) // _ROUNDS)
    parts = [[urls[n] for n in order[size * number : size * (number + 1)]] for number in range(_ROUNDS)]
    with ExitStack() as stack:
        ours = stack.enter_context(served(onward(small, *_PATIENT)))
        bare = stack.enter_context(served(onward(small, *_PATIENT, "cache.page_states_mb=0")))
        for server in (ours, bare):
            _closed(server, parts[0][:20], connections=1)
        rounds = [
            (stored_answers.pages_per_second(small, part), *(_closed(one, part[:50], 1) for one in (ours, bare)))
            for part in parts
        ]
    made, asked, without = (statistics.median(side) for side in zip(*rounds, strict=True))
    return {
        "value": made / asked, "pages_per_second": made, "one_by_one": asked,
        "nothing_kept": made / without, "one_by_one_nothing_kept": without,
    }  # fmt: skip


def stored_ms(small: Path, _: Path) -> Figures:
    """Milliseconds of the first request for a page whose answer is stored, as its caller sees them."""
    urls = urls_by_popularity(open_bundle(small))
    with served(onward(small, "unknown.most=0")) as ours:
        requests = [http_load.recommend(ours.http, url) for url in urls[:2_000]]
        measured = asyncio.run(http_load.closed_loop(ours.http, requests, 1))
        _check(measured, refusals=False)
    return {
        "value": 1e3 * statistics.median(measured.seconds), "p99_ms": measured.quantile(0.99),
        "degraded": measured.degraded / len(requests),
    }  # fmt: skip


def stored_vs_computed(small: Path, _: Path) -> Figures:
    """The share of 1,000 pages whose stored answer shows the same five pages as the computed one."""
    urls = urls_by_popularity(open_bundle(small))
    chosen = np.random.default_rng(7).permutation(len(urls))[:1_000].tolist()
    return asyncio.run(stored_answers.compare(small, [urls[n] for n in chosen], _PATIENT))


def late(small: Path, _: Path) -> Figures:
    """The share of uncached answers later than the budget at 60 % of the gateway's capacity."""
    urls = urls_by_popularity(open_bundle(small))
    order = np.random.default_rng(2).permutation(len(urls)).tolist()
    with served(onward(small, *_UNCACHED)) as ours:
        _closed(ours, [urls[n] for n in order[:200]])
        capacity = _closed(ours, [urls[n] for n in order[200:500]])
        requests = [http_load.recommend(ours.http, urls[n]) for n in order[500:2_500]]
        measured = asyncio.run(http_load.open_loop(ours.http, requests, 0.6 * capacity))
        _check(measured, refusals=True)
    budget_s = _budget_ms() / 1e3
    count = len(measured.seconds)
    return {
        "value": sum(seconds > budget_s for seconds in measured.seconds) / count, "capacity_rps": capacity,
        "p50_ms": measured.quantile(0.5), "p99_ms": measured.quantile(0.99), "degraded": measured.degraded / count,
    }  # fmt: skip


def beside_events(small: Path, _: Path) -> Figures:
    """The p99 of 500 cached answers per second beside 2,000 events per second, as a multiple of that without them."""
    urls = urls_by_popularity(open_bundle(small))
    return events.beside_events(small, urls, batch=10)


def zipf_rps(_: Path, large: Path) -> Figures:
    """The highest rate of Zipf(1.0) traffic over 100,000 pages, all stored, with p99 within 25 ms and none degraded."""
    return _zipf(large, onward(large), _STORED_RATES, _STORED_P99_MS, 0.0)


def zipf_rps_computed(_: Path, large: Path) -> Figures:
    """The same with none stored, p99 within the budget and at most 1 % refused; also of two workers."""
    settings = ("cache.stored=false",)
    commands = onward(large, *settings), onward(large, *settings, "threads.onnx=1", workers=2)
    found, two = (_zipf(large, command, _RATES, _budget_ms(), 0.01) for command in commands)
    return found | {f"two_workers_{name}": two.get(name) for name in ("value", "p50_ms", "p99_ms", "degraded")}


def _zipf(large: Path, command: Sequence[str], rates: Sequence[int], p99_ms: float, refused: float) -> Figures:
    urls = urls_by_popularity(open_bundle(large))[:100_000]
    weights = 1 / np.arange(1, len(urls) + 1)
    drawn = np.random.default_rng(3).choice(len(urls), 4_000 + 1_000 * len(rates), p=weights / weights.sum())
    best: Figures = {"value": 0}
    with served(command) as ours:
        requests = [http_load.recommend(ours.http, urls[n]) for n in drawn.tolist()]
        asyncio.run(http_load.closed_loop(ours.http, requests[:4_000], 2))
        for start, rate in zip(range(4_000, len(requests), 1_000), rates, strict=True):
            measured = asyncio.run(http_load.open_loop(ours.http, requests[start : start + 1_000], rate))
            _check(measured, refusals=True)
            seen = np.isin(drawn[start : start + 1_000], drawn[:start]).mean()
            at_rate = {
                "value": rate, "p50_ms": measured.quantile(0.5), "p99_ms": measured.quantile(0.99),
                "seen_before": float(seen), "degraded": measured.degraded / 1_000,
                "refused": measured.statuses.count(429) / 1_000,
            }  # fmt: skip
            print(f"  {at_rate}", flush=True)
            whole = refused > 0 or measured.degraded == 0
            if at_rate["p99_ms"] <= p99_ms and at_rate["refused"] <= refused and whole:
                best = at_rate
    return best


def _budget_ms() -> float:
    return read_settings(None, (), {}).budget_ms


def weight(_: Path, large: Path) -> Figures:
    """Memory and start-up time of a gateway with 100,000 pages."""
    urls = urls_by_popularity(open_bundle(large))
    with served(onward(large)) as ours:
        ready_s = ours.ready_s
        order = np.random.default_rng(4).permutation(len(urls))[:1_000].tolist()
        _closed(ours, [urls[n] for n in order], refusals=True)
        return {"value": ours.rss_mb, "ready_s": ready_s}


BENCHES: dict[str, Callable[[Path, Path], Figures]] = {
    "cached_vs_asgi": cached_vs_asgi, "overhead": overhead, "vs_naive": vs_naive,
    "vs_infinity": vs_infinity, "late": late, "answers_speedup": answers_speedup, "stored_ms": stored_ms,
    "stored_vs_computed": stored_vs_computed, "zipf_rps": zipf_rps, "zipf_rps_computed": zipf_rps_computed,
    "rss_mb": weight, "beside_events": beside_events,
}  # fmt: skip


def main() -> None:
    """Run the benchmarks and write their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", type=Path)
    parser.add_argument("--only", default=",".join(BENCHES))
    parser.add_argument("--large", type=Path, help="an existing bundle of 100,000 pages")
    options = parser.parse_args()
    latest = HERE / "latest.json"
    figures: Figures = json.loads(latest.read_text()) if latest.is_file() else {}
    with tempfile.TemporaryDirectory() as directory:
        large = options.large or Path(directory)
        chosen = options.only.split(",")
        if options.large is None and {"zipf_rps", "zipf_rps_computed", "rss_mb"} & {*chosen}:
            grow(open_bundle(options.bundles), large, 100_000)
        for name in chosen:
            found = BENCHES[name](options.bundles, large)
            rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in found.items()}
            figures[name] = {
                **rounded,
                "day": f"{datetime.now(UTC):%Y-%m-%d}",
                "machine": f"{os.cpu_count()} cores, {platform.machine()}",
            }
            print(f"{name}: {json.dumps(rounded)}", flush=True)
            latest.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
