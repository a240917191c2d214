"""The writer that asks a language model what of a page decides whom to recommend it to, by key factors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from prompting.answer import Unanswered
from prompting.client import Client
from prompting.concurrent_calls import ask_each
from prompting.endpoint import Endpoint
from prompting.key_factors import ANSWER_TOKENS, FactorPrompts, knowledge
from recall.knowledge.source import KnownPage


class LlmKnowledge:
    """Writes a page's knowledge by an endpoint; answers are cached, so that a killed run does not pay twice.

    Use one for a whole run: the spending limit applies to all its calls together.
    """

    def __init__(self, endpoint: Endpoint, prompts: FactorPrompts) -> None:
        self._endpoint = endpoint
        self._prompts = prompts
        self.failed: Counter[str] = Counter()  # pages whose call failed, by reason
        self.tokens = 0  # paid for
        self.given_up: str | None = None  # why the endpoint is asked no more

    def write(self, pages: Sequence[KnownPage]) -> list[str | None]:
        """Return what the model wrote of each page; None for a failure, which is counted. Not inside an event loop."""
        left = max(0, self._endpoint.max_tokens - self.tokens)
        endpoint = self._endpoint.model_copy(update={"max_tokens": left})
        answers = ask_each(endpoint, pages, self._ask, given_up=self.given_up)
        self.given_up = answers.given_up
        self.tokens += answers.tokens
        self.failed += Counter(result.reason for result in answers.results if isinstance(result, Unanswered))
        return [None if isinstance(result, Unanswered) else result for result in answers.results]

    async def _ask(self, client: Client, page: KnownPage) -> str:
        if not page.text:
            raise Unanswered("a page without text")
        prompt = self._prompts.of_page(page.url, page.title, page.language, page.text)
        return await client.ask(prompt, False, ANSWER_TOKENS, knowledge)
