"""The build's tunables of the `coclick` table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True, slots=True)
class CoclickConfig:
    """Tunables of the table."""

    neighbours: int = 128  # stored per page; also the default limit when serving
    prior: float = 3.0  # transitions added to a page's own before its rates are taken
    popularity_damping: float = 0.3  # `near` is divided by entered ** this, or hubs fill every row
    lent: int = 200  # pages of the same sessions whose rates a page lends to those with similar text, besides next ones
    fair_share: Annotated[float, Field(ge=0, le=1)] = 0.1  # of the stored pages: the best of each order, evenly
    fitted_pages: int = 1_000  # whose held-out sessions weigh the orders
    mixture_prior: Annotated[float, Field(gt=0)] = (
        200.0  # held-out targets that speak for equal weights of the orders, besides those seen
    )
