"""Answers that the teachers have scored: made, kept, served and renewed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cli.many_pages import side_by_side
from cli.refresh_answers import Refreshed, refresh
from configs.reading import SettingsError, from_override, read
from pipeline.answers.teachers import keep
from pipeline.build import build
from pipeline.config import BuildConfig
from pipeline.cross_encoder.teacher_pages import teacher_tokens
from pipeline.pages.page_ids import page_ids
from pipeline.runner.work import Work
from ranking.stored_answers import FILE, HEAD, PATHS, TEACHER, TEACHERS, read_head
from ranking.teachers.pairs import CLICK, QUALITY, READING, TOKENIZER, expected_class
from service.answers.request import Request
from service.bootstrap import load
from service.settings import read_settings
from store import answer_row
from store.answer_row import StoredList
from store.bundle import Bundle, open_bundle
from store.page_row import read_text
from store.tables import LmdbTable
from tests.conftest import CONFIG, PATIENT, Tiny

COUNT = 12
ROUGHLY = 0.1  # qualities are 0 to 4; runs over other pairs have other 8-bit scales
TAUGHT = {
    "teachers": {"click_steps": 2, "quality_steps": 2, "triplets": 2, "labels": 4, "frozen_layers": 5, "pool": 40},
    "cross_encoder": {"distil": True, "pairs": 8, "steps": 2, "frozen_layers": 5},
    "answers": {"model": TEACHER, "most_pages": COUNT},
}


@pytest.fixture(scope="module")
def taught(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    """The tiny bundle with answers that its teachers scored."""
    bundles = tiny.link(tmp_path_factory.mktemp("taught") / "bundles", work=True)
    bundle = build(tiny.data, bundles, BuildConfig.model_validate({**CONFIG.model_dump(), **TAUGHT}))
    assert bundle is not None
    yield replace(tiny, bundles=bundles, bundle=bundle)


def rows(bundle: Bundle) -> dict[int, StoredList]:
    table = LmdbTable(bundle.file(FILE))
    found = {page: answer_row.read(row, len(PATHS)) for page, row in table.items() if page != HEAD}
    table.close()
    return found


def work(tiny: Tiny, directory: Path) -> Work:
    return Work(BuildConfig.model_validate(tiny.bundle.manifest.config), directory, tiny.work)


def url_of(tiny: Tiny, page: int) -> str:
    table = LmdbTable(tiny.bundle.file("tables/pages.lmdb"))
    row = table.get(page)
    table.close()
    return read_text(row or b"").url


def test_the_bundle_holds_the_teachers_and_says_so(taught: Tiny) -> None:
    manifest = taught.bundle.manifest
    kept = {name for name in manifest.files if name.startswith(f"{TEACHERS}/")}
    assert kept == {f"{TEACHERS}/{name}" for name in (CLICK, QUALITY, TOKENIZER, READING)}
    assert manifest.metrics["answers"]["model"] == TEACHER
    assert any("the teachers (minilm) scored the stored answers" in note for note in manifest.notes)
    assert len(rows(taught.bundle)) == COUNT


def test_the_scores_are_the_teachers(taught: Tiny, tmp_path: Path) -> None:
    from text_model.session import OnnxModel

    done = work(taught, tmp_path)
    page, found = next(iter(rows(taught.bundle).items()))
    ids, tokens = page_ids(done), teacher_tokens(done)
    first, second = (np.searchsorted(ids, pages) for pages in (np.full(len(found.pages), page), found.pages))
    inputs = tokens.pairs(first, second)
    quality = expected_class(OnnxModel(done.of("teachers") / QUALITY).run(inputs)[0])
    np.testing.assert_allclose(found.quality, quality, atol=ROUGHLY)
    assert np.corrcoef(found.quality, quality)[0, 1] > 0.95


async def test_a_gateway_serves_them_and_explains_who_scored_them(taught: Tiny) -> None:
    url = url_of(taught, next(iter(rows(taught.bundle))))
    gateway = load(taught.bundles, read_settings(None, PATIENT, {}))
    try:
        served = await gateway.recommender.recommend(Request(url))
        explained = await gateway.recommender.recommend(Request(url, explain=True))
    finally:
        await gateway.close()
    assert (served.served_by, served.degraded, len(served.recommendations)) == ("stored", (), 5)
    assert (explained.read().explain or {})["stored"]["model"] == TEACHER


def run_refresh(bundles: Path, *overrides: str) -> Refreshed:
    settings = read_settings(None, [*side_by_side(), "unknown.most=0", *overrides], {})
    return asyncio.run(refresh(bundles, open_bundle(bundles), settings, None))


def test_a_refresh_keeps_the_model(taught: Tiny, tmp_path: Path) -> None:
    bundles = taught.link(tmp_path / "bundles")
    assert run_refresh(bundles).kept == COUNT
    assert run_refresh(bundles, "recall.cf.limit=299").made == COUNT
    renewed = open_bundle(bundles)
    table = LmdbTable(renewed.file(FILE))
    head = read_head(table.get(HEAD))
    table.close()
    assert head is not None
    assert head.model == TEACHER
    assert {name for name in renewed.manifest.files if name.startswith(TEACHERS)}
    before, after = _qualities(taught.bundle), _qualities(renewed)
    both = sorted(before.keys() & after.keys())
    assert len(both) > 20 * COUNT
    np.testing.assert_allclose([after[pair] for pair in both], [before[pair] for pair in both], atol=ROUGHLY)


def _qualities(bundle: Bundle) -> dict[tuple[int, int], float]:
    return {
        (page, other): quality
        for page, found in rows(bundle).items()
        for other, quality in zip(found.pages.tolist(), found.quality.tolist(), strict=True)
    }


def test_teachers_that_were_not_kept_are_a_clear_error(taught: Tiny, tmp_path: Path) -> None:
    bundles = taught.link(tmp_path / "bundles", work=True)
    (bundles / "work/teachers" / CLICK).unlink()
    done = work(replace(taught, bundles=bundles), tmp_path)
    with pytest.raises(SettingsError, match=r"teachers\.base = minilm cannot be kept.*answers\.model = student"):
        keep(done, tmp_path / TEACHERS)


def test_a_build_without_teachers_cannot_have_their_answers() -> None:
    overrides = map(from_override, ("cross_encoder.distil=false", "answers.model=teacher"))
    with pytest.raises(SettingsError, match=r"setting answers: model is teacher.*set cross_encoder\.distil = true"):
        read(BuildConfig, overrides, "configs/build.toml")
