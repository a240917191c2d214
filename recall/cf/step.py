"""The step that embeds pages by which pages readers read together."""

from __future__ import annotations

import pyarrow.parquet as pq

from pipeline.log.split import SNAPSHOTS
from pipeline.runner.progress import progress
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from recall.cf import build as cf
from recall.cf.config import CfConfig


def cf_embeddings(work: Work) -> dict[str, object]:
    """Factorise the co-click graph and index the pages."""
    config = work.config.section(CfConfig)
    for name in SNAPSHOTS:
        out = work.directory / name
        out.mkdir()
        evidence = pq.read_table(work.of("counts") / name / "evidence.parquet", columns=["page1", "page2", "near"])
        page1, page2, near = (evidence[column].to_numpy() for column in ("page1", "page2", "near"))
        with progress(f"factorising {name}", config.iterations) as advance:
            index = cf.build(page1, page2, near, config, work.config.seed, advance)
        index.save(out / "pages")
    return index.figures()  # of ALL, which serves


STEP = Step("cf", cf_embeddings, after=("read", "counts"), config=("cf",))
