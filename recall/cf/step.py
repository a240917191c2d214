"""The step that embeds pages by which pages readers read together."""

from __future__ import annotations

import pyarrow.parquet as pq

from pipeline.log.split import SNAPSHOTS
from pipeline.runner.work import Work
from recall.cf import build as cf


def cf_embeddings(work: Work) -> dict[str, object]:
    """Factorize the co-click graph and index the pages."""
    figures: dict[str, object] = {}
    for name in SNAPSHOTS:
        out = work.directory / name
        out.mkdir()
        evidence = pq.read_table(work.of("counts") / name / "evidence.parquet", columns=["page1", "page2", "near"])
        page1, page2, near = (evidence[column].to_numpy() for column in ("page1", "page2", "near"))
        index = cf.build(page1, page2, near, work.config.cf, work.config.seed)
        index.save(out / "pages")
        figures[f"{name}_pages"] = len(index)
    return {**figures, **index.figures()}  # of ALL, the served index
