"""Token ids of pages and of page pairs: made once offline, put together online without a tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from tokenizers import Tokenizer

from corpus.url import url_words

#: Padded lengths; few shapes keep the ONNX Runtime arena small.
LENGTHS = (16, 24, 32, 40, 48, 64, 96, 128, 192, 256, 512)

#: A setting: two pages and their four special tokens must fit the longest padded length.
TokensPerPage = Annotated[int, Field(ge=1, le=(LENGTHS[-1] - 4) // 2)]

_URL_NOISE = frozenset({"htm", "html", "php", "aspx", "index", "www"})


class PageTokenizer:
    """Turns a page's words into token ids: title, then URL words that the title lacks, then snippet."""

    def __init__(self, path: Path, tokens_per_page: int) -> None:
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.tokens_per_page = tokens_per_page
        self.cls = _required_id(self._tokenizer, "[CLS]", "<s>")
        self.sep = _required_id(self._tokenizer, "[SEP]", "</s>")

    def encode(
        self, urls: Sequence[str], titles: Sequence[str], snippets: Sequence[str]
    ) -> tuple[list[NDArray[np.uint32]], NDArray[np.uint16]]:
        """Return each page's ids (at most `tokens_per_page`, no special tokens) and how many are its title's."""
        heads = [title or url_words(url) for url, title in zip(urls, titles, strict=True)]
        head_ids = self._ids(heads)
        tails = [_tail(*texts) for texts in zip(urls, heads, snippets, strict=True)]
        tail_ids = self._ids(tails)
        limit = self.tokens_per_page
        ids = [
            np.array((head[:limit] + tail)[:limit], dtype=np.uint32)
            for head, tail in zip(head_ids, tail_ids, strict=True)
        ]
        return ids, np.array([min(len(head), limit) for head in head_ids], dtype=np.uint16)

    def _ids(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def title_and_rest(
    ids: Sequence[NDArray[np.uint32]], titles: Sequence[int] | NDArray[np.uint16]
) -> tuple[list[NDArray[np.uint32]], list[NDArray[np.uint32]]]:
    """Part what `encode` returns into titles and what comes after; a page of one part alone has it twice."""
    lengths = [int(length) for length in titles]
    first = [row[:length] if length else row for row, length in zip(ids, lengths, strict=True)]
    rest = [row[length:] if length < len(row) else row for row, length in zip(ids, lengths, strict=True)]
    return first, rest


def _tail(url: str, head: str, snippet: str) -> str:
    seen = set(head.lower().split())
    words = [w for w in url_words(url).split() if w not in seen and w not in _URL_NOISE and not w.isdigit()]
    return f"{' '.join(words)} {snippet[:2000]}"


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
