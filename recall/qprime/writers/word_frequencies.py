"""On how many pages and titles each word is, by language: a word common in one language is rare on a site of ten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from corpus.text.words import words
from corpus.urls.url import url_words
from recall.qprime.writers.writer import PageWords


@dataclass(slots=True)
class WordFrequencies:
    """Counts over pages."""

    pages: int = 0
    pages_with: Counter[str] = field(default_factory=Counter)
    titles_with: Counter[str] = field(default_factory=Counter)

    def add(self, page: PageWords, characters: int) -> None:
        """Count the words of a page: of its title, of so many characters of its snippet, and of its URL."""
        title = set(words(page.title))
        self.titles_with.update(title)
        self.pages_with.update({*title, *words(page.snippet[:characters]), *words(url_words(page.url))})
        self.pages += 1


def frequencies_by_language(pages: Iterable[PageWords], characters: int) -> dict[str, WordFrequencies]:
    """Return the counts of each language's pages; '' has those of unknown language."""
    found: dict[str, WordFrequencies] = {}
    for page in pages:
        found.setdefault(page.language, WordFrequencies()).add(page, characters)
    return found


def added_up(parts: Iterable[WordFrequencies]) -> WordFrequencies:
    """Return the counts of all pages."""
    total = WordFrequencies()
    for part in parts:
        total.pages += part.pages
        total.pages_with.update(part.pages_with)
        total.titles_with.update(part.titles_with)
    return total
