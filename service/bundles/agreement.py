"""Refuses a bundle whose files are intact but do not belong together, or not to this version of the code."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

import numpy as np

from ranking import stored_answers
from ranking.features import STAGE1, STAGE2
from ranking.stored_answers import Head
from recall.paths import Recall
from store.addresses import Addresses
from store.bundle import Bundle, BundleError
from store.redis.table_with_fallback import RedisTable
from store.tables import LmdbTable

log = logging.getLogger(__name__)


def check_features(bundle: Bundle) -> None:
    """Refuse rankers that were trained on other features. Raises BundleError."""
    for model, names in (("stage1", STAGE1), ("stage2", STAGE2)):
        if bundle.manifest.features.get(model) != list(names):
            raise BundleError(f"bundle {bundle.name}: {model} was trained on other features: build it again")


def check_sizes(
    bundle: Bundle, tables: Mapping[str, LmdbTable | RedisTable], addresses: Addresses, recall: Recall
) -> None:
    """Refuse tables and indexes of other sizes or settings than the manifest's. Raises BundleError."""
    manifest = bundle.manifest
    found: dict[str, int] = {name: len(table) for name, table in tables.items() if isinstance(table, LmdbTable)}
    found |= {name: len(index) for name, index in recall.indexes.items()}
    found["addresses"] = len(addresses)
    _agree(bundle, "rows", found, manifest.rows)
    _agree(bundle, "dimension", {name: index.dimension for name, index in recall.indexes.items()}, manifest.dimensions)
    if manifest.search:  # absent in older bundles
        _agree(bundle, "search", {name: index.setting for name, index in recall.indexes.items()}, manifest.search)


def head_of_stored(
    bundle: Bundle, tables: Mapping[str, LmdbTable | RedisTable], limits: dict[str, int], wanted: bool
) -> Head | None:
    """Return the head of the stored answers, None where none are served. Raises BundleError for another bundle's.

    `limits` are those of the settings: with others than stored answers were made with, every answer is computed.
    """
    if stored_answers.TABLE not in tables:
        return None
    table, ours = tables[stored_answers.TABLE], Head.of(bundle.manifest.files, limits)
    head = stored_answers.read_head(table.read(np.array([stored_answers.HEAD], np.uint64))[0])
    problem = "its head cannot be read" if head is None else head.problem(ours)
    if head is None or problem:
        raise BundleError(f"bundle {bundle.name}: {stored_answers.FILE}: {problem}: build the bundle again")
    if not wanted:
        return None
    if changed := sorted(name for name, most in ours.limits.items() if head.limits.get(name) != most):
        log.warning("bundle %s: stored answers are not used: %s", bundle.name, _other_limits(head, ours, changed))
    return None if changed else head


def _other_limits(head: Head, ours: Head, changed: Iterable[str]) -> str:
    told = ", ".join(f"{name} is {ours.limits[name]}, they were made with {head.limits.get(name)}" for name in changed)
    return f"{told}; run `onward refresh answers` with these settings"


def _agree(bundle: Bundle, what: str, found: Mapping[str, int | str], listed: Mapping[str, int | str]) -> None:
    for name, value in found.items():
        if listed.get(name) != value:
            problem = f"{name} has {what} {value}, and the manifest says {listed.get(name)}"
            raise BundleError(f"bundle {bundle.name}: {problem}: build the bundle again")
