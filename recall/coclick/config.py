"""The build's tunables of the `coclick` table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CoclickConfig:
    """Tunables of the table."""

    neighbours: int = 128  # stored per page; also the default limit when serving
    prior: float = 3.0  # transitions added to a page's own before its rates are taken
    popularity_damping: float = 0.3  # `near` is divided by entered ** this, or hubs fill every row
