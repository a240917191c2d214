"""Measures the teachers of finished builds on the log's label window, which no teacher has seen.

python benchmarks/adaptation.py BUNDLES… --config CONFIG

Pairwise accuracy of the click teacher: a clicked result against a skipped one of the same impression; and a satisfied
click against a quick-back.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ablations.models import teacher
from pipeline.config import BuildConfig
from pipeline.cross_encoder.dwell import worth
from pipeline.log.split import split_of
from pipeline.runner.work import Work

_BATCH = 64

#: (pages 1, pages 2) as PageIds -> scores.
Score = Callable[[NDArray[np.uint64], NDArray[np.uint64]], NDArray[np.float32]]


def main() -> None:
    """Print one line of JSON per build."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", type=Path, nargs="+", help="directories of builds that have the step `teachers`")
    parser.add_argument("--config", type=Path, required=True, help="the settings, as JSON")
    parser.add_argument("--impressions", type=int, default=1_500)
    options = parser.parse_args()
    config = BuildConfig.model_validate_json(options.config.read_text())
    for bundles in options.bundles:
        root = bundles / "work"
        work = Work(config, root, root)
        print(json.dumps({"build": str(bundles), **figures(work, options.impressions)}), flush=True)


def figures(work: Work, most: int) -> dict[str, float]:
    """Return the accuracies over at most `most` impressions of the label window."""
    since = pc.field("time") >= pc.scalar(split_of(work)["labels_from"])
    columns = ["impression", "page1", "page2", "clicked", "dwell_s"]
    table = pq.read_table(work.of("read") / "impressions.parquet", columns=columns, filters=since)
    clicked = np.sort(pc.unique(table.filter(table["clicked"])["impression"]).to_numpy())
    chosen = np.random.default_rng(0).permutation(clicked)[:most]
    table = table.filter(pc.is_in(table["impression"], pa.array(chosen))).sort_by([("impression", "ascending")])
    impression, page1, page2, hit, dwell = (table[name].to_numpy() for name in columns)
    value = worth(hit, dwell, 30.0, 0.5)
    click = scores(work, "click", page1, page2)
    return {
        "clicked over skipped": accuracy(impression, click, np.where(value > 0, 1.0, 0.0)),
        "satisfied over skipped": accuracy(impression, click, np.where(value == 0.5, np.nan, value)),
        "satisfied over quick-back": accuracy(impression, click, np.where(value > 0, value, np.nan)),
        "impressions": float(len(chosen)),
    }


def scores(work: Work, head: str, page1: NDArray[np.uint64], page2: NDArray[np.uint64]) -> NDArray[np.float32]:
    """Return one teacher's scores of pairs."""
    score, found = teacher(work, head), np.empty(len(page1), np.float32)
    for page in np.unique(page1):
        rows = np.flatnonzero(page1 == page)
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            found[part] = score(int(page), page2[part])
    return found


def accuracy(group: NDArray[np.int64], score: NDArray[np.float32], label: NDArray[np.float64]) -> float:
    """Return how often, of two rows of a group whose labels differ, the higher label has the higher score."""
    right = pairs = 0
    kept = ~np.isnan(label)
    group, score, label = group[kept], score[kept], label[kept]
    for rows in np.split(np.arange(len(group)), np.flatnonzero(np.diff(group)) + 1):
        above = label[rows][:, None] > label[rows][None]
        right += int((above & (score[rows][:, None] > score[rows][None])).sum())
        pairs += int(above.sum())
    return round(right / max(1, pairs), 4)


if __name__ == "__main__":
    main()
