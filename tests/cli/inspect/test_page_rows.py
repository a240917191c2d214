from __future__ import annotations

import numpy as np
from rich.console import Console

from cli.inspect.page_rows import row_table
from recall.related.row import NEIGHBOUR


def test_related_pages_are_shown_with_their_signals() -> None:
    row = np.zeros(1, NEIGHBOUR)
    row["page"], row["related_score"], row["related_terms"], row["related_mentions"] = 0xABC, 5.5, 0.25, 0.75
    console = Console(record=True, width=80)
    console.print(row_table("related", row.tobytes(), {}))
    shown = console.export_text()
    assert "bytes" not in shown.splitlines()[2]  # the header
    for expected in ("0000000000000abc", "5.5", "0.25", "0.75", "terms", "mentions"):
        assert expected in shown
