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


class Writer:
    """Asks about movies, then about users: the spending limit, and giving up, are of both together."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint, self._prompts = endpoint, FactorPrompts(FACTORS)
        self._movies = LlmKnowledge(endpoint, self._prompts)

    def of_movies(self, movies: Movies, rows: Rows, before: Written) -> Written:
        """Return what the model writes of the raw texts of the given movies (rows of vectors), and what it wrote."""
        known = [row for row in rows.tolist() if movies.raw[row - 1]]
        asked = [row for row in known if row not in before.texts]
        pages = [KnownPage(row, "", movies.titles[row - 1], "en", movies.raw[row - 1], KNOWLEDGE) for row in asked]
        texts = self._movies.write(pages)
        found = {row: text for row, text in zip(asked, texts, strict=True) if text is not None}
        return Written(before.texts | found, len(known), dict(self._movies.failed))

    def of_users(self, read: Sequence[tuple[str, ...]], before: Written) -> Written:
        """Return what the model writes of users, from what is said of the movies that each liked, newest last."""

        async def ask(client: Client, texts: tuple[str, ...]) -> str:
            return await client.ask(self._prompts.of_reader(texts, "en"), False, ANSWER_TOKENS, knowledge)

        left = max(0, self._endpoint.max_tokens - self._movies.tokens)
        endpoint = self._endpoint.model_copy(update={"max_tokens": left})
        asked = [row for row in range(len(read)) if row not in before.texts]
        results = ask_each(endpoint, [read[row] for row in asked], ask, given_up=self._movies.given_up).results
        failed = Counter(result.reason for result in results if isinstance(result, Unanswered))
        found = {row: result for row, result in zip(asked, results, strict=True) if not isinstance(result, Unanswered)}
        return Written(before.texts | found, len(read), dict(failed))


def most_rated(movie: Rows, count: int) -> Rows:
    """Return the rows of the movies with the most ratings, most first."""
    counts = np.bincount(movie)
    order = np.argsort(-counts, kind="stable")[:count]
    return order[counts[order] > 0].astype(np.int64)
