"""Reads and writes `tokenizer.json`: one tokenizer, or a list of those by which a page is split one after another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer


def write_tokenizers(path: Path, tokenizers: Sequence[Tokenizer]) -> None:
    """Write several tokenizers to one file, each as a string: parsing a vocabulary in Python takes 50 MB."""
    path.write_text(json.dumps([tokenizer.to_str() for tokenizer in tokenizers]))


def read_tokenizers(path: Path) -> list[Tokenizer]:
    """Return the tokenizers of a file, without padding and truncation."""
    text = path.read_text()
    found = [Tokenizer.from_str(part) for part in (json.loads(text) if text.startswith("[") else [text])]
    for tokenizer in found:
        tokenizer.no_padding()
        tokenizer.no_truncation()
    return found
