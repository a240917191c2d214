from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from store.valid_until import FILE, ValidUntil, open_valid_until, write_valid_until


def opened(path: Path, *files: str) -> ValidUntil:
    bundle = SimpleNamespace(manifest=SimpleNamespace(files=dict.fromkeys(files, "")), file=lambda name: path)
    return open_valid_until(bundle)  # type: ignore[arg-type]


@given(st.dictionaries(st.integers(0, 2**64 - 1), st.none() | st.floats(1, 1e11)), st.integers(0, 2**64 - 1))
def test_ends_are_read_as_they_were_written(tmp_path_factory, ends: dict[int, float | None], other: int) -> None:
    path = tmp_path_factory.getbasetemp() / "valid_until.npy"
    pages = np.array(list(ends), np.uint64)
    written = write_valid_until(path, pages, np.array([np.nan if e is None else e for e in ends.values()], np.float64))
    asked = np.array([*ends, other], np.uint64)
    expected = [np.inf if end is None else end for end in (*ends.values(), ends.get(other))]
    assert opened(path, FILE).of(asked).tolist() == expected
    assert written == sum(end is not None for end in ends.values())


def test_no_page_of_an_older_bundle_expires(tmp_path: Path) -> None:
    assert opened(tmp_path / "missing.npy").of(np.array([1], np.uint64)).tolist() == [np.inf]
