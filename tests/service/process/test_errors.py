"""Errors of a user's path are one line; bugs keep their traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.process.errors import one_line


@pytest.mark.parametrize("name", ["none/file", "x" * 300, "loop"])
def test_a_path_that_cannot_be_opened_is_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OSError) as caught:
        (tmp_path / name).read_bytes()
    said = one_line(caught.value)
    assert said is not None and said.startswith(f"onward: {tmp_path / name}: ") and "\n" not in said


def test_a_bug_is_none() -> None:
    assert one_line(KeyError("x")) is None and one_line(OSError(5, "Input/output error")) is None
