"""HTTP and gRPC in one process on one event loop: start, warm up, serve, drain, shut down."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import grpc  # type: ignore[import-untyped]
import uvicorn
from fastapi import APIRouter
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]
from starlette.types import ASGIApp

from service.explorer.routes import explorer_router
from service.gateway import Gateway
from service.grpc.servicer import NAME, Service
from service.http.admin import make_admin_app
from service.http.app import make_app
from service.http.direct import DirectAnswers, DirectHttp
from service.http.limits import LimitedHttp, limited
from service.http.recent_queries import RecentQueries
from service.process.shutdown import Stop
from service.settings import ServerSettings
from service.widget.routes import widget_router

_BACKLOG = 2048
_PING_MS = 30_000
_SETTLE_S = 0.1  # for calls that gRPC has accepted and not passed on yet


class ServeError(RuntimeError):
    """The gateway cannot be served; the message says why and how to fix it."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a gateway listens; port 0 picks a free one."""

    host: str
    port: int
    grpc_port: int
    shared: bool = False  # several processes share the ports; each has its own admin port
    admin_host: str = "127.0.0.1"
    admin_port: int = 0


async def serve(gateway: Gateway, address: Address, stop: Stop, announce: Callable[[Address], None]) -> None:
    """Serve until `stop`; `announce` is called with the actual ports once the gateway is ready. Raises ServeError."""
    listening = bind(address)
    admin_listening: socket.socket | None = None
    try:
        admin_listening = bind(_admin(address), "--admin-port")
        service = Service(gateway)
        grpc_server, grpc_port, health_status = _grpc_server(service, gateway.settings.server, address)
    except ServeError:
        listening.close()
        if admin_listening is not None:
            admin_listening.close()
        raise
    queries = RecentQueries(gateway.live)
    app = make_app(gateway, *_routers(gateway), queries=queries)
    http_server = _HttpServer(_http_config(gateway, app, _public(gateway, queries)))
    gateway.metrics.connections.set_function(lambda: len(http_server.server_state.connections))
    gateway.metrics.tasks.set_function(lambda: len(asyncio.all_tasks()))
    serving = asyncio.create_task(http_server.serve(sockets=[listening]))
    admin_server = _HttpServer(_http_config(gateway, make_admin_app(gateway), _limited(gateway)))
    administering = asyncio.create_task(admin_server.serve(sockets=[admin_listening]))
    await health_status.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    await grpc_server.start()
    try:
        await _unless(stop, gateway.warm_up())
        if stop.requested.is_set():
            return
        await health_status.set("", health_pb2.HealthCheckResponse.SERVING)
        await health_status.set(NAME, health_pb2.HealthCheckResponse.SERVING)
        port, admin_port = (each.getsockname()[1] for each in (listening, admin_listening))
        announce(replace(address, port=port, grpc_port=grpc_port, admin_port=admin_port))
        await stop.requested.wait()
    finally:
        gateway.drain()
        await health_status.enter_graceful_shutdown()
        if stop.requested.is_set():
            await stop.drain(gateway.settings.server.drain_s + service.drain_s())
        http_server.should_exit = True
        await asyncio.gather(serving, _finish(grpc_server, service, gateway.settings.server.grace_s))
        admin_server.should_exit = True  # last: operators may watch the shutdown
        await administering
        await gateway.close()


def _routers(gateway: Gateway) -> list[APIRouter]:
    explorer = [explorer_router(gateway)] if gateway.settings.explorer.enabled else []
    return [widget_router(gateway), *explorer]


async def _unless(stop: Stop, work: Coroutine[Any, Any, None]) -> None:
    """Do some work, or cancel it when `stop` comes first."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.requested.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        if not working.done():
            working.cancel()
    with suppress(asyncio.CancelledError):
        await working


async def _finish(server: grpc.aio.Server, service: Service, grace_s: float) -> None:
    """Wait for the calls in flight, then cancel those that never end by themselves, such as health watches."""
    stopping = asyncio.create_task(server.stop(grace_s))
    with suppress(TimeoutError):
        async with asyncio.timeout(grace_s):
            await asyncio.sleep(_SETTLE_S)
            await service.idle()
    await server.stop(None)
    await stopping


def bind(address: Address, option: str = "--port") -> socket.socket:
    """Return a socket that listens on `address.port`, which `option` sets. Raises ServeError when the port is taken."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio disables Nagle's algorithm only on sockets with an explicit TCP protocol; with it answers take 40 ms more
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if address.shared:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listening.bind((address.host, address.port))
        listening.listen(_BACKLOG)  # until then another process may bind the same port
    except OSError as error:
        listening.close()
        raise _taken(option, address.host, address.port, error.strerror) from None
    return listening


def _grpc_server(
    service: Service, limits: ServerSettings, address: Address
) -> tuple[grpc.aio.Server, int, health.aio.HealthServicer]:
    options = [
        ("grpc.so_reuseport", int(address.shared)),  # the default, 1, binds a taken port silently
        ("grpc.max_receive_message_length", limits.max_message_kb * 1024),
        ("grpc.max_metadata_size", limits.max_metadata_kb * 1024),
        (
            "grpc.absolute_max_metadata_size",
            limits.max_metadata_kb * 1024,
        ),  # between the two it refuses at random
        ("grpc.max_concurrent_streams", limits.max_streams),
        ("grpc.keepalive_time_ms", _PING_MS),  # detects dead connections
        ("grpc.keepalive_timeout_ms", _PING_MS // 3),
        (
            "grpc.http2.min_ping_interval_without_data_ms",
            _PING_MS // 3,
        ),  # more frequent pings end the connection
    ]
    if limits.grpc_connection_s:
        options.append(("grpc.max_connection_age_ms", int(limits.grpc_connection_s * 1e3)))
    server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers((service.handlers(),))
    status = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    reflection.enable_server_reflection((NAME, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    host = f"[{address.host}]" if ":" in address.host else address.host
    try:
        port = server.add_insecure_port(f"{host}:{address.grpc_port}")
    except RuntimeError:
        raise _taken("--grpc-port", address.host, address.grpc_port, "it is taken") from None
    return server, port, status


def _taken(option: str, host: str, port: int, reason: str | None) -> ServeError:
    return ServeError(
        f"cannot listen on {host}:{port} ({reason}): stop the process that listens there, or choose another {option}"
    )


def _admin(address: Address) -> Address:
    return Address(address.admin_host, address.admin_port, 0)


def _limited(gateway: Gateway, kind: type[LimitedHttp] = LimitedHttp, **attributes: Any) -> type[LimitedHttp]:
    return limited(gateway.settings.server, gateway.metrics, kind, **attributes)


def _public(gateway: Gateway, queries: RecentQueries) -> type[LimitedHttp]:
    """Return the class of the public port's connections; where keys are needed, the application checks them first."""
    if gateway.authorizer.needs_key:
        return _limited(gateway)
    return _limited(gateway, DirectHttp, answers=DirectAnswers(gateway, queries))


def _http_config(gateway: Gateway, app: ASGIApp, http: type[LimitedHttp]) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        backlog=_BACKLOG,
        http=http,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # nothing here depends on who asks
        timeout_keep_alive=gateway.settings.server.idle_s,
        timeout_graceful_shutdown=gateway.settings.server.grace_s,
    )


class _HttpServer(uvicorn.Server):
    """uvicorn without its signal handlers: the gateway shuts down as a whole, with exit code 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
