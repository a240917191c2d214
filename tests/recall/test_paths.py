"""What the recall paths declare fits together, and with their steps."""

from __future__ import annotations

from collections import Counter
from importlib import import_module

import pytest

from pipeline.config import BuildConfig
from pipeline.recall_steps import as_of, bundle_files
from ranking.features import STAGE1
from recall.path_spec import PathSpec
from recall.paths import ALL_PATHS, PATHS
from service.settings import Settings

EVERY = pytest.mark.parametrize("path", ALL_PATHS, ids=[path.name for path in ALL_PATHS])


def test_names_and_columns_are_each_paths_own() -> None:
    names = Counter(name for path in ALL_PATHS for name in (path.name, *path.columns))
    assert max(names.values()) == 1


@EVERY
def test_its_step_has_its_name_and_reads_its_configuration(path: PathSpec) -> None:
    step = import_module(f"recall.{path.name}.step").STEP
    assert step.name == path.name
    assert (path.name in step.config) == (path.config is not None)
    if path.config is not None:
        assert BuildConfig().section(path.config) == path.config()


@EVERY
def test_settings_have_its_defaults(path: PathSpec) -> None:
    settings = Settings().recall.of(path.name)
    assert (settings.limit, settings.timeout_ms) == (path.limit, path.timeout_ms)


@EVERY
def test_columns_that_count_readers_are_columns_of_the_path(path: PathSpec) -> None:
    assert path.counts | path.rates <= path.columns.keys()


def test_ranks_and_columns_of_every_asked_path_are_features() -> None:
    for path in PATHS:
        assert {f"rank_{path.name}", *path.columns} <= {*STAGE1}


def test_files_of_a_counted_path_are_those_of_the_whole_log() -> None:
    files = {target: str(source) for target, source in bundle_files().items()}
    assert files["tables/coclick.lmdb"] == "coclick/all/coclick.lmdb"
    assert files["tables/qprime.lmdb"] == "qprime/qprime.lmdb"
    assert files["cf/pages.faiss"] == "cf/all/pages.faiss"
    assert files["two_tower/query.onnx"] == "two_tower/query.onnx"


def test_the_table_that_counts_the_log_is_made_again_for_each_day() -> None:
    assert [path.name for path in ALL_PATHS if as_of(path)] == ["coclick"]
