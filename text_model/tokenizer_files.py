"""Reads and writes `tokenizer.json`: one tokenizer, or several by which a page is split one after another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

_PARTS = "tokenizers"


def write_tokenizers(path: Path, tokenizers: Sequence[Tokenizer]) -> None:
    """Write several tokenizers to one file."""
    path.write_text(json.dumps({_PARTS: [json.loads(part.to_str()) for part in tokenizers]}))


def read_tokenizers(path: Path) -> list[Tokenizer]:
    """Return the tokenizers of a file, without padding and truncation."""
    text = path.read_text()
    parts = json.loads(text).get(_PARTS)
    found = [Tokenizer.from_str(text)] if parts is None else [Tokenizer.from_str(json.dumps(part)) for part in parts]
    for tokenizer in found:
        tokenizer.no_padding()
        tokenizer.no_truncation()
    return found
