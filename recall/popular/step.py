"""The step that writes the `popular` table."""

from __future__ import annotations

import numpy as np

from pipeline.log.split import SNAPSHOTS
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from recall.popular import build as popular
from store.tables import write_table


def popular_pages(work: Work) -> dict[str, object]:
    """Write the most clicked pages of each host."""
    figures: dict[str, object] = {}
    for name in SNAPSHOTS:
        out = work.directory / name
        out.mkdir()
        facts = np.load(work.of("pages") / name / "facts.npy")
        rows = popular.build(facts["page"], facts["host"], facts["clicks_all"])
        figures[f"{name}_rows"] = write_table(out / "popular.lmdb", rows)
    return figures


STEP = Step("popular", popular_pages, after=("pages",), seeded=False)
