"""Reads MovieLens' tables, splits the users, and cuts their ratings into blocks that share a history."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from configs.reading import SettingsError
from ranking.session.config import HISTORY

#: Ratings, one after another, that share the history before the first of them: the network reads it once for all.
BLOCK = 8
FOLDS = 10  # of users: one tests, one validates, the others train
_ATTRIBUTES = ("gender", "age", "occupation")
_COLUMNS = {
    "interactions": ("user", "movie", "label"),
    "users": ("user", *_ATTRIBUTES),
    "movies": ("movie", "title", "genres", "abstract", "plot", "director", "llm_text"),
}

_AVERAGE = (3.0, 2.0)  # movies liked and not, which every user is taken to have rated

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Movies:
    """What is known of movies; row 0 of vectors is no movie, so movie n of these lists has row n + 1."""

    titles: list[str]
    genres: list[str]  # A|B|C
    directors: list[str]
    raw: list[str]  # the abstract, else the plot
    remembered: list[str]  # what a language model wrote without a text

    def __len__(self) -> int:
        return len(self.titles)


@dataclass(frozen=True, slots=True)
class Log:
    """Ratings of the sampled users, each user's together and in order; users are 0 to n - 1, movies 1 to m."""

    user: Rows
    movie: Rows
    label: NDArray[np.int8]
    attributes: Rows  # [users, 3]: gender, age, occupation, each counted from 0
    sizes: tuple[int, ...]  # how many values each attribute has


@dataclass(frozen=True, slots=True)
class Blocks:
    """Ratings as the network reads them, b blocks of BLOCK ratings."""

    user: Rows  # [b]
    history: Rows  # [b, HISTORY]: movies that the user liked before the block, newest last, 0 where there are fewer
    liked: Rows  # [b], how many movies the user liked before
    rated: Rows  # [b], how many the user rated before
    movies: Rows  # [b, BLOCK], 0 where a user's last block is shorter
    labels: NDArray[np.float32]  # [b, BLOCK]


def read(folder: Path, users: int | None) -> tuple[Movies, Log]:
    """Return the movies and the ratings of `users` users, drawn at random (None: all). Raises SettingsError."""
    tables = {name: _table(folder / f"{name}.parquet", columns) for name, columns in _COLUMNS.items()}
    movies, log = tables["movies"], tables["interactions"]
    numbers, known = _numbers(tables["users"], "user", folder), _numbers(movies, "movie", folder)
    for name, own in (("user", numbers), ("movie", known)):
        if not np.isin(log[name].to_numpy(), own).all():
            raise SettingsError(f"{folder / 'interactions.parquet'}: column {name} names one that {name}s lack")
    if len(idle := numbers[~np.isin(numbers, log["user"].to_numpy())]):
        raise SettingsError(
            f"{folder / 'users.parquet'}: {len(idle)} users rated nothing, such as {idle.min()}: leave them out"
        )
    if not np.isin(log["label"].to_numpy(), (0, 1)).all():
        raise SettingsError(f"{folder / 'interactions.parquet'}: column label must be 0 or 1")
    _check_once(log, folder / "interactions.parquet")
    if users is not None and users > len(numbers):
        raise SettingsError(f"--users: {folder} has {len(numbers)} users: ask for fewer than {users}")
    drawn = np.sort(np.random.default_rng(0).permutation(len(numbers))[:users])
    if len(drawn) < FOLDS:
        raise SettingsError(f"--users: {len(drawn)} users cannot be split 8:1:1: use at least {FOLDS}")
    return _movies(movies), _log(log, tables["users"], numbers[drawn], drawn, known)


def digest(folder: Path) -> str:
    """Return a hash of the tables: what is computed from others is not theirs."""
    whole = hashlib.sha256()
    for name in _COLUMNS:
        with (folder / f"{name}.parquet").open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()[:12]


def _table(path: Path, columns: Sequence[str]) -> pa.Table:
    if not path.is_file():
        raise SettingsError(f"{path} is not a file: --data needs {', '.join(f'{name}.parquet' for name in _COLUMNS)}")
    if missing := set(columns) - set(pq.read_schema(path).names):
        raise SettingsError(f"{path} lacks the column {min(missing)}")
    table = pq.read_table(path, columns=list(columns))
    if table.num_rows == 0:
        raise SettingsError(f"{path} has no rows")
    if empty := [name for name in columns if name in _KEYS and table[name].null_count]:
        raise SettingsError(f"{path}: column {empty[0]} has empty values")
    if other := [name for name in columns if name in _NUMBERED and not pa.types.is_integer(table[name].type)]:
        raise SettingsError(f"{path}: column {other[0]} has no whole numbers, but {table[other[0]].type}: convert it")
    return table


_KEYS = {"user", "movie", "label", *_ATTRIBUTES}
_NUMBERED = {"user", "movie"}


