"""`onward score`: scores any pairs of pages, known or unknown, with the cross-encoder's two heads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import BundleName, Bundles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from corpus.files.pairs import TextPair
    from store.bundle import Bundle


def score(
    bundles: Bundles,
    pairs: Annotated[
        Path, typer.Option("--pairs", help="A table with url1, title1, snippet1, url2, title2, snippet2.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Output file, one JSON object per line.")],
    threads: Annotated[int, typer.Option(min=1, help="Threads of the model.")] = 2,
    rubric: Annotated[
        bool, typer.Option("--rubric", help="Quality is the mean of the head's and the rubric's: it agrees more.")
    ] = False,
    bundle: BundleName = None,
) -> None:
    """Score every pair of a file; pairs that cannot be scored give a line with an error, and are counted."""
    from corpus.files.pairs import fault, read_pairs
    from store.bundle import open_bundle, write_atomically

    rows = read_pairs(pairs).pairs
    faults = [fault(pair) for pair in rows]
    sound = [row for row, why in zip(rows, faults, strict=True) if not why]
    scores = _scores(open_bundle(bundles, bundle), sound, threads, rubric)
    write_atomically(out, b"".join(_line(row, why, scores) for row, why in zip(rows, faults, strict=True)))
    typer.echo(f"{out}: {len(sound):,} pairs scored", err=True)
    for why, count in Counter(filter(None, faults)).most_common():
        typer.echo(f"  {count:,} not scored: {why}", err=True)


def _scores(bundle: Bundle, pairs: list[TextPair], threads: int, rubric: bool) -> Iterator[tuple[float, float]]:
    from rich.console import Console
    from rich.progress import Progress

    from ranking.cross_encoder.pairs import open_pair_model
    from ranking.cross_encoder.text_pairs import TextPairScorer
    from text_model.tokens import PageTokenizer

    tokens = bundle.manifest.config["text"]["tokens_per_page"]
    tokenizer = PageTokenizer(bundle.file("tokenizer.json"), tokens)
    model = open_pair_model(bundle.path / "cross_encoder", tokenizer.marks, threads)
    scorer = TextPairScorer(model, tokenizer)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("score", total=len(pairs))
        first = [(pair.url1, pair.title1, pair.snippet1) for pair in pairs]
        second = [(pair.url2, pair.title2, pair.snippet2) for pair in pairs]
        click, quality = scorer.score(first, second, lambda done: bar.update(task, completed=done))
    if rubric and pairs:
        quality = _with_rubric(quality, pairs, bundle.manifest.config["text"]["base"])
    return zip(click.tolist(), quality.tolist(), strict=True)


def _with_rubric(quality: NDArray[np.float32], pairs: list[TextPair], base: str) -> NDArray[np.float32]:
    import numpy as np

    from ranking.quality.text_pairs import RubricTextJudge

    judged = RubricTextJudge(base).judge(pairs).quality
    return np.where(np.isnan(judged), quality, (quality + judged) / 2)


def _line(pair: TextPair, why: str, scores: Iterator[tuple[float, float]]) -> bytes:
    import orjson

    row: dict[str, str | float | None] = {"url1": pair.url1, "url2": pair.url2}
    if why:
        row |= {"click": None, "quality": None, "error": why}
    else:
        click, quality = next(scores)
        row |= {"click": round(click, 6), "quality": round(quality, 6)}
    return orjson.dumps(row) + b"\n"
