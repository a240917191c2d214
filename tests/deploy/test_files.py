"""Checks of the deployment files without Docker: they are valid and consistent with each other."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from image import ROOT

from service.settings import PREFIX, Settings, read_settings

DEPLOY = ROOT / "deploy"
HADOLINT = Path(sys.executable).with_name("hadolint")


@pytest.fixture(scope="module")
def services() -> dict[str, dict]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.gpu"])
def test_hadolint_finds_no_problems(name) -> None:
    done = subprocess.run([HADOLINT, DEPLOY / name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.gpu"])
def test_an_image_runs_unprivileged_receives_signals_and_has_a_health_check(name) -> None:
    lines = (DEPLOY / name).read_text()
    assert re.search(r"^USER 10001:10001$", lines, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["onward"\]$', lines, re.MULTILINE)
    assert (
        ":9000/readyz" in lines.partition("HEALTHCHECK")[2]
    )  # the admin port responds even if the public one does not


def test_the_gateways_environment_contains_valid_settings(services) -> None:
    variables = services["gateway-1"]["environment"]
    assert all(name.startswith(PREFIX) for name in variables)
    settings = read_settings(environ=variables)
    assert settings != Settings()
    assert settings.threads.onnx == services["gateway-1"]["cpus"]
    stops_s = int(services["gateway-1"]["stop_grace_period"].removesuffix("s"))
    assert stops_s > settings.server.drain_s + settings.server.max_grpc_connection_s + settings.server.grace_s


def test_the_gateways_are_read_only_and_have_no_capabilities(services) -> None:
    for name in ("gateway-1", "gateway-2", "push"):
        assert services[name]["read_only"]
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["volumes"] == ["bundles:/bundles:ro"]


def test_the_proxy_lists_every_gateway_of_the_compose_file(services) -> None:
    gateways = {name for name in services if name.startswith("gateway")}
    servers = re.findall(r"^\s+server (\S+) (\S+):(\d+)", (DEPLOY / "haproxy.cfg").read_text(), re.MULTILINE)
    assert {(name, port) for name, host, port in servers if name == host} == {
        (name, port) for name in gateways for port in ("8000", "50051")
    }
    assert set(services["proxy"]["depends_on"]) == gateways


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed here")
def test_haproxy_accepts_its_configuration() -> None:
    done = subprocess.run(["haproxy", "-c", "-f", DEPLOY / "haproxy.cfg"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
