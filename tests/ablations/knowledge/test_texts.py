"""What movies' summaries and users' texts are made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ablations.knowledge.data import blocks, read
from ablations.knowledge.texts import MOMENTS, READ, moments, said_of, summaries, user_text
from text_model.embed import TextEmbedder


def test_raw_text_is_the_abstract_else_the_plot(movielens: Path) -> None:
    movies, _ = read(movielens, None)
    assert movies.raw[0].endswith("Part 0.")
    assert movies.raw[1].endswith("Number 1.")


def test_summaries_are_sentences_of_the_raw_text(movielens: Path, encoder: Path) -> None:
    movies, _ = read(movielens, None)
    for texts in summaries(movies, TextEmbedder(str(encoder), 64)):
        for text, raw in zip(texts, movies.raw, strict=True):
            assert text and len(text) <= 256
            assert all(f"{part.strip('. ')}." in raw for part in text.split(". "))


def test_long_text_is_shortened_and_factors_may_choose_others(movielens: Path, encoder: Path) -> None:
    movies, _ = read(movielens, None)
    movies.raw[:] = [f"{text} {other}" for text, other in zip(movies.raw, movies.raw[::-1], strict=True)]
    basic, topic = summaries(movies, TextEmbedder(str(encoder), 64))
    assert max(map(len, [*basic, *topic])) <= 256 < min(map(len, movies.raw))
    assert basic != topic


def test_short_text_is_left_as_it_is(movielens: Path, encoder: Path) -> None:
    movies, _ = read(movielens, None)
    movies.raw[:] = ["A short text."] * len(movies)
    assert summaries(movies, TextEmbedder(str(encoder), 64)) == (movies.raw, movies.raw)


def test_moment_is_never_later_than_its_block(movielens: Path) -> None:
    _, log = read(movielens, None)
    found = blocks(log)
    written, at = moments(found)
    for block, moment in enumerate(written.tolist()):
        if moment < 0:
            assert found.liked[block] < MOMENTS[0]
        else:
            assert found.user[at[moment]] == found.user[block]
            assert at[moment] <= block
            assert found.liked[at[moment]] >= MOMENTS[0]


def test_user_text_names_what_is_frequent(movielens: Path) -> None:
    movies, _ = read(movielens, None)
    text = user_text(movies, [2, 4, 6, 1])
    assert text.startswith("genre: Drama, Comedy, Horror. era: 1990s. people: Comedy Director, Horror Director.")
    assert text.endswith(f"Liked: {'; '.join(movies.titles[row] for row in (0, 5, 3, 1))}.")


def test_user_text_reads_the_newest_movies(movielens: Path) -> None:
    movies, _ = read(movielens, None)
    history = np.arange(1, 16).tolist()
    assert movies.titles[4] not in user_text(movies, history)
    assert len(said_of(movies, history)) == READ
    assert said_of(movies, history)[-1] == f"{movies.titles[14]}: Horror, Drama"