def _numbers(table: pa.Table, name: str, folder: Path) -> Rows:
    found: Rows = table[name].to_numpy().astype(np.int64)
    if len(np.unique(found)) < len(found):
        raise SettingsError(f"{folder / f'{name}s.parquet'}: column {name} names one twice")
    return found


def _check_once(log: pa.Table, path: Path) -> None:
    """Raise SettingsError where a user rates a movie twice: one rating would be in the history of the other."""
    user, movie = log["user"].to_numpy(), log["movie"].to_numpy()
    order = np.lexsort((movie, user))  # equal pairs stay in the order of their rows
    repeats = (np.diff(user[order]) == 0) & (np.diff(movie[order]) == 0)
    again = order[1:][repeats]
    if len(again):
        row = again.min()
        first = np.flatnonzero((user == user[row]) & (movie == movie[row]))[0]
        raise SettingsError(
            f"{path}: user {user[row]} rates movie {movie[row]} in row {first} and again in row {row} (the first is"
            f" row 0), {len(again)} such rows in all: leave one rating of each"
        )


def _movies(table: pa.Table) -> Movies:
    texts = {name: ["" if text is None else " ".join(str(text).split()) for text in table[name].to_pylist()]
             for name in _COLUMNS["movies"][1:]}  # fmt: skip
    raw = [abstract or plot for abstract, plot in zip(texts["abstract"], texts["plot"], strict=True)]
    return Movies(texts["title"], texts["genres"], texts["director"], raw, texts["llm_text"])


def _log(table: pa.Table, users: pa.Table, numbers: Rows, drawn: Rows, known: Rows) -> Log:
    order = np.argsort(numbers)
    kept = np.isin(table["user"].to_numpy(), numbers)
    user = order[np.searchsorted(numbers[order], table["user"].to_numpy()[kept])]
    by_movie = np.argsort(known)
    movie = by_movie[np.searchsorted(known[by_movie], table["movie"].to_numpy()[kept])] + 1
    label = table["label"].to_numpy()[kept].astype(np.int8)
    together = np.argsort(user, kind="stable")  # a user's rows stay in their order
    codes = [np.unique(np.asarray(users[name].to_pylist()), return_inverse=True) for name in _ATTRIBUTES]
    attributes = np.stack([code[drawn] for _, code in codes], axis=1).astype(np.int64)
    sizes = tuple(len(values) for values, _ in codes)
    return Log(user[together], movie[together], label[together], attributes, sizes)


def folds(users: int, seed: int) -> tuple[Rows, Rows, Rows]:
    """Return the users that train, validate and test, 8:1:1. Seeds 0 to 9 test each user once."""
    parts = np.array_split(np.random.default_rng(1).permutation(users), FOLDS)
    tests, validates = seed % FOLDS, (seed + 1) % FOLDS
    train = np.concatenate([part for number, part in enumerate(parts) if number not in (tests, validates)])
    return np.sort(train), np.sort(parts[validates]), np.sort(parts[tests])


def blocks(log: Log) -> Blocks:
    """Return all ratings in blocks; a block's history ends before its first rating."""
    users, starts, counts = np.unique(log.user, return_index=True, return_counts=True)
    found: list[tuple[int, Rows, int, int, int, int]] = []
    for user, start, count in zip(users.tolist(), starts.tolist(), counts.tolist(), strict=True):
        own = slice(start, start + count)
        liked = np.flatnonzero(log.label[own]) + start
        for at in range(start, start + count, BLOCK):
            before = int(np.searchsorted(liked, at))
            history = log.movie[liked[max(0, before - HISTORY) : before]]
            found.append((user, history, before, at - start, at, min(at + BLOCK, start + count)))
    history = np.zeros((len(found), HISTORY), np.int64)
    movies, labels = np.zeros((len(found), BLOCK), np.int64), np.zeros((len(found), BLOCK), np.float32)
    for row, (_, own_history, _, _, at, end) in enumerate(found):
        history[row, HISTORY - len(own_history) :] = own_history
        movies[row, : end - at], labels[row, : end - at] = log.movie[at:end], log.label[at:end]
    user, liked, rated = (np.array([each[place] for each in found], np.int64) for place in (0, 2, 3))
    return Blocks(user, history, liked, rated, movies, labels)


def numbers(liked: Rows, rated: Rows) -> NDArray[np.float32]:
    """Return of users who rated so many movies and liked so many: how generous they are, and how much they rated.

    [b] and [b] -> [b, 2]: log odds of a like, where a user who rated little counts as an average one; a logarithm.
    """
    odds = np.log((liked + _AVERAGE[0]) / (rated - liked + _AVERAGE[1]))
    return np.stack([odds, np.log1p(rated) / _AVERAGE[0]], axis=1).astype(np.float32)


def of_users(found: Blocks, users: Rows) -> Rows:
    """Return the rows of the blocks of these users."""
    return np.flatnonzero(np.isin(found.user, users))
