"""The Locust side of a load test: HTTP and gRPC readers, and their number over time.

Locust monkey-patches the sockets and threads of its process, so it runs in a separate process, and nothing else may
import this file.
"""

from __future__ import annotations

import json
import time
from argparse import Namespace
from pathlib import Path
from typing import Any, ClassVar

import grpc
import grpc.experimental.gevent as grpc_gevent
from locust import FastHttpUser, LoadTestShape, User, events, task
from locust.env import Environment

from loadtests.shapes import users_at
from loadtests.traffic import Zipf, pages_by_clicks
from service.pb import recommender_pb2 as pb
from service.pb.recommender_pb2_grpc import RecommenderStub

grpc_gevent.init_gevent()
_TIMEOUT_S = 10.0
_PROTOCOLS = {"GET": "HTTP", "gRPC": "gRPC"}  # Locust's method -> protocol
_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Readers:
    """State shared by all readers: the pages, the number of readers created, and that of degraded answers."""

    urls: ClassVar[list[str]] = []
    created = 0
    degraded = 0

    @classmethod
    def traffic(cls, seed: int) -> Zipf:
        """Return the traffic of a new reader."""
        cls.created += 1
        return Zipf(cls.urls, f"{seed}/{cls.created}")


def _options(environment: Environment) -> Namespace:
    options = environment.parsed_options
    assert options is not None  # noqa: S101 - always there when Locust starts from its command line
    return options


def _pause(user: HttpReader | GrpcReader) -> float:
    """Return the seconds until the reader's next page; random, so that readers do not run in lockstep."""
    return user.traffic.pause(_options(user.environment).rate)


class HttpReader(FastHttpUser):
    """A reader over HTTP."""

    weight = 3
    wait_time = _pause
    network_timeout = connection_timeout = _TIMEOUT_S

    def on_start(self) -> None:
        """Start this reader's sequence of pages."""
        self.traffic = Readers.traffic(_options(self.environment).seed)

    @task
    def recommend(self) -> None:
        """Request recommendations."""
        params = {"url1": self.traffic.draw()}
        with self.client.get("/recommend", params=params, name="recommend", catch_response=True) as response:
            if response.status_code == 200:
                Readers.degraded += bool(response.json()["degraded"])
            else:
                response.failure(f"status {response.status_code}")


class GrpcReader(User):
    """A reader over gRPC."""

    wait_time = _pause

    def on_start(self) -> None:
        """Open a channel, and start this reader's sequence of pages."""
        options = _options(self.environment)
        self.traffic = Readers.traffic(options.seed)
        self._channel = grpc.insecure_channel(options.grpc)
        self._stub = RecommenderStub(self._channel)

    def on_stop(self) -> None:
        """Close the channel."""
        self._channel.close()

    @task
    def recommend(self) -> None:
        """Request recommendations."""
        start, length, error = time.perf_counter(), 0, None
        try:
            answer = self._stub.Recommend(pb.RecommendRequest(url1=self.traffic.draw()), timeout=_TIMEOUT_S)
            length = answer.ByteSize()
            Readers.degraded += bool(answer.degraded)
        except grpc.RpcError as failed:
            error = RuntimeError(f"status {failed.code().name}")
        self.environment.events.request.fire(
            request_type="gRPC", name="recommend", response_time=(time.perf_counter() - start) * 1e3,
            response_length=length, exception=error, context={},
        )  # fmt: skip


class Shape(LoadTestShape):
    """Sets the number of readers at each second, by the chosen shape."""

    def tick(self) -> tuple[int, float] | None:
        """Return (readers, readers per second to start or stop), None at the end."""
        assert self.runner is not None  # noqa: S101
        options = _options(self.runner.environment)
        wanted = users_at(options.shape, self.get_run_time(), options.readers, options.seconds)
        return None if wanted is None else (wanted, float(max(wanted, options.readers)))


@events.init_command_line_parser.add_listener
def _add_options(parser: Any) -> None:
    parser.add_argument("--bundles", type=Path)
    parser.add_argument("--grpc")
    parser.add_argument("--readers", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--shape")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--figures", type=Path)


@events.init.add_listener
def _read_pages(environment: Environment, **_: object) -> None:
    Readers.urls = pages_by_clicks(_options(environment).bundles)


@events.quitting.add_listener
def _write_figures(environment: Environment, **_: object) -> None:
    stats = environment.stats
    rows = {_PROTOCOLS[entry.method]: entry for entry in stats.entries.values()} | {"all": stats.total}
    figures = {
        name: {
            "requests": entry.num_requests,
            "requests_per_s": round(entry.total_rps, 2),
            "errors": entry.num_failures,
            **{f"{share}_ms": entry.get_response_time_percentile(of) for share, of in _SHARES.items()},
        }
        for name, entry in rows.items()
    }
    errors = {f"{_PROTOCOLS[error.method]} {error.error}": error.occurrences for error in stats.errors.values()}
    _options(environment).figures.write_text(
        json.dumps({"by_protocol": figures, "errors": errors, "degraded": Readers.degraded})
    )
