"""A real gateway in a process of its own, for the client to talk to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from client_gateway import KEY, PATIENT, url_of
from gateway_process import GatewayProcess, gateway
from onward_client import Onward


@pytest.fixture(scope="module")
def running(tiny, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway that records events."""
    bundles = tiny.link(tmp_path_factory.mktemp("client") / "bundles")
    with gateway(bundles, settings=(*PATIENT, "feedback.enabled=true")) as process:
        yield process


@pytest.fixture(scope="module")
def guarded(tiny, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway that wants a key, which may ask twice a minute."""
    directory = tmp_path_factory.mktemp("guarded")
    (directory / "keys").write_text(f"site {KEY}\n")
    settings = (*PATIENT, f"keys.file={directory / 'keys'}", "keys.per_minute=2", "explain.allowed=false")
    with gateway(tiny.link(directory / "bundles"), settings=settings) as process:
        yield process


@pytest.fixture(params=["http", "grpc"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["http", "grpc", "in process"])
def onward(request: pytest.FixtureRequest, running: GatewayProcess, tiny, tmp_path: Path) -> Iterator[Onward]:
    """A client in each of the three ways."""
    if request.param == "in process":
        settings = [*PATIENT, "feedback.enabled=true"]
        client = Onward(bundles=tiny.link(tmp_path / "bundles"), settings=settings, timeout=10)
    else:
        client = Onward(url_of(running, request.param), timeout=10)
    with client:
        yield client
