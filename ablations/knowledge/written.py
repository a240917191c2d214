"""Asks a language model what of a movie, and of a user's liked movies, decides what is recommended (TRAWL, 3.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ablations.knowledge.data import Movies, Rows
from ablations.knowledge.texts import FACTORS
from prompting.answer import Unanswered
from prompting.client import Client
from prompting.concurrent_calls import ask_each
from prompting.endpoint import Endpoint
from prompting.key_factors import ANSWER_TOKENS, FactorPrompts, knowledge
from recall.knowledge.llm import LlmKnowledge
from recall.knowledge.source import KNOWLEDGE, KnownPage


@dataclass(slots=True)
class Written:
    """What a model wrote of some movies or users, by row; and why it wrote nothing of others."""

    texts: dict[int, str] = field(default_factory=dict)
    asked: int = 0
    failed: dict[str, int] = field(default_factory=dict)

    def by_row(self) -> Written:
        """Return the same with numbers as rows, which JSON keeps as text."""
        return Written({int(row): text for row, text in self.texts.items()}, self.asked, self.failed)


def of_movies(movies: Movies, rows: Rows, endpoint: Endpoint) -> Written:
    """Return what the model writes of the raw texts of the given movies (rows of vectors)."""
    asked = [row for row in rows.tolist() if movies.raw[row - 1]]
    pages = [KnownPage(row, "", movies.titles[row - 1], "en", movies.raw[row - 1], KNOWLEDGE) for row in asked]
    writer = LlmKnowledge(endpoint, FactorPrompts(FACTORS))
    texts = writer.write(pages)
    return Written(
        {row: text for row, text in zip(asked, texts, strict=True) if text is not None}, len(asked), dict(writer.failed)
    )


def of_users(read: Sequence[tuple[str, ...]], endpoint: Endpoint) -> Written:
    """Return what the model writes of users, from what is said of the movies that each liked, newest last."""
    prompts = FactorPrompts(FACTORS)

    async def ask(client: Client, texts: tuple[str, ...]) -> str:
        return await client.ask(prompts.of_reader(texts, "en"), False, ANSWER_TOKENS, knowledge)

    results = ask_each(endpoint, read, ask).results
    failed = Counter(result.reason for result in results if isinstance(result, Unanswered))
    texts = {row: result for row, result in enumerate(results) if not isinstance(result, Unanswered)}
    return Written(texts, len(read), dict(failed))


def most_rated(movie: Rows, count: int) -> Rows:
    """Return the rows of the movies with the most ratings, most first."""
    counts = np.bincount(movie)
    order = np.argsort(-counts, kind="stable")[:count]
    return order[counts[order] > 0].astype(np.int64)
