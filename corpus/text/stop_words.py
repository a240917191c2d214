"""Stop words of each language, as `corpus.text.words` spells them."""

from __future__ import annotations

from functools import cache

from corpus.text.words import words

#: Languages for which the package stop-words has ancient Greek, entries with quotation marks, or nothing.
_ISO_ONLY = frozenset({"el", "he"})


@cache
def stop_words(language: str) -> frozenset[str]:
    """Return the stop words of a language tag (`fr`, `pt-BR`); none for a language without a list, or ''."""
    # Imported on first use, as is the language detector: most callers of this package need no lists.
    import stopwordsiso
    from stop_words import safe_get_stop_words

    code = language.partition("-")[0].lower()
    listed = [] if not code or code in _ISO_ONLY else safe_get_stop_words(code)
    if code and not listed and stopwordsiso.has_lang(code):
        listed = stopwordsiso.stopwords(code)
    spelt = (words(entry) for entry in listed)
    return frozenset(word for entry in spelt if len(entry) == 1 for word in entry)
