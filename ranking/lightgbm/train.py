"""Trains the rankers: LightGBM lambdarank over groups, with positions for unbiased learning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
from numpy.typing import NDArray

from configs import threads
from ranking.features import Matrix

Progress = Callable[[int], None]

_GAINS = 31  # a label above 30 counts as 30
_PATIENCE = 30  # trees without a gain on held-out groups before training stops


@dataclass(frozen=True, slots=True)
class LightGbmConfig:
    """Tunables of one ranker."""

    trees: int = 200
    leaves: int = 15
    learning_rate: float = 0.05
    smallest_leaf: int = 200
    feature_fraction: float = 0.6
    l2: float = 20.0
    truncation: int = 30  # pairs that both rank below this are ignored


@dataclass(frozen=True, slots=True)
class Groups:
    """Training rows: consecutive rows of one list form a group."""

    features: Matrix  # (rows, features)
    gain: NDArray[np.float32]  # relevance of the row: its clicks
    size: NDArray[np.int32]  # rows of each group
    weight: NDArray[np.float32]  # of each group
    position: NDArray[np.int32] | None = None  # where the row was shown; None when nothing was shown


def joined(parts: Sequence[Groups | None]) -> Groups | None:
    """Return the groups of all parts as one; None when there are none."""
    found = [part for part in parts if part is not None]
    if not found:
        return None
    positions = [part.position for part in found if part.position is not None]
    return Groups(
        np.concatenate([part.features for part in found]),
        np.concatenate([part.gain for part in found]),
        np.concatenate([part.size for part in found]),
        np.concatenate([part.weight for part in found]),
        np.concatenate(positions) if len(positions) == len(found) else None,
    )


def enough_rows(groups: Groups | None, config: LightGbmConfig) -> bool:
    """Return whether there are enough rows for two leaves: with fewer, no tree can split them."""
    return groups is not None and len(groups.gain) >= 2 * config.smallest_leaf


def write_untrained(names: tuple[str, ...], path: Path) -> None:
    """Write a ranker without trees, which scores all rows equally: they keep their order, or that of `start`."""
    quiet = {"verbosity": -1}
    data = lightgbm.Dataset(np.zeros((1, len(names))), [0], group=[1], feature_name=list(names), params=quiet)
    lightgbm.Booster({"objective": "lambdarank", **quiet}, data).save_model(str(path))


def train(
    groups: Groups,
    names: tuple[str, ...],
    config: LightGbmConfig,
    seed: int,
    path: Path,
    progress: Progress,
    start: str | None = None,
    held_out: Groups | None = None,
) -> int:
    """Fit a ranker, write it to `path` and return its number of trees.

    Positions, if given, absorb the position bias of clicks (LightGBM's unbiased lambdarank; Joachims et al., 2017,
    on the bias). `start` names a feature whose value the trees correct, instead of starting at 0; with `held_out`
    groups, training stops when their NDCG stops improving.
    """
    data = _dataset(groups, names, start)
    callbacks = [lambda env: progress(env.iteration + 1)]
    valid = []
    if held_out is not None:
        valid = [_dataset(held_out, names, start, data)]
        callbacks.append(lightgbm.early_stopping(_PATIENCE, verbose=False))
    booster = lightgbm.train(parameters(config, seed), data, config.trees, valid_sets=valid, callbacks=callbacks)
    trees = booster.best_iteration if held_out is not None else booster.num_trees()
    booster.save_model(str(path), num_iteration=trees)
    return int(trees)


def parameters(config: LightGbmConfig, seed: int) -> dict[str, object]:
    """Return LightGBM's parameters."""
    return {
        "objective": "lambdarank",
        "label_gain": list(range(_GAINS)),
        "lambdarank_truncation_level": config.truncation,
        "num_leaves": config.leaves,
        "learning_rate": config.learning_rate,
        "min_data_in_leaf": config.smallest_leaf,
        "feature_fraction": config.feature_fraction,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": config.l2,
        "metric": "ndcg",
        "eval_at": [5],
        "num_threads": threads.used(),
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


def _dataset(
    groups: Groups, names: tuple[str, ...], start: str | None, reference: lightgbm.Dataset | None = None
) -> lightgbm.Dataset:
    return lightgbm.Dataset(
        groups.features,
        np.minimum(np.round(groups.gain), _GAINS - 1).astype(np.int32),
        reference=reference,
        group=groups.size,
        weight=np.repeat(groups.weight, groups.size),
        init_score=None if start is None else groups.features[:, names.index(start)].astype(np.float64),
        position=groups.position if reference is None else None,
        feature_name=list(names),
    )
