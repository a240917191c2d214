"""Declares the recall path `related`."""

from __future__ import annotations

from recall.path_spec import OpenPath, PathSpec, Resources
from recall.related.config import RelatedConfig
from recall.related.row import FIELDS, NEIGHBOUR, is_row


def _open(given: Resources) -> OpenPath:
    from recall.neighbours import NeighbourRecall

    return OpenPath(NeighbourRecall("related", given.tables["related"], NEIGHBOUR))


PATH = PathSpec(
    name="related",
    open=_open,
    limit=RelatedConfig().neighbours,
    table=True,
    is_row=is_row,
    columns=dict.fromkeys(FIELDS, 0.0),
    config=RelatedConfig,
)
