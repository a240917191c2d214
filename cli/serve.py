"""`onward serve`: the gateway over HTTP and gRPC."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import BundleName, Bundles, Config, Overrides, RedisUrl, settings_of


def serve(
    bundles: Bundles,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="HTTP port.")] = 8000,
    grpc_port: Annotated[int, typer.Option(min=0, max=65535, help="gRPC port.")] = 50051,
    admin_port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Port of metrics and admin routes; worker N uses this port + N."),
    ] = 9000,
    admin_host: Annotated[str, typer.Option(help="Address that the admin port listens on.")] = "127.0.0.1",
    workers: Annotated[int, typer.Option(min=1, max=256, help="Number of processes; they share the ports.")] = 1,
    redis: RedisUrl = None,
    bundle: BundleName = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Serve recommendations until SIGTERM."""
    from service.process.server import Address
    from service.process.workers import Job, run, run_many

    address = Address(host, port, grpc_port, workers > 1, admin_host, admin_port)
    job = Job(bundles, bundle, redis, settings_of(config, overrides), address)
    if workers == 1:
        run(job)
    elif code := run_many(job, workers):
        raise typer.Exit(code)
