"""The tiny corpus: real input tables, small enough to build a real bundle within a test run."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from cascade.executor import Cascade
from pipeline.build import build
from pipeline.config import AnswersConfig, BuildConfig
from pipeline.recall_steps import PATHS
from service.bootstrap import load
from service.settings import Settings, read_settings
from store.bundle import Bundle, open_bundle
from store.one_run import LOCK


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the fault tests at full length and write their figures")
    parser.addoption("--update-drawings", action="store_true", help="write the drawings into README.md and docs/")
    parser.addoption("--update-screenshots", metavar="BUNDLES", help="take docs/images of these bundles")
    parser.addoption("--spark", action="store_true", help="run the Spark tests on Spark itself, which needs Java")


START = datetime(2025, 3, 1, tzinfo=UTC)
DAYS = 40
PAGES_A_TOPIC = 50
HOSTS = ("www.garden.example", "kitchen.example", "werkstatt.example")
TOPICS = {
    "roses": ("en", "rose petal thorn prune bloom hedge shrub fragrance stem bouquet"),
    "soil": ("en", "soil compost mulch clay nitrogen worm drainage humus fertiliser loam"),
    "bread": ("en", "bread flour yeast dough oven crust knead sourdough bake loaf"),
    "soup": ("en", "soup broth onion simmer stock carrot lentil ladle bowl thyme"),
    "holz": ("de", "holz säge hobel brett leim eiche kante schleifen fuge zwinge"),
    "metall": ("de", "metall schweißen stahl feile bohrer gewinde blech löten messing amboss"),
}
CONFIG = BuildConfig.model_validate(
    {
        "text": {"base": "minilm", "tokens_per_page": 22},
        "examples": {"groups": 600, "stage2_pages": 30, "negatives": 10},
        "labels": {"judged": 150},
        "cf": {"dimension": 16, "iterations": 5},
        "two_tower": {"dimension": 32, "head_steps": 40, "head_batch": 128},
        "knowledge": {"dimension": 24, "steps": 40, "batch": 128},
        "cross_encoder": {"distil": False, "steps": 10, "triplets": 4, "labels": 8, "frozen_layers": 5},
        "stage1": {"trees": 30, "leaves": 15, "smallest_leaf": 10},
        "stage2": {"trees": 20, "leaves": 7, "smallest_leaf": 10},
        "answers": {"most_pages": 0},  # most tests are about the cascade; `stored` has answers
    }
)
#: The tiny build with answers for all pages but some.
STORED = 240
WITH_ANSWERS = CONFIG.model_copy(update={"answers": AnswersConfig(most_pages=STORED)})


@dataclass(frozen=True, slots=True)
class Tiny:
    """The tiny corpus and the bundle built from it."""

    data: Path
    bundles: Path
    bundle: Bundle
    urls: list[str]
    topic: dict[str, str]  # of each URL

    @property
    def work(self) -> Path:
        return self.bundles / "work"

    def link(self, target: Path, *, work: bool = False) -> Path:
        """Return another directory of the bundle, of hard links: a test may replace its files, edit only `current`."""
        left_out = shutil.ignore_patterns("current", LOCK, *(() if work else ("work",)))
        shutil.copytree(self.bundles, target, ignore=left_out, copy_function=os.link)
        shutil.copy(self.bundles / "current", target)
        return target


def tiny_pages() -> pa.Table:
    """Return 300 pages: a topic has words of its own, and stands half on one host, half on another."""
    generator = np.random.default_rng(1)
    rows = []
    for number, (topic, (language, vocabulary)) in enumerate(TOPICS.items()):
        words, host = vocabulary.split(), HOSTS[number // 2]
        for page in range(PAGES_A_TOPIC):
            title = " ".join([topic, *generator.choice(words, 2, replace=False), f"{page}"])
            snippet = " ".join(generator.choice(words, 8))
            rows.append((f"https://{host}/{topic}/{page}", title, snippet, language))
    return pa.table(dict(zip(("url", "title", "snippet", "language"), zip(*rows, strict=True), strict=True)))


def _times(generator: np.random.Generator, count: int) -> list[datetime]:
    return [START + timedelta(days=float(day)) for day in np.sort(generator.uniform(0, DAYS, count))]


def tiny_clicks(sessions: int = 900) -> pa.Table:
    """Return sessions that walk a few pages on within one topic: the next page is one to three further."""
    generator = np.random.default_rng(2)
    topics, rows = list(TOPICS), []
    for session, time in enumerate(_times(generator, sessions)):
        topic, page = topics[generator.integers(len(topics))], int(generator.integers(PAGES_A_TOPIC))
        for step in range(int(generator.integers(2, 7))):
            rows.append((f"s{session}", _url(topic, page), time + timedelta(minutes=step)))
            page = (page + int(generator.integers(1, 4))) % PAGES_A_TOPIC
    return pa.table(dict(zip(("session", "url", "time"), zip(*rows, strict=True), strict=True)))


def tiny_impressions(count: int = 1_200) -> pa.Table:
    """Return impressions of six pages; readers click what lies a little further on, the upper places more."""
    generator = np.random.default_rng(3)
    topics, rows = list(TOPICS), []
    for impression, time in enumerate(_times(generator, count)):
        topic, page = topics[generator.integers(len(topics))], int(generator.integers(PAGES_A_TOPIC))
        near = [_url(topic, (page + step) % PAGES_A_TOPIC) for step in (1, 2, 3)]
        other = topics[(topics.index(topic) + 1) % len(topics)]
        far = [_url(other, int(n)) for n in generator.choice(PAGES_A_TOPIC, 3, replace=False)]
        shown = generator.permutation([*near, *far]).tolist()
        for position, url2 in enumerate(shown):
            chance = (0.6 if url2 in near else 0.05) / (1 + position) ** 0.5
            clicked = bool(generator.random() < chance)
            rows.append((f"i{impression}", time, _url(topic, page), url2, position, clicked))
    names = ("impression", "time", "url1", "url2", "position", "clicked")
    return pa.table(dict(zip(names, zip(*rows, strict=True), strict=True)))


def _url(topic: str, page: int) -> str:
    return f"https://{HOSTS[list(TOPICS).index(topic) // 2]}/{topic}/{page}"


def write_tiny(data: Path) -> None:
    """Write the input tables."""
    data.mkdir()
    pq.write_table(tiny_pages(), data / "pages.parquet")
    pq.write_table(tiny_clicks(), data / "clicks.parquet")
    pq.write_table(tiny_impressions(), data / "impressions.parquet")


#: A busy machine may stall a test for seconds: no part of an answer may be skipped because of it. And nothing may be
#: written next to the tiny bundle.
PATIENT = [
    f"{name}={60_000}"
    for name in (
        "budget_ms", "max_budget_ms", "read_timeout_ms", "stage1.timeout_ms", "stage2.timeout_ms", "blend.timeout_ms",
        "redis.timeout_ms", "redis.socket_timeout_ms", "redis.connect_timeout_ms",
        *(f"recall.{path}.timeout_ms" for path in PATHS),
    )
] + ["unknown.most=0"]  # fmt: skip


@pytest.fixture(scope="session")
def patient() -> Settings:
    """Settings of a gateway that waits for every part."""
    return read_settings(None, PATIENT, {})


@pytest.fixture(scope="module")
def cascade(tiny: Tiny, patient: Settings) -> Iterator[Cascade]:
    """The served cascade over the tiny bundle; closed after the module, since LMDB opens a file once a process."""
    gateway = load(tiny.bundles, patient)
    yield gateway.live.bundle.cascade
    asyncio.run(gateway.close())


@pytest.fixture(scope="session")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of all processes of a test run."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def tiny(run_directory: Path) -> Tiny:
    """A real bundle of the tiny corpus, built once a test run; tests must not write into it."""
    data, bundles = run_directory / "tiny" / "data", run_directory / "tiny" / "bundles"
    with FileLock(run_directory / "tiny.lock"):
        if not data.exists():
            data.parent.mkdir()
            write_tiny(data)
            build(data, bundles, CONFIG)
    urls = tiny_pages()["url"].to_pylist()
    return Tiny(data, bundles, open_bundle(bundles), urls, {url: url.split("/")[3] for url in urls})


@pytest.fixture(scope="session")
def stored(tiny: Tiny, run_directory: Path) -> Tiny:
    """The tiny bundle with stored answers, in a directory of its own; tests must not write into it."""
    bundles = run_directory / "stored"
    with FileLock(run_directory / "stored.lock"):
        if not bundles.exists():
            build(tiny.data, tiny.link(bundles, work=True), WITH_ANSWERS)
    return replace(tiny, bundles=bundles, bundle=open_bundle(bundles))
