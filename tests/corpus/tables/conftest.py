from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpus.tables.input_rows import PAGES, write


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir()
    write(directory / "pages.parquet", PAGES)
    return directory


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"
