"""The query writer's prompt: a text file with a hole for each field of a page, after the paper's figure 7."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from string import Template

from corpus.text.page_text import clean
from prompting.prompt import template

#: Tokens that an answer may take: ten queries in a script of many tokens a character, and a sentence before them.
ANSWER_TOKENS = 1_000

_LONGEST = {"url": 500, "title": 300, "text": 3_000}  # characters
_MARKUP = 4  # a field is read to this many times its length: what is beyond was hardly going to be text
_UNSEEN = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
_FENCE = re.compile(r"<(?=\s*(?:/\s*)?page\b)", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")


@dataclass(frozen=True, slots=True)
class QueryPrompt:
    """The prompt of the query writer."""

    template: Template

    def fill(self, url: str, title: str, language: str, text: str) -> str:
        """Return the prompt for one page, its fields cleaned of markup and cut, so that it cannot run up the bill."""
        known = language if _LANGUAGE.fullmatch(language) else "the one that the text is in"
        return self.template.substitute(
            url=_blunt(url[: _LONGEST["url"]]),
            title=plain(title, _LONGEST["title"]),
            language=known,
            text=plain(text, _LONGEST["text"]),
        )


def load_query_prompt() -> QueryPrompt:
    """Return the prompt that writes queries."""
    return QueryPrompt(template("queries"))


def plain(markup: str, longest: int) -> str:
    """Return at most `longest` characters of text on one line, without tags, scripts and control characters."""
    text = _TAG.sub(" ", _UNSEEN.sub(" ", markup[: _MARKUP * longest]))
    return _blunt(html.unescape(text))[:longest].rstrip()


def _blunt(text: str) -> str:
    """Return clean text in which nothing looks like the end of the page: it cannot step out of its place."""
    return _FENCE.sub("‹", clean(text))
