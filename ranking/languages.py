"""The languages of a site's pages: which one to answer in if the site has none in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping

from langcodes import tag_distance

_RELATED = 70  # langcodes distance of languages whose readers often read the other; unrelated ones are 80 apart


class SiteLanguages:
    """Finds the nearest language that a site has."""

    def __init__(self, pages: Mapping[str, int]) -> None:
        """`pages` counts the pages of each language, as `corpus.text.language_tags.language_of` names it."""
        self._pages = pages
        self._nearest: dict[str, str] = {}

    def nearest(self, language: str) -> str:
        """Return the language itself where the site has it or nothing is known; else a related one, else the main one.

        Of equally near languages the one with most pages is taken.
        """
        if not language or not self._pages or language in self._pages:
            return language
        if language not in self._nearest:  # bounded: language_of knows 18,252 codes
            self._nearest[language] = self._find(language)
        return self._nearest[language]

    def _find(self, language: str) -> str:
        near = {own: tag_distance(language, own) for own in self._pages}
        related = [own for own in near if near[own] < _RELATED]
        return min(related or self._pages, key=lambda own: (near[own] if related else 0, -self._pages[own]))


#: Every language is as good as any other: for training, and bundles that do not count them.
ANY_LANGUAGE = SiteLanguages({})
