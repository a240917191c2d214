"""Derives a page's site, address, language, fingerprint, and spam and adult flags from its URL and text."""

from __future__ import annotations

import pyarrow as pa

from corpus.text.html_entities import unescaped
from corpus.text.language_tags import LanguageTagError, language_of
from corpus.text.page_text import clean, detect_languages, fingerprints, is_adult, is_spam
from corpus.urls.url import address_key, host_id

#: Columns of `pages.parquet`, sorted by `page`.
PAGES = pa.schema(
    [
        ("page", pa.uint64()),  # PageId
        ("url", pa.string()),  # canonical
        ("title", pa.string()),
        ("snippet", pa.string()),
        ("language", pa.string()),  # corpus.text.language_tags.language_of, '' if unknown
        ("body", pa.string()),
        ("published", pa.timestamp("us", "UTC")),  # may be null
        ("valid_until", pa.timestamp("us", "UTC")),  # may be null
        ("host", pa.uint64()),  # corpus.urls.url.host_id
        ("address", pa.uint64()),  # corpus.urls.url.address_key
        ("fingerprint", pa.uint64()),  # of title and snippet, 0 if they are short
        ("spam", pa.bool_()),
        ("adult", pa.bool_()),
    ]
)


def describe(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows with the columns of PAGES; `batch` has those of the input table, with `page`."""
    urls = batch["url"].to_pylist()
    titles = [clean(unescaped(title)) for title in batch["title"].to_pylist()]
    snippets = [clean(unescaped(snippet)) for snippet in batch["snippet"].to_pylist()]
    texts = [f"{title} {snippet}" for title, snippet in zip(titles, snippets, strict=True)]
    columns = {
        "page": batch["page"],
        "url": urls,
        "title": titles,
        "snippet": snippets,
        "language": _languages(batch["language"].to_pylist(), texts),
        "body": [clean(unescaped(body)) for body in batch["body"].to_pylist()],
        "published": batch["published"],
        "valid_until": batch["valid_until"],
        "host": [host_id(url) for url in urls],
        "address": [address_key(url) for url in urls],
        "fingerprint": fingerprints(texts),
        "adult": [is_adult(*words) for words in zip(urls, titles, snippets, strict=True)],
        "spam": [is_spam(title, snippet) for title, snippet in zip(titles, snippets, strict=True)],
    }
    return pa.RecordBatch.from_pydict(columns, schema=PAGES)


def _languages(tags: list[str], texts: list[str]) -> list[str]:
    """Return each page's language code from its tag, or detected from the text if the tag names no language."""
    languages = [_language(tag) for tag in tags]
    unknown = [row for row, language in enumerate(languages) if not language]
    for row, language in zip(unknown, detect_languages([texts[row] for row in unknown]), strict=True):
        languages[row] = _language(language)
    return languages


def _language(tag: str) -> str:
    try:
        return language_of(tag)
    except LanguageTagError:
        return ""
