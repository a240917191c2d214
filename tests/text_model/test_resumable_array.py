"""Arrays that are filled chunk by chunk: a killed run is resumed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from text_model.resumable_array import clear, fill

CHUNKS = list(np.array_split(np.random.default_rng(0).permutation(10), 4))
WHOLE = (np.arange(20, dtype=np.float32) ** 2).reshape(10, 2)


class Squares:
    """Writes squares, and is killed at chunk number `dies_at`."""

    def __init__(self, dies_at: int = -1) -> None:
        self.dies_at = dies_at
        self.asked: list[list[int]] = []

    def __call__(self, array: NDArray, chunk: NDArray[np.intp]) -> None:
        self.asked.append(chunk.tolist())
        if len(self.asked) - 1 == self.dies_at:
            array[chunk[0]] = -1  # half a chunk
            raise KeyboardInterrupt
        array[chunk] = WHOLE[chunk]

    def fill(self, path: Path) -> NDArray:
        return fill(path, WHOLE.shape, np.float32, CHUNKS, self, lambda done: None)


@pytest.mark.parametrize("dies_at", range(4))
def test_a_resumed_run_ends_like_an_uninterrupted_one(tmp_path: Path, dies_at: int) -> None:
    path, again = tmp_path / "squares.npy", Squares()
    with pytest.raises(KeyboardInterrupt):
        Squares(dies_at).fill(path)
    assert again.fill(path).tolist() == WHOLE.tolist()
    assert again.asked == [chunk.tolist() for chunk in CHUNKS[dies_at:]]
    np.save(tmp_path / "at_once.npy", WHOLE)
    assert path.read_bytes() == (tmp_path / "at_once.npy").read_bytes()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["at_once.npy", "squares.done", "squares.npy"]


def test_a_complete_array_is_not_filled_again(tmp_path: Path) -> None:
    Squares().fill(tmp_path / "squares.npy")
    again = Squares()
    assert again.fill(tmp_path / "squares.npy").tolist() == WHOLE.tolist()
    assert again.asked == []


def test_a_partly_created_file_is_not_taken_for_the_array(tmp_path: Path) -> None:
    (tmp_path / "squares.writing").write_bytes(b"half")
    assert Squares().fill(tmp_path / "squares.npy").tolist() == WHOLE.tolist()


def test_an_array_without_rows_needs_no_filling(tmp_path: Path) -> None:
    assert fill(tmp_path / "none.npy", (0, 3), np.float32, [], Squares(), lambda done: None).shape == (0, 3)


def test_a_cleared_array_is_filled_again(tmp_path: Path) -> None:
    path, again = tmp_path / "squares.npy", Squares()
    Squares().fill(path)
    clear(path)
    assert list(tmp_path.iterdir()) == []
    again.fill(path)
    assert len(again.asked) == 4
