"""The sink and the gateway are killed at random: what was acknowledged is there, once."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from random import Random
from threading import Timer

import httpx
import pytest
from gateway_process import GatewayProcess, gateway
from reader_events import URL1, event
from redis_servers import RedisServer, free_ports, until

from corpus.events.read import read_events
from pipeline.events.pull import pull
from pipeline.events.redis_stream import RedisStream
from tests.service.conftest import write_pages

_SMALL = Path(__file__).parents[1] / "small_onward.py"
_BATCHES, _EVENTS = 150, 10


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    (port,) = free_ports(1)
    server = RedisServer(tmp_path / "redis", port, ("--appendonly", "yes", "--appendfsync", "always"))
    server.start()
    yield server
    server.signal(signal.SIGKILL)
    server.process.wait()


def batch(number: int) -> list[dict]:
    return [event("impression", "", event_id=f"event-{number:03}-{place:03}") for place in range(_EVENTS)]


def send_until_it_dies(running: GatewayProcess, unsent: deque[list[dict]], redis: RedisServer, random: Random) -> None:
    """Send batches until the gateway dies; a batch that is not acknowledged stays, and is sent again."""
    Timer(random.uniform(0.2, 1.5), running.signal, [signal.SIGKILL]).start()
    with httpx.Client(base_url=running.http, timeout=30) as client:
        try:
            answer_id = client.get("/recommend", params={"url1": URL1}).json()["answer_id"]
            while unsent:
                for each in unsent[0]:
                    each["event_attributes"]["answer_id"] = answer_id
                results = client.post("/events", json={"events": unsent[0]}).json()["results"]
                assert {result["status"] for result in results} <= {"accepted", "duplicate"}
                unsent.popleft()
                if random.random() < 0.02:
                    redis.signal(signal.SIGKILL)
                    redis.process.wait()
                    redis.start()
        except httpx.TransportError:
            return


@pytest.mark.parametrize("seed", [1, 2])
def test_what_was_acknowledged_is_there_once(tmp_path: Path, redis: RedisServer, seed: int) -> None:
    write_pages(tmp_path / "pages.lmdb")
    random, unsent = Random(seed), deque(map(batch, range(_BATCHES)))
    module, settings = (str(_SMALL), "serve"), ("feedback.enabled=true", "feedback.sink=redis")
    deaths = 0
    while unsent or deaths < 2:
        with gateway(tmp_path, "--redis", redis.url, module=module, settings=settings) as running:
            send_until_it_dies(running, unsent, redis, random)
            deaths += 1
    spool, out = tmp_path / "feedback/spool", tmp_path / "events"
    with gateway(tmp_path, "--redis", redis.url, module=module, settings=settings) as running:
        until("the sink has everything", lambda: not [*spool.glob("*.jsonl"), *spool.glob("*.open")])
        assert running.leave() == 0
    with redis.client() as client:
        pull(RedisStream(client, "onward:events"), out)
    found = read_events(out)["event_id"].to_pylist()
    assert sorted(found) == sorted(each["event_id"] for number in range(_BATCHES) for each in batch(number))
