"""Prompts that steer a language model to what matters for recommending: key factors, the same for pages and readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prompting.answer import Answer, Unanswered
from prompting.judge_prompt import template
from prompting.query_prompt import QueryPrompt

#: Maximum tokens of an answer: one or two sentences for each of eight factors.
ANSWER_TOKENS = 600

_FEWEST = 20  # characters of an answer that says something
_PAGE, _READER = "knowledge_page", "knowledge_reader"


@dataclass(frozen=True, slots=True)
class FactorPrompts:
    """The prompts for both sides (TRAWL, 3.2.3).

    `factors` are named in both, so that what is written of pages and readers can be compared.
    """

    factors: tuple[str, ...]

    def of_page(self, url: str, title: str, language: str, text: str) -> str:
        """Return the prompt for a page; its fields are stripped of markup and cut to limit the cost."""
        return self._filled(_PAGE, url, title, language, text)

    def of_reader(self, texts: Sequence[str], language: str = "") -> str:
        """Return the prompt for a reader, from what the pages that were read say, newest last.

        Each page gets an equal part of the length (section 3.2.2 joins them).
        """
        each = 3_000 // max(1, len(texts))
        read = "\n".join(f"{number}. {text[:each]}" for number, text in enumerate(texts, 1))
        return self._filled(_READER, "", "", language, read)

    def _filled(self, name: str, url: str, title: str, language: str, text: str) -> str:
        listed = "\n".join(f"- {factor}" for factor in self.factors)
        asked = template(name).safe_substitute(factors=listed.replace("$", "$$"))
        return QueryPrompt(type(template(name))(asked)).fill(url, title, language, text)


def knowledge(answer: Answer) -> str:
    """Return what the model wrote, on one line. Raises Unanswered if it was refused, cut off or says nothing."""
    answer.check()
    text = " ".join(answer.text.split())
    if len(text) < _FEWEST:
        raise Unanswered("an empty answer")
    return text
