"""The step `qprime` with a language model and with a remote engine, each a real local server."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
import search_endpoint
from llm_endpoint import completion, serving

from configs.reading import SettingsError, from_override, leaves, read
from pipeline.build import build
from pipeline.config import BuildConfig
from recall.qprime.row import read as read_row
from store.tables import LmdbTable
from tests.conftest import CONFIG, TOPICS


def settings(*overrides: str) -> BuildConfig:
    return read(BuildConfig, [*leaves(CONFIG.model_dump()), *map(from_override, overrides)], "configs/build.toml")


@pytest.fixture
def bundles(tiny, tmp_path: Path) -> Path:
    return tiny.link(tmp_path / "bundles", work=True)


def test_a_writer_without_a_model_is_one_clear_error(tiny, bundles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONWARD_LLM_MODEL", raising=False)
    with pytest.raises(SettingsError, match=r"qprime\.writer is llm and ONWARD_LLM_MODEL is not set"):
        build(tiny.data, bundles, settings("qprime.writer=llm"), only=["qprime"])
    with pytest.raises(SettingsError, match=r"qprime\.causal is empty: name a causal model"):
        build(tiny.data, bundles, settings("qprime.writer=information_need"), only=["qprime"])


def test_an_engine_without_a_key_is_one_clear_error(tiny, bundles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONWARD_SEARCH_KEY", raising=False)
    with pytest.raises(SettingsError, match="ONWARD_SEARCH_KEY"):
        build(tiny.data, bundles, settings("qprime.engine=brave"), only=["qprime"])


def test_a_language_model_writes_the_queries_and_failed_pages_are_left_to_a_refresh(
    tiny, bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:

        def reply(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            prompt = body["messages"][0]["content"]
            if "/soup/" in prompt:
                return 200, completion("I would rather not say.")
            topic = next(topic for topic in TOPICS if f"example/{topic}/" in prompt)
            return 200, completion(f'[{{"query": "{TOPICS[topic][1]}", "relevance": 0.9}}]')

        server.reply = reply
        for name, value in (("MODEL", "m"), ("BASE_URL", server.url), ("CACHE", str(tmp_path / "answers.sqlite"))):
            monkeypatch.setenv(f"ONWARD_LLM_{name}", value)
        build(tiny.data, bundles, settings("qprime.writer=llm"), only=["qprime"])
    work = bundles / "work"
    outcomes = Counter(pq.read_table(work / "qprime" / "queries.parquet")["outcome"].to_pylist())
    assert outcomes == {"written": 250, "failed": 50}
    figures = orjson.loads((work / "qprime" / "done.json").read_bytes())["figures"]
    assert figures["incomplete"] == 50
    assert sum(figures["writer_failed"].values()) == 50
    table = LmdbTable(work / "qprime" / "qprime.lmdb")
    rows = [read_row(row) for _, row in table.items()]
    table.close()
    assert sum(row.day == 0 for row in rows) == 50
    written = {vocabulary for topic, (_, vocabulary) in TOPICS.items() if topic != "soup"}
    assert {query for row in rows for query in row.queries} == written


def test_a_search_server_finds_the_pages_and_no_index_is_made(
    tiny, bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with search_endpoint.serving() as server:
        server.find = lambda query: [(url, 1.0) for url in tiny.urls[:5]]
        for name, value in server.environ("opensearch", tmp_path).items():
            monkeypatch.setenv(name, value)
        build(tiny.data, bundles, settings("qprime.engine=opensearch"), only=["qprime"])
    directory = bundles / "work" / "qprime"
    figures = orjson.loads((directory / "done.json").read_bytes())["figures"]
    assert figures["rows"] > 0
    assert figures["failed"] == {}
    assert not (directory / "index").exists()
