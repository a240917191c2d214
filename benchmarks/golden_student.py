"""Cross-validates the served student's quality head on human-judged pairs, with folds by article.

python benchmarks/golden_student.py pairs.parquet --repeats 3

The file has columns url1, title1, snippet1, url2, title2, snippet2, good_rate and similarity. Articles are assigned to
folds at random. A fold is tested on the pairs with both articles in the fold, and trained on the pairs with neither;
the other pairs are dropped, and their number is reported. A fold's build has no page of the fold, so its int8 model is
tested on unseen pages. Besides the human labels it learns the rubric's labels of pairs of its own pages; the rubric's
few constants were fitted on the whole file.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from configs.reading import from_override, leaves, read
from corpus.files.pairs import TextPair
from evaluation.metrics.pairwise_accuracy import pairwise_accuracy
from pipeline.build import build
from pipeline.config import PROFILES, BuildConfig
from pipeline.cross_encoder.student_files import EXPORTED
from pipeline.pages.encoder import chosen_settings
from ranking.cross_encoder.pairs import open_pair_model
from ranking.cross_encoder.text_pairs import TextPairScorer
from ranking.quality.text_pairs import RubricTextJudge
from text_model.tokens import PageTokenizer

BEST = 4.0  # the quality of a pair that everybody would follow


@dataclass(frozen=True, slots=True)
class Pairs:
    """The judged pairs and their articles, one row per article."""

    articles: list[tuple[str, str, str]]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    good_rate: NDArray[np.float64]
    similar: NDArray[np.bool_]


def main() -> None:
    """Print pairwise accuracy of the student, the rubric, both added, and the encoder's cosine, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=1, help="number of random assignments to folds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the build")
    options = parser.parse_args()
    sources = chain(leaves(PROFILES["labels"]), map(from_override, options.set))
    config = read(BuildConfig, sources, "configs/build.toml")
    pairs = read_judged(options.pairs)
    tested = [
        cross_validated(pairs, config, options.folds, np.random.default_rng(options.seed + repeat))
        for repeat in range(options.repeats)
    ]
    print(json.dumps(report(pairs, tested), indent=1))


def read_judged(path: Path) -> Pairs:
    """Return the file's pairs."""
    table = pq.read_table(path)
    sides = [
        list(zip(*(table[f"{name}{i}"].to_pylist() for name in ("url", "title", "snippet")), strict=True))
        for i in (1, 2)
    ]
    articles = sorted(set(chain(*sides)))
    row = {article: number for number, article in enumerate(articles)}
    first, second = (np.array([row[article] for article in side]) for side in sides)
    return Pairs(
        articles, first, second, table["good_rate"].to_numpy().astype(float), table["similarity"].to_numpy() > 0
    )


def cross_validated(
    pairs: Pairs, config: BuildConfig, folds: int, generator: np.random.Generator
) -> list[dict[str, NDArray[np.generic]]]:
    """Return each fold's tested rows with the scores by judge."""
    fold = generator.permutation(len(pairs.articles)) % folds
    left, right = fold[pairs.first], fold[pairs.second]
    tested = []
    for number in range(folds):
        rows = np.flatnonzero((left == number) & (right == number))
        learnt = np.flatnonzero((left != number) & (right != number))
        with tempfile.TemporaryDirectory() as directory:
            student, rubric, cosine = trained(pairs, learnt, rows, config, Path(directory))
        scores = {"student": student, "rubric": rubric, "cosine": cosine, "student and rubric": student + rubric}
        tested.append({"rows": rows, **scores})
    return tested


def trained(
    pairs: Pairs, learnt: NDArray[np.int64], rows: NDArray[np.int64], config: BuildConfig, directory: Path
) -> tuple[NDArray[np.float32], ...]:
    """Return the scores of `rows` by a student trained on the rows `learnt`, by the rubric and by the cosine."""
    data = directory / "data"
    data.mkdir()
    own = np.union1d(pairs.first[learnt], pairs.second[learnt])
    pages = zip(*(pairs.articles[row] for row in own), strict=True)
    pq.write_table(pa.table(dict(zip(("url", "title", "snippet"), pages, strict=True))), data / "pages.parquet")
    given = {
        "url1": [pairs.articles[row][0] for row in pairs.first[learnt]],
        "url2": [pairs.articles[row][0] for row in pairs.second[learnt]],
        "quality": BEST * pairs.good_rate[learnt],
    }
    pq.write_table(pa.table(given), data / "labels.parquet")
    build(data, directory / "bundles", config, only=["student"])
    work = directory / "bundles" / "work"
    tokenizer = PageTokenizer(work / "text/tokenizer.json", chosen_settings(work / "text")["tokens_per_page"])
    scorer = TextPairScorer(open_pair_model(work / "student" / EXPORTED, tokenizer.marks), tokenizer)
    first, second = ([pairs.articles[row] for row in side[rows]] for side in (pairs.first, pairs.second))
    _, quality = scorer.score(first, second, lambda done: None)
    texts, judge = [TextPair(*one, *two) for one, two in zip(first, second, strict=True)], RubricTextJudge()
    return quality, judge.judge(texts).quality, judge.cosine(texts)


def report(pairs: Pairs, repeats: list[list[dict[str, NDArray[np.generic]]]]) -> dict[str, object]:
    """Return the figures over all tested pairs of a repeat: mean and standard deviation over the repeats."""
    found: dict[str, list[float]] = {}
    counts = []
    for tested in repeats:
        rows = np.concatenate([fold["rows"] for fold in tested])
        counts.append(len(rows))
        similar = pairs.similar[rows]
        for scorer in tested[0].keys() - {"rows"}:
            score, truth = np.concatenate([fold[scorer] for fold in tested]), pairs.good_rate[rows]
            found.setdefault(f"{scorer} good_rate", []).append(pairwise_accuracy(score, truth))
            found.setdefault(f"{scorer} similar", []).append(pairwise_accuracy(score[similar], truth[similar]))
    figures = {
        name: [round(float(np.mean(values)), 4), round(float(np.std(values)), 4)] for name, values in found.items()
    }
    return {"pairs": len(pairs.first), "tested": counts, "dropped": [len(pairs.first) - n for n in counts], **figures}


if __name__ == "__main__":
    main()
