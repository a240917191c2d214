"""The finished steps of the tiny build as if half of its pages were new: so many are withheld from the rankers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.conftest import Tiny


def half_new(tiny: Tiny, root: Path) -> None:
    """Link the build's steps into `root`, where half of the pages are in no log; what was counted is unchanged."""
    for step in ("counts", "order", "text", "pages"):
        (root / step).symlink_to(tiny.work / step)
    (root / "read").mkdir()
    for file in (tiny.work / "read").iterdir():
        (root / "read" / file.name).symlink_to(file)
    pages = pq.read_table(tiny.work / "read" / "pages.parquet", columns=["page"])["page"].to_numpy()
    few = pages[: len(pages) // 2]
    for name, column in (("clicks", "page"), ("impressions", "page2")):
        file = root / "read" / f"{name}.parquet"
        table = pq.read_table(file)
        file.unlink()
        pq.write_table(table.filter(pa.array(np.isin(table[column].to_numpy(), few))), file)
