"""The query writer's prompt: a text template with the fields of a page, after the paper's figure 7."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from string import Template
from typing import Any

from corpus.text.page_text import clean
from prompting.judge_prompt import schema, template

#: Maximum tokens of an answer: ten queries in a script with many tokens per character, and an introductory sentence.
ANSWER_TOKENS = 1_000

_LONGEST = {"url": 500, "title": 300, "text": 3_000}  # characters
_MARKUP = 4  # a field is read up to this many times its maximum length, to leave room for markup
_INVISIBLE = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
_FENCE = re.compile(r"<(?=\s*(?:/\s*)?page\b)", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")


@dataclass(frozen=True, slots=True)
class QueryPrompt:
    """The prompt of the query writer."""

    template: Template
    schema: dict[str, Any] | None = None  # JSON schema of the answer

    def fill(self, url: str, title: str, language: str, text: str) -> str:
        """Return the prompt for one page; its fields are stripped of markup and cut to limit the cost."""
        known = language if _LANGUAGE.fullmatch(language) else "the one that the text is in"
        return self.template.substitute(
            url=_escaped(url[: _LONGEST["url"]]),
            title=plain(title, _LONGEST["title"]),
            language=known,
            text=plain(text, _LONGEST["text"]),
        )


def load_query_prompt(name: str = "queries") -> QueryPrompt:
    """Return a prompt that writes queries, by its file name without the extension."""
    return QueryPrompt(template(name), schema(name))


def plain(markup: str, longest: int) -> str:
    """Return at most `longest` characters of text on one line, without tags, scripts and control characters."""
    text = _TAG.sub(" ", _INVISIBLE.sub(" ", markup[: _MARKUP * longest]))
    return _escaped(html.unescape(text))[:longest].rstrip()


def _escaped(text: str) -> str:
    """Return clean text without `<page` tags, so that it cannot close its own tag in the prompt."""
    return _FENCE.sub("‹", clean(text))
