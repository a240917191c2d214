"""Compares judges with people: pairwise accuracy on a golden set, and the pairs with the largest disagreement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus.files.pairs import PairFile, TextPair
from corpus.schema import InputError
from evaluation.metrics.bootstrap import Interval
from evaluation.metrics.pairwise_accuracy import with_interval

TOP = 4.0
_SCALE = {"good_rate": 1.0, "quality": TOP, "good": 1.0}  # label -> best value; the first one present is the main one

#: Judge -> its scores, one per pair; NaN if it has none.
Scores = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well one judge orders the pairs by one label."""

    judge: str
    label: str
    pairs: int  # with a label and a score
    accuracy: Interval


def check_golden(file: PairFile) -> None:
    """Raise InputError unless the pairs have a human label."""
    if not _SCALE.keys() & file.labels.keys():
        raise InputError(f"golden pairs have no label: add a column {', '.join(_SCALE)}")


def sampled(file: PairFile, most: int, seed: int = 0) -> PairFile:
    """Return all pairs of first pages drawn at random, as many pages as fit into `most` pairs, but at least one.

    Pairs stay in order, so those of one first page are judged one after another.
    """
    groups = np.unique([pair.url1 for pair in file.pairs], return_inverse=True)[1]
    drawn = np.random.default_rng(seed).permutation(groups.max() + 1)
    sizes = np.cumsum(np.bincount(groups)[drawn])
    rows = np.flatnonzero(np.isin(groups, drawn[: max(1, np.searchsorted(sizes, most, "right"))]))
    rows = rows[np.argsort(groups[rows], kind="stable")]
    return PairFile([file.pairs[row] for row in rows], {name: values[rows] for name, values in file.labels.items()})


def accuracies(file: PairFile, scores: Scores, seed: int = 0) -> list[Accuracy]:
    """Return every judge's accuracy on every label of the file. Intervals resample first pages."""
    groups = np.unique([pair.url1 for pair in file.pairs], return_inverse=True)[1]
    measured = []
    for judge, values in scores.items():
        for label, truth in _labels(file):
            rows = np.flatnonzero(~np.isnan(values) & ~np.isnan(truth))
            figure = with_interval(values[rows], truth[rows], groups[rows], seed)
            measured.append(Accuracy(judge, label, len(rows), figure))
    return measured


def disagreements(file: PairFile, scores: Scores, most: int) -> pa.Table:
    """Return the pairs on which the judges disagree most with people on average, largest disagreement first.

    Columns: disagreement (0 to 1), the label, a score (0 to 4) for each judge, and the two pages' texts.
    """
    label = next(name for name in _SCALE if name in file.labels)
    truth = file.labels[label] / _SCALE[label]
    apart = np.abs(np.stack(list(scores.values())) / TOP - truth)
    judged = ~np.isnan(apart)
    mean = np.where(judged, apart, 0.0).sum(axis=0) / np.maximum(judged.sum(axis=0), 1)
    rows = np.argsort(-mean, kind="stable")
    rows = rows[judged.sum(axis=0)[rows] > 0][:most]
    columns: dict[str, object] = {"disagreement": np.round(mean[rows], 3), label: file.labels[label][rows]}
    columns |= {judge: pa.array(np.round(values[rows], 3), from_pandas=True) for judge, values in scores.items()}
    texts = zip(*(file.pairs[row] for row in rows), strict=True) if len(rows) else iter([()] * len(TextPair._fields))
    return pa.table(columns | dict(zip(TextPair._fields, map(list, texts), strict=True)))


def _labels(file: PairFile) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield each label; if there are human similarities too, also the main label of similar pairs only."""
    found = [name for name in _SCALE if name in file.labels]
    for name in found:
        yield name, file.labels[name]
    if "similarity" in file.labels:
        similar = file.labels["similarity"] > 0
        yield f"{found[0]}, similarity > 0", np.where(similar, file.labels[found[0]], np.nan)
