"""Token ids of pages and page pairs: computed once offline, combined online without a tokenizer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from tokenizers import Tokenizer

from corpus.urls.url import url_words
from text_model.tokenizer_files import read_tokenizers
from text_model.vocabulary import Vocabulary

#: Padded lengths; a few fixed shapes keep the ONNX Runtime arena small, and small steps waste little.
LENGTHS = (16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 512)

_RUN = 2_048  # tokens; a larger run leaves the processor's caches: 64 pages of 128 take 1.4 times as long per token
_MOST = 64  # pages of a run

#: Type of a setting: two pages and their four special tokens must fit the longest padded length. 0: by the encoder.
TokensPerPage = Annotated[int, Field(ge=0, le=(LENGTHS[-1] - 4) // 2)]

#: A page gets no tokens if less than this share of its letters is known: the rest would misrepresent it.
READABLE = 0.5
SPECIAL = 2  # tokens around a page
_SNIPPET_CHARACTERS = 2000  # that are tokenized
_URL_NOISE = frozenset({"htm", "html", "php", "aspx", "index", "www"})


class Pieces(NamedTuple):
    """The second way to split a page: its ids stand in the same array, raised by `offset`."""

    offset: int
    first: int
    end: int


class Marks(NamedTuple):
    """The special tokens around pages."""

    first: int  # before a page: [CLS] or <s>
    end: int  # after a page: [SEP] or </s>
    between: int  # before page 2 where all layers read both pages: [CLS] for BERT, a second </s> for RoBERTa
    pieces: Pieces | None = None  # of the second tokenizer of a joined encoder


class PageTokenizer:
    """Turns a page's text into token ids: title, then URL words that are not in the title, then snippet."""

    def __init__(self, path: Path, tokens_per_page: int) -> None:
        tokenizers = read_tokenizers(path)
        self._parts = [_Splitter(tokenizer, tokens_per_page) for tokenizer in tokenizers]
        sizes = [tokenizer.get_vocab_size(with_added_tokens=True) for tokenizer in tokenizers]
        self._offsets = np.cumsum([0, *sizes[:-1]]).tolist()
        self.tokens_per_page = tokens_per_page  # of each way to split it
        self.marks = self._parts[0].marks
        if len(self._parts) > 1:
            first, end, *_ = self._parts[1].marks
            self.marks = self.marks._replace(pieces=Pieces(self._offsets[1], first, end))

    def encode(
        self, urls: Sequence[str], titles: Sequence[str], snippets: Sequence[str]
    ) -> tuple[list[NDArray[np.uint32]], NDArray[np.uint16]]:
        """Return each page's ids (at most `tokens_per_page`, no special tokens) and how many are from its title.

        Letters that are not in the vocabulary are dropped; a page that consists mostly of them gets no tokens. Their
        common unknown token would make all pages in a script look alike. With two tokenizers a page's ids are both its
        titles, then both other parts.
        """
        split = [part.encode(urls, titles, snippets) for part in self._parts]
        if len(split) == 1:
            return split[0]
        ids, counts = [], []
        for ways in zip(*(zip(*part, strict=True) for part in split), strict=True):
            raised = [(own + offset, int(title)) for (own, title), offset in zip(ways, self._offsets, strict=True)]
            parts = [*(own[:title] for own, title in raised), *(own[title:] for own, title in raised)]
            ids.append(np.concatenate(parts).astype(np.uint32))
            counts.append(sum(title for _, title in raised))
        return ids, np.array(counts, np.uint16)

    def text_ids(self, texts: Sequence[str]) -> list[NDArray[np.uint32]]:
        """Return the ids of whole texts by the first tokenizer, without special tokens and unknown ones."""
        return self._parts[0].text_ids(texts)

    @property
    def mask(self) -> int:
        """The id of the first tokenizer's token that hides another. Raises ValueError if the vocabulary has none."""
        return self._parts[0].mask

    def understood(self, pages: Sequence[NDArray[np.uint32]]) -> NDArray[np.float32]:
        """Return how well an encoder can have learnt the words of pages, given as ids: the better of the tokenizers."""
        best: NDArray[np.float32] = self.understood_by_part(pages).max(axis=0)
        return best

    def understood_by_part(self, pages: Sequence[NDArray[np.uint32]]) -> NDArray[np.float32]:
        """Return the same for each tokenizer, (tokenizers, pages)."""
        bounds = [*self._offsets[1:], np.iinfo(np.uint32).max]
        parts = zip(self._parts, self._offsets, bounds, strict=True)
        return np.stack(
            [
                part.vocabulary.understood([page[(page >= low) & (page < high)] - np.uint32(low) for page in pages])
                for part, low, high in parts
            ]
        )


