"""Estimates how long a build takes, from builds that were measured (docs/measurements.md, "Building")."""

from __future__ import annotations

from collections.abc import Mapping

from store.bundle import Manifest

# Seconds on two cores, from the demo corpus (`quick`: 6,211 pages, 182,183 rows, 3 min 23 s of which the answers 83 s)
# and Wikispeedia (`full` without answers: 4,604 pages, 11 min 45 s; 2.3 million rows were read and counted in 27 s).
_ANSWERS_PER_S = 75.0
_PER_PAGE_S = 0.0125  # text, towers, Q', related pages, states
_PER_ROW_S = 11e-6  # reading and counting
_TRAINING_S = {"quick": 40.0, "full": 620.0}  # models: their steps do not grow with the site
_LOG = ("clicks", "impressions")


def estimate_s(pages: int, rows: int, profile: str, most_answers_s: float) -> float:
    """Return the seconds of a first build of so many pages and rows of log."""
    answers = min(pages / _ANSWERS_PER_S, most_answers_s)
    return _TRAINING_S[profile] + pages * _PER_PAGE_S + rows * _PER_ROW_S + answers


def slowness(manifest: Manifest, profile: str, most_answers_s: float) -> float | None:
    """Return how much longer an earlier build took than its estimate; None if it does not tell its times."""
    tables: Mapping[str, Mapping[str, int]] = manifest.data.get("tables", {})
    if not manifest.seconds or "pages" not in tables:
        return None
    rows = sum(tables[name]["read"] for name in _LOG if name in tables)
    return sum(manifest.seconds.values()) / estimate_s(tables["pages"]["kept"], rows, profile, most_answers_s)
