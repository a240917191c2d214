"""Token ids of pages and page pairs: computed once offline, combined online without a tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from tokenizers import Tokenizer

from corpus.urls.url import url_words
from text_model.vocabulary import Vocabulary

#: Padded lengths; a few fixed shapes keep the ONNX Runtime arena small.
LENGTHS = (16, 24, 32, 40, 48, 64, 96, 128, 192, 256, 512)

#: Type of a setting: two pages and their four special tokens must fit the longest padded length.
TokensPerPage = Annotated[int, Field(ge=1, le=(LENGTHS[-1] - 4) // 2)]

#: A page gets no tokens if less than this share of its letters is known: the rest would misrepresent it.
READABLE = 0.5
_SNIPPET_CHARACTERS = 2000  # that are tokenized
_URL_NOISE = frozenset({"htm", "html", "php", "aspx", "index", "www"})


class PageTokenizer:
    """Turns a page's text into token ids: title, then URL words that are not in the title, then snippet."""

    def __init__(self, path: Path, tokens_per_page: int) -> None:
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.vocabulary = Vocabulary(self._tokenizer)
        self.tokens_per_page = tokens_per_page
        self.cls = _required_id(self._tokenizer, "[CLS]", "<s>")
        self.sep = _required_id(self._tokenizer, "[SEP]", "</s>")

    def encode(
        self, urls: Sequence[str], titles: Sequence[str], snippets: Sequence[str]
    ) -> tuple[list[NDArray[np.uint32]], NDArray[np.uint16]]:
        """Return each page's ids (at most `tokens_per_page`, no special tokens) and how many are from its title.

        Letters that are not in the vocabulary are dropped; a page that consists mostly of them gets no tokens. Their
        common unknown token would make all pages in a script look alike.
        """
        heads = [title or url_words(url) for url, title in zip(urls, titles, strict=True)]
        url_parts = [_url_words_not_in(head, url) for url, head in zip(urls, heads, strict=True)]
        beginnings = [snippet[:_SNIPPET_CHARACTERS] for snippet in snippets]
        parts = zip(self._ids(heads), self._ids(url_parts), self._ids(beginnings), strict=True)
        texts = (f"{head} {beginning}" for head, beginning in zip(heads, beginnings, strict=True))
        kept = [self._kept(part, text) for part, text in zip(parts, texts, strict=True)]
        limit = self.tokens_per_page
        ids = [np.array([*head, *words, *rest][:limit], dtype=np.uint32) for head, words, rest in kept]
        return ids, np.array([min(len(head), limit) for head, _, _ in kept], dtype=np.uint16)

    def text_ids(self, texts: Sequence[str]) -> list[NDArray[np.uint32]]:
        """Return the ids of whole texts, without special tokens and unknown ones."""
        found = (np.array(ids, np.uint32) for ids in self._ids(list(texts)))
        return [ids[ids != self.vocabulary.unknown] if self.vocabulary.unknown is not None else ids for ids in found]

    @property
    def mask(self) -> int:
        """The id of the token that hides another. Raises ValueError if the vocabulary has none."""
        return _required_id(self._tokenizer, "[MASK]", "<mask>")

    def _ids(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def _kept(self, parts: tuple[list[int], list[int], list[int]], text: str) -> tuple[list[int], ...]:
        """Return the ids of title, URL and snippet without the unknown token; none if most of the text is unknown."""
        unknown = self.vocabulary.unknown
        head, words, rest = parts
        if unknown not in head and unknown not in rest and unknown not in words:
            return parts
        if self.vocabulary.known(head + rest, text) < READABLE:
            return [], [], []
        return tuple([id_ for id_ in ids if id_ != unknown] for ids in parts)


def understood(
    tokenizer: PageTokenizer, urls: Sequence[str], titles: Sequence[str], snippets: Sequence[str]
) -> NDArray[np.float32]:
    """Return how well an encoder can have learnt each page's words, 0 to 1.

    The URL counts only for a page without text: its words say nothing about the language of the text.
    """
    only_urls = [
        "" if title.strip() or snippet.strip() else url
        for url, title, snippet in zip(urls, titles, snippets, strict=True)
    ]
    return tokenizer.vocabulary.understood(tokenizer.encode(only_urls, titles, snippets)[0])


def title_and_rest(
    ids: Sequence[NDArray[np.uint32]], titles: Sequence[int] | NDArray[np.uint16]
) -> tuple[list[NDArray[np.uint32]], list[NDArray[np.uint32]]]:
    """Split the ids from `encode` into titles and the rest; a page with only one part has it in both."""
    lengths = [int(length) for length in titles]
    first = [row[:length] if length else row for row, length in zip(ids, lengths, strict=True)]
    rest = [row[length:] if length < len(row) else row for row, length in zip(ids, lengths, strict=True)]
    return first, rest


def _url_words_not_in(head: str, url: str) -> str:
    seen = set(head.lower().split())
    return " ".join(w for w in url_words(url).split() if w not in seen and w not in _URL_NOISE and not w.isdigit())


def _required_id(tokenizer: Tokenizer, *names: str) -> int:
    for name in names:
        if (token := tokenizer.token_to_id(name)) is not None:
            return int(token)
    raise ValueError(f"the tokenizer has none of {names}: use a model with sentence-pair special tokens")


def padded_length(tokens: int) -> int:
    """Return the smallest of LENGTHS that fits."""
    return next(length for length in LENGTHS if length >= tokens)


def pad(
    sequences: Sequence[NDArray[np.uint32]], types: Sequence[NDArray[np.uint8]] | None = None
) -> dict[str, NDArray[np.int64]]:
    """Return model inputs (rows, length) int64, padded with 0 to the next of LENGTHS."""
    length = padded_length(max((len(s) for s in sequences), default=1))
    ids = np.zeros((len(sequences), length), np.int64)
    mask = np.zeros_like(ids)
    kinds = np.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = sequence
        mask[row, : len(sequence)] = 1
        if types is not None:
            kinds[row, : len(sequence)] = types[row]
    return {"input_ids": ids, "token_type_ids": kinds, "attention_mask": mask}


def single_inputs(pages: Sequence[NDArray[np.uint32]], cls: int, sep: int) -> dict[str, NDArray[np.int64]]:
    """Return the inputs of `[CLS] page [SEP]` for each page."""
    return pad([np.concatenate(([cls], page, [sep])).astype(np.uint32) for page in pages])


def pair_inputs(
    first: Sequence[NDArray[np.uint32]], second: Sequence[NDArray[np.uint32]], cls: int, sep: int
) -> dict[str, NDArray[np.int64]]:
    """Return the inputs of `[CLS] page1 [SEP] [CLS] page2 [SEP]` for each pair; token types mark the pages."""
    sequences, types = [], []
    for a, b in zip(first, second, strict=True):
        sequences.append(np.concatenate(([cls], a, [sep], [cls], b, [sep])).astype(np.uint32))
        types.append(np.repeat(np.array([0, 1], np.uint8), [len(a) + 2, len(b) + 2]))
    return pad(sequences, types)
