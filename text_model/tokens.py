"""Token ids of pages and of page pairs: made once offline, put together online without a tokenizer."""

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

#: Padded lengths; few shapes keep the ONNX Runtime arena small.
LENGTHS = (16, 24, 32, 40, 48, 64, 96, 128, 192, 256, 512)

#: A setting: two pages and their four special tokens must fit the longest padded length.
TokensPerPage = Annotated[int, Field(ge=1, le=(LENGTHS[-1] - 4) // 2)]

#: A page of which less than this share of the letters is known has no tokens: what is left would speak for all.
READABLE = 0.5
_READ = 2000  # characters of a snippet
_URL_NOISE = frozenset({"htm", "html", "php", "aspx", "index", "www"})


class PageTokenizer:
    """Turns a page's words into token ids: title, then URL words that the title lacks, then snippet."""

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
        """Return each page's ids (at most `tokens_per_page`, no special tokens) and how many are its title's.

        Letters that the vocabulary does not have become nothing, and so does a page of which they are the most: the
        token that stands for them would make all pages of a script alike.
        """
        heads = [title or url_words(url) for url, title in zip(urls, titles, strict=True)]
        beside = [_url_words_beside(url, head) for url, head in zip(urls, heads, strict=True)]
        read = [snippet[:_READ] for snippet in snippets]
        parts = zip(self._ids(heads), self._ids(beside), self._ids(read), strict=True)
        texts = (f"{head} {snippet}" for head, snippet in zip(heads, read, strict=True))
        kept = [self._kept(part, text) for part, text in zip(parts, texts, strict=True)]
        limit = self.tokens_per_page
        ids = [np.array([*head, *words, *rest][:limit], dtype=np.uint32) for head, words, rest in kept]
        return ids, np.array([min(len(head), limit) for head, _, _ in kept], dtype=np.uint16)

    def _ids(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def _kept(self, parts: tuple[list[int], list[int], list[int]], text: str) -> tuple[list[int], ...]:
        """Return the ids of title, URL and snippet without the unknown one; none where most of the text is unknown."""
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
    """Return how far an encoder can have learnt each page's words, 0 to 1.

    Words of the URL tell nothing of those that a page has itself.
    """
    alone = [
        "" if title.strip() or snippet.strip() else url
        for url, title, snippet in zip(urls, titles, snippets, strict=True)
    ]
    return tokenizer.vocabulary.understood(tokenizer.encode(alone, titles, snippets)[0])


def title_and_rest(
    ids: Sequence[NDArray[np.uint32]], titles: Sequence[int] | NDArray[np.uint16]
) -> tuple[list[NDArray[np.uint32]], list[NDArray[np.uint32]]]:
    """Part what `encode` returns into titles and what comes after; a page of one part alone has it twice."""
    lengths = [int(length) for length in titles]
    first = [row[:length] if length else row for row, length in zip(ids, lengths, strict=True)]
    rest = [row[length:] if length < len(row) else row for row, length in zip(ids, lengths, strict=True)]
    return first, rest


def _url_words_beside(url: str, head: str) -> str:
    seen = set(head.lower().split())
    return " ".join(w for w in url_words(url).split() if w not in seen and w not in _URL_NOISE and not w.isdigit())


def _required_id(tokenizer: Tokenizer, *names: str) -> int:
    for name in names:
        if (token := tokenizer.token_to_id(name)) is not None:
            return int(token)
    raise ValueError(f"the tokenizer has none of {names}: use a model with sentence-pair special tokens")


def padded_length(tokens: int) -> int:
    """Return the next of LENGTHS."""
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
    """Return the inputs of `[CLS] page1 [SEP] [CLS] page2 [SEP]` a pair; token types tell the pages apart."""
    sequences, types = [], []
    for a, b in zip(first, second, strict=True):
        sequences.append(np.concatenate(([cls], a, [sep], [cls], b, [sep])).astype(np.uint32))
        types.append(np.repeat(np.array([0, 1], np.uint8), [len(a) + 2, len(b) + 2]))
    return pad(sequences, types)
