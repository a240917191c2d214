"""What of a text a tokenizer's vocabulary knows: letters that it has no piece for are lost, words in crumbs unlearnt.

An encoder gives every text a vector. Where its tokenizer had no pieces, or letters alone, all texts of a language are
alike to it, so both are measured here, of any tokenizer and from token ids, without a list of languages.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

_UNKNOWN = ("[UNK]", "<unk>")
_INSIDE = "##"  # WordPiece: this piece goes on with a word
_BEGINS = ("▁", "Ġ")  # SentencePiece, byte-level BPE: this one begins a word
_LONG, _WORD = 4, 3  # letters: of a piece that says something, and of a whole word that does
#: Shares of the letters that stand in such pieces. The packaged MiniLM: of English prose .76 to .95, of the terse
#: entries of a manual above .52 in 19 of 20; of German and French .15 to .64, Finnish and Turkish below .2, Russian 0.
_LITTLE, _ENOUGH = 0.35, 0.55


class Vocabulary:
    """Counts what pieces say."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        found = (tokenizer.token_to_id(name) for name in _UNKNOWN)
        self.unknown: int | None = next((token for token in found if token is not None), None)

    def known(self, ids: Sequence[int], text: str) -> float:
        """Return the share of a text's letters that its pieces hold, 0 to 1; 0 for a text without letters."""
        letters = _letters(text)
        return min(1.0, float(self._pieces[0][np.asarray(ids, np.int64)].sum()) / letters) if letters else 0.0

    def understood(self, pages: Sequence[NDArray[np.uint32]]) -> NDArray[np.float32]:
        """Return how far an encoder can have learnt the words of pages, given by token ids: 0 not at all, 1 well.

        It is 1 where over half of the letters stand in whole words or long pieces, and 0 below a third.
        """
        letters, begins = self._pieces
        ids = np.concatenate([np.empty(0, np.int64), *pages]).astype(np.int64)
        ends = np.cumsum([len(page) for page in pages], dtype=np.int64)
        begins_next = np.append(begins[ids[1:]], True) if len(ids) else np.empty(0, np.bool_)
        begins_next[ends[(ends > 0) & (ends <= len(ids))] - 1] = True
        of = letters[ids]
        telling = np.where((of >= _LONG) | (begins[ids] & begins_next & (of >= _WORD)), of, 0)
        sums = (np.diff(np.concatenate([[0], np.cumsum(part)])[np.append(0, ends)]) for part in (telling, of))
        told, all_letters = sums
        share = told / np.maximum(all_letters, 1)
        known: NDArray[np.float32] = np.clip((share - _LITTLE) / (_ENOUGH - _LITTLE), 0, 1).astype(np.float32)
        return known

    @cached_property
    def _pieces(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return, by token id, how many letters a piece has, and whether it begins a word."""
        pieces = self._tokenizer.get_vocab(with_added_tokens=True)
        special = {id_ for id_, token in self._tokenizer.get_added_tokens_decoder().items() if token.special}
        marked = any(piece.startswith(_BEGINS) for piece in pieces)
        letters, begins = np.zeros(max(pieces.values()) + 1, np.int64), np.zeros(max(pieces.values()) + 1, np.bool_)
        for piece, token in pieces.items():
            begins[token] = piece.startswith(_BEGINS) if marked else not piece.startswith(_INSIDE)
            if token not in special and token != self.unknown:
                plain = self._tokenizer.decode([token]) if piece.startswith("Ġ") else piece
                letters[token] = _letters(plain.removeprefix(_INSIDE))
        return letters, begins


def _letters(text: str) -> int:
    """Count letters and digits; one of a script of syllables or ideographs says as much as two."""
    return sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text if letter.isalnum())
