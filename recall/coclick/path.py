"""Declares the recall path `coclick`."""

from __future__ import annotations

from recall.coclick.config import CoclickConfig
from recall.coclick.row import COUNTS, FIELDS, NEIGHBOUR, RATES, is_row
from recall.path_spec import OpenPath, PathSpec, Resources


def _open(given: Resources) -> OpenPath:
    from recall.neighbours import NeighbourRecall

    return OpenPath(NeighbourRecall("coclick", given.tables["coclick"], NEIGHBOUR))


PATH = PathSpec(
    name="coclick",
    open=_open,
    limit=CoclickConfig().neighbours,
    table=True,
    is_row=is_row,
    counted=True,
    columns=dict.fromkeys(FIELDS, 0.0),
    counts=COUNTS,
    rates=RATES,
    config=CoclickConfig,
)
