from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from service.bundles.check_messages import Order, Refused
from service.bundles.check_process import Trials, run
from service.settings import Settings
from store.bundle import MANIFEST, Manifest, file_hash


def order(bundles: Path, name: str, seconds: float = 120.0, *urls: str) -> Order:
    return Order(
        bundles=bundles,
        name=name,
        urls=list(urls),
        settings=Settings().model_dump(mode="json"),
        seconds=seconds,
        nice=0,
    )


@pytest.fixture
def copy(tiny, tmp_path: Path) -> Path:
    path = tmp_path / tiny.bundle.name
    shutil.copytree(tiny.bundle.path, path)
    return path


async def refused(asked: Order) -> Refused:
    with pytest.raises(Refused) as caught:
        await run(asked)
    return caught.value


async def test_an_intact_bundle_passes_with_its_answers_and_is_remembered(tiny) -> None:
    trials, other = Trials(), tiny.urls[7]
    verdict = await trials.run(order(tiny.bundles, tiny.bundle.name, 120, other))
    assert verdict.own.keys() == set(tiny.bundle.manifest.warmup)
    assert verdict.compared.keys() == {other}
    assert all(len(answer.shown) == 5 for answer in verdict.own.values())
    assert verdict.manifest == file_hash(tiny.bundle.path / MANIFEST)
    assert await trials.run(order(tiny.bundles, tiny.bundle.name, 0.001, other)) is verdict  # no time for a new check


async def test_a_file_that_crashes_the_check_refuses_the_bundle(copy) -> None:
    model = copy / "stage1/model.txt"
    model.write_bytes(model.read_bytes()[:20_000])
    manifest = Manifest.model_validate_json((copy / MANIFEST).read_bytes())
    manifest.files["stage1/model.txt"] = file_hash(model)
    (copy / MANIFEST).write_text(manifest.model_dump_json())
    error = await refused(order(copy.parent, copy.name))
    assert error.reason == "crash"
    assert str(error).isprintable()


async def test_a_damaged_file_refuses_the_bundle(copy) -> None:
    (copy / "cf/pages.faiss").write_bytes(b"")
    error = await refused(order(copy.parent, copy.name))
    assert (error.reason, "does not match its hash" in str(error)) == ("files", True)


async def test_a_check_that_takes_too_long_is_killed_and_refuses_the_bundle(tiny) -> None:
    error = await refused(order(tiny.bundles, tiny.bundle.name, 0.01))
    assert (error.reason, "swap.check_s" in str(error)) == ("time", True)