class _Splitter:
    """One tokenizer, and the special tokens and letters that it knows."""

    def __init__(self, tokenizer: Tokenizer, tokens_per_page: int) -> None:
        self._tokenizer = tokenizer
        self.vocabulary = Vocabulary(tokenizer)
        self.tokens_per_page = tokens_per_page
        first, end = (_required_id(tokenizer, *names) for names in (("[CLS]", "<s>"), ("[SEP]", "</s>")))
        self.marks = Marks(first, end, end if _doubles(tokenizer, end) else first)

    def encode(
        self, urls: Sequence[str], titles: Sequence[str], snippets: Sequence[str]
    ) -> tuple[list[NDArray[np.uint32]], NDArray[np.uint16]]:
        """Return the same for this tokenizer."""
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
        found = (np.array(ids, np.uint32) for ids in self._ids(list(texts)))
        return [ids[ids != self.vocabulary.unknown] if self.vocabulary.unknown is not None else ids for ids in found]

    @property
    def mask(self) -> int:
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
    """Return how well an encoder can have learnt each page's words, 0 to 1."""
    best: NDArray[np.float32] = understood_by_part(tokenizer, urls, titles, snippets).max(axis=0)
    return best


def understood_by_part(
    tokenizer: PageTokenizer, urls: Sequence[str], titles: Sequence[str], snippets: Sequence[str]
) -> NDArray[np.float32]:
    """Return the same for each tokenizer, (tokenizers, pages).

    The URL counts only for a page without text: its words say nothing about the language of the text.
    """
    only_urls = [
        "" if title.strip() or snippet.strip() else url
        for url, title, snippet in zip(urls, titles, snippets, strict=True)
    ]
    return tokenizer.understood_by_part(tokenizer.encode(only_urls, titles, snippets)[0])


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


def _doubles(tokenizer: Tokenizer, end: int) -> bool:
    """Return whether the tokenizer's own pairs have two end tokens between their parts, as RoBERTa's and XLM-R's do."""
    ids = tokenizer.encode("a", "a").ids
    return any(pair == (end, end) for pair in pairwise(ids))


def padded_length(tokens: int) -> int:
    """Return the smallest of LENGTHS that fits. Raises ValueError."""
    if tokens > LENGTHS[-1]:
        raise ValueError(f"{tokens} tokens are more than the {LENGTHS[-1]} that are read at once")
    return next(length for length in LENGTHS if length >= tokens)


def runs(lengths: Sequence[int]) -> Iterator[slice]:
    """Yield slices of pages with these lengths, ascending, each of which a model reads at once."""
    start = 0
    for end, length in enumerate(lengths):
        count, longest = end - start, min(length + SPECIAL, LENGTHS[-1])
        if count == _MOST or (count and (count + 1) * padded_length(longest) > _RUN):
            yield slice(start, end)
            start = end
    if lengths:
        yield slice(start, len(lengths))


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


def single_inputs(pages: Sequence[NDArray[np.uint32]], marks: Marks) -> dict[str, NDArray[np.int64]]:
    """Return the inputs of `[CLS] page [SEP]` for each page, and those of its pieces if the marks have them."""
    if marks.pieces is None:
        return pad([np.concatenate(([marks.first], page, [marks.end])).astype(np.uint32) for page in pages])
    offset, first, end = marks.pieces
    words = single_inputs([page[page < offset] for page in pages], marks._replace(pieces=None))
    pieces = single_inputs([page[page >= offset] - np.uint32(offset) for page in pages], Marks(first, end, first))
    return words | {"piece_ids": pieces["input_ids"], "piece_mask": pieces["attention_mask"]}


def pair_inputs(
    first: Sequence[NDArray[np.uint32]], second: Sequence[NDArray[np.uint32]], marks: Marks, *, joint: bool = False
) -> dict[str, NDArray[np.int64]]:
    """Return the inputs of `[CLS] page1 [SEP] [CLS] page2 [SEP]` for each pair; token types mark the pages.

    With `joint`, for an encoder all of whose layers read both pages, `marks.between` stands before page 2, so that
    RoBERTa and XLM-R read `<s> page1 </s></s> page2 </s>` as they did in their training.
    """
    opens = marks.between if joint else marks.first
    sequences, types = [], []
    for a, b in zip(first, second, strict=True):
        parts = ([marks.first], a, [marks.end], [opens], b, [marks.end])
        sequences.append(np.concatenate(parts).astype(np.uint32))
        types.append(np.repeat(np.array([0, 1], np.uint8), [len(a) + 2, len(b) + 2]))
    return pad(sequences, types)
