"""The embedded query writer: key phrases of a page, ranked by document frequency."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from corpus.text.stop_words import stop_words
from corpus.text.words import is_letter, runs, words
from corpus.urls.url import url_words
from recall.qprime.queries.distinct import ALIKE, Distinct
from recall.qprime.writers.word_frequencies import WordFrequencies, added_up, frequencies_by_language
from recall.qprime.writers.writer import MAX_QUERIES, PageWords, WrittenQuery

_FEW_PAGES = 5  # on fewer pages, document frequency says nothing


@dataclass(frozen=True, slots=True)
class KeyPhrases:
    """Tunables of the key-phrase writer."""

    queries: int = 8  # per page at most
    common: float = 0.4  # a word on more than this share of the pages is a stop word in any language
    listed: float = 0.1  # so is a word of its language's stop list if it is on more than this share of the pages ...
    topical: float = 0.05  # ... or in the titles of less than this share of its pages
    min_pages: int = 2  # a word on fewer pages cannot find another page
    longest: int = 3  # words per phrase
    title_words: int = 8  # of the title, in the query for the page's own topic
    context_words: int = 1  # of the title, put before a phrase that is too short as a query
    alike: float = ALIKE  # queries whose words overlap more than this (Jaccard) are near-duplicates
    read: int = 2_000  # characters of the snippet


class KeyPhraseWriter:
    """Writes a page's title, its distinctive phrases, and its short phrases with words of the title.

    A phrase is a run of words between punctuation and stop words, as in RAKE. Stop words are those of
    the page's language that are rare in titles here (the list alone would exclude `world` and
    `system`), and any word on very many pages, which covers languages without a list. Phrases with
    a low document frequency are distinctive. Frequencies are those among the pages of the page's language.
    """

    def __init__(self, by_language: Mapping[str, WordFrequencies], settings: KeyPhrases = KeyPhrases()) -> None:
        """Take the frequencies of each language's pages. `fit` counts them."""
        self._settings = settings
        self._by_language = {code: _Words(code, counts, settings) for code, counts in by_language.items()}
        self._of_all = added_up(by_language.values())

    @classmethod
    def fit(cls, pages: Iterable[PageWords], settings: KeyPhrases = KeyPhrases()) -> KeyPhraseWriter:
        """Return a writer with the document frequencies of `pages`."""
        return cls(frequencies_by_language(pages, settings.read), settings)

    def write(self, pages: Sequence[PageWords]) -> list[list[WrittenQuery]]:
        """Return at most `settings.queries` queries per page, best first; none for a page without a known word."""
        return [self._queries(page) for page in pages]

    def _queries(self, page: PageWords) -> list[WrittenQuery]:
        known = self._words(page.language)
        title = [word for word in words(page.title) or words(url_words(page.url)) if word not in known.stop]
        title = title[: self._settings.title_words]
        telling = sorted(set(title), key=lambda word: (-known.weigh(word), word))[: self._settings.context_words]
        context = [word for word in title if word in telling]
        chosen = Distinct(self._settings.alike)
        found = (query for query in self._candidates(page, title, context, known) if chosen.takes(query))
        return [WrittenQuery(" ".join(query)) for query in islice(found, min(self._settings.queries, MAX_QUERIES))]

    def _candidates(
        self, page: PageWords, title: list[str], context: list[str], words_known: _Words
    ) -> Iterator[list[str]]:
        if any(word in words_known.weight for word in title):
            yield title
        for phrase in self._phrases(page, words_known):
            known = sum(word in words_known.weight for word in phrase)
            if not set(phrase).issubset(title):
                yield phrase if known > 1 else [*(word for word in context if word not in phrase), *phrase]

    def _phrases(self, page: PageWords, known: _Words) -> list[list[str]]:
        """Return phrases of title, snippet and URL, the most distinctive first."""
        score: dict[tuple[str, ...], float] = {}
        texts = (page.title, page.snippet[: self._settings.read], url_words(page.url))
        found = (
            phrase for text in texts for run in runs(text) for phrase in _split(run, known.stop, self._settings.longest)
        )
        for position, phrase in enumerate(found):  # the start of a page matters most
            value = sum(map(known.weigh, phrase)) / (1.0 + math.log1p(position))
            score[phrase] = score.get(phrase, 0.0) + value
        ranked = sorted(score.items(), key=lambda entry: -entry[1])
        return [list(phrase) for phrase, value in ranked if value > 0]

    def _words(self, language: str) -> _Words:
        """Return the words of a language; for one without pages those of all, with its own stop words."""
        if language not in self._by_language:
            self._by_language[language] = _Words(language, self._of_all, self._settings)
        return self._by_language[language]


class _Words:
    """What each word of a language is worth on its pages."""

    def __init__(self, language: str, counts: WordFrequencies, settings: KeyPhrases) -> None:
        most, many = (max(share * counts.pages, _FEW_PAGES) for share in (settings.common, settings.listed))
        common = frozenset(word for word, count in counts.pages_with.items() if count > most)
        topical = {
            word
            for word, count in counts.titles_with.items()
            if counts.pages_with[word] <= many and count >= settings.topical * counts.pages_with[word]
        }
        self.stop = common | (stop_words(language) - topical)
        self.weight = {
            word: math.log((counts.pages + 1) / count)
            for word, count in counts.pages_with.items()
            if count >= settings.min_pages and not is_letter(word)
        }

    def weigh(self, word: str) -> float:
        """Return how distinctive a word is, 0 for an unknown one."""
        return self.weight.get(word, 0.0)


def _split(run: Sequence[str], stop: frozenset[str], longest: int) -> Iterator[tuple[str, ...]]:
    """Yield the parts of a run between stop words, each at most `longest` words."""
    for stops, part in groupby(run, stop.__contains__):
        while not stops and (phrase := tuple(islice(part, longest))):
            yield phrase
