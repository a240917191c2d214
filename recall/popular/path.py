"""Declares the recall path `popular`, the fallback."""

from __future__ import annotations

from recall.path_spec import OpenPath, PathSpec, Resources


def _open(given: Resources) -> OpenPath:
    from recall.popular.lookup import PopularRecall

    return OpenPath(PopularRecall(given.tables["popular"]))


PATH = PathSpec(name="popular", open=_open, limit=100, table=True, counted=True)
