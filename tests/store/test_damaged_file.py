"""A file that cannot be read is named, with the fix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from configs.reading import SettingsError
from store.damaged_file import whole


@pytest.mark.parametrize("content", [b"", b"PK"])
def test_a_cut_file_is_named(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "scores.npz"
    file.write_bytes(content)
    fix = r"scores\.npz is damaged \(.+\): delete it, and run the same command again"
    with pytest.raises(SettingsError, match=fix), whole(file), np.load(file) as kept:
        kept["test"]


def test_what_else_went_wrong_is_not_the_files_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^as it is$"), whole(tmp_path):
        raise SettingsError("as it is")
    with pytest.raises(FileNotFoundError), whole(tmp_path):
        (tmp_path / "none").read_bytes()
