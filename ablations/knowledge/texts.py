"""What each row of the table knows of movies and users, as texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ablations.knowledge.data import Blocks, Movies, Rows
from recall.knowledge.config import KnowledgeConfig
from recall.knowledge.extract import ranked, sentences, shortened
from text_model.embed import TextEmbedder

#: Where a text comes from: the raw one, its summaries, a model's memory, a model that reads the raw one.
Kind = Literal["raw", "basic", "topic", "llm", "trawl"]
FACTORS = ("genre", "theme", "people", "mood", "era")
#: Movies liked so far at which a user's text is written again; from movies before that time alone.
MOMENTS = (5, 20, 80)
READ = 10  # newest liked movies of which a user's text is written
_SUMMARY = 256  # characters: about half of what the encoder reads
_LISTED = 3  # values of a factor in a user's text


def summaries(movies: Movies, embedder: TextEmbedder) -> tuple[list[str], list[str]]:
    """Return each raw text's most central sentences, and those steered by the key factors as well."""
    weight, most = KnowledgeConfig().factor_weight, KnowledgeConfig().sentences
    factors = _vectors(embedder, FACTORS)
    parts = [sentences(text)[:most] if len(text) > _SUMMARY else [] for text in movies.raw]
    vectors = _vectors(embedder, [sentence for found in parts for sentence in found])
    titles = _vectors(embedder, movies.titles)
    basic, topic, at = list(movies.raw), list(movies.raw), 0
    for number, found in enumerate(parts):
        if not found:
            continue
        own, at = vectors[at : at + len(found)], at + len(found)
        basic[number] = shortened(found, ranked(own, titles[number], factors, 0.0), _SUMMARY)
        topic[number] = shortened(found, ranked(own, titles[number], factors, weight), _SUMMARY)
    return basic, topic


def _vectors(embedder: TextEmbedder, texts: Sequence[str]) -> NDArray[np.float32]:
    empty = [""] * len(texts)
    return embedder.whole(empty, empty, texts)


def moments(found: Blocks) -> tuple[Rows, Rows]:
    """Return (of each block the row of its moment, of each moment its block): the last time a user's text was written.

    -1 for a block before the first moment. A moment is the first block with as many liked movies, so that its text is
    of the block's own history.
    """
    stage = np.searchsorted(MOMENTS, found.liked, side="right")
    key = found.user * (len(MOMENTS) + 1) + stage
    written, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    kept = written % (len(MOMENTS) + 1) > 0
    row = np.where(kept, np.cumsum(kept) - 1, -1)
    return row[inverse].astype(np.int64), first[kept].astype(np.int64)


def user_text(movies: Movies, history: Sequence[int]) -> str:
    """Return what the newest liked movies (rows, newest last, no 0) have in common, a line for each key factor."""
    own = [row - 1 for row in history[-READ:]]
    genres = Counter(genre for row in own for genre in movies.genres[row].split("|") if genre)
    people = Counter(movies.directors[row] for row in own if movies.directors[row])
    eras = Counter(f"{movies.titles[row][-5:-2]}0s" for row in own if movies.titles[row][-5:-2].isdigit())
    lines = [
        f"{name}: {', '.join(value for value, _ in counts.most_common(_LISTED))}."
        for name, counts in (("genre", genres), ("era", eras), ("people", people))
        if counts
    ]
    return " ".join([*lines, f"Liked: {'; '.join(movies.titles[row] for row in reversed(own))}."])


def said_of(movies: Movies, history: Sequence[int]) -> tuple[str, ...]:
    """Return what the prompt for a reader gets: title and genres of the newest liked movies, newest last."""
    own = [row - 1 for row in history[-READ:]]
    return tuple(f"{movies.titles[row]}: {movies.genres[row].replace('|', ', ')}" for row in own)
