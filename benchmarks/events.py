"""Answers beside events: what 2,000 events per second do to the latency of 500 answers per second.

The client of the events is a process of its own (this module), so that it does not hold up the clock of the answers.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import http_load
from processes import Served, onward, served

_ANSWERS, _EVENTS = 500, 2_000  # per second
_SECONDS, _ROUNDS = 8, 5
_PAGES = 100


def beside_events(bundles: Path, urls: list[str], batch: int) -> dict[str, Any]:
    """Return the p99 of cached answers beside events in batches, as a multiple of that without, and how events fared.

    Rounds alternate; figures are medians of rounds. The gateway is one process. `elsewhere` is the same multiple while
    the same client sends the same events to another process, which reads none of them: what a machine with as many
    cores as processes would not show.
    """
    with tempfile.TemporaryDirectory() as directory, _elsewhere(Path(directory)) as other:
        feedback = (
            "feedback.enabled=true",
            f"feedback.spool={directory}/spool",
            f"feedback.directory={directory}/events",
        )
        with served(
            onward(
                bundles,
                *feedback,
                "feedback.rotate_s=10",
                "budget_ms=5000",
                "unknown.most=0",
                "server.max_connections=8192",
            )
        ) as ours:
            requests = [http_load.recommend(ours.http, url) for url in urls[:_PAGES]]
            answer_ids = asyncio.run(_answer_ids(ours.http, requests))
            rounds = [
                (
                    _answers(ours, requests),
                    _beside(ours, requests, answer_ids, batch, other.http)[0],
                    *_beside(ours, requests, answer_ids, batch, ours.http),
                )
                for _ in range(_ROUNDS)
            ]
    alone, apart, beside, events = zip(*rounds, strict=True)
    p99, p99_apart, p99_beside = (
        statistics.median(one.quantile(0.99) for one in side) for side in (alone, apart, beside)
    )
    return {
        "value": p99_beside / p99,
        "elsewhere": p99_apart / p99,
        "p99_ms": p99,
        "p99_elsewhere_ms": p99_apart,
        "p99_beside_ms": p99_beside,
        "p50_ms": statistics.median(one.quantile(0.5) for one in alone),
        "p50_beside_ms": statistics.median(one.quantile(0.5) for one in beside),
        "events_per_second": statistics.median(one["events_per_second"] for one in events),
        "acknowledged_p99_ms": statistics.median(one["p99_ms"] for one in events),
        "not_accepted": sum(one["not_accepted"] for one in events),
        "batch": batch,
    }


def _answers(ours: Served, requests: list[bytes]) -> http_load.Measured:
    count = _ANSWERS * _SECONDS
    drawn = [requests[number % len(requests)] for number in range(count)]
    measured = asyncio.run(http_load.open_loop(ours.http, drawn, _ANSWERS))
    if {*measured.statuses} != {200}:
        raise RuntimeError(f"unexpected status codes: {sorted({*measured.statuses})}")
    return measured


def _elsewhere(directory: Path) -> AbstractContextManager[Served]:
    """A process that answers each request without reading its body."""
    response = directory / "response"
    response.write_bytes(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
    return served([str(Path(__file__).parent / "bare_server.py"), str(response)])


def _beside(
    ours: Served, requests: list[bytes], answer_ids: list[str], batch: int, events_to: str
) -> tuple[http_load.Measured, dict[str, float]]:
    with _sending(events_to, answer_ids, batch) as client:
        assert client.stdout is not None  # noqa: S101
        client.stdout.readline()  # its first events are accepted
        measured = _answers(ours, requests)
        return measured, json.loads(client.communicate()[0])


@contextmanager
def _sending(http: str, answer_ids: list[str], batch: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, __file__, http, str(batch)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:  # noqa: S603
        assert client.stdin is not None  # noqa: S101
        client.stdin.write("\n".join(answer_ids) + "\n\n")
        client.stdin.flush()
        yield client


async def _answer_ids(http: str, requests: list[bytes]) -> list[str]:
    reader, writer = await http_load.connect(http)
    bodies = [json.loads((await http_load.exchange(reader, writer, request))[1]) for request in requests]
    writer.close()
    return [body["answer_id"] for body in bodies if body["recommendations"]]


def _request(http: str, events: list[dict[str, Any]]) -> bytes:
    body = json.dumps({"events": events}).encode()
    head = f"POST /events HTTP/1.1\r\nHost: {urlsplit(http).netloc}\r\nContent-Type: text/plain\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _event(answer_id: str, number: int, time: str) -> dict[str, Any]:
    kind = ("impression", "click", "dwell")[number % 3]
    about: dict[str, Any] = {"answer_id": answer_id}
    about |= {} if kind == "impression" else {"position": {"ordinal": 1}}
    about |= {"dwell_s": 12.5} if kind == "dwell" else {}
    identity = {"event_id": str(uuid4()), "query_id": f"impression-{number // 3}"}
    return {**identity, "action_name": kind, "timestamp": time, "event_attributes": about}


def _client(http: str, batch: int) -> None:
    """Send events until those of the answers' seconds are sent; print a line at the start and figures at the end."""
    answer_ids = list(iter(lambda: sys.stdin.readline().strip(), ""))
    time = datetime.now(UTC).isoformat()
    numbers = range(_EVENTS * (_SECONDS + 1))
    events = [_event(answer_ids[number % len(answer_ids)], number, time) for number in numbers]
    requests = [_request(http, events[at : at + batch]) for at in range(0, len(events), batch)]
    asyncio.run(http_load.open_loop(http, requests[:1], 1.0))
    print("started", flush=True)
    measured = asyncio.run(http_load.open_loop(http, requests[1:], _EVENTS / batch))
    sent = batch * len(measured.seconds) / measured.wall_s
    bad = sum(status != 200 for status in measured.statuses)
    print(json.dumps({"events_per_second": sent, "p99_ms": measured.quantile(0.99), "not_accepted": batch * bad}))


if __name__ == "__main__":
    _client(sys.argv[1], int(sys.argv[2]))
