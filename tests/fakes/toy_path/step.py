from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq

from pipeline.runner.step import Step
from pipeline.runner.work import Work
from store.tables import write_table
from toy_path.config import ToyConfig


def toy(work: Work) -> dict[str, object]:
    count = work.config.section(ToyConfig).pages
    pages = np.sort(pq.read_table(work.of("read") / "pages.parquet", columns=["page"])["page"].to_numpy())
    rows = ((int(page), np.roll(pages, -place - 1)[:count].tobytes()) for place, page in enumerate(pages))
    return {"rows": write_table(work.directory / "toy.lmdb", rows)}


STEP = Step("toy", toy, after=("read",), config=("toy",), seeded=False)
