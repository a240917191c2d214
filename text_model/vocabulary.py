"""Measures how well a tokenizer's vocabulary covers a text.

An encoder returns a vector for every text. But if the tokenizer has no pieces for a language's letters, or only single
letters instead of words, all texts in that language look alike to the encoder. Both cases are measured here, for any
tokenizer and from token ids, without a list of languages.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

_UNKNOWN = ("[UNK]", "<unk>")
_INSIDE = "##"  # WordPiece: the piece continues a word
_BEGINS = ("▁", "Ġ")  # SentencePiece, byte-level BPE: the piece begins a word
_LONG, _WORD = 4, 3  # letters from which on a piece, or a whole word, carries meaning
#: Words of scripts without capitals (Arabic, Thai, Chinese …) have few letters: there two carry meaning, in a script of
#: which the vocabulary has so many pieces of several letters that it was learnt from text in it. MiniLM's has 2 at
#: most, the multilingual encoder's from 1,700 of each of its scripts.
_LONG_UNCASED, _LEARNT = 2, 500
#: Limits for the share of letters in such pieces. With the packaged MiniLM: English prose .76 to .95, the terse entries
#: of a manual above .52 in 19 of 20; German and French .15 to .64, Finnish and Turkish below .2, Russian 0.
_LOW, _HIGH = 0.35, 0.55


class Vocabulary:
    """Measures coverage by the letters of vocabulary pieces."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        found = (tokenizer.token_to_id(name) for name in _UNKNOWN)
        self.unknown: int | None = next((token for token in found if token is not None), None)

    def known(self, ids: Sequence[int], text: str) -> float:
        """Return the share of a text's letters that its tokens cover, 0 to 1; 0 for a text without letters."""
        letters = _letters(text)
        return min(1.0, float(self._pieces[0][np.asarray(ids, np.int64)].sum()) / letters) if letters else 0.0

    def understood(self, pages: Sequence[NDArray[np.uint32]]) -> NDArray[np.float32]:
        """Return how well an encoder can have learnt the words of pages, given as token ids: 0 not at all, 1 well.

        It is 1 if over half of the letters are in whole words or long pieces, and 0 below about a third.
        """
        letters, begins, uncased = self._pieces
        ids = np.concatenate([np.empty(0, np.int64), *pages]).astype(np.int64)
        ends = np.cumsum([len(page) for page in pages], dtype=np.int64)
        begins_next = np.append(begins[ids[1:]], True) if len(ids) else np.empty(0, np.bool_)
        begins_next[ends[(ends > 0) & (ends <= len(ids))] - 1] = True
        counts = letters[ids]
        long = counts >= np.where(uncased[ids], _LONG_UNCASED, _LONG)
        meaningful = np.where(long | (begins[ids] & begins_next & (counts >= _WORD)), counts, 0)
        sums = (np.diff(np.concatenate([[0], np.cumsum(part)])[np.append(0, ends)]) for part in (meaningful, counts))
        in_meaningful, in_all = sums
        share = in_meaningful / np.maximum(in_all, 1)
        understood: NDArray[np.float32] = np.clip((share - _LOW) / (_HIGH - _LOW), 0, 1).astype(np.float32)
        return understood

    @cached_property
    def _pieces(self) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Return, by token id, a piece's letters, whether it begins a word, and if its uncased script was learnt."""
        pieces = self._tokenizer.get_vocab(with_added_tokens=True)
        special = {id_ for id_, token in self._tokenizer.get_added_tokens_decoder().items() if token.special}
        marked = any(piece.startswith(_BEGINS) for piece in pieces)
        letters, begins = np.zeros(max(pieces.values()) + 1, np.int64), np.zeros(max(pieces.values()) + 1, np.bool_)
        for piece, token in pieces.items():
            begins[token] = piece.startswith(_BEGINS) if marked else not piece.startswith(_INSIDE)
            if token not in special and token != self.unknown:
                plain = self._tokenizer.decode([token]) if piece.startswith("Ġ") else piece
                letters[token] = _letters(plain.removeprefix(_INSIDE))
        return letters, begins, _in_learnt_scripts(pieces, len(letters))


def _in_learnt_scripts(pieces: Mapping[str, int], size: int) -> NDArray[np.bool_]:
    """Return, by token id, whether a piece is in a script without capitals that the vocabulary was learnt from."""
    scripts = {token: script for piece, token in pieces.items() if (script := _uncased_script(piece))}
    several = Counter(scripts[token] for piece, token in pieces.items() if token in scripts and len(piece) > 2)
    result = np.zeros(size, np.bool_)
    result[[token for token, script in scripts.items() if several[script] >= _LEARNT]] = True
    return result


def _uncased_script(piece: str) -> str:
    """Return the first word of the name of a piece's first letter without case (ARABIC, CJK …); '' if it has none."""
    letter = next((letter for letter in piece if unicodedata.category(letter) == "Lo"), "")
    return unicodedata.name(letter, "").partition(" ")[0] if letter else ""


def _letters(text: str) -> int:
    """Count letters and digits; a syllable or ideograph (CJK) counts as two."""
    return sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text if letter.isalnum())
