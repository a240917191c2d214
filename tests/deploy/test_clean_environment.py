"""The gateway with only the packages of the image."""

from __future__ import annotations

import tomllib

import grpc
import httpx
import pytest
from gateway_process import gateway
from image import ROOT, Environment, NoSourceError, copied, install

from service.pb import recommender_pb2 as pb
from service.pb.recommender_pb2_grpc import RecommenderStub

DOCKERFILE = ROOT / "deploy" / "Dockerfile"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    try:
        return install(DOCKERFILE, tmp_path_factory.mktemp("image"))
    except NoSourceError as error:
        pytest.skip(f"no package index is reachable: {error}")


def test_the_image_serves_http_and_grpc(clean, tiny, tmp_path) -> None:
    tiny.link(tmp_path / "bundles")
    url = tiny.urls[0]
    with gateway(
        tmp_path / "bundles", program=("env", "-u", "PYTHONPATH", str(clean.onward)), module=("serve",)
    ) as running:
        asked = {"url1": url, "budget_ms": 5000}
        answer = httpx.post(f"{running.http}/recommend", json=asked).raise_for_status()
        assert len(answer.json()["recommendations"]) == 5
        with grpc.insecure_channel(running.grpc) as channel:
            response = RecommenderStub(channel).Recommend(pb.RecommendRequest(url1=url, budget_ms=5000), timeout=10)
        assert len(response.recommendations) == 5
        assert running.leave() == 0


@pytest.mark.parametrize("module", ["torch", "duckdb", "pandas", "transformers", "pyarrow", "tantivy", "openai"])
def test_the_image_has_no_training_library(clean, module) -> None:
    assert not clean.has(module)


def test_the_image_has_what_serving_imports(clean) -> None:
    assert clean.has("lightgbm")
    assert clean.has("service.bootstrap")


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.gpu"])
def test_every_package_is_copied_into_the_image(name) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = [package.rstrip("*") for package in project["tool"]["setuptools"]["packages"]["find"]["include"]]
    files = {"constraints.txt", "pyproject.toml", "README.md", "LICENSE"}
    assert set(copied(ROOT / "deploy" / name)) == {*packages, *files} - {"contracts"}  # tests, which need pytest


def test_the_build_context_is_exactly_what_the_image_copies() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert allowed == set(copied(DOCKERFILE))
