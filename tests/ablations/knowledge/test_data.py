"""Reading MovieLens' tables, splitting users, and what a rating's history may hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from ablations.knowledge.data import BLOCK, Log, blocks, folds, numbers, of_users, read
from configs.reading import SettingsError
from ranking.session.config import HISTORY


def change(path: Path, name: str, column: object) -> None:
    table = pq.read_table(path)
    table = (
        table.drop_columns([name]) if column is None else table.set_column(table.column_names.index(name), name, column)
    )
    pq.write_table(table, path)


def test_every_rating_is_in_one_block(movielens: Path) -> None:
    _, log = read(movielens, None)
    found = blocks(log)
    counted = found.movies > 0
    assert np.array_equal(found.movies[counted], log.movie)
    assert np.array_equal(found.labels[counted], log.label)
    assert np.array_equal(np.repeat(found.user, counted.sum(axis=1)), log.user)


def test_history_is_what_the_user_liked_before_the_block() -> None:
    count = 40
    label = (np.arange(count) % 2).astype(np.int8)
    log = Log(np.zeros(count, np.int64), np.arange(1, count + 1), label, np.zeros((1, 3), np.int64), (1, 1, 1))
    found = blocks(log)
    assert found.liked.tolist() == [0, 4, 8, 12, 16]
    assert not found.history[0].any()
    for block in range(1, len(found.user)):
        expected = log.movie[: block * BLOCK][label[: block * BLOCK] == 1][-HISTORY:]
        assert found.history[block][found.history[block] > 0].tolist() == expected.tolist()
        assert not set(found.movies[block]) & set(expected.tolist())


def test_numbers_are_of_what_was_rated_before(movielens: Path) -> None:
    _, log = read(movielens, None)
    found = blocks(log)
    generous, rated = numbers(found.liked, found.rated).T
    first = found.rated == 0
    assert np.allclose(rated[first], 0) and np.allclose(generous[first], np.log(3 / 2))
    later = np.flatnonzero(found.rated == 2 * BLOCK)
    for block in later:
        before = log.label[log.user == found.user[block]][: 2 * BLOCK]
        assert np.isclose(generous[block], np.log((before.sum() + 3) / ((1 - before).sum() + 2)))


def test_attributes_and_labels_follow_their_user_and_movie(movielens: Path) -> None:
    movies, log = read(movielens, None)
    comedy = np.array([False, *(genres.startswith("Comedy") for genres in movies.genres)])
    female = log.attributes[log.user, 0] == 0
    assert np.array_equal(log.label == 1, comedy[log.movie] == female)
    assert log.sizes == (2, 3, 4)


def test_sample_keeps_whole_users(movielens: Path) -> None:
    _, every = read(movielens, None)
    _, log = read(movielens, 20)
    assert len(log.attributes) == 20
    sizes = np.bincount(every.user)
    assert set(np.bincount(log.user)) <= set(sizes)


def test_split_is_by_user_and_seeds_test_all_users() -> None:
    tested = []
    for seed in range(10):
        train, validation, test = folds(50, seed)
        assert sorted([*train, *validation, *test]) == list(range(50))
        assert (len(train), len(validation), len(test)) == (40, 5, 5)
        tested += test.tolist()
    assert sorted(tested) == list(range(50))


def test_blocks_of_users(movielens: Path) -> None:
    _, log = read(movielens, None)
    found = blocks(log)
    assert set(found.user[of_users(found, np.array([3, 5]))]) == {3, 5}


@pytest.mark.parametrize(
    ("table", "column"), [("interactions", "label"), ("users", "occupation"), ("movies", "llm_text")]
)
def test_missing_column_is_named(movielens: Path, table: str, column: str) -> None:
    change(movielens / f"{table}.parquet", column, None)
    with pytest.raises(SettingsError, match=rf"{table}.parquet lacks the column {column}"):
        read(movielens, None)


def test_missing_file_is_named(movielens: Path) -> None:
    (movielens / "users.parquet").unlink()
    with pytest.raises(SettingsError, match=r"users\.parquet is not a file"):
        read(movielens, None)


def test_labels_other_than_0_and_1_are_refused(movielens: Path) -> None:
    path = movielens / "interactions.parquet"
    change(path, "label", pc.multiply(pq.read_table(path)["label"], 5))
    with pytest.raises(SettingsError, match="column label must be 0 or 1"):
        read(movielens, None)


def test_empty_label_is_refused(movielens: Path) -> None:
    path = movielens / "interactions.parquet"
    labels = pq.read_table(path)["label"].to_pylist()
    change(path, "label", pa.array([None, *labels[1:]], pa.int8()))
    with pytest.raises(SettingsError, match="column label has empty values"):
        read(movielens, None)


def test_unknown_movie_is_refused(movielens: Path) -> None:
    path = movielens / "interactions.parquet"
    change(path, "movie", pc.add(pq.read_table(path)["movie"], 1))
    with pytest.raises(SettingsError, match="column movie names one that movies lack"):
        read(movielens, None)


def test_user_twice_is_refused(movielens: Path) -> None:
    path = movielens / "users.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table[:1]]), path)
    with pytest.raises(SettingsError, match="column user names one twice"):
        read(movielens, None)


def test_movie_rated_twice_by_a_user_is_refused(movielens: Path) -> None:
    path = movielens / "interactions.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table.slice(4, 2)]), path)
    user, movie, count = table["user"][4].as_py(), table["movie"][4].as_py(), len(table)
    says = rf"parquet: user {user} rates movie {movie} in row 4 and again in row {count} .*2 such rows"
    with pytest.raises(SettingsError, match=says):
        read(movielens, None)


def test_more_users_than_there_are(movielens: Path) -> None:
    with pytest.raises(SettingsError, match=r"--users: .* has 40 users"):
        read(movielens, 41)


def test_users_without_ratings_are_refused(movielens: Path) -> None:
    path = movielens / "interactions.parquet"
    pq.write_table(pq.read_table(path).slice(0, 1), path)
    with pytest.raises(SettingsError, match=r"users.parquet: 39 users rated nothing, such as 101: leave them out"):
        read(movielens, None)


@pytest.mark.parametrize(("table", "column"), [("interactions", "user"), ("users", "user"), ("movies", "movie")])
def test_keys_that_are_no_whole_numbers_are_refused(movielens: Path, table: str, column: str) -> None:
    path = movielens / f"{table}.parquet"
    change(path, column, pc.cast(pq.read_table(path)[column], pa.string()))
    with pytest.raises(SettingsError, match=rf"{table}.parquet: column {column} has no whole numbers"):
        read(movielens, None)
