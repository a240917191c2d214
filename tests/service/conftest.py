"""A small real gateway: hand-written recall paths and scorers over a real LMDB table of pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cascade.executor import RANK, Cascade, RecallStep
from cascade.stages import Stage
from cascade.trace import Trace
from cascade.types import Candidates, Query, Trigger
from corpus.urls.url import address_key, canonical, page_id, page_ids, rules_of
from ranking.expiry import Expired
from recall.merge import merge
from service.answer_ids.answer_ids import AnswerIds
from service.answer_ids.keys import OneKey
from service.answers.counting import AnswerCounts, ComputationCounts
from service.answers.names import Names
from service.answers.recommender import Recommender
from service.answers.shared_cache import SharedCache
from service.answers.side_effects import SideEffects
from service.events.opening import open_recorder
from service.experiments.live_experiment import Experiments
from service.gateway import Explored, Gateway
from service.live_bundle import Live, LoadedBundle
from service.metrics import Metrics
from service.process.server import Address, serve
from service.process.shutdown import Stop
from service.rules.live_rules import LiveRules
from service.rules.sources import RulesFile
from service.rules.steering import Steering
from service.rules.watch import RulesWatch
from service.settings import Settings, read_settings
from store import page_row
from store.addresses import Addresses, write_addresses
from store.tables import LmdbTable, write_table

BUNDLE = "20250101T000000Z-0123abcd"
URLS = [canonical(f"https://site{i % 3}.example/page/{i}") for i in range(12)]
UNKNOWN = "https://elsewhere.example/new"


def write_pages(path: Path) -> None:
    def row(url: str, number: int) -> bytes:
        facts = np.zeros(1, page_row.FACTS)[0]
        facts["page"], facts["clicks_all"], facts["address"] = page_id(url), 100 - number, address_key(url)
        facts["language"] = page_row.language_code("de" if number % 4 == 3 else "en")
        text = (url, f"Page {number}", f"About “{number}”", "en")
        return page_row.pack(facts, np.empty(0, np.uint32), text)

    write_table(path, [(page_id(url), row(url, i)) for i, url in enumerate(URLS)])
    keys = np.array([address_key(url) for url in URLS], np.uint64)
    write_addresses(path.with_name("addresses.lmdb"), keys, page_ids(URLS))


@dataclass
class Listed:
    """Recalls a fixed list; can be slow, or wait to be let go."""

    name: str
    urls: list[str]
    calls: int = 0
    gate: asyncio.Event | None = None
    error: Exception | None = None
    called: asyncio.Event = field(default_factory=asyncio.Event)

    async def recall(self, query: Query, limit: int) -> Candidates:
        self.calls += 1
        self.called.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        pages = page_ids(self.urls)
        pages = pages[pages != query.page][:limit]
        extra = {"qprime_query": np.full(len(pages), "what comes next?")} if self.name == "qprime" else {}
        return Candidates(pages, extra)


@dataclass
class Locator:
    pages: LmdbTable

    async def locate(self, query: Query) -> Trigger:
        row = self.pages.read(np.array([query.page], np.uint64))[0]
        facts = page_row.read_facts([row])[0] if row else np.zeros(1, page_row.FACTS)[0]
        return Trigger(row is not None, facts, np.empty(0, np.uint32))

    def unknown(self, query: Query) -> Trigger:
        return Trigger(False, np.zeros(1, page_row.FACTS)[0], np.empty(0, np.uint32))


@dataclass
class Rows:
    pages: LmdbTable
    name: str = "pages"

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        rows = self.pages.read(candidates.pages)
        column = np.empty(len(rows), object)
        column[:] = rows
        return candidates.with_columns({"row": column, "facts": page_row.read_facts(rows)})


@dataclass
class Heads:
    """Click and quality as a cross-encoder would give them; one is not a number."""

    name: str = "heads"

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        click = np.linspace(2, -2, len(candidates), dtype=np.float32)
        click[-1] = np.nan
        return candidates.with_columns({"click": click, "quality": np.full(len(candidates), 2.5, np.float32)})


@dataclass
class Excluded:
    name: str = "excluded"

    def keep(self, query: Query, candidates: Candidates) -> np.ndarray:
        return ~np.isin(candidates.pages, np.fromiter(query.exclude, np.uint64))


@dataclass
class ByRank:
    name: str = "stage1"

    def score(self, query: Query, candidates: Candidates) -> np.ndarray:
        ranks = np.stack([column for name, column in candidates.columns.items() if name.startswith(RANK)])
        return -ranks.min(axis=0).astype(np.float32)


def first(query: Query, ranked: Candidates, k: int, trace: Trace) -> Candidates:
    return ranked.take(np.arange(min(k, len(ranked))))


@dataclass
class Small:
    """The parts of a small gateway that tests turn."""

    gateway: Gateway
    coclick: Listed
    qprime: Listed
    popular: Listed
    released: list[bool]

    @property
    def recommender(self) -> Recommender:
        return self.gateway.recommender


Make = Callable[..., Small]


def small_gateway(
    directory: Path,
    *overrides: str,
    stages: bool = True,
    warmup: tuple[str, ...] = (),
    fragment_hosts: Collection[str] = (),
    shared: SharedCache | None = None,
    keep_top: int = 30,
    effects: Collection[object] = (),
    rules: LiveRules | None = None,
    expired: Expired | None = None,
    redis_url: str | None = None,
    arms: str = "",
) -> Small:
    pages = LmdbTable(directory / "pages.lmdb")
    coclick, qprime = Listed("coclick", URLS[:8]), Listed("qprime", URLS[11:4:-1])
    popular = Listed("popular", URLS)
    native = ThreadPoolExecutor(1)
    cascade = Cascade(
        trigger=Locator(pages),
        recall=[RecallStep(coclick, 100, 5.0), RecallStep(qprime, 30, 5.0)],
        fallback=RecallStep(popular, 100, 5.0),
        merge=merge,
        hydrate=Rows(pages),
        filters=[Excluded()],
        stages=[Stage((Heads(),), ByRank(), keep_top, 5.0)] if stages else [],
        select=first,
        native=native,
    )
    settings = read_settings(None, ["server.drain_s=0", *overrides], {})
    released: list[bool] = []

    async def release() -> None:
        native.shutdown()
        released.append(True)

    table = LmdbTable(directory / "addresses.lmdb")
    addresses = Addresses(table, LmdbTable(directory / "pages.lmdb"), rules_of(fragment_hosts, ()))

    def close() -> None:
        pages.close()
        addresses.close()

    steering = Steering(rules, pages, addresses, expired)
    bundle = LoadedBundle(BUNDLE, cascade, pages, addresses, close, warmup, steering=steering)
    metrics = Metrics()
    sources = [RulesFile(Path(settings.rules.file))] if settings.rules.file else []
    watch = RulesWatch(steering.rules, sources, settings.rules.watch_s, metrics)
    explored = Explored()
    side_effects = SideEffects(
        [ComputationCounts(metrics), *([shared] if shared else []), *effects],
        [AnswerCounts(metrics), explored.asked, *effects],
        lambda name: metrics.side_effect_failed.labels(name).inc(),
    )
    ids = AnswerIds(OneKey(b"secret"), settings.feedback.max_age_s) if arms or settings.feedback.enabled else None
    names, experiments = ids and Names(ids), _experiments(directory, settings, metrics, arms) if arms else None
    recommender = Recommender(Live(bundle), settings, metrics, side_effects, shared, names, experiments)
    recorder = None
    if ids is not None and settings.feedback.enabled:
        recorder = open_recorder(settings.feedback, directory, ids, recommender.live, metrics, redis_url, None)
    gateway = Gateway(recommender, settings, release, rules=watch, recorder=recorder, explored=explored)
    return Small(gateway, coclick, qprime, popular, released)


def _experiments(directory: Path, settings: Settings, metrics: Metrics, arms: str) -> Experiments:
    path = directory / "arms.toml"
    path.write_text(arms)
    return Experiments(path, settings, metrics, clock=lambda: 0.0)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    write_pages(tmp_path / "pages.lmdb")
    return partial(small_gateway, tmp_path)


@dataclass
class Served:
    http: str
    grpc: str
    admin: str
    stop: Stop
    task: asyncio.Task[None]


Serve = Callable[[Gateway], AbstractAsyncContextManager[Served]]


@pytest.fixture
def served() -> Serve:
    @asynccontextmanager
    async def run(gateway: Gateway) -> AsyncIterator[Served]:
        stop, ready = Stop(), asyncio.get_running_loop().create_future()
        task = asyncio.create_task(serve(gateway, Address("127.0.0.1", 0, 0), stop, ready.set_result))
        await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        address = ready.result()
        http, admin = (f"http://127.0.0.1:{port}" for port in (address.port, address.admin_port))
        yield Served(http, f"127.0.0.1:{address.grpc_port}", admin, stop, task)
        stop(skip_drain=True)
        await task

    return run
