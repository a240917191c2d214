"""A tiny MovieLens: two genres, users who like one of them, and texts that say which."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from text_model.base import load_encoder, resolve, shorten
from text_model.packaged import PACKAGED

USERS, MOVIES = 40, 30
_PLOTS = {
    "Comedy": "A clumsy baker falls into a cake. His friends laugh about the joke. They dance at a merry wedding. "
    "A dog steals the hat of the mayor, and the whole town runs after it with brooms and pots.",
    "Horror": "A ghost walks through the dark cellar. A killer waits in the fog with a knife. The family screams at "
    "night. Blood runs down the walls of the old house, and nobody who enters it is ever seen again.",
}


@pytest.fixture(autouse=True)
def no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODEL", "BASE_URL", "KEY"):
        monkeypatch.delenv(f"ONWARD_LLM_{name}", raising=False)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One layer of MiniLM."""
    base = tmp_path_factory.mktemp("encoder")
    model = load_encoder(PACKAGED)
    shorten(model, 1)
    model.save_pretrained(base)
    shutil.copyfile(Path(resolve(PACKAGED)) / "tokenizer.json", base / "tokenizer.json")
    return base


@pytest.fixture
def movielens(tmp_path: Path) -> Path:
    folder = tmp_path / "movielens"
    folder.mkdir()
    random = np.random.default_rng(0)
    genres = ["Comedy" if number % 2 else "Horror" for number in range(MOVIES)]
    numbers = np.arange(MOVIES) * 3 + 7
    movies = {
        "movie": numbers,
        "title": [f"{genre} {number} (199{number % 10})" for number, genre in enumerate(genres)],
        "genres": [f"{genre}|Drama" for genre in genres],
        "abstract": ["" if number % 3 else f"{_PLOTS[genre]} Part {number}." for number, genre in enumerate(genres)],
        "plot": [f"{_PLOTS[genre]} Number {number}." for number, genre in enumerate(genres)],
        "director": [f"{genre} Director" for genre in genres],
        "llm_text": [f"I remember a {genre} film." for genre in genres],
    }
    pq.write_table(pa.table(movies), folder / "movies.parquet")
    users = np.arange(USERS) + 100
    about = {"user": users, "gender": ["F" if user % 2 else "M" for user in users], "age": users % 3 * 10}
    pq.write_table(pa.table({**about, "occupation": users % 4}), folder / "users.parquet")
    rows: dict[str, list[int]] = {"user": [], "movie": [], "label": []}
    for user in users.tolist():
        seen = random.permutation(MOVIES)[: random.integers(18, 28)]
        rows["user"] += [user] * len(seen)
        rows["movie"] += numbers[seen].tolist()
        rows["label"] += [int(number % 2 == user % 2) for number in seen.tolist()]
    pq.write_table(pa.table(rows), folder / "interactions.parquet")
    return folder
