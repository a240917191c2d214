"""Writes all that a fold of golden pairs needs: token ids, likenesses of all pairs of articles, and small encoders.

python -m benchmarks.golden.prepare pairs.parquet CACHE --encoder minilm=minilm --encoder mpnet=PATH

The folds then need neither the packages that read pages nor a tokenizer. An encoder keeps only the rows of its
vocabulary that the articles use, and its weights are stored as float16.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.golden.cache import FEATURES, PAIRS, TOKENS, Tokens
from benchmarks.golden_student import Pairs, read_judged
from corpus.files.pairs import TextPair
from ranking.quality.pages import JudgedPages
from ranking.quality.pages import Pairs as RubricPairs
from ranking.quality.rubric import RubricJudge
from ranking.quality.text_pairs import RubricTextJudge, pages_of
from text_model.base import load_encoder, write_tokenizer
from text_model.tokens import Marks, PageTokenizer

_PER_PAGE = 160  # tokens: all of nearly every article


def main() -> None:
    """Write the cache."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--encoder", action="append", required=True, metavar="NAME=BASE")
    parser.add_argument("--encoders-alone", action="store_true", help="the features are there")
    options = parser.parse_args()
    pairs = read_judged(options.pairs)
    options.cache.mkdir(parents=True, exist_ok=True)
    np.savez(
        options.cache / PAIRS, first=pairs.first, second=pairs.second, good_rate=pairs.good_rate, similar=pairs.similar
    )
    features: dict[str, NDArray[np.float32]] = {}
    for name, base in (entry.split("=", 1) for entry in options.encoder):
        if not options.encoders_alone:
            features |= likenesses(pairs, name, base)
        write_encoder(pairs, base, options.cache / name)
    if features:
        np.savez_compressed(options.cache / FEATURES, **features)


def likenesses(pairs: Pairs, name: str, base: str) -> dict[str, NDArray[np.float32]]:
    """Return what the rubric sees of all pairs of articles with an encoder's vectors: (articles, articles) each."""
    judge, count = RubricTextJudge(base), len(pairs.articles)
    every = [TextPair(*one, *pairs.articles[0]) for one in pairs.articles]
    pages, rows, _ = pages_of(every)
    vectors = judge.vectors(pages)
    title, rest = vectors.title[rows], vectors.snippet[rows]
    whole = judge._embedder.whole(*zip(*pairs.articles, strict=True))
    left, right = (rows[side] for side in np.divmod(np.arange(count**2), count))
    asked = RubricPairs(JudgedPages.from_table(pages, vectors.understood), left, right)
    rubric = RubricJudge().judge(asked, vectors.likeness(left, right), vectors.weight(left, right))
    found = {
        "cosine": whole @ whole.T, "titles": title @ title.T, "rests": rest @ rest.T, "title_rest": title @ rest.T,
        "rubric": rubric.reshape(count, count),
    }  # fmt: skip
    overlap = np.sqrt(np.clip(asked.word_overlap(), 0, 1)).reshape(count, count)
    return {f"{name} {key}": value.astype(np.float32) for key, value in found.items()} | {"overlap": overlap}


def write_encoder(pairs: Pairs, base: str, out: Path) -> None:
    """Write the encoder without the words that no article uses, and the articles' token ids in its vocabulary."""
    out.mkdir(exist_ok=True)
    path = out / "tokenizer.json"
    write_tokenizer(base, path)
    tokenizer = PageTokenizer(path, _PER_PAGE)
    ids, _ = tokenizer.encode(*zip(*pairs.articles, strict=True))
    path.unlink()
    encoder = load_encoder(base)
    special = [0, encoder.config.pad_token_id or 0, *tokenizer.marks[:3], tokenizer.mask]
    used = np.unique(np.concatenate([*ids, special]).astype(np.int64))
    words = encoder.get_input_embeddings()
    words.weight = torch.nn.Parameter(words.weight.detach()[torch.from_numpy(used)].clone())
    words.num_embeddings = encoder.config.vocab_size = len(used)
    encoder.half().save_pretrained(out)
    places = [np.searchsorted(used, row).astype(np.uint32) for row in ids]
    *marks, mask = (int(np.searchsorted(used, mark)) for mark in (*tokenizer.marks[:3], tokenizer.mask))
    Tokens(places, Marks(*marks), mask).save(out / TOKENS)
    print(json.dumps({"encoder": base, "words": len(used), "tokens": float(np.mean([len(row) for row in ids]))}))


if __name__ == "__main__":
    main()
