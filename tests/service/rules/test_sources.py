"""Rules are followed from a file and from a real Redis, and bad ones leave the last ones in force."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from redis import Redis
from redis.exceptions import RedisClusterException
from redis_servers import RedisServer, one_server
from typer.testing import CliRunner

from cli.main import app
from configs.reading import SettingsError
from corpus.urls.url_rules import RULES
from service.metrics import Metrics
from service.rules.live_rules import LiveRules
from service.rules.reading import RulesError
from service.rules.rule import Rule
from service.rules.sources import RulesFile, RulesInRedis
from service.rules.watch import Follow, RulesWatch
from store.redis.rules import KEY, StoredRules

URL1, SECOND = "https://site0.example/page/0", "https://site1.example/page/1"
GOOD = '[[rule]]\naction = "block"\nhost = "spam.example"\n'


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with one_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def stored(server: RedisServer) -> Iterator[StoredRules]:
    with server.client() as client:
        client.flushall()
        yield StoredRules(lambda: client)


def test_a_changed_file_is_taken_once_it_stays_the_same(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("")
    source = RulesFile(file)
    assert source.read() == ()
    file.write_text(GOOD)
    assert source.poll() == {}
    assert len(source.poll()["file"]) == 1
    assert source.poll() == {}


def test_a_bad_or_missing_file_is_told_once_and_mended_by_a_good_one(tmp_path: Path, caplog) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(GOOD)
    rules, metrics = LiveRules(), Metrics()
    watch = RulesWatch(rules, [RulesFile(file)], 1, metrics)
    watch.load(RULES)
    for bad in ('[[rule]]\naction = "blok"\n', None):
        file.write_text(bad) if bad else file.unlink()
        with caplog.at_level(logging.WARNING):
            for _ in range(4):
                watch._poll(watch._sources[0], RULES)
        assert len(rules.current.rules) == 1
    assert "rule 1: action: must be 'block'" in caplog.text
    assert "cannot be read" in watch.problems["file"]
    assert metrics.rules_refused.labels("file")._value.get() == 2
    assert metrics.rules_problem.labels("file")._value.get() == 1
    file.write_text(GOOD.replace("spam", "other"))
    for _ in range(2):
        watch._poll(watch._sources[0], RULES)
    assert (watch.problems, rules.current.rules[0].host) == ({}, "other.example")


def test_a_gateway_does_not_start_with_a_bad_file(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text("[[rule]]\n")
    watch = RulesWatch(LiveRules(), [RulesFile(tmp_path / "rules.toml")], 1, Metrics())
    with pytest.raises(SettingsError, match=r"^rules\.file: .*rule 1: action: is required"):
        watch.load(RULES)


def test_a_gateway_does_not_start_without_the_file_that_it_is_given(tmp_path: Path) -> None:
    watch = RulesWatch(LiveRules(), [RulesFile(tmp_path / "rules.toml")], 1, Metrics())
    with pytest.raises(SettingsError, match=r"^rules\.file: .*rules.toml cannot be read"):
        watch.load(RULES)


def test_a_file_replaced_by_a_rename_is_followed(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(GOOD)
    source = RulesFile(file)
    source.read()
    (tmp_path / "new").write_text(GOOD.replace("spam", "sp-m"))
    (tmp_path / "new").replace(file)
    source.poll()
    assert source.poll()["file"][0].host == "sp-m.example"


def test_rules_pushed_to_redis_and_takedowns_are_found(
    stored: StoredRules, server: RedisServer, tmp_path: Path
) -> None:
    (tmp_path / "rules.toml").write_text(GOOD)
    source = RulesInRedis(stored)
    assert source.poll() == {}
    assert "1 rules are in Redis" in run("rules", "push", str(tmp_path / "rules.toml"), "--redis", server.url)
    run("takedown", "HTTP://Site1.example/page/1", "--redis", server.url, "--author", "kim", "--note", "court order")
    found = source.poll()
    assert found["redis"][0].host == "spam.example"
    (down,) = found["takedowns"]
    assert (down.url, down.author, down.note) == ("http://site1.example/page/1", "kim", "court order")
    assert source.poll() == {}
    run("takedown", "http://site1.example/page/1", "--redis", server.url, "--lift")
    assert source.poll()["takedowns"] == ()


def test_a_takedown_works_although_the_document_in_redis_is_bad(stored: StoredRules) -> None:
    stored.replace_document("[[rule]]")
    stored.take_down(SECOND, b"not json")
    found = RulesInRedis(stored).poll()
    assert isinstance(found["redis"], RulesError)
    assert found["takedowns"][0].url == SECOND


def test_a_cluster_that_does_not_answer_is_a_problem_as_one_server_is() -> None:
    def connect() -> Redis:
        raise RedisClusterException("Redis Cluster cannot be connected")  # no RedisError

    watch = RulesWatch(LiveRules(), [RulesInRedis(StoredRules(connect))], 1, Metrics())
    watch.load(RULES)
    assert "does not answer (RedisClusterException)" in watch.problems["redis"]


def test_rules_that_redis_loses_stay_in_force(stored: StoredRules, server: RedisServer) -> None:
    stored.take_down(SECOND, b"{}")
    rules = LiveRules()
    watch = RulesWatch(rules, [RulesInRedis(stored)], 1, Metrics())
    watch.load(RULES)
    with server.client() as client:
        client.delete(KEY)
    watch._poll(watch._sources[0], RULES)
    assert len(rules.current.rules) == 1
    assert "Redis has lost its rules" in watch.problems["redis"]
    stored.replace_document("")
    watch._poll(watch._sources[0], RULES)
    assert (watch.problems, rules.current.rules) == ({}, ())


def test_rules_stay_in_force_while_redis_is_down(tmp_path: Path) -> None:
    with one_server(tmp_path) as server, server.client() as client:
        stored = StoredRules(lambda: client)
        stored.take_down(SECOND, b"{}")
        rules = LiveRules()
        watch = RulesWatch(rules, [RulesInRedis(stored)], 1, Metrics())
        watch.load(RULES)
        server.kill()
        watch._poll(watch._sources[0], RULES)
    assert len(rules.current.rules) == 1
    assert "Redis does not answer" in watch.problems["redis"]


def test_a_takedown_in_the_file_adds_a_rule_and_keeps_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(f"# ours\n{GOOD}")
    run("takedown", SECOND, "--rules", str(file), "--author", "kim")
    assert file.read_text().startswith("# ours\n[[rule]]")
    assert [rule.url or rule.host for rule in RulesFile(file).read()] == ["spam.example", SECOND]


async def test_a_block_whose_time_begins_is_told_to_caches_outside() -> None:
    told: asyncio.Queue[tuple[Rule, ...]] = asyncio.Queue()
    start = datetime.now(UTC) + timedelta(seconds=0.1)
    block = Rule(action="block", url=SECOND, start=start, end=start + timedelta(days=1))
    watch = RulesWatch(LiveRules([block]), [], 0.01, Metrics())
    watch.start(Follow(lambda: RULES, told.put_nowait))
    async with asyncio.timeout(30):
        assert await told.get() == (block,)
    assert datetime.now(UTC) >= start
    assert told.empty()
    await watch.close()


async def test_a_takedown_reaches_two_gateways_and_their_cached_answers_within_a_second(
    make, served, server: RedisServer, stored: StoredRules
) -> None:
    took = []
    for gateway in (first := make().gateway, second := make().gateway):
        rules = gateway.live.bundle.steering.rules
        gateway.rules = RulesWatch(rules, [RulesInRedis(stored)], gateway.settings.rules.watch_s, gateway.metrics)
    async with served(first) as one, served(second) as other, httpx.AsyncClient() as http:

        async def shows(at: str) -> bool:
            answer = (await http.get(f"{at}/recommend", params={"url1": URL1})).json()
            return SECOND in [page["url"] for page in answer["recommendations"]]

        assert [await shows(at.http) for at in (one, other)] == [True, True]
        began = time.monotonic()
        await asyncio.to_thread(run, "takedown", SECOND, "--redis", server.url)
        for at in (one, other):
            while await shows(at.http):  # noqa: ASYNC110 -- it asks a gateway
                await asyncio.sleep(0.005)
            took.append(time.monotonic() - began)
    print(f"takedown in effect after {took[0]:.2f} s and {took[1]:.2f} s")
    assert max(took) < 5.0  # a busy machine; measured idle in docs/measurements.md
