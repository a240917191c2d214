"""The query writer that calls a large language model at an OpenAI-compatible endpoint (paper, section 5.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import xxhash

from corpus.text.words import words
from prompting.answer import Unanswered
from prompting.client import Client
from prompting.concurrent_calls import Progress, ask_each, silent
from prompting.endpoint import Endpoint
from prompting.parse_queries import ScoredQuery, queries
from prompting.query_prompt import ANSWER_TOKENS, QueryPrompt, load_query_prompt
from recall.qprime.queries.distinct import Distinct
from recall.qprime.writers.writer import MAX_QUERIES, PageWords, WrittenQuery


class _Page(NamedTuple):
    """The parts of a page that go into the prompt."""

    url: str
    title: str
    language: str
    text: str


class LlmQueryWriter:
    """Writes the queries that a language model gives for a page; failures are counted, not raised.

    Use one writer for a whole run: the endpoint's spending limit applies to all its calls of `write` together.
    Answers are kept in the endpoint's cache, so that a resumed run does not pay twice.
    """

    def __init__(self, endpoint: Endpoint, prompt: QueryPrompt | None = None, progress: Progress = silent) -> None:
        """Take the endpoint; `progress` is called after each page with the number of pages and tokens."""
        self._endpoint = endpoint
        self._prompt = prompt or load_query_prompt()
        self._progress = progress
        self._done = 0
        self.failed: Counter[str] = Counter()  # pages whose call failed, by reason
        self.left_out: Counter[str] = Counter()  # entries of answers that are not used as queries, by reason
        self._given_up: str | None = None
        self.tokens = 0  # paid for
        self.from_cache = 0  # answers that were not paid for

    @cached_property
    def name(self) -> str:
        """Return a name that identifies the model and the prompt."""
        return f"llm {self._endpoint.model} {xxhash.xxh3_64_hexdigest(self._prompt.template.template.encode())}"

    def write(self, pages: Sequence[PageWords]) -> list[list[WrittenQuery] | None]:
        """Return at most ten queries per page, by relevance; none for N/A, None for a failure, which is counted.

        Do not call it inside an event loop.
        """
        asked = [_Page(page.url, page.title, page.language, page.snippet) for page in pages]
        left = max(0, self._endpoint.max_tokens - self.tokens)
        endpoint = self._endpoint.model_copy(update={"max_tokens": left})
        done, spent = self._done, self.tokens

        def progress(more: int, paid: int) -> None:
            self._progress(done + more, spent + paid)

        answers = ask_each(endpoint, asked, self._ask, progress, self._given_up)
        self._given_up = answers.given_up
        self._done += len(pages)
        self.tokens += answers.tokens
        self.from_cache += answers.from_cache
        return [self._written(result) for result in answers.results]

    async def _ask(self, client: Client, page: _Page) -> tuple[list[ScoredQuery], Counter[str]]:
        if not (page.title.strip() or page.text.strip()):
            raise Unanswered("a page without text")
        return await client.ask(self._prompt.fill(*page), False, ANSWER_TOKENS, queries, self._prompt.schema)

    def _written(self, answer: tuple[list[ScoredQuery], Counter[str]] | Unanswered) -> list[WrittenQuery] | None:
        if isinstance(answer, Unanswered):
            self.failed[answer.reason] += 1
            return None
        found, faults = answer
        distinct = Distinct()
        ranked = sorted(found, key=lambda query: -query.relevance)  # ties keep the model's order
        different = [WrittenQuery(*query) for query in ranked if distinct.takes(words(query.text) or [query.text])]
        over = len(different[MAX_QUERIES:])
        self.left_out += faults + Counter({"near-duplicate": len(ranked) - len(different), "more than ten": over})
        return different[:MAX_QUERIES]
