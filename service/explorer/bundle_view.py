"""What the page of the bundle shows: the manifest without what only machines read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store.bundle import Manifest

_CURVES = ("curve", "curves")


def bundle_view(manifest: Manifest) -> dict[str, Any]:
    """Return the manifest as plain JSON values: inputs, rows, figures, curves, times and notes."""
    metrics = manifest.metrics
    return {
        "name": manifest.name,
        "created": manifest.created.isoformat(),
        "git_commit": manifest.git_commit,
        "seed": manifest.seed,
        "languages": manifest.languages,
        "data": manifest.data,
        "rows": manifest.rows,
        "features": {model: len(names) for model, names in manifest.features.items()},
        "search": manifest.search,
        "seconds": manifest.seconds,
        "notes": manifest.notes,
        "files": len(manifest.files),
        "figures": {step: _figures(values) for step, values in metrics.items()},
        "losses": [curve for step, values in metrics.items() for curve in _losses(step, values)],
        "blend": {name: metrics.get("blend", {}).get(name) for name in ("quality_weight", "rule", "trade_off")},
        "config": manifest.config,
    }


def _figures(values: Any) -> Any:
    if not isinstance(values, Mapping):
        return values
    return {name: value for name, value in values.items() if name not in (*_CURVES, "trade_off")}


def _losses(step: str, values: Any) -> list[dict[str, Any]]:
    if not isinstance(values, Mapping):
        return []
    named = {"": values.get("curve"), **values.get("curves", {})}
    return [{"model": f"{step} {model}".strip(), "losses": losses} for model, losses in named.items() if losses]
